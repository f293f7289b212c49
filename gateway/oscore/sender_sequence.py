"""The sender sequence number: each message of our own number gets the next one, never one twice.

Rules:

1. A number is used only while it lies below the limit, and the limit is what durable storage
   holds. So whatever a power cut loses, no number at or above the stored limit was ever used.
2. After a reboot numbers go on at the stored limit. Those below it that were not used are lost;
   there are 2^40 of them.
3. Saving takes time, so it is asked for early: `reservation` is the limit to save once fewer than
   half a chunk is left, and None before. It stays the same until `reserved` says that storage
   holds it; only that moves the limit.
4. When the limit is reached and not moved, `next_piv` refuses. At 2^40 - 1 it refuses for ever:
   the context is used up and another one must be enrolled.

A new context starts with a stored limit of 0. Rule 1 asks a context never to be copied or restored
from a backup.

Source: RFC 8613 section 7.2.1 and Appendix B.1.1.
"""

from gateway.const import const
from gateway.errors import NonceError

_CHUNK = const(1024)
_LOW = const(512)
_END = (1 << 40) - 1


class SenderSequence:
    """The numbers of one context's own messages, from the durable `limit` on."""

    def __init__(self, limit: int) -> None:
        self._next = limit
        self._limit = limit

    @property
    def reservation(self) -> "int | None":
        """The limit that storage should hold now, or None while enough numbers are left."""
        limit = self._limit
        if limit - self._next >= _LOW or limit >= _END:
            return None
        return min(limit + _CHUNK, _END)

    @property
    def piv_bytes(self) -> int:
        """How long the next Partial IV is."""
        return len(encode_piv(self._next))

    def reserved(self, limit: int) -> None:
        """Take note that durable storage holds `limit`."""
        self._limit = max(self._limit, limit)

    def next_piv(self) -> bytes:
        """Return the next number as a Partial IV: big-endian, as short as it can be.

        Raises:
            NonceError: the numbers that storage knows of are used up, or all numbers are.
        """
        sequence = self._next
        if sequence >= self._limit:
            raise NonceError(
                "sender sequence numbers are exhausted"
                if sequence >= _END
                else "sender sequence number is not reserved in storage"
            )
        self._next = sequence + 1
        return encode_piv(sequence)


def encode_piv(sequence: int) -> bytes:
    """Return a number from 0 to 2^40 - 1 as 1 to 5 bytes without leading zeros."""
    if sequence < 0x100:
        return bytes((sequence,))
    return sequence.to_bytes(5, "big").lstrip(b"\0")
