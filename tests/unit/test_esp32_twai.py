"""The ESP32's own CAN controller, by its shim: it takes no frame back, and none is sent late."""

from typing import Any

from firmware.can_bus import CanBus
from firmware.ports.esp32.wakeup import Wakeup
from tests.shims.twai import CAN
from tests.unit.test_firmware_can_bus import Core, Frame

BITRATE = 500_000
READABLE = 1


class Bus:
    """A controller that is armed, and the core's end of it."""

    def __init__(self) -> None:
        self.core = Core()
        self.can = CAN(1, BITRATE, CAN.MODE_SILENT)
        self.wakeup = Wakeup()
        core: Any = self.core
        self.bus = CanBus(core, 0, self.can, BITRATE, self.wakeup, [])  # type: ignore[arg-type]
        self.bus.set_armed(True, 0)
        self.core.told.clear()

    def send(self, arbitration_id: int) -> Any:
        frame: Any = Frame(arbitration_id)
        self.bus.send(frame, 1)
        return frame

    @property
    def is_ready(self) -> bool:
        return self.wakeup.ioctl(3, READABLE) == READABLE


def test_a_frame_that_nobody_acknowledges_is_forgotten_when_it_is_taken_back() -> None:
    bus = Bus()
    bus.can.is_acknowledged = False
    late, other = bus.send(0x100), bus.send(0x101)
    bus.can.run()
    bus.bus.cancel(late)
    assert bus.is_ready
    bus.bus.handle(5)
    bus.can.is_acknowledged = True
    bus.can.run()
    assert bus.can.sent == []
    assert bus.core.told == [("failed", 0x100, 5), ("failed", 0x101, 5)]
    assert (bus.can.mode, bus.can.bitrate) == (CAN.MODE_NORMAL, BITRATE)
    assert other is not late


def test_after_that_it_sends_and_receives_again() -> None:
    bus = Bus()
    bus.can.is_acknowledged = False
    bus.bus.cancel(bus.send(0x100))
    bus.bus.handle(5)
    bus.core.told.clear()
    bus.can.is_acknowledged = True
    bus.send(0x102)
    bus.can.run()
    bus.can.deliver(0x200, b"\x01")
    assert bus.is_ready
    bus.bus.handle(6)
    assert bus.core.told == [("received", 0, 0x200, 6), ("sent", 0x102, 6)]
    assert not bus.is_ready


def test_a_frame_that_was_sent_in_time_was_not_taken_back() -> None:
    bus = Bus()
    frame = bus.send(0x100)
    bus.can.run()
    bus.bus.cancel(frame)
    bus.bus.handle(5)
    assert bus.can.sent == [(0x100, b"\x01")]
    assert bus.core.told == [("sent", 0x100, 5)]


def test_it_takes_one_filter_or_everything() -> None:
    can = CAN(1, BITRATE, CAN.MODE_SILENT)
    filters = [(0x100, 0x7FF, 0), (0x110, 0x7FF, 0)]
    core: Any = Core()
    CanBus(core, 0, can, BITRATE, Wakeup(), filters)  # type: ignore[arg-type]
    can.deliver(0x110, b"")
    assert len(can.received) == 1
