"""Records: named bytes that the shell keeps durable, sealed under the root's storage key.

A change gets the next number and waits in `take()` for the shell, which makes the changes durable
in their order and then calls `acknowledge` with the last one's number. Whoever depends on a change
remembers its number and waits until `acknowledged` has reached it. A change that waits is replaced
by the next one if that has the same name.

    record = nonce (13 bytes) | ciphertext | tag (8)        AES-CCM-16-64-128
    nonce  = 8 random bytes of this boot | a counter (5)    so a restored image repeats none
    associated data = the record's name                     so no record can stand for another

What does not open is damaged: left out, with its name in `damaged`. Who can write the flash can
still put an older record in the place of a newer one.

The root is a change like any other, of the name "root", which the shell keeps apart. A new one is
stored just before the first record. The change ("*", None) is a wipe: the root first, then all.
"""

from gateway.errors import AuthenticationError
from gateway.oscore.ccm import NONCE_BYTES, TAG_BYTES, encode_associated_data, open_, seal
from gateway.oscore.ccm_stream import Stream
from gateway.vault.root import NAME as ROOT
from gateway.vault.root import Root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.oscore.ccm_stream import Piece

    # A record's bytes; a block's come in pieces.
    Data = bytes | list[bytes | Piece]
    Save = tuple[int, str, Data | None]

BLOCK_PREFIX = "block-"  # records that are too large and too many to be kept in memory
WIPE = "*"
OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES

_BOOT_BYTES = 8
_NOTHING: "list[Save]" = []
_PIECE_BYTES = 512


