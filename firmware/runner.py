"""The loop around the core: it knows time, IO and saving.

A turn waits until a source has something or the core's deadline has come, hands it to the core,
and then does what the core asks, in this order:

    cancels -> saves -> saved -> frames -> routed -> datagrams -> logs

Rules:

1. It waits in one `select.poll`, without a task, an allocation or a polling sleep for a wake-up.
   Each source that is ready gets one go a turn, so none starves the others.
2. A save that fails is tried again with the next one or after a second, and nothing that depends
   on it leaves meanwhile; the core hears of it, and refuses what would need one. None is begun
   while a frame waits for its acknowledgement, up to its deadline: during a flash erase it could
   not be taken back.
3. Garbage is collected between two inputs, but not between a command's arrival and its frame: once
   there are 24 KiB of it if nothing is ready, once there are 48 KiB if something is; sooner on a
   heap with less room, so that the largest input still finds 12 KiB. So it does not run full on
   the way to a frame, and what lives long stays close together: the rest is in one piece, for
   datagrams of a kilobyte.
   It is estimated, for to measure it takes as long as a third of a request: 8 KiB for each
   datagram that comes; 2 KiB for each that leaves, and 1 KiB for each 32 bytes of it; 1 KiB for
   each turn of the timer. CAN frames make none, but for those of the emulated bus, which are text.
   `gc.threshold` keeps its default: MicroPython collects by itself only when the heap is full.
4. An error costs its input, not the gateway: it is logged with its trace. Too many in a minute,
   and the board is reset. The watchdog is fed after a turn without one (firmware/health.py); but
   for those that the trial of an update excuses.
5. After a wipe the board starts again, half a second later; and when the core wants it.
6. It sleeps when its `sleeper` says so, once nothing is left to be saved.
"""

import gc
import select
import sys

from firmware.cable import PEER
from firmware.health import LONGEST_WAIT_MS
from gateway.const import const
from gateway.vault.records import WIPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from firmware.cable import Cable
    from firmware.can_bus import CanBus
    from firmware.clock import Clock
    from firmware.health import Health
    from firmware.led import Led
    from firmware.no_gateway import NoGateway
    from firmware.sleeper import Sleeper
    from firmware.storage import Storage
    from firmware.udp import Udp
    from gateway.core import Gateway
    from gateway.vault.records import Save

    class Source(Protocol):
        """Where input comes from: `stream` can be polled, `handle` passes some of it on."""

        stream: Any

        def handle(self, now_ms: int) -> None: ...


_SAVE_AGAIN_MS = const(1000)
_IDLE_GARBAGE_KIB = const(24)
_BUSY_GARBAGE_KIB = const(48)
_INPUT_KIB = const(8)
_NEEDED_KIB = const(12)
_ANSWER_KIB = const(2)
_KIB = 2048 if sys.maxsize >> 32 else 1024  # of a heap of 64 bits, where all takes twice as much
_ENOSPC = const(28)  # littlefs's and Linux's; MicroPython's errno does not name it
_LEAVING_MS = const(500)  # after a wipe, for the answer to it


