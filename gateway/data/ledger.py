"""The ledger: what was done with the car and its data, as a chain in which nothing can be changed,
swapped or dropped unseen.

    mac(i)   HMAC-SHA-256(mac key, mac(i - 1) | i (8 bytes) | SHA-256(sealed(i))), 16 bytes of it;
             mac(0) is 16 zeros
    sealed   nonce (13) | AES-CCM-16-64-128(detail key, nonce, i (8 bytes), entry)

The MACs are over ciphertext: with the detail key destroyed, what the entries say is gone, and the
chain still verifies. Cutting off its tail is noticed by whoever knows a later head.

    block-l<i>   a segment: [mac(i - 1), [i, sealed, mac], ...], a CBOR sequence that begins with
                 entry i
    ledger       [i of each segment, ...]; at most 64, then the oldest goes
    root         [mac key, detail key, first entry under the detail key]
"""

from hashlib import sha256

from gateway import cbor
from gateway.const import const
from gateway.errors import DecodeError
from gateway.oscore.ccm import NONCE_BYTES, encode_associated_data, seal
from gateway.oscore.hkdf import hmac_sha256
from gateway.vault.root import LEDGER_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.vault.records import Records

MAC_BYTES = const(16)

_RECORD = "ledger"
_MAC_KEY_BYTES = const(32)
_DETAIL_KEY_BYTES = const(16)
_BOOT_BYTES = const(8)
_SEGMENT_ENTRIES = const(12)
SEGMENTS = const(64)


class Ledger:
    """The chain and its keys; they are made with the first entry.

    unix_s: returns the wall time, with the time, or None. Times are since `started_ms`.
    """

    def __init__(
        self,
        records: "Records",
        read_block: "Callable[[str], Any]",
        aes: "BlockCipherFactory",
        random: "Callable[[int], bytes]",
        unix_s: "Callable[[int], int | None]",
        started_ms: int,
    ) -> None:
        self._records = records
        self._read_block = read_block
        self._aes = aes
        self._random = random
        self._unix_s = unix_s
        self._started_ms = started_ms
        self._boot = random(_BOOT_BYTES)
        self._later: list[tuple[str, str, Any, int]] = []
        self._segments: list[int] = []
        self._segment: list[bytes] | None = None  # the last one, while it is not durable
        self._change = 0
        self.next = 1
        self._mac = bytes(MAC_BYTES)
        stored = records.get(_RECORD)
        if stored is not None:
            self._segments = cbor.decode(stored)
            self._resume()

    @property
    def first(self) -> int:
        """The number of the oldest entry that is kept."""
        return self._segments[0] if self._segments else self.next

    @property
    def is_waiting(self) -> bool:
        """Whether there are entries to be written later."""
        return bool(self._later)

    def keys(self) -> "tuple[bytes, bytes, int]":
        """Return MAC key, detail key, and the first entry that it opens."""
        stored = self._records.root.get(LEDGER_KEY)
        if stored is None:
            stored = [self._random(_MAC_KEY_BYTES), self._random(_DETAIL_KEY_BYTES), 1]
            self._records.put_root(LEDGER_KEY, stored)
        mac_key, detail_key, detail_from = stored
        return mac_key, detail_key, detail_from

    def add(self, kind: str, by: str, detail: "Any", now_ms: int) -> int:
        """Add an entry; return the number of the change that makes it durable."""
        mac_key, detail_key, _ = self.keys()
        number = self.next
        counted = number.to_bytes(8, "big")
        entry = cbor.encode([self._unix_s(now_ms), now_ms - self._started_ms, kind, by, detail])
        nonce = self._boot + number.to_bytes(NONCE_BYTES - _BOOT_BYTES, "big")
        sealed = nonce + seal(self._aes(detail_key), nonce, encode_associated_data(counted), entry)
        digest = sha256(sealed).digest()
        mac = hmac_sha256(mac_key, self._mac + counted + digest)[:MAC_BYTES]
        row = cbor.encode([number, sealed, mac])
        segment = self._last_segment()
        if not segment or len(segment) > _SEGMENT_ENTRIES:
            segment = self._begin_segment(number)
        segment.append(row)
        self._segment = segment
        self.next += 1
        self._mac = mac
        name = _name(self._segments[-1])
        self._change, _ = self._records.put_block(name, [bytearray(row) for row in segment])
        return self._change

    def add_later(self, kind: str, by: str, detail: "Any", now_ms: int) -> None:
        """Add an entry when `write_later` is called: not now, for the car comes first."""
        self._later.append((kind, by, detail, now_ms))

    def write_later(self) -> None:
        """Add the entries that had to wait."""
        later = self._later
        self._later = []
        for kind, by, detail, now_ms in later:
            self.add(kind, by, detail, now_ms)

    def saved(self) -> None:
        """Take note that something has become durable: what storage has needs no memory."""
        if self._segment is not None and self._records.acknowledged >= self._change:
            self._segment = None

    def read(self, number: int) -> "tuple[bytes, list[bytes]]":
        """Return the MAC before an entry, and the entries from there to its segment's end.

        They are [number, sealed, mac] each, in CBOR.
        """
        begin = 0
        for candidate in self._segments:
            if candidate <= number:
                begin = candidate
        if not begin or number >= self.next:
            return self._mac, []
        segment = self._last_segment() if begin == self._segments[-1] else self._stored(begin)
        if not segment:  # damaged: the gap in the numbers shows it
            return bytes(MAC_BYTES), []
        skipped = number - begin
        before = cbor.decode(segment[skipped])
        return (before if skipped == 0 else before[2]), segment[skipped + 1 :]

    def erase_details(self) -> int:
        """Destroy the key of what the entries so far say; return the change's number."""
        mac_key = self.keys()[0]
        keys = [mac_key, self._random(_DETAIL_KEY_BYTES), self.next]
        return self._records.put_root(LEDGER_KEY, keys)

    def _last_segment(self) -> "list[bytes]":
        """Return the segment that is added to, empty if there is none."""
        if self._segment is None:
            return self._stored(self._segments[-1]) or [] if self._segments else []
        return self._segment

    def _begin_segment(self, number: int) -> "list[bytes]":
        self._segments = self._segments + [number]
        if len(self._segments) > SEGMENTS:
            self._records.delete(_name(self._segments.pop(0)))
        self._records.put(_RECORD, cbor.encode(self._segments))
        return [cbor.encode(self._mac)]

    def _resume(self) -> None:
        """Go on behind the last entry that storage has."""
        number = self._segments[-1]
        segment = self._stored(number)
        if not segment:  # the power was cut before it was there, or it is damaged
            self.next = number
            self._segments.pop()
            if self._segments:
                self._resume()
            return
        self.next = number + len(segment) - 1
        last = cbor.decode(segment[-1])
        self._mac = last if len(segment) == 1 else last[2]

    def _stored(self, number: int) -> "list[bytes] | None":
        """Return a segment's items, each in CBOR: the MAC before it, and its entries."""
        name = _name(number)
        record = self._read_block(name)
        pieces = None if record is None else self._records.open_block(name, record)
        if pieces is None:
            return None
        items = []
        left = b""
        for piece in pieces:
            left += bytes(piece)
            offset = 0
            while True:  # until the next item is not whole yet
                reader = cbor.Reader(left[offset:])
                try:
                    reader.item(1)
                except DecodeError:
                    break
                items.append(left[offset : offset + reader.offset])
                offset += reader.offset
            left = left[offset:]
        return items


def _name(number: int) -> str:
    return "block-l" + str(number)
