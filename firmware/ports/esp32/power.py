"""Deep sleep and the 12 V battery on an ESP32. Not run on a board yet.

The board's description may say

    wake          the pin that goes low when the car's bus wakes up: an MCP2515's INT, or the RX of
                  a transceiver that stays on
    supply_sense  {"pin", "divider"}: the 12 V, divided by so much, at a pin of ADC 1
    stay_on       {"pin", "level"}: what keeps its own supply on

A pin that wakes must be one of the chip's RTC pins. An ESP32 and an S3 watch `wake` by EXT0 and
the button by EXT1; a C6 has EXT1 alone, where any of the two wakes. The button's pull-up is the
board's own: the chip's are off in deep sleep.

In deep sleep a pin floats, unless it is held: `stay_on`, the LED, which is dark, and CS and RESET
of an MCP2515, which would wake it. A hold outlives the sleep, until the next start has set the pin
to that same level. An RTC pin of an ESP32 or an S3 can be held, and any pin of a C6. For the other
pins there was esp32.gpio_deep_sleep_hold, which MicroPython 1.29 has on none of these chips: they
need a resistor.

Source: docs.micropython.org/en/v1.29.0, library/esp32.html and library/machine.html; ESP-IDF's
"Sleep Modes" and gpio_hold_en; MicroPython's ports/esp32/machine_pin.c: hold.
"""

import time

import esp32
import machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.ports.esp32.wireless import Wireless

_SAMPLES = 16


class PowerPort:
    """What firmware/sleeper.py needs of a board; see firmware/ports/unix/power.py.

    hardware: the board's description. kept: what the real-time clock's memory held at the start.
    wireless: the radio, once it is on; it is turned off before a sleep.
    """

    pace = 1

    def __init__(self, hardware: "dict[str, Any]", button: machine.Pin, kept: bytes) -> None:
        self.wireless: Wireless | None = None
        self._button = button
        self._button_number: int = hardware["button"]
        self._wake: machine.Pin | None = None
        if "wake" in hardware:
            self._wake = machine.Pin(hardware["wake"], machine.Pin.IN)
        self._sense: machine.ADC | None = None
        if "supply_sense" in hardware:
            pin = machine.Pin(hardware["supply_sense"]["pin"])
            self._sense = machine.ADC(pin, atten=machine.ADC.ATTN_11DB)
            self._divider: float = hardware["supply_sense"]["divider"]
        self._held = _held_pins(hardware)
        self._hold(False)
        self.woken_by = ""
        self.kept = b""
        if machine.reset_cause() == machine.DEEPSLEEP_RESET:
            self.woken_by = self._what_woke()
            self.kept = kept

    def supply_mv(self) -> "int | None":
        """Return the 12 V battery's voltage, None if the board cannot measure it."""
        if self._sense is None:
            return None
        microvolts = 0
        for _ in range(_SAMPLES):
            microvolts += self._sense.read_uv()
        return int(microvolts // _SAMPLES * self._divider) // 1000

    def rtc_s(self) -> int:
        """Return the clock that runs on in deep sleep."""
        return int(time.time())

    def sleep(self, duration_s: int, kept: bytes, is_bus_watched: bool) -> None:
        """Sleep so long, unless the button wakes the board sooner, or the bus if it may."""
        if self.wireless is not None:
            self.wireless.turn_off()
        machine.RTC().memory(kept)
        self._watch_pins(is_bus_watched)
        self._hold(True)
        machine.deepsleep(1000 * duration_s)

    def _watch_pins(self, is_bus_watched: bool) -> None:
        """Let these pins end the sleep, as far as the chip can watch them."""
        pins = [self._button]
        if self._wake is not None and is_bus_watched:
            if hasattr(esp32, "wake_on_ext0"):
                esp32.wake_on_ext0(self._wake, esp32.WAKEUP_ALL_LOW)
            else:
                pins.append(self._wake)
        watched: list[machine.Pin] = []
        for pin in pins:
            try:
                esp32.wake_on_ext1(watched + [pin], esp32.WAKEUP_ALL_LOW)
                watched.append(pin)
            except ValueError:  # this pin cannot wake: it stays with the others
                pass

    def _hold(self, is_held: bool) -> None:
        """Set the pins to the level that they have in a sleep; hold them there, or let go."""
        for pin, level in self._held:
            machine.Pin(pin, machine.Pin.OUT, value=level, hold=is_held)  # type: ignore[call-arg]

    def _what_woke(self) -> str:
        reason = machine.wake_reason()
        if reason == machine.TIMER_WAKE:
            return "timer"
        if reason != machine.EXT1_WAKE:
            return "bus"
        if hasattr(esp32, "wake_on_ext0"):  # then EXT1 is the button's alone
            return "button"
        wake_pins = getattr(machine, "wake_pins", tuple)  # MicroPython 1.26 cannot tell
        return "button" if self._button_number in wake_pins() else "bus"


def _held_pins(hardware: "dict[str, Any]") -> "list[tuple[int, int]]":
    """Return the pins that must not float in a sleep, each with its level."""
    held: list[tuple[int, int]] = []
    if "stay_on" in hardware:
        held.append((hardware["stay_on"]["pin"], hardware["stay_on"]["level"]))
    for wiring in hardware["can"]:
        held.extend([(wiring[name], 1) for name in ("cs", "reset") if name in wiring])
    if isinstance(hardware.get("led"), int):
        held.append((hardware["led"], 0))
    return held