class Runner:
    """Runs a core.

    Args:
        log: takes a line of text; the cable gets each as well.
        reset: restarts the board; does not return.
        udp: where datagrams leave that are not for the cable; None if there is only the cable.
        buses: the controllers, in the order of the core's buses.
        health: is told of each turn, and of each error.

    Attributes:
        sleeper: decides when the board sleeps; None if it never does.
        led: shows how the board is; None if it has none.
    """

    def __init__(
        self,
        gateway: "Gateway | NoGateway",
        clock: "Clock",
        storage: "Storage | None",
        log: "Callable[[str], object]",
        reset: "Callable[[], object]",
        udp: "Udp | None",
        cable: "Cable",
        buses: "list[CanBus]",
        health: "Health",
    ) -> None:
        self._gateway: Any = gateway
        self._now_ms = clock.now_ms
        self._storage = storage
        self._log_line = log
        self._reset = reset
        self._send = None if udp is None else udp.send
        self._cable = cable
        self._buses = buses
        self._health = health
        self._poll = select.poll()
        self._handlers: dict[int, tuple[Callable[[int], None], int, bool]] = {}
        self._failed = 0  # the number of the newest change when saving failed, 0 if it did not
        self._save_again_ms = 0
        self._leave_ms: int | None = None
        self._is_armed = False
        self.sleeper: Sleeper | None = None
        self.led: Led | None = None
        self._garbage_kib = 0
        self._idle_kib = _IDLE_GARBAGE_KIB
        self._busy_kib = _BUSY_GARBAGE_KIB
        if udp is not None:
            self.add(udp)
        self.add(cable)
        for bus in buses:
            self.add(bus, bus.garbage_kib, False)

    def add(
        self, source: "Source", garbage_kib: int = _INPUT_KIB, is_somebody: bool = True
    ) -> None:
        """Wait for this source too.

        garbage_kib: what each of its inputs makes. is_somebody: somebody sends them, not the car.
        """
        self._poll.register(source.stream, select.POLLIN)
        self._handlers[id(source.stream)] = source.handle, garbage_kib, is_somebody

    def run(self) -> None:
        """Run until the board is reset or a source ends the program."""
        self._collect()
        for bus in self._buses:
            bus.start(self._now_ms())
        self._settle()
        while True:
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - whatever it is, the gateway goes on
                self._note_error(error)

    def turn(self) -> None:
        """Wait for something to do, and do it; one source's error keeps no other from its go."""
        now_ms = self._now_ms()
        wait_ms = self._wait_ms(now_ms)
        is_well = True
        if wait_ms <= 0:
            if self._leave_ms is not None and now_ms >= self._leave_ms:
                self._reset()
            self._gateway.handle_timer(now_ms)
            for bus in self._buses:
                bus.handle_timer(now_ms)
            self._garbage_kib += 1
            self._settle()
            if self._gateway.wants_restart and not self._failed:
                self._reset()
            wait_ms = 0
        if self._failed:
            if now_ms >= self._save_again_ms:
                self._settle()
            wait_ms = min(wait_ms, max(self._save_again_ms - now_ms, 0))
        if self._garbage_kib >= self._idle_kib and not self._gateway.is_urgent:
            wait_ms = 0
        is_idle = True
        handlers = self._handlers
        for ready in self._poll.ipoll(wait_ms):
            is_idle = False
            handle, garbage_kib, is_somebody = handlers[id(ready[0])]
            self._garbage_kib += garbage_kib
            come_ms = self._now_ms()
            try:
                handle(come_ms)
                self._settle()
            except Exception as error:  # noqa: BLE001 - as above
                if not self._note_error(error, come_ms if is_somebody else None):
                    is_well = False
        if is_well:
            self._health.turn_was_well(now_ms)
        sleeper = self.sleeper
        if sleeper is not None and now_ms >= sleeper.due_ms and sleeper.may_sleep(now_ms):
            self._rest(sleeper)
        led = self.led
        if led is not None and now_ms >= led.due_ms:
            led.handle_timer(now_ms)
        if (
            self._garbage_kib >= (self._idle_kib if is_idle else self._busy_kib)
            and not self._gateway.is_urgent
        ):
            self._collect()

    def _rest(self, sleeper: "Sleeper") -> None:
        """Sleep, unless something is left that cannot be saved."""
        self._gateway.rest(self._now_ms())
        self._settle()
        if not self._failed and not self._gateway.saves():
            if self.led is not None:
                self.led.put_out()
            sleeper.sleep(self._now_ms())

    def _collect(self) -> None:
        """Collect, and see how much garbage there is room for."""
        gc.collect()
        self._garbage_kib = 0
        free_kib = gc.mem_free() // _KIB
        self._busy_kib = min(_BUSY_GARBAGE_KIB, max(free_kib - _NEEDED_KIB, 1))
        self._idle_kib = min(_IDLE_GARBAGE_KIB, self._busy_kib)

    def _wait_ms(self, now_ms: int) -> int:
        """Return how long there is nothing to do; 0 or less if a deadline has come."""
        wait_ms = LONGEST_WAIT_MS
        if self._leave_ms is not None:
            wait_ms = min(wait_ms, self._leave_ms - now_ms)
        if self.sleeper is not None:
            wait_ms = min(wait_ms, max(self.sleeper.due_ms - now_ms, 1))
        if self.led is not None:
            wait_ms = min(wait_ms, max(self.led.due_ms - now_ms, 1))
        timeout_ms = self._gateway.next_timeout()
        if timeout_ms is not None:
            wait_ms = min(wait_ms, timeout_ms - now_ms)
        for bus in self._buses:
            timeout_ms = bus.next_timeout()
            if timeout_ms is not None:
                wait_ms = min(wait_ms, timeout_ms - now_ms)
            if bus.waits_until_ms > now_ms:
                wait_ms = min(wait_ms, bus.waits_until_ms - now_ms)
        return wait_ms

    def _settle(self) -> None:
        """Do what the core asks for."""
        gateway = self._gateway
        if gateway.is_armed != self._is_armed:
            self._arm(gateway.is_armed)
        is_quiet = gateway.is_quiet
        if not is_quiet:
            self._save_and_transmit()
        for data, peer in gateway.datagrams():
            self._garbage_kib += _ANSWER_KIB + (len(data) >> 5)
            if peer is PEER:
                self._cable.send(data)
            elif self._send is not None:
                self._send(data, peer)
        if not is_quiet:
            for line in gateway.logs():
                self._log(line)

    def _save_and_transmit(self) -> None:
        """Do what the core asks for before its answers may leave."""
        gateway = self._gateway
        while True:
            for transmission in gateway.cancels():
                self._buses[transmission.bus].cancel(transmission)
            saves = self._saves_to_do()
            while saves:
                self._save(saves)
                saves = self._saves_to_do()
            frames = gateway.frames()
            if not frames:
                break
            for transmission in frames:
                self._buses[transmission.bus].send(transmission, self._now_ms())
        if gateway.is_routing:
            self._route()

    def _saves_to_do(self) -> "list[Save]":
        """Return the core's saves: none while a frame of a command could outlast its deadline,
        nor, if they failed, before there is a newer one or the time to try again.
        """
        for bus in self._buses:
            if bus.waits_until_ms and bus.waits_until_ms > self._now_ms():
                return []
        saves: list[Save] = self._gateway.saves()
        is_newest = saves and saves[-1][0] == self._failed
        return [] if is_newest and self._now_ms() < self._save_again_ms else saves

    def _route(self) -> None:
        """Give frames of one bus to the controller of another."""
        frame = self._gateway.routed(self._now_ms())
        while frame is not None:
            self._garbage_kib += 1
            self._buses[frame.bus].send(frame, self._now_ms())
            frame = self._gateway.routed(self._now_ms())

    def _arm(self, is_armed: bool) -> None:
        """Let the controllers take part in their buses, or only listen; they begin so."""
        for bus in self._buses:
            bus.set_armed(is_armed, self._now_ms())
        self._is_armed = is_armed

    def _save(self, saves: "list[Save]") -> None:
        """Make the saves durable, in their order, or as many as storage takes."""
        done = 0
        failure = None
        assert self._storage is not None
        try:
            for number, name, data in saves:
                self._storage.save(name, data)
                done = number
        except OSError as error:
            failure = error
        now_ms = self._now_ms()
        self._failed = 0
        if done:
            self._gateway.saved(done, now_ms)
        if failure is not None:
            self._log(f"saving {name} failed ({failure}): trying again")
            self._gateway.saving_failed(failure.errno == _ENOSPC, now_ms)
            self._failed = self._gateway.saves()[-1][0]  # it has put others in their place, maybe
            self._save_again_ms = now_ms + _SAVE_AGAIN_MS
        elif name == WIPE:
            self._leave_ms = now_ms + _LEAVING_MS

    def _note_error(self, error: Exception, come_ms: "int | None" = None) -> bool:
        """Note an error; come_ms: when a request came that it is about, None if it is about none.

        Returns:
            Whether it is excused, so that the turn was well.
        """
        gateway = self._gateway
        return self._health.note_error(error, self._now_ms(), gateway.counters, self._log, come_ms)

    def _log(self, line: str) -> None:
        self._log_line(line)
        self._cable.log(line)
