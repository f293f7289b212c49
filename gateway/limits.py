"""How much the gateway does for whom, so that a flood leaves the owner's commands working.

Rules:

1. What does not verify is counted against the host it came from: 16 datagrams at once, then 8 a
   second. Who sends more is shut out for 1 s, then each time for twice as long, up to 16 s; if it
   is quiet for 1 s after that, it begins anew. Whoever is shut out is dropped before anything is
   decoded, but:
2. A request that names one of the gateway's keys may be its owner's, and an address is easily
   forged: it is verified all the same. Where that key has proven to be, always; elsewhere one of
   8, and one each 50 ms. So are pings read, with which owners look for their gateway. From the
   port that most of what does not verify has come from, only one each 50 ms is read.
3. Challenges have a budget of their own for each host, 16 at once and then 8 a second: what they
   answer is authentic, but may be a copy of an old request.
4. A key of somebody who is not an owner makes 32 requests at once, then 16 a second. Who makes
   more is told so, and not listened to for 1 s, then for twice as long, up to 8 s.
5. 16 hosts are kept apart, those heard of last. While all of them are active the others share one
   budget, so that nobody gets a new one with each address.
"""

from gateway.coap.message import PAYLOAD_MARKER
from gateway.coap.numbers import OSCORE
from gateway.const import const
from gateway.errors import BusyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from gateway.vault.key import Key
    from gateway.vault.keys import Keys

MAX_SOURCES = 16

_SOURCE_INTERVAL_MS = const(125)
_SOURCE_BURST_MS = const(2000)
_SOURCE_LONGEST_WAIT_MS = const(16_000)
_SOURCE_ACTIVE_MS = const(10_000)
_KEY_INTERVAL_MS = const(62)
_KEY_BURST_MS = const(1984)
_KEY_LONGEST_WAIT_MS = const(8000)
_FIRST_WAIT_MS = const(1000)
_READ_ONE_OF = const(8)
_READ_EACH_MS = const(50)
_PING_BYTES = const(4)
_LOUD = const(8)
_LOUDEST = const(64)
_LOOKED_AT = const(4)


class Budget:
    """So much at once, so much in the long run, and a pause for whoever wants more.

    It is kept as the time at which it will be whole again: each thing moves that on by an
    interval, and it may lie a burst ahead of now. After a pause half of it is there.

    Attributes:
        shut_ms: until then nothing is granted.
    """

    def __init__(self) -> None:
        self.shut_ms = 0
        self.wait_ms = 0
        self._whole_ms = 0

    def take(self, now_ms: int, interval_ms: int, burst_ms: int, longest_wait_ms: int) -> bool:
        """Tell whether there is enough for one more thing, and count it."""
        if now_ms < self.shut_ms:
            return False
        ahead_ms = self._whole_ms - now_ms
        if ahead_ms <= 0:
            self._whole_ms = now_ms + interval_ms
            self.wait_ms = 0
            return True
        if ahead_ms + interval_ms <= burst_ms:
            self._whole_ms += interval_ms
            return True
        if longest_wait_ms:
            self.wait_ms = min(max(2 * self.wait_ms, _FIRST_WAIT_MS), longest_wait_ms)
            self.shut_ms = now_ms + self.wait_ms
            self._whole_ms = self.shut_ms + burst_ms // 2
        return False


class Source:
    """A host that was heard of without proof of who it is."""

    def __init__(self) -> None:
        self.unverified = Budget()
        self.challenges = Budget()
        self.used_ms = 0
        self.passed_over = 0
        self.read_ms = 0
        self.may_answer = False
        self.loudest: Hashable = None
        self.loudness = 0

    def hear(self, peer: "Hashable") -> None:
        """Note who sends; whoever sends more than all others together is the loudest."""
        if peer == self.loudest:
            self.loudness = min(self.loudness + 1, _LOUDEST)
        elif self.loudness:
            self.loudness -= 1
        else:
            self.loudest = peer


