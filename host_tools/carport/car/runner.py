"""Puts the car on buses: any that python-can knows.

The ECUs of a bus share one connection, so they do not contend with each other for the bus as they
would in a car; with everybody else they do. A second connection to each bus only listens: in a car
there is always another ECU to acknowledge a frame. The babbler joins with its own while it is on.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import can

from carport.car.car import Car
from carport.car.requests import Press, answer

OpenBus = Callable[[str], can.BusABC]
"""Opens a new connection to the car's bus of this name."""

_LONGEST_WAIT_S = 0.05

_log = logging.getLogger(__name__)


class Runner:
    """A car on its buses, from start to stop; `handle` may be called from any thread.

    buses: those of the car's that exist, all if not given; the first is among them. acknowledges:
    whether to open the second connection to each; where an adapter can be opened only once,
    another node must acknowledge.
    `error` is what ended the run before its time, if anything did.
    """

    def __init__(
        self,
        car: Car,
        open_bus: OpenBus,
        press: Press,
        buses: Iterable[str] | None = None,
        acknowledges: bool = True,
    ) -> None:
        self.error: Exception | None = None
        self._car = car
        self._open_bus = open_bus
        self._press = press
        self._names = tuple(car.buses if buses is None else buses)
        self._acknowledges = acknowledges
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="car", daemon=True)
        self._buses: dict[str, can.BusABC] = {}
        self._listeners: list[can.BusABC] = []
        self._babbler_bus: can.BusABC | None = None
        self._opened = ExitStack()
        self._begin_s = 0.0

    def start(self) -> None:
        """Join the buses, then let time pass in a thread; blocks while connecting.

        Raises:
            can.CanError, OSError: a bus cannot be joined.
        """
        with ExitStack() as opened:
            for name in self._names:
                self._buses[name] = opened.enter_context(self._open_bus(name))
                if self._acknowledges:
                    self._listeners.append(opened.enter_context(self._open_bus(name)))
            self._opened = opened.pop_all()
        self._begin_s = time.monotonic()
        self._thread.start()

    def wait(self) -> None:
        """Wait until the run ends.

        Raises:
            can.CanError, OSError: a bus was lost.
        """
        self._thread.join()
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        """End the thread and leave the buses."""
        self._stopping.set()
        self._thread.join()

    def handle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request (requests.py)."""
        with self._lock:
            return answer(self._car, request, self._press, self._now_s())

    def _now_s(self) -> float:
        return time.monotonic() - self._begin_s

    def _run(self) -> None:
        with self._opened:
            try:
                while not self._stopping.is_set():
                    self._turn()
            except (can.CanError, OSError) as error:
                _log.error("the car lost its bus: %s", error)
                self.error = error
            finally:
                self._leave_babbling()

    def _turn(self) -> None:
        with self._lock:
            now_s = self._now_s()
            messages = self._car.step(now_s)
            babble = self._car.babbler.step(now_s)
            is_babbling = self._car.babbler.is_on
            due = (self._car.next_s(), self._car.babbler.next_s(), now_s + _LONGEST_WAIT_S)
        for message in messages:
            if message.channel in self._buses:
                self._buses[str(message.channel)].send(message)
        if is_babbling:
            self._babble(babble)
        else:
            self._leave_babbling()
        first = self._car.command_bus
        wake_s = min(each for each in due if each is not None)
        self._hear(first, self._buses[first].recv(max(wake_s - self._now_s(), 0.0)))
        for name, bus in self._buses.items():
            while self._hear(name, bus.recv(0)):
                pass
        for bus in self._listeners:
            _discard(bus)

    def _hear(self, name: str, message: can.Message | None) -> bool:
        if message is None:
            return False
        message.channel = name
        with self._lock:
            self._car.receive(message, self._now_s())
        return True

    def _babble(self, messages: Iterable[can.Message]) -> None:
        if self._babbler_bus is None:
            try:
                self._babbler_bus = self._open_bus(self._car.babbler.bus)
            except (can.CanError, OSError) as error:
                _log.error("the babbler cannot join the bus: %s", error)
                with self._lock:
                    self._car.clear_faults("babbler")
                return
        for message in messages:
            self._babbler_bus.send(message)
        _discard(self._babbler_bus)

    def _leave_babbling(self) -> None:
        if self._babbler_bus is not None:
            self._babbler_bus.shutdown()
            self._babbler_bus = None


def _discard(bus: can.BusABC) -> None:
    while bus.recv(0) is not None:
        pass
