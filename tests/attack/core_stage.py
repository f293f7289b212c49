"""Where attacks on the core take place: its time is set, and its car is the simulated one."""

from typing import Any

from tests.models.host import Host
from tests.models.shell import Shell
from tests.models.simulated_car import Together

_LOCK_MS = 1500


class CoreStage:
    """A parked car, locked by its owner, whose time passes when the attack lets it."""

    def __init__(self) -> None:
        self.together = Together("reference")
        self.owner = Host.pair(self.shell)
        self.together.run(500)
        self.lock()

    @property
    def shell(self) -> Shell:
        """The core's shell."""
        return self.together.shell

    def enrol(self, **fields: Any) -> Host:
        """Return the host of one more key."""
        return self.owner.enrol(**fields)

    def command(self, command: str, host: Host | None = None) -> None:
        """Let the owner, or a host, command the car, and let it happen."""
        host = host or self.owner
        host.post("lock", host.command(command))
        self.together.run(_LOCK_MS)
        host.responses()

    def lock(self) -> None:
        """Lock the car, as its owner."""
        self.command("lock")
        assert self.is_locked(), "the owner's lock"

    def is_locked(self) -> bool:
        """Tell what the car's locks really are."""
        return all(lock.is_locked for lock in self.together.car.body.locks.values())
