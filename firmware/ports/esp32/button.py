"""The board's button, which pulls its pin to ground: how long it was pressed.

    up ── falls ──▶ down ── rises ──▶ let go ── 20 ms pass ──▶ told, and up again
                      ▲                  │
                      └── falls again ───┘  a contact that bounces, or a spark of the car's

So what bounces prolongs a press and makes no others, and nothing waits meanwhile: select.poll asks
a stream in Python again and again, and gets its answer once the time is over. What is too short
for a press, the core knows. Not run on a board yet.
"""

import io
import time

import machine

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.no_gateway import NoGateway
    from gateway.core import Gateway

_MP_STREAM_POLL = const(3)
_MP_STREAM_POLL_RD = const(1)
_BOUNCE_MS = const(20)

_UP = const(0)
_DOWN = const(1)
_LET_GO = const(2)


class Button(io.IOBase):
    """Tells the core of each press; polls readable when there is one to tell."""

    def __init__(self, pin: machine.Pin, gateway: "Gateway | NoGateway") -> None:
        self.stream = self
        self._gateway = gateway
        self._state = _UP if pin.value() else _DOWN
        self._pressed_ms = self._let_go_ms = time.ticks_ms()
        pin.irq(self._interrupt, machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING)

    def handle(self, now_ms: int) -> None:
        """Tell the core."""
        self._state = _UP
        self._gateway.press_button(time.ticks_diff(self._let_go_ms, self._pressed_ms), now_ms)

    def ioctl(self, request: int, argument: int) -> int:
        """Answer `select.poll`."""
        if request != _MP_STREAM_POLL:
            return -1
        return argument & _MP_STREAM_POLL_RD if self._state == _LET_GO and self._rests() else 0

    def _rests(self) -> bool:
        return time.ticks_diff(time.ticks_ms(), self._let_go_ms) >= _BOUNCE_MS

    def _interrupt(self, pin: machine.Pin) -> None:
        if not pin.value():
            if self._state != _LET_GO or self._rests():
                self._pressed_ms = time.ticks_ms()
            self._state = _DOWN
        elif self._state == _DOWN:
            self._let_go_ms = time.ticks_ms()
            self._state = _LET_GO
