"""What a board has promised its hosts, and when.

A mark counts the flash's operations. What was told by a mark holds after any cut from there on.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.models.host import Host

Mark = int


@dataclass
class Change:
    """Something that a host asked for, at a mark, and was told at another that it is done."""

    begun: Mark
    told: Mark | None = None

    def is_begun(self, cut: Mark) -> bool:
        return self.begun <= cut

    def is_told(self, cut: Mark) -> bool:
        return self.told is not None and self.told <= cut


@dataclass
class HeldKey:
    """A host's key, from the change that made it to the one that revoked it."""

    host: Host
    role: str
    made: Change
    revoked: Change | None = None
    commands: "list[Command]" = field(default_factory=list)

    @property
    def kid(self) -> bytes:
        return self.host.context.sender.id


@dataclass
class Command:
    """A command and its outcome; `payload` as it was sent, `receipt` as it was told."""

    path: str
    payload: dict[str, Any]
    asked: Change
    receipt: bytes = b""
    state: str = ""

    @property
    def id(self) -> int:
        number: int = self.payload["id"]
        return number


@dataclass
class Arming:
    """A change of whether the board may send."""

    is_armed: bool
    asked: Change


@dataclass
class Promises:
    """All of them."""

    keys: list[HeldKey] = field(default_factory=list)
    armings: list[Arming] = field(default_factory=list)
