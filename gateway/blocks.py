"""Answers of more than a block (RFC 7959), kept whole while their blocks are fetched.

A representation that does not fit one datagram is kept from its first block on, so that all its
blocks are of one state. Later blocks are asked for with the same key, path and payload.

8 are kept, of each key the newest 2. The oldest makes room for a new one, but an owner's for
somebody else's only after 10 s: by then it was read, or given up.
"""

from gateway.coap import block
from gateway.coap.numbers import BLOCK2, ETAG
from gateway.const import const
from gateway.errors import DecodeError
from gateway.request import MAX_BLOCK_BYTES, MAX_BLOCK_SZX
from gateway.vault.principals import OWNER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.request import Answer, Request

    Asked = tuple[bytes, tuple[bytes, ...], bytes]  # kid, path and payload of the request

_SNAPSHOTS = const(8)
_SNAPSHOTS_EACH = const(2)
_READ_MS = const(10_000)


class Snapshot:
    """A representation, and what asked for it."""

    __slots__ = ("answer", "asked", "etag", "is_owners", "made_ms")

    def __init__(
        self, asked: "Asked", etag: bytes, answer: "Answer", is_owners: bool, made_ms: int
    ) -> None:
        self.asked = asked
        self.etag = etag
        self.answer = answer
        self.is_owners = is_owners
        self.made_ms = made_ms


class Snapshots:
    """The representations whose blocks are being fetched."""

    def __init__(self, random: "Callable[[int], bytes]") -> None:
        self._etag = int.from_bytes(random(2), "big")
        self._snapshots: list[Snapshot] = []

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
            self._keep(request, etag, answer)
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
        wanted = _asked(request)
        for snapshot in self._snapshots:
            if snapshot.asked == wanted:
                code, options, payload = snapshot.answer
                part, more = cut(payload, num, szx)
                extra = [(ETAG, snapshot.etag), (BLOCK2, block.encode(num, more, szx))]
                return (code, sorted(options + extra), part), more
        return None

    def forget(self, kid: bytes) -> None:
        """Forget what a key was reading."""
        self._snapshots = [each for each in self._snapshots if each.asked[0] != kid]

    def _keep(self, request: "Request", etag: bytes, answer: "Answer") -> None:
        """Keep a representation, if there is room for this key."""
        asked = _asked(request)
        key = request.known_key
        snapshot = Snapshot(asked, etag, answer, key.principal.rank == OWNER, request.now_ms)
        kept = [each for each in self._snapshots if each.asked != asked]
        own = [each for each in kept if each.asked[0] == key.kid]
        if len(own) == _SNAPSHOTS_EACH:
            kept.remove(own[0])
        if len(kept) == _SNAPSHOTS:
            for_all = [
                each
                for each in kept
                if not each.is_owners or request.now_ms - each.made_ms > _READ_MS
            ]
            if not for_all and not snapshot.is_owners:
                return
            kept.remove(for_all[0] if for_all else kept[0])
        self._snapshots = kept + [snapshot]


def _asked(request: "Request") -> "Asked":
    return request.known_key.kid, request.segments, request.payload


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
