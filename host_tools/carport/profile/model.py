"""A profile that was checked: what `load` returns and `compile_profile` writes."""

from dataclasses import dataclass
from pathlib import Path

from cantools.database.can import Message as Definition
from cantools.database.can import Signal

from carport.profile import signals
from carport.profile.source import Source

Value = bool | int | float | str


@dataclass(frozen=True)
class Bus:
    """A bus that the gateway is connected to."""

    name: str
    bitrate: int


@dataclass(frozen=True, eq=False)
class Message:
    """A message of a DBC, on a bus given by its index."""

    bus: int
    definition: Definition
    source: Source

    @property
    def name(self) -> str:
        """The DBC's name of the message."""
        return str(self.definition.name)

    def signal(self, name: str) -> Signal | None:
        """Return the signal of that name, None if there is none."""
        return next((s for s in self.definition.signals if s.name == name), None)


@dataclass(frozen=True)
class Leaf:
    """A VSS path and the signal that tells its value; mapping: {raw: value}, None for a number."""

    path: str
    datatype: str
    unit: str | None
    message: Message
    signal: Signal
    mapping: dict[int, Value] | None

    def check_can_equal(self, value: Value) -> None:
        """Check that the leaf can ever show this value.

        Raises:
            ValueError: it cannot.
        """
        if self.mapping is not None:
            shown: list[Value] = list(self.mapping.values())
        elif self.datatype == "boolean":
            shown = [False, True]
        elif type(value) is bool or isinstance(value, str):
            raise ValueError(f"{self.path} is a number, not {value!r}")
        else:
            signals.to_raw(self.signal, value)
            return
        if not any(type(one) is type(value) and one == value for one in shown):
            raise ValueError(f"{self.path} is never {value!r}")

    def check_can_pass(self, value: Value) -> None:
        """Check that the leaf's values can lie both above and below this one.

        Raises:
            ValueError: they cannot.
        """
        if type(value) is bool or isinstance(value, str):
            raise ValueError(f"{value!r} is not a number")
        if self.mapping is not None or self.datatype == "boolean":
            raise ValueError(f"{self.path} has no range")
        low, high = signals.limits(self.signal)
        if not low < signals.exact(value) < high:
            raise ValueError(
                f"{value} is not within {self.path}'s {float(low):g} to {float(high):g}"
            )


@dataclass(frozen=True)
class Protection:
    """The names of the signals that carry a frame's checksum and its alive counter."""

    checksum: str
    counter: str

    @property
    def names(self) -> tuple[str, str]:
        """Both."""
        return self.checksum, self.counter


@dataclass(frozen=True)
class Condition:
    """What a leaf's value must be: operation is "equals", "above" or "below"."""

    path: str
    operation: str
    value: Value


@dataclass(frozen=True)
class Interlock:
    """What must hold before a command; silent_allows: whether a silent bus may stand for it."""

    silent_allows: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Wake:
    """How to wake the bus and keep it awake."""

    message: Message
    values: dict[str, int]
    period_ms: int
    timeout_ms: int


@dataclass(frozen=True)
class Argument:
    """What may be asked for: one of values (value, raw), or minimum to maximum in steps."""

    signal: Signal
    path: str
    values: tuple[tuple[Value, int], ...] | None
    minimum: int | float | None
    maximum: int | float | None
    step: int | float | None


@dataclass(frozen=True)
class Command:
    """What may be asked of the car, how, under which interlocks, and what confirms it."""

    resource: str
    message: Message
    values: dict[str, int]
    interlocks: tuple[str, ...]
    always_allowed: dict[str, Value]
    limit: tuple[str, int] | None
    period_ms: int
    count: int
    deadline_ms: int
    confirm_ms: int
    lifetime_ms: int
    confirm: tuple[Condition, ...]
    arguments: dict[str, Argument]


@dataclass(frozen=True)
class Profile:
    """A car as data, all of it checked.

    leaves: sorted by path. timeouts_ms: of each message that is received.
    """

    folder: Path
    name: str
    title: str
    version: int
    buses: tuple[Bus, ...]
    leaves: tuple[Leaf, ...]
    timeouts_ms: dict[str, int]
    protection: Protection | None
    wake: Wake | None
    interlocks: dict[str, Interlock]
    commands: dict[str, Command]

    @property
    def received(self) -> list[Message]:
        """The messages that leaves are read from, in the order of bus and id."""
        return _sorted({leaf.message for leaf in self.leaves})

    @property
    def transmitted(self) -> list[Message]:
        """The messages that the gateway sends, in the order of bus and id."""
        sent = {command.message for command in self.commands.values()}
        return _sorted(sent | ({self.wake.message} if self.wake else set()))


def _sorted(messages: set[Message]) -> list[Message]:
    return sorted(
        messages, key=lambda m: (m.bus, m.definition.is_extended_frame, m.definition.frame_id)
    )