class Records:
    """Every record but the blocks, by name; `loaded` is what storage held at boot.

    Attributes:
        root: the keys under which all is stored.
        damaged: the names of the records that do not open.
        acknowledged: the number of the last change that is durable.
        numbered: the number of the last change.

    Raises:
        DecodeError: the root is damaged, or of another version of Carport.
    """

    def __init__(
        self,
        loaded: "dict[str, bytes]",
        aes: "BlockCipherFactory",
        random: "Callable[[int], bytes]",
    ) -> None:
        self.acknowledged = 0
        self.damaged: list[str] = []
        self.root = Root(loaded.get(ROOT), random)
        self._is_root_stored = ROOT in loaded
        self._is_wiped = False
        self._cipher = aes(self.root.storage_key)
        self._boot = random(_BOOT_BYTES)
        self._sealed = 0
        self.numbered = 0
        self._payloads: dict[str, bytes] = {}
        self._saves: list[Save] = []
        for name in loaded:
            if name == ROOT:
                continue
            payload = self.open(name, loaded[name])
            if payload is None:
                self.damaged.append(name)
            else:
                self._payloads[name] = payload

    def names(self, prefix: str) -> "list[str]":
        """Return the names that begin with `prefix`."""
        return [name for name in self._payloads if name.startswith(prefix)]

    def get(self, name: str) -> "bytes | None":
        """Return a record's payload, as it will be once all changes are durable."""
        return self._payloads.get(name)

    def put(self, name: str, payload: bytes) -> int:
        """Replace a record as a whole; return the change's number.

        If the heap is full, nothing has changed.
        """
        before = self._payloads.get(name)
        self._payloads[name] = payload
        try:
            associated_data = encode_associated_data(name.encode())
            nonce = self._nonce()
            return self._change(name, nonce + seal(self._cipher, nonce, associated_data, payload))
        except MemoryError:
            if before is None:
                self._payloads.pop(name)
            else:
                self._payloads[name] = before
            raise

    def drop(self, name: str) -> None:
        """Forget a record's payload, which somebody keeps in another form; `get` is None then."""
        self._payloads.pop(name, None)

    def put_block(self, name: str, pieces: "list[Piece]") -> "tuple[int, bytes]":
        """Replace a block, which is not kept here; return the change's number, and its nonce.

        The pieces are sealed where they are, and handed to the shell: none may be touched until
        the change is durable.
        """
        nonce = self._nonce()
        stream = self._stream(name, nonce, pieces)
        for piece in pieces:
            stream.encrypt(piece)
        record: list[bytes | Piece] = [nonce]
        record.extend(pieces)
        record.append(stream.tag())
        return self._change(name, record), nonce

    def unseal(self, nonce: bytes, pieces: "list[Piece]") -> None:
        """Decrypt the pieces that `put_block` has sealed with this nonce."""
        stream = Stream(self._cipher, nonce, b"", 0)
        for piece in pieces:
            stream.crypt(piece)

    def delete(self, name: str) -> int:
        """Remove a record; return the change's number."""
        number = self._change(name, None)
        self._payloads.pop(name, None)
        return number

    def delete_first(self, name: str) -> None:
        """Remove a record before anything that waits, so that there is room for it."""
        if not self._saves:
            self.delete(name)
        else:
            self._payloads.pop(name, None)
            self._saves.insert(0, (self._saves[0][0] - 1, name, None))

    def put_root(self, entry: int, value: "Any") -> int:
        """Replace an entry of the root; return the change's number. The old one is destroyed."""
        self.root.set(entry, value)
        self._is_root_stored = True
        return self._change(ROOT, self.root.encode())

    def wipe(self) -> int:
        """Destroy everything; return the change's number. Nothing is stored after it."""
        if not self._is_wiped:
            self._payloads = {}
            self._saves = []
            self._is_root_stored = True
            self._change(WIPE, None)
            self._is_wiped = True
        return self.numbered

    def open(self, name: str, record: bytes) -> "bytes | None":
        """Return the payload of a record as storage holds it, None if it is damaged."""
        associated_data = encode_associated_data(name.encode())
        nonce = record[:NONCE_BYTES]
        try:
            return open_(self._cipher, nonce, associated_data, record[NONCE_BYTES:])
        except AuthenticationError:
            return None

    def open_block(self, name: str, record: "Any") -> "list[Piece] | None":
        """Return a block's payload in pieces of 512 bytes, None if it is damaged.

        record: as storage holds it, in one piece or as `pieces_of` has it, which is used up.
        """
        pieces = record if type(record) is list else pieces_of(record)
        if len(pieces) < 2:
            return None
        nonce = bytes(pieces.pop(0))
        tag = bytes(pieces.pop())
        stream = self._stream(name, nonce, pieces)
        for piece in pieces:
            stream.decrypt(piece)
        return pieces if stream.verifies(tag) else None

    def take(self) -> "list[Save]":
        """Return the changes that are not durable yet, in their order; None deletes."""
        return list(self._saves) if self._saves else _NOTHING

    def acknowledge(self, number: int) -> None:
        """Take note that all changes up to `number` are durable."""
        self.acknowledged = max(self.acknowledged, number)
        while self._saves and self._saves[0][0] <= number:
            self._saves.pop(0)

    def _stream(self, name: str, nonce: bytes, pieces: "list[Piece]") -> Stream:
        size = sum([len(piece) for piece in pieces])
        return Stream(self._cipher, nonce, encode_associated_data(name.encode()), size)

    def _nonce(self) -> bytes:
        self._sealed += 1
        return self._boot + self._sealed.to_bytes(NONCE_BYTES - _BOOT_BYTES, "big")

    def _change(self, name: str, record: "Data | None") -> int:
        if self._is_wiped:
            return self.numbered
        if not self._is_root_stored:
            self._is_root_stored = True
            self._change(ROOT, self.root.encode())
        number = self.numbered + 1
        if self._saves and self._saves[-1][1] == name:
            self._saves[-1] = (number, name, record)
        else:
            self._saves.append((number, name, record))
        self.numbered = number
        return number


def piece_sizes(size: int) -> "list[int]":
    """Return the sizes of the pieces that a block of so many bytes is read in.

    They are the nonce, the payload in pieces of 512 bytes, and the tag; none, if it is too short.
    """
    left = size - OVERHEAD_BYTES
    if left < 0:
        return []
    sizes = [NONCE_BYTES]
    while left > 0:
        sizes.append(min(left, _PIECE_BYTES))
        left -= _PIECE_BYTES
    sizes.append(TAG_BYTES)
    return sizes


def pieces_of(record: "bytes | bytearray | memoryview") -> "list[Piece]":
    """Return a block as storage holds it in pieces of `piece_sizes`."""
    pieces: list[Piece] = []
    at = 0
    for size in piece_sizes(len(record)):
        pieces.append(bytearray(record[at : at + size]))
        at += size
    return pieces
