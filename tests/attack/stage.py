"""Where attacks on a running gateway take place: an emulator, its owner, and who hears the bus."""

import itertools
import time
from contextlib import ExitStack, suppress
from ipaddress import IPv4Interface
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from carport.emulator import control
from carport.emulator.process import EmulatorProcess
from gateway.coap.numbers import CONTENT, GET
from tests import emulated_board
from tests.attack.cable import Cable
from tests.attack.lan import Lan
from tests.models.host import Host
from tests.system.listener import Listener
from tests.system.taps import address_of

LOCK = "LockRequest=Lock"
UNLOCK = "LockRequest=Unlock"

_RESTART_S = 15.0
_BUSY_TRIES = 10
_SYSTEM_TRIES = 3
_BUSY_S = 0.5


class Stage:
    """A parked car, locked by its owner: `carport emulate` with a real VM, sockets and bus.

    Attributes:
        owner: who paired; asks over the network, from an address of its own.
        cable: leads to the same gateway.
    """

    def __init__(self, network: str = "") -> None:
        """network: "127.0.0.1/24", for example; all of loopback if it is left out."""
        self._arguments = ("--listen", network) if network else ()
        self._source = str(IPv4Interface(network).ip + 1) if network else "127.0.0.1"
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with self._parts:
            enter = self._parts.enter_context
            ports = ("--coap-port", "0", "--can-port", "0")
            self.emulator = enter(EmulatorProcess(*ports, *self._arguments))
            self.address = address_of(self.emulator.coap)
            self.listener = enter(Listener(self.emulator.can))
            self.cable = enter(Cable(self.address, self._source, self.emulator.serial))
            self.owner = Host.pair(self.cable)  # type: ignore[arg-type]
            self.move(self.owner)
            self.lock()
            self._parts = self._parts.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(self.emulator.read_log()[-4000:])
        self._parts.close()

    def lan(self, source: str | None = None) -> Lan:
        """Return a new address, on the owner's machine unless it is told."""
        return self._parts.enter_context(Lan(self.address, source or self._source))

    def move(self, host: Host) -> None:
        """Give a host an address of its own on the network."""
        host.shell = self.lan()  # type: ignore[assignment]

    def enrol(self, **fields: Any) -> Host:
        """Return the host of one more key, at an address of its own."""
        host = self.owner.enrol(**fields)
        self.move(host)
        return host

    def command(self, command: str, host: Host | None = None) -> str:
        """Return the state that a command of the owner's, or a host's, ends in."""
        host = host or self.owner
        answers = host.post("lock", host.command(command))
        if not answers:
            return "no answer"
        answer = answers[-1]
        return str(answer.value["state"]) if answer.payload[:1] > b"\x7f" else repr(answer)

    def lock(self) -> None:
        """Lock the car, as its owner; what was asked before has been done by then."""
        since = len(self.listener.heard)
        state = self.command("lock")
        for _ in range(_BUSY_TRIES):
            if state == "confirmed":
                break
            time.sleep(_BUSY_S)
            state = self.command("lock")
        assert state == "confirmed", f"the owner's lock: {state}"
        self.listener.wait_for(LOCK, since)

    def unlocks(self, since: int) -> int:
        """Lock the car, and return how often somebody had it unlocked since `mark()`."""
        self.lock()
        heard = self.listener.heard[since:]
        return [each for each, _ in itertools.groupby(heard)].count(UNLOCK)

    def mark(self) -> int:
        """Return where the bus is now."""
        return len(self.listener.heard)

    def is_locked(self) -> bool:
        """Tell what the car's locks really are."""
        state = control.ask(control.find_control(Path(self.emulator.state)), {"do": "state"})
        locks = [value for path, value in state["signals"].items() if path.endswith(".IsLocked")]
        return all(locks)

    def system(self) -> dict[str, Any]:
        """Return what the gateway tells its owner of itself."""
        for _ in range(_SYSTEM_TRIES):
            with suppress(IndexError):  # it was not answered in time
                response = self.owner.request(GET, ["system"])
                if response.code == CONTENT:
                    described: dict[str, Any] = response.value
                    return described
        raise AssertionError("the owner is not served")

    def deliver(self, lan: Lan, data: bytes) -> bytes | None:
        """Bring the gateway a datagram; return what it has answered when it answers the owner."""
        lan.drain()
        lan.socket.send(data)
        assert self.serves(), "the owner is not answered"
        answers = lan.drain()
        return answers[-1] if answers else None

    def serves(self) -> bool:
        """Tell whether the owner is answered."""
        self.owner.send(self.owner.protect(GET, ["lock"]))
        return any(response.code == CONTENT for response in self.owner.responses())

    def serves_again(self) -> bool:
        """Tell whether the owner is answered within some seconds."""
        deadline_s = time.monotonic() + _RESTART_S
        while not self.serves():
            if time.monotonic() > deadline_s:
                return False
        return True

    def errors(self) -> int:
        """Return how many errors the firmware's loop has met."""
        return int(self.system()["platform"]["errors"])

    def traces(self) -> int:
        """Return how many errors the board has logged."""
        return self.emulator.read_log().count("Traceback")

    def starts(self) -> int:
        """Return how often the board has started."""
        return emulated_board.starts(self.emulator)

    def flash(self) -> bytes:
        """Return the flash chip's content, once what was done before has been written."""
        return emulated_board.flash(self.emulator)

    def reboot(self) -> None:
        """Cut the board's power, and return when it serves again."""
        emulated_board.cut_power(self.emulator)
