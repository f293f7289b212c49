"""What is measured of the command-handling loop: the core alone, for both interpreters.

The car drives at 50 km/h with its doors closed and locked, so it can be locked, and an unlock is
refused. The shell is as small as can be: saves are acknowledged at once, datagrams go nowhere.

Each operation has `prepare()`, then `run()`, which is measured and stands for `repeats` of the
same, then `check()`, which raises AssertionError if that is not what happened.
"""

from collections import OrderedDict

from firmware.bench_host import Host
from gateway import cbor
from gateway.coap import block
from gateway.coap.numbers import BLOCK2, CHANGED, CONFLICT, CONTENT, ECHO, GET
from gateway.core import Gateway
from gateway.request import MAX_BLOCK_BYTES, MAX_BLOCK_SZX
from gateway.vehicle.commands import STATE_ACTIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from firmware.storage import Storage
    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.vehicle.command import Transmission

    Frames = dict[str, list[tuple[int, bytes]]]

DOORS = "BODY_DoorStatus"
DRIVE = "DRV_Status"
FRAMES_A_RUN = 16
ROUNDS_A_RUN = 4

_PEER = b"host"
_STEP_MS = 100
_ECHO_FOR_MS = 4000
_UNKNOWN_ID = 0x7FF


class Rig:
    """A gateway, its host and its car.

    frames: for each message that the car sends its frames, (id, data), in the order of their
    counters. storage: where what is saved goes; else nowhere.
    """

    def __init__(
        self,
        profile: "dict[str, Any]",
        frames: "Frames",
        aes: "BlockCipherFactory",
        random: "Callable[[int], bytes]",
        storage: "Storage | None" = None,
    ) -> None:
        self.now_ms = 0
        self._storage = storage
        read_block = no_block if storage is None else storage.read_block
        self.gateway = Gateway(
            profile, {}, aes, random, 0, "bench", dict, True, read_block=read_block
        )
        self.gateway.bus_state(0, STATE_ACTIVE, 0)
        self.host = Host(aes, random, self._pair)
        self._frames = frames
        self._sent = dict.fromkeys(frames, 0)
        self._echo = b""
        self._echo_ms = 0
        self.advance()
        self.prove()

    def ask(self, request: bytes) -> bytes:
        """Return the answer to a datagram."""
        self.gateway.receive_datagram(request, _PEER, self.now_ms)
        return self.settle()[0][0]

    def prove(self) -> None:
        """Show the gateway where the host is, as a client does with its first request."""
        code, _, _ = self.host.open(self.ask(self.host.seal(GET, b"lock", echo=self.echo())))
        assert code == CONTENT

    def observe(self) -> None:
        """Let the host observe /lock from now on."""
        request = self.host.seal(GET, b"lock", echo=self.echo(), is_observing=True)
        code, _, _ = self.host.open(self.ask(request))
        assert code == CONTENT

    def settle(self) -> "list[tuple[bytes, Any]]":
        """Do what a runner does after each input, and return the datagrams."""
        gateway = self.gateway
        while True:
            saves = gateway.saves()
            while saves:
                if self._storage is not None:
                    for _, name, data in saves:
                        self._storage.save(name, data)
                gateway.saved(saves[-1][0], self.now_ms)
                saves = gateway.saves()
            if not gateway.frames():
                break
        gateway.cancels()
        datagrams = gateway.datagrams()
        gateway.logs()
        return datagrams

    def advance(self) -> "list[tuple[bytes, Any]]":
        """Let time pass, and the car send its frames; return the datagrams that come of it."""
        self.now_ms += _STEP_MS
        for name in self._frames:
            self.gateway.receive_frame(0, self.next_frame(name), self.now_ms)
        self.gateway.handle_timer(self.now_ms)
        return self.settle()

    def next_frame(self, name: str) -> "list[Any]":
        """Return the car's next frame of a message, as a controller gives it."""
        frames = self._frames[name]
        arbitration_id, data = frames[self._sent[name] % len(frames)]
        self._sent[name] += 1
        return [arbitration_id, memoryview(data), 0, 0]

    def echo(self) -> bytes:
        """Return an Echo value that is fresh for a second more at least."""
        if not self._echo or self.now_ms - self._echo_ms > _ECHO_FOR_MS:
            _, options, _ = self.host.open(self.ask(self.host.seal_command("lock")))
            self._echo = options[ECHO]
            self._echo_ms = self.now_ms
        return self._echo

    def counters(self) -> "dict[str, int]":
        """Return what the gateway has counted."""
        whole = b""
        has_more = True
        while has_more:
            wanted = block.encode(len(whole) // MAX_BLOCK_BYTES, False, MAX_BLOCK_SZX)
            request = self.host.seal(GET, b"system", block2=wanted)
            _, options, part = self.host.open(self.ask(request))
            whole += part
            has_more = block.decode(options[BLOCK2])[1]
        counters: dict[str, int] = cbor.decode(whole)["counters"]
        return counters

    def _pair(self, request: bytes) -> bytes:
        self.gateway.receive_datagram(request, _PEER, self.now_ms, True)
        return self.settle()[0][0]


def no_block(name: str) -> None:
    """Find no block."""


class Operation:
    """One thing that is measured; see the top of this file."""

    title = ""
    repeats = 1

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def prepare(self) -> None:
        """Make ready for `run`."""

    def run(self) -> None:
        """Do what is measured."""

    def check(self) -> None:
        """Raise AssertionError if it was not done."""


class Status(Operation):
    """An authenticated GET of /lock, for which the state is encoded."""

    title = "GET /lock, its state encoded anew"

    def __init__(self, rig: Rig) -> None:
        Operation.__init__(self, rig)
        self._request = self._answer = b""

    def prepare(self) -> None:
        self._rig.advance()
        self._request = self._rig.host.seal(GET, b"lock")

    def run(self) -> None:
        self._answer = self._rig.ask(self._request)

    def check(self) -> None:
        assert self._rig.host.open(self._answer)[0] == CONTENT


class StatusAgain(Status):
    """The same, soon enough after another one to be given the same encoded state."""

    title = "GET /lock within 20 ms of another"

    def prepare(self) -> None:
        Status.prepare(self)
        self.run()
        self.check()
        self._request = self._rig.host.seal(GET, b"lock")


class Refused(Status):
    """A command with a fresh Echo that an interlock refuses, to its receipt."""

    title = "refused command (unlock while driving), to its receipt"

    def prepare(self) -> None:
        self._rig.advance()
        self._request = self._rig.host.seal_command("unlock", self._rig.echo())

    def check(self) -> None:
        code, _, payload = self._rig.host.open(self._answer)
        assert code == CONFLICT
        assert cbor.decode(payload)["state"] == "refused"


class Lock(Operation):
    """A command from its datagram until its frame is handed out, its intent saved at once."""

    title = "lock, from its datagram to its frame"

    def __init__(self, rig: Rig) -> None:
        Operation.__init__(self, rig)
        self._request = b""
        self._frames: list[Transmission] = []

    def prepare(self) -> None:
        self._rig.advance()
        self._request = self._rig.host.seal_command("lock", self._rig.echo())

    def run(self) -> None:
        gateway = self._rig.gateway
        now_ms = self._rig.now_ms
        gateway.receive_datagram(self._request, _PEER, now_ms)
        gateway.saved(gateway.saves()[-1][0], now_ms)
        self._frames = gateway.frames()

    def check(self) -> None:
        """Let the frame reach the car, and the car confirm."""
        rig = self._rig
        assert len(self._frames) == 1
        rig.gateway.frame_sent(self._frames[0], rig.now_ms)
        answers = rig.advance()
        assert rig.host.open(answers[0][0])[0] == CHANGED


class Frame(Operation):
    """A received CAN frame that is accepted."""

    title = "received CAN frame, accepted"
    repeats = ROUNDS_A_RUN * FRAMES_A_RUN
    counter = "accepted"

    def __init__(self, rig: Rig) -> None:
        Operation.__init__(self, rig)
        self._receive_frame = rig.gateway.receive_frame  # here, for it allocates
        self._before = 0
        self._frames: list[list[Any]] = []

    def frame(self) -> "list[Any]":
        """Return the next frame to receive."""
        return self._rig.next_frame(DOORS)

    def prepare(self) -> None:
        self._before = self._rig.counters()[self.counter]
        self._frames = [self.frame() for _ in range(FRAMES_A_RUN)]

    def run(self) -> None:
        receive_frame = self._receive_frame
        now_ms = self._rig.now_ms
        frames = self._frames
        for _ in range(ROUNDS_A_RUN):
            for frame in frames:
                receive_frame(0, frame, now_ms)

    def check(self) -> None:
        assert self._rig.counters()[self.counter] == self._before + self.repeats


class UnknownFrame(Frame):
    """A received CAN frame that is refused by its id."""

    title = "received CAN frame, refused by its id"
    counter = "unknown_id"

    def frame(self) -> "list[Any]":
        return [_UNKNOWN_ID, memoryview(bytes(8)), 0, 0]


class DamagedFrame(Frame):
    """A received CAN frame that is refused by its checksum."""

    title = "received CAN frame, refused by its checksum"
    counter = "bad_checksum"

    def frame(self) -> "list[Any]":
        arbitration_id, data, _, _ = self._rig.next_frame(DOORS)
        damaged = bytes([data[0] ^ 1]) + bytes(data[1:])
        return [arbitration_id, memoryview(damaged), 0, 0]


OPERATIONS: "OrderedDict[str, type[Operation]]" = OrderedDict(
    (
        ("status", Status),
        ("status_again", StatusAgain),
        ("refused", Refused),
        ("lock", Lock),
        ("frame_accepted", Frame),
        ("frame_unknown", UnknownFrame),
        ("frame_damaged", DamagedFrame),
    )
)
