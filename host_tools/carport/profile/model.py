"""A profile that was checked: what `load` returns and `compile_profile` writes."""

from dataclasses import dataclass
from pathlib import Path

from cantools.database.can import Message as Definition
from cantools.database.can import Signal

from carport.profile import signals
from carport.profile.signals import Scale
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
    """A VSS path and the signal that tells its value.

    scale: what its numbers mean, in the path's unit. mapping: {raw: value}, None for a number;
    default: what every other raw value means, None if that is not known.
    """

    path: str
    datatype: str
    unit: str | None
    message: Message
    signal: Signal
    scale: Scale
    mapping: dict[int, Value] | None
    default: Value | None

    def check_can_equal(self, value: Value) -> None:
        """Check that the leaf can ever show this value.

        Raises:
            ValueError: it cannot.
        """
        if self.mapping is not None:
            shown: list[Value | None] = [*self.mapping.values(), self.default]
        elif self.datatype == "boolean":
            shown = [False, True]
        elif type(value) is bool or isinstance(value, str):
            raise ValueError(f"{self.path} is a number, not {value!r}")
        else:
            self.scale.to_raw(value)
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
        low, high = self.scale.limits()
        if not low < signals.exact(value) < high:
            raise ValueError(
                f"{value} is not within {self.path}'s {float(low):g} to {float(high):g}"
            )


@dataclass(frozen=True)
class Protection:
    """What protects a message: one of gateway.can.protection, and the signals that carry it."""

    kind: int
    checksum: Signal | None
    counter: Signal | None
    data_ids: bytes

    @property
    def names(self) -> set[str]:
        """The signals that the gateway fills in by itself."""
        return {signal.name for signal in (self.checksum, self.counter) if signal}


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
class WakeFrame:
    """A frame of a wake-up, sent so long after its begin."""

    after_ms: int
    message: Message
    values: dict[str, int]


@dataclass(frozen=True)
class Wake:
    """How to wake the bus: frames, sent again each period until it is awake.

    stays: whether they go on until the command has ended.
    """

    frames: tuple[WakeFrame, ...]
    period_ms: int
    timeout_ms: int
    stays: bool


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
class FollowUp:
    """What is sent once, so long after the last frame of a command with this argument."""

    argument: str
    equals: Value
    after_ms: int
    values: dict[str, int]


@dataclass(frozen=True)
class Command:
    """What may be asked of the car, how, under which interlocks, and what confirms it.

    unavailable: {argument: why this car cannot do it}.
    """

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
    unavailable: dict[str, str]
    follow_up: FollowUp | None


@dataclass(frozen=True)
class Route:
    """Which frames cross from one bus to another, both given by their indexes, and how often."""

    source: int
    destination: int
    arbitration_id: int
    mask: int
    is_extended_id: bool
    length: int
    rate_hz: int
    burst: int


@dataclass(frozen=True)
class Unavailable:
    """A command that this car cannot be given, and why."""

    resource: str
    reason: str


@dataclass(frozen=True)
class Profile:
    """A car as data, all of it checked.

    files: all that it was read from. messages: all that its DBC files describe, by name. leaves:
    sorted by path. timeouts_ms: of each message that is
    received. protections: of each message that has one. sources: where its facts come from;
    tried: by whom, on a real car.
    """

    folder: Path
    files: tuple[Path, ...]
    name: str
    title: str
    version: int
    sources: tuple[str, ...]
    tried: str
    buses: tuple[Bus, ...]
    messages: dict[str, Message]
    leaves: tuple[Leaf, ...]
    timeouts_ms: dict[str, int]
    protections: dict[str, Protection]
    wake: Wake | None
    interlocks: dict[str, Interlock]
    commands: dict[str, Command | Unavailable]
    routes: tuple[Route, ...]

    @property
    def received(self) -> list[Message]:
        """The messages that leaves are read from, in the order of bus and id."""
        return _sorted({leaf.message for leaf in self.leaves})

    @property
    def transmitted(self) -> list[Message]:
        """The messages that the gateway sends, in the order of bus and id."""
        sent = {one.message for one in self.commands.values() if isinstance(one, Command)}
        sent.update(frame.message for frame in (self.wake.frames if self.wake else ()))
        return _sorted(sent)


def _sorted(messages: set[Message]) -> list[Message]:
    return sorted(
        messages, key=lambda m: (m.bus, m.definition.is_extended_frame, m.definition.frame_id)
    )