class Limits:
    """The budgets of hosts; those of keys are with the keys.

    Attributes:
        shut_ms: until then somebody is shut out, and `refuses` is to be asked.
    """

    def __init__(self, keys: "Keys") -> None:
        self.shut_ms = 0
        self._peek = keys.peek
        self._sources: dict[bytes | str, Source] = {}
        self._others = Source()

    def refuses(self, data: bytes, peer: "Hashable", source: "bytes | str", now_ms: int) -> bool:
        """Tell whether a datagram is to be dropped unread; source: the peer's host."""
        known = self._sources.get(source, self._others)
        if now_ms >= known.unverified.shut_ms:
            return False
        is_loud = peer == known.loudest and known.loudness >= _LOUD
        if len(data) != _PING_BYTES:
            kid = kid_of(data)
            key = None if kid is None else self._peek(kid)
            if key is None:
                return True
            if key.source == source and not is_loud:
                return False
        if now_ms - known.read_ms < _READ_EACH_MS:
            known.passed_over += 1
            if is_loud or known.passed_over < _READ_ONE_OF:
                return True
        known.passed_over = 0
        known.read_ms = now_ms
        known.may_answer = True
        return False

    def charge(self, peer: "Hashable", source: "bytes | str", now_ms: int) -> bool:
        """Count a datagram that did not verify; tell whether it may be answered."""
        known = self._find(source, now_ms)
        known.hear(peer)
        if known.may_answer:
            known.may_answer = False
            return True
        budget = known.unverified
        if budget.take(now_ms, _SOURCE_INTERVAL_MS, _SOURCE_BURST_MS, _SOURCE_LONGEST_WAIT_MS):
            return True
        self.shut_ms = max(self.shut_ms, budget.shut_ms)
        return False

    def may_challenge(self, source: "bytes | str", now_ms: int) -> bool:
        """Count a challenge, if it may be sent."""
        return self._find(source, now_ms).challenges.take(
            now_ms, _SOURCE_INTERVAL_MS, _SOURCE_BURST_MS, 0
        )

    def _find(self, source: "bytes | str", now_ms: int) -> Source:
        """Return a host's budgets: its own, or those that it shares."""
        sources = self._sources
        known = sources.get(source)
        if known is None:
            if len(sources) == MAX_SOURCES:
                oldest = min(sources, key=lambda each: sources[each].used_ms)
                if now_ms - sources[oldest].used_ms < _SOURCE_ACTIVE_MS:
                    return self._others
                del sources[oldest]
            known = sources[source] = Source()
        known.used_ms = now_ms
        return known


def take_request(key: "Key", now_ms: int) -> None:
    """Count a key's request.

    Raises:
        BusyError: it makes too many.
    """
    budget = key.budget
    if budget is None:
        budget = key.budget = Budget()
    if not budget.take(now_ms, _KEY_INTERVAL_MS, _KEY_BURST_MS, _KEY_LONGEST_WAIT_MS):
        error = BusyError("too many requests")
        error.wait_s = budget.wait_ms // 1000
        raise error


def kid_of(data: bytes) -> "bytes | None":
    """Return the kid that a request names in its OSCORE option, None if it is not seen at once.

    It may have three options in front, and none between it and the payload: a flood that is
    decoded after all is decoded in no time.
    """
    offset = 4 + (data[0] & 15) if data else 4
    last = len(data) - 1
    number = 0
    for _ in range(_LOOKED_AT):
        if offset >= last:
            return None
        head = data[offset]
        number += head >> 4
        length = head & 15
        offset += 1
        if length > 12 or head >> 4 > 12:
            if length != 13 or head >> 4 > 12:
                return None
            length = 13 + data[offset]
            offset += 1
        if number >= OSCORE:
            end = offset + length
            if number > OSCORE or length == 0 or end > last or data[end] != PAYLOAD_MARKER:
                return None
            flags = data[offset]
            return data[offset + 1 + (flags & 7) : end] if flags & 0x18 == 0x08 else None
        offset += length
    return None
