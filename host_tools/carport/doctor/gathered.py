"""What the checks look at: all that was found out, and nothing that was judged yet."""

from dataclasses import dataclass, field
from typing import Any, Literal

from carport.client.principals import Principal

Said = Literal["gateway", "no gateway", "bootloader", "repl", "nothing"]
Trouble = Literal["no rights", "busy", "gone"]


@dataclass(frozen=True)
class Port:
    """A serial port where a board may be.

    trouble: why it could not be asked. said: what answered there, and in which words if the board
    has no gateway. group: who may open it; is_member: whether its user is in that group by now.
    users: the programs that have it open, as far as they are known.
    """

    name: str
    description: str = ""
    trouble: Trouble | None = None
    said: Said | None = None
    words: str = ""
    group: str | None = None
    is_member: bool = False
    users: tuple[str, ...] = ()


@dataclass(frozen=True)
class Time:
    """The board's time, and what it said if it did not take ours; unix_s is None if unknown."""

    unix_s: int | None
    here_s: float
    refusal: str = ""


@dataclass(frozen=True)
class Sample:
    """What /system said at a moment, in seconds."""

    at_s: float
    system: dict[str, Any]


@dataclass(frozen=True)
class Owned:
    """What only an owner is told. update is None where the gateway has no such resource."""

    principals: list[Principal]
    has_wifi: bool
    has_access_point: bool
    update: dict[str, Any] | None


@dataclass(frozen=True)
class Gathered:
    """All of it.

    gateway: what it is called here, None if none is paired. way: how it was reached, None if it
    was not: failure says why, and asleep that it may sleep, if it ever does. samples: of /system,
    each a moment after the one before. lan: whether it answers on the network, None if it was not
    asked. bitrates: of the car's buses. supply_volts: of the 12 V battery, as the car says.
    version: of this program.
    """

    ports: list[Port]
    version: str
    gateway: str | None = None
    way: Literal["cable", "network"] | None = None
    failure: str = ""
    asleep: str = ""
    samples: list[Sample] = field(default_factory=list)
    lan: bool | None = None
    is_armed: bool | None = None
    time: Time | None = None
    owned: Owned | None = None
    bitrates: dict[str, int] = field(default_factory=dict)
    supply_volts: float | None = None

    @property
    def system(self) -> dict[str, Any]:
        """What /system said last."""
        return self.samples[-1].system

    def of_platform(self, name: str, default: int = 0) -> int:
        """Return a number that the board tells of itself."""
        value = self.system.get("platform", {}).get(name, default)
        return value if type(value) is int else default
