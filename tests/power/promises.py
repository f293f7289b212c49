"""What a board has promised its hosts, and when.

A mark counts the flash's operations. What was told by a mark holds after any cut from there on;
what was asked for and not told by then may hold or not.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.models.host import Credential, Host

Mark = int


@dataclass
class Change:
    """Something that was asked for at a mark, and told at another to be done."""

    begun: Mark
    told: Mark | None = None

    def is_begun(self, cut: Mark) -> bool:
        return self.begun <= cut

    def is_told(self, cut: Mark) -> bool:
        return self.told is not None and self.told <= cut


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
class Held:
    """Something that works from the change that made it to the one that ended it, if any did."""

    made: Change
    ended: Change | None

    def works(self, cut: Mark) -> bool:
        """Tell whether it must work after a cut."""
        return self.made.is_told(cut) and not (self.ended and self.ended.is_begun(cut))

    def is_over(self, cut: Mark) -> bool:
        """Tell whether it must not work any more after a cut."""
        return self.ended is not None and self.ended.is_told(cut)


@dataclass
class HeldKey(Held):
    """A host's key. uses: how many commands its principal may give, None if any number."""

    host: Host
    name: str
    role: str
    uses: int | None = None
    commands: list[Command] = field(default_factory=list)

    @property
    def kid(self) -> bytes:
        return self.host.kid


@dataclass
class HeldCredential(Held):
    """A backup, or an invitation, which its first use ends."""

    credential: Credential
    name: str


@dataclass
class Setting:
    """Something that the board was told to be: armed or not, or what time it is."""

    value: int
    asked: Change


@dataclass
class Promises:
    """All of them."""

    keys: list[HeldKey] = field(default_factory=list)
    credentials: list[HeldCredential] = field(default_factory=list)
    armings: list[Setting] = field(default_factory=list)
    times: list[Setting] = field(default_factory=list)
    reset: Change | None = None

    def held(self) -> list[Held]:
        return [*self.keys, *self.credentials]
