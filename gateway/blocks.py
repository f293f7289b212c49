"""Answers of more than a block (RFC 7959), kept whole while their blocks are fetched.

A representation that does not fit one datagram is kept from its first block on, so that all its
blocks are of one state. Later blocks are asked for with the same key, path and payload. The newest
8 are kept.
"""

from gateway.coap import block
from gateway.coap.numbers import BLOCK2, ETAG
from gateway.const import const
from gateway.errors import DecodeError
from gateway.request import MAX_BLOCK_BYTES, MAX_BLOCK_SZX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.request import Answer, Request

    Snapshot = tuple[bytes, list[bytes], bytes]  # kid, path and payload of the request

_SNAPSHOTS = const(8)


class Snapshots:
    """The representations whose blocks are being fetched."""

    def __init__(self, random: "Callable[[int], bytes]") -> None:
        self._etag = int.from_bytes(random(2), "big")
        self._snapshots: list[tuple[Snapshot, bytes, Answer]] = []

    def cut(self, request: "Request", answer: "Answer") -> "Answer":
        """Return what fits one datagram, and keep the whole for the blocks asked for next.

        Raises:
            DecodeError: there is no such block.
        """
        code, options, payload = answer
        szx = MAX_BLOCK_SZX
        num = 0
        if request.block2 is not None:
            num, szx = _asked_block(request.block2)
        elif type(payload) is bytes:
            return answer
        part, more = cut(payload, num, szx)
        extra = [(BLOCK2, block.encode(num, more, szx))]
        if more or num:
            self._etag = (self._etag + 1) & 0xFFFF
            etag = self._etag.to_bytes(2, "big")
            extra.append((ETAG, etag))
            snapshot = (request.known_key.kid, request.segments, request.payload)
            kept = [old for old in self._snapshots if old[0] != snapshot]
            self._snapshots = kept[1 - _SNAPSHOTS :] + [(snapshot, etag, answer)]
        return code, sorted(options + extra), part

    def later_block(self, request: "Request") -> "tuple[Answer, bool] | None":
        """Return a later block of what was sent the first one of, and whether more follow.

        None: the first one is asked for, or the representation is gone.

        Raises:
            DecodeError: there is no such block.
        """
        assert request.block2 is not None
        num, szx = _asked_block(request.block2)
        if num == 0:
            return None
        wanted = (request.known_key.kid, request.segments, request.payload)
        for snapshot, etag, (code, options, payload) in self._snapshots:
            if snapshot == wanted:
                part, more = cut(payload, num, szx)
                extra = [(ETAG, etag), (BLOCK2, block.encode(num, more, szx))]
                return (code, sorted(options + extra), part), more
        return None


def cut(payload: "bytes | list[bytes]", num: int, szx: int) -> "tuple[bytes, bool]":
    """Return block num of a payload, which may come in pieces, and whether more follow.

    Raises:
        DecodeError: there is no such block.
    """
    if isinstance(payload, bytes):
        return block.cut(payload, num, szx)
    piece, offset = divmod(num << szx + 4, MAX_BLOCK_BYTES)
    if piece >= len(payload):
        raise DecodeError("no such block")
    part, more = block.cut(payload[piece], offset >> szx + 4, szx)
    return part, more or piece + 1 < len(payload)


def _asked_block(value: bytes) -> "tuple[int, int]":
    """Return (num, szx) of the block of ours that begins where the asked one does.

    Raises:
        DecodeError: no Block option's value.
    """
    num, _, szx = block.decode(value)
    return (num << szx - MAX_BLOCK_SZX, MAX_BLOCK_SZX) if szx > MAX_BLOCK_SZX else (num, szx)
