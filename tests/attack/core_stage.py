"""Where attacks on the core take place: its time is set, and its car is the simulated one."""

from typing import Any

import can

from carport.car.cars import make_car
from gateway.vehicle.command import Transmission
from tests.models.host import Host
from tests.models.shell import PROFILES, Shell

STEP_MS = 10

_CAR = "reference"
_BUS = "body"
_DONE_MS = 1000


class CoreStage:
    """A parked car, locked by its owner, whose time passes when the attack lets it."""

    def __init__(self) -> None:
        self.car = make_car(PROFILES / _CAR, seed=1)
        self.use(Shell(car=_CAR))
        self.owner = Host.pair(self.shell)
        self.run(500)
        self.lock()

    def use(self, shell: Shell) -> None:
        """Connect a shell, such as the one after a reboot, with the car."""
        self.shell = shell
        shell.on_sent = self._hear

    def reboot(self) -> None:
        """Cut the board's power: what is durable is left, and its time begins anew."""
        self.use(self.shell.reboot())
        self.owner.shell = self.shell

    def run(self, duration_ms: int) -> None:
        """Let time pass, for the car too."""
        for _ in range(duration_ms // STEP_MS):
            self.shell.advance(STEP_MS)
            for message in self.car.step(self.shell.now_ms / 1000):
                if message.channel == _BUS:
                    self.shell.receive_frame(message.arbitration_id, bytes(message.data))

    def command(self, command: str, host: Host | None = None) -> Any:
        """Return what the owner, or a host, is answered in the end."""
        host = host or self.owner
        answers = host.post("lock", host.command(command))
        self.run(_DONE_MS)
        answers += host.responses()
        return answers[-1] if answers else None

    def lock(self) -> None:
        """Lock the car, as its owner."""
        self.command("lock")
        assert self.is_locked(), "the owner's lock"

    def is_locked(self) -> bool:
        """Tell what the car's locks really are."""
        return all(lock.is_locked for lock in self.car.body.locks.values())

    def _hear(self, transmission: Transmission) -> None:
        message = can.Message(
            arbitration_id=transmission.arbitration_id,
            is_extended_id=False,
            data=transmission.data,
            channel=_BUS,
        )
        self.car.receive(message, self.shell.now_ms / 1000)
