"""A block: rows under one header, sealed as COSE_Encrypt0 (RFC 9052) for whoever holds the chain's
key.

    D0 83 | header, as a byte string | A0 | ciphertext, as a byte string
    |<------- up to 256 bytes ----------->| rows (up to 3,563) | tag (8)

    nonce = 8 random bytes of this boot | a counter (5)

The rows of the open block are kept as plaintext, in pieces of 256 bytes that are made as they are
needed: a heap has room for those. To be stored they are encrypted where they are, under a nonce
that was never used, and once more as a record; and when they are durable decrypted again, for a
block is stored several times while it grows.

Rows are a CBOR sequence (RFC 8742) of what `carport.cddl` calls row. Each value is the difference
to the last known one of its column in this block; columns missing at a row's end are as they were.
"""

from gateway import cbor
from gateway.const import const
from gateway.oscore.ccm import NONCE_BYTES, TAG_BYTES, encode_associated_data
from gateway.oscore.ccm_stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.oscore.ccm import BlockCipher
    from gateway.oscore.ccm_stream import Piece
    from gateway.vault.records import Records

MAX_ROWS_BYTES = const(3563)  # with all around them, one flash block of 4 KiB with room to spare
BOOT_BYTES = const(8)

_PIECE_BYTES = const(256)
_HEADER_BYTES = const(256)
_ROW_BYTES = const(16)  # of a row, beside its values
_VALUE_BYTES = const(9)
_ALGORITHM = const(10)  # AES-CCM-16-64-128

# The labels of COSE's header that Carport uses (RFC 9052 section 3.1); the others are texts.
ALG = 1
KID = 4
IV = 5


class OpenBlock:
    """The block that rows are added to."""

    def __init__(self, boot: bytes) -> None:
        self._boot = boot
        self._sealed = 0
        self._pieces: list[bytearray] = []
        self._longest_rows = 0
        self._last: list[list[int]] = []  # of each group, the last known value of each column
        self._known: list[
            int
        ] = []  # of each group, a bit for each column; -1 before its first row
        self.start_ms = 0
        self.end_ms = 0
        self.rows_bytes = 0
        self.is_changed = False
        self._stored: list[Piece] = []
        self._nonce = b""
        self._record_nonce = b""

    @property
    def is_full(self) -> bool:
        """Whether another row of each group might not fit."""
        return MAX_ROWS_BYTES - self.rows_bytes < self._longest_rows

    def begin(self, columns: "list[int]") -> None:
        """Empty it; columns: how many each group has."""
        self.rows_bytes = 0
        self._longest_rows = _ROW_BYTES * len(columns) + _VALUE_BYTES * sum(columns)
        self._last = [[0] * count for count in columns]
        self._known = [-1] * len(columns)
        self.is_changed = False

    def append(self, group: int, row: "list[int | None]", at_ms: int) -> None:
        """Add a row; at_ms: when it was sampled, since this boot."""
        if not self.rows_bytes:
            self.start_ms = self.end_ms = at_ms
        last = self._last[group]
        was_known = self._known[group]
        known = 0
        deltas: list[int | None] = []
        changed = 0 if was_known >= 0 else len(row)
        for column in range(len(row)):
            value = row[column]
            if value is None:
                deltas.append(None)
                if was_known >> column & 1 and was_known >= 0:
                    changed = column + 1
            else:
                known |= 1 << column
                delta = value - last[column]
                last[column] = value
                deltas.append(delta)
                if was_known >= 0 and (delta or not was_known >> column & 1):
                    changed = column + 1
        self._known[group] = known
        encoded = cbor.encode([group, at_ms - self.end_ms] + deltas[:changed])
        at = 0
        while at < len(encoded):
            index, start = divmod(self.rows_bytes, _PIECE_BYTES)
            if index == len(self._pieces):
                self._pieces.append(bytearray(_PIECE_BYTES))
            size = min(len(encoded) - at, _PIECE_BYTES - start)
            self._pieces[index][start : start + size] = encoded[at : at + size]
            self.rows_bytes += size
            at += size
        self.end_ms = at_ms
        self.is_changed = True

    def store(
        self,
        records: "Records",
        name: str,
        cipher: "BlockCipher",
        kid: bytes,
        header: "dict[Any, Any]",
    ) -> "tuple[int, bytes]":
        """Seal all rows under a header, and store them; return the change's number and the tag.

        Until that is durable, and `take_back` was called, nothing may be added.
        """
        self._sealed += 1
        nonce = self._boot + self._sealed.to_bytes(NONCE_BYTES - BOOT_BYTES, "big")
        header[ALG] = _ALGORITHM
        header[KID] = kid
        header[IV] = nonce
        protected = cbor.encode(header)
        prefix = bytearray(b"\xd0\x83")
        cbor.append_item(prefix, protected)
        prefix.append(0xA0)
        cbor.append_head(prefix, cbor.BYTES, self.rows_bytes + TAG_BYTES)
        rows = self._filled()
        stream = Stream(cipher, nonce, associated_data(protected), self.rows_bytes)
        for piece in rows:
            stream.encrypt(piece)
        tag = stream.tag()
        self._nonce = nonce
        self._stored = [prefix] + rows + [bytearray(tag)]
        self.is_changed = False
        change, self._record_nonce = records.put_block(name, self._stored)
        return change, tag

    def take_back(self, records: "Records", cipher: "BlockCipher") -> None:
        """Make the rows plaintext again, once they are durable."""
        records.unseal(self._record_nonce, self._stored)
        stream = Stream(cipher, self._nonce, b"", 0)
        for piece in self._stored[1:-1]:
            stream.crypt(piece)
        self._stored = []

    def _filled(self) -> "list[Piece]":
        """Return the pieces as far as there are rows in them."""
        whole, rest = divmod(self.rows_bytes, _PIECE_BYTES)
        filled: list[Piece] = list(self._pieces[:whole])
        if rest:
            filled.append(memoryview(self._pieces[whole])[:rest])
        return filled


def associated_data(protected: bytes) -> bytes:
    """Return COSE's Enc_structure for a block with this protected header, ready for AES-CCM."""
    return encode_associated_data(cbor.encode(["Encrypt0", protected, b""]))


def header_of(pieces: "list[Piece]") -> "dict[Any, Any]":
    """Return the header of a sealed block, which anybody may read.

    Raises:
        DecodeError: it is no block.
    """
    reader = cbor.Reader(bytes(pieces[0][2:_HEADER_BYTES]))
    header: dict[Any, Any] = cbor.decode(reader.item(0))
    return header


def tag_of(pieces: "list[Piece]") -> bytes:
    """Return the tag of a sealed block: its last bytes."""
    end = b"".join([bytes(piece) for piece in pieces[-2:]])
    return end[-TAG_BYTES:]


def size_of(pieces: "list[Piece]") -> int:
    """Return how many bytes a sealed block has."""
    return sum([len(piece) for piece in pieces])
