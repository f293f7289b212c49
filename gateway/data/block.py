"""A block: rows under one header, sealed as COSE_Encrypt0 (RFC 9052) for whoever holds the chain's
key.

    nonce (13) | D0 83 | header, as a byte string | A0 | ciphertext, as a byte string | tag (8)
    of the     |<------ up to 256 bytes ------------>|<- rows (up to 3,563) | tag (8) ->| of the
    record                                                                             record

The buffer is made once, and holds the open block's rows as plaintext. To be stored they are
encrypted where they are, under a nonce that was never used, and once more as a record; and when
they are durable decrypted again: a block is stored several times while it grows. The header is
written against its rows from the right.

    nonce = 8 random bytes of this boot | a counter (5)

Rows are a CBOR sequence (RFC 8742) of what `carport.cddl` calls row. Each value is the difference
to the last known one of its column in this block; columns missing at a row's end are as they were.
"""

from gateway import cbor
from gateway.const import const
from gateway.oscore import ccm_in_place
from gateway.oscore.ccm import NONCE_BYTES, TAG_BYTES, encode_associated_data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.oscore.ccm import BlockCipher
    from gateway.vault.records import Records

BUFFER_BYTES = const(3848)  # as a record it fits one flash block of 4 KiB
BOOT_BYTES = const(8)

_ROWS_AT = const(269)
_RECORD_TAG_BYTES = const(8)
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
        self._buffer = bytearray(BUFFER_BYTES)
        self._end = _ROWS_AT
        self._longest_rows = 0
        self._last: list[list[int]] = []  # of each group, the last known value of each column
        self._known: list[
            int
        ] = []  # of each group, a bit for each column; -1 before its first row
        self.start_ms = 0
        self.end_ms = 0
        self.is_changed = False
        self._start = 0
        self._nonce = b""

    @property
    def rows_bytes(self) -> int:
        """How many bytes of rows there are."""
        return self._end - _ROWS_AT

    @property
    def is_full(self) -> bool:
        """Whether another row of each group might not fit."""
        room = BUFFER_BYTES - _RECORD_TAG_BYTES - TAG_BYTES - self._end
        return room < self._longest_rows

    def begin(self, columns: "list[int]") -> None:
        """Empty it; columns: how many each group has."""
        self._end = _ROWS_AT
        self._longest_rows = _ROW_BYTES * len(columns) + _VALUE_BYTES * sum(columns)
        self._last = [[0] * count for count in columns]
        self._known = [-1] * len(columns)
        self.is_changed = False

    def append(self, group: int, row: "list[int | None]", at_ms: int) -> None:
        """Add a row; at_ms: when it was sampled, since this boot."""
        if self._end == _ROWS_AT:
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
        self._buffer[self._end : self._end + len(encoded)] = encoded
        self._end += len(encoded)
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
        cbor.append_head(prefix, cbor.BYTES, self._end - _ROWS_AT + TAG_BYTES)
        buffer = self._buffer
        self._start = _ROWS_AT - len(prefix)
        buffer[self._start : _ROWS_AT] = prefix
        ccm_in_place.seal(cipher, nonce, associated_data(protected), buffer, _ROWS_AT, self._end)
        end = self._end + TAG_BYTES
        tag = bytes(buffer[self._end : end])
        self._nonce = nonce
        self.is_changed = False
        return records.put_block_in_place(name, buffer, self._start, end), tag

    def take_back(self, records: "Records", cipher: "BlockCipher") -> None:
        """Make the rows plaintext again, once they are durable."""
        records.unseal_in_place(self._buffer, self._start, self._end + TAG_BYTES)
        ccm_in_place.crypt(cipher, self._nonce, self._buffer, _ROWS_AT, self._end)


def associated_data(protected: bytes) -> bytes:
    """Return COSE's Enc_structure for a block with this protected header, ready for AES-CCM."""
    return encode_associated_data(cbor.encode(["Encrypt0", protected, b""]))


def header_of(block: "bytes | bytearray | memoryview") -> "dict[Any, Any]":
    """Return the header of a sealed block, which anybody may read.

    Raises:
        DecodeError: it is no block.
    """
    reader = cbor.Reader(bytes(block[2:_HEADER_BYTES]))
    header: dict[Any, Any] = cbor.decode(reader.item(0))
    return header


def tag_of(block: "bytes | bytearray | memoryview") -> bytes:
    """Return the tag of a sealed block: its last bytes."""
    return bytes(block[-TAG_BYTES:])
