"""One command under way, and one frame on its way: what the command engine knows of each."""

from gateway.const import const
from gateway.vehicle.arguments import are_always_allowed, translate, unavailable_reason
from gateway.vehicle.receipts import Receipt
from gateway.vehicle.wake import WakeUp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The phases of a command: see gateway.vehicle.commands.
CHECK = const(0)
SAVE = const(1)
SEND = const(2)

NEVER_MS = const(1 << 62)


class Transmission:
    """One frame for a controller, which reports `frame_sent` or `frame_failed` with it."""

    __slots__ = (
        "arbitration_id",
        "bus",
        "command",
        "data",
        "deadline_ms",
        "flags",
        "is_cancelled",
    )

    def __init__(
        self,
        bus: int,
        arbitration_id: int,
        flags: int,
        data: bytes,
        deadline_ms: int,
        command: "Command",
    ) -> None:
        self.bus = bus
        self.arbitration_id = arbitration_id
        self.flags = flags
        self.data = data
        self.deadline_ms = deadline_ms
        self.command = command
        self.is_cancelled = False


class Command:
    """A command under way.

    What begins the same in each stands here as the class's own attribute: making one is quicker.
    sent_ms, last_sent_ms: when the first and the last frame was acknowledged, -1 if none was.
    """

    phase = CHECK
    check_until_ms = NEVER_MS
    confirm_until_ms = NEVER_MS
    sent_ms = last_sent_ms = -1
    outstanding: Transmission | None = None
    is_following = False
    is_over = False

    def __init__(
        self,
        receipt: Receipt,
        spec: "dict[str, Any]",
        wake: "dict[str, Any] | None",
        lifetime_ms: int,
        now_ms: int,
    ) -> None:
        self.receipt = receipt
        self.spec = spec
        self.raw_values: dict[int, int] = {}
        self.conditions: list[list[Any]] = []
        self.unavailable = unavailable_reason(spec, receipt.arguments)
        if self.unavailable is None:
            self.raw_values, self.conditions = translate(spec, receipt.arguments)
        self.interlocks: list[str] = spec["interlocks"]
        if are_always_allowed(spec, receipt.arguments):
            self.interlocks = []
        self.expires_ms = now_ms + lifetime_ms
        self.next_send_ms = now_ms
        self.sends_left: int = spec["count"]
        self.wake = WakeUp(wake)
        self.follow_up: list[Any] | None = spec["follow_up"]
        if self.follow_up and receipt.arguments.get(self.follow_up[0]) != self.follow_up[1]:
            self.follow_up = None

    @property
    def is_whole(self) -> bool:
        """Whether all that the car needs was sent; the repetitions of a frame are not needed."""
        return self.sends_left <= 0 if self.is_following else self.follow_up is None
