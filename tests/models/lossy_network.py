"""A network as a model, in set time: it loses, doubles and delays datagrams both ways."""

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from random import Random

from tests.models.shell import Shell

USUAL_MS = 20
LONGEST_MS = 2000  # a datagram so late is overtaken by those sent after it


class Timeline:
    """What is to happen when, between the deadlines of a shell's core.

    Attributes:
        after_each: called whenever anything has happened.
    """

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.after_each: list[Callable[[], None]] = []
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Let something happen later."""
        self._count += 1
        heappush(self._events, (self.shell.now_ms + delay_ms, self._count, act))

    def run(self, is_over: Callable[[], bool], limit_ms: int) -> None:
        """Let time pass until it is over.

        Raises:
            AssertionError: it is not, and the limit has passed or nothing will happen any more.
        """
        shell = self.shell
        while not is_over():
            assert self._events, "nothing will happen any more"
            assert shell.now_ms < limit_ms, "it takes too long"
            due_ms = self._events[0][0]
            timeout_ms = shell.gateway.next_timeout()
            if timeout_ms is not None and timeout_ms < due_ms:
                shell.advance(max(timeout_ms - shell.now_ms, 0))
            else:
                _, _, act = heappop(self._events)
                shell.advance(due_ms - shell.now_ms)
                act()
            for follow in self.after_each:
                follow()


class LossyNetwork:
    """Carries datagrams between hosts and a shell; each ill befalls `rate` of them by itself.

    Attributes:
        receivers: {peer: what takes the datagrams for it}.
    """

    def __init__(self, timeline: Timeline, random: Random, rate: float) -> None:
        self.receivers: dict[str, Callable[[bytes], None]] = {}
        self.counts = {"carried": 0, "lost": 0, "doubled": 0, "delayed": 0}
        self._timeline = timeline
        self._shell = timeline.shell
        self._random = random
        self._rate = rate
        timeline.after_each.append(self._collect)

    def send(self, data: bytes, peer: str) -> None:
        """Carry a datagram from a peer to the gateway, perhaps."""
        self._carry(partial(self._shell.receive_datagram, data, peer))

    def _collect(self) -> None:
        """Carry what the gateway has sent."""
        sent = self._shell.datagrams
        self._shell.datagrams = []
        for data, peer in sent:
            assert isinstance(peer, str)
            self._carry(partial(self.receivers[peer], data))

    def _carry(self, deliver: Callable[[], None]) -> None:
        for _ in range(1 + self._befalls("doubled")):
            if self._befalls("lost"):
                continue
            delay_ms = self._random.randrange(1, USUAL_MS)
            if self._befalls("delayed"):
                delay_ms = self._random.randrange(USUAL_MS, LONGEST_MS)
            self.counts["carried"] += 1
            self._timeline.after(delay_ms, deliver)

    def _befalls(self, ill: str) -> bool:
        befallen = self._random.random() < self._rate
        self.counts[ill] += befallen
        return befallen
