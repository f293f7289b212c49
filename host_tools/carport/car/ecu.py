"""What every ECU does: send its messages on time, and take its commands only if they are sound.

- A message is sent each period, and one of `event_messages` also at once when a signal in it
  changed, though never within 20 ms of the last one. The period jitters by 2 %.
- Starting takes an ECU 30 to 80 ms; what it is told meanwhile is lost.
- A command counts if its checksum is right and its counter, if it has one, is not that of the last
  one taken; what does not count is ignored, and counted.
"""

from collections.abc import Mapping
from random import Random
from typing import ClassVar

import can
from cantools.database.can import Message

from carport.car.profile import Profile, SignalValue, decode
from carport.car.protection import Protection

_JITTER = 0.02
_EVENT_GAP_S = 0.02
_START_MIN_S = 0.03
_START_MAX_S = 0.08
_SPREAD_S = 0.02


class Ecu:
    """An ECU: `node` in the DBC, which sends the messages of `periods_s` and obeys `command`."""

    node: ClassVar[str]
    periods_s: ClassVar[Mapping[str, float]]
    event_messages: ClassVar[frozenset[str]] = frozenset()
    command: ClassVar[str | None] = None
    computed: ClassVar[frozenset[str]] = frozenset()
    """Signals that follow from others, so that nobody can set them."""
    buses: tuple[str, ...]
    """Where its messages are sent, unless `buses_of` says otherwise."""

    _command: Message | None = None
    _command_protection: Protection

    def __init__(self, profile: Profile, seed: int) -> None:
        self.random = Random(f"{seed}/{self.node}")
        self.is_silent = False
        self.has_wrong_checksums = False
        self.has_frozen_counters = False
        self.ignored_commands = 0
        self._messages = {name: profile.message(name) for name in self.periods_s}
        self._protections = {name: profile.protection(name) for name in self.periods_s}
        if self.command is not None:
            self._command = profile.message(self.command)
            self._command_protection = profile.protection(self.command)
        self._command_counter: SignalValue | None = None
        self._counters = dict.fromkeys(self.periods_s, 0)
        self._sent: dict[str, tuple[float, dict[str, SignalValue]]] = {}
        self._due_s: dict[str, float] = {}
        self._ready_s: float | None = None

    def start(self, now_s: float) -> None:
        """Wake up: the first messages follow in 30 to 100 ms."""
        self._ready_s = now_s + self.random.uniform(_START_MIN_S, _START_MAX_S)
        self._command_counter = None
        for name in self.periods_s:
            self._due_s[name] = self._ready_s + self.random.uniform(0, _SPREAD_S)

    def stop(self) -> None:
        """Fall asleep: send nothing, hear nothing."""
        self._ready_s = None
        self._due_s.clear()
        self._sent.clear()

    def next_s(self) -> float | None:
        """Return when this ECU wants `step` to be called, None while it sleeps."""
        return min(self._due_s.values(), default=None)

    def step(self, now_s: float) -> list[can.Message]:
        """Return the messages that are due."""
        if self._ready_s is None or now_s < self._ready_s:
            return []
        signals = self.signals()
        for name in self.event_messages & self._sent.keys():
            sent_s, was = self._sent[name]
            if any(signals[each] != value for each, value in was.items()):
                self._due_s[name] = min(self._due_s[name], max(now_s, sent_s + _EVENT_GAP_S))
        messages = []
        for name in self.periods_s:
            if self._due_s[name] <= now_s:
                messages += self._send(name, signals, now_s)
        return [] if self.is_silent else messages

    def receive(self, message: can.Message, now_s: float) -> bool:
        """Take a message from the bus; return whether it was a command that counts."""
        if self._command is None or message.arbitration_id != self._command.frame_id:
            return False
        if self._ready_s is None or now_s < self._ready_s or self.is_silent:
            return False
        data = bytes(message.data)
        if len(data) == self._command.length and self._command_protection.is_sound(data):
            request = decode(self._command, data)
            counter = request.get("Counter")
            if counter is None or counter != self._command_counter:
                self._command_counter = counter
                return self.obey(request, now_s)
        self.ignored_commands += 1
        return False

    def signals(self) -> dict[str, SignalValue]:
        """Return what this ECU says now: all signals of its messages but checksum and counter."""
        raise NotImplementedError

    def obey(self, request: dict[str, SignalValue], now_s: float) -> bool:
        """Do what a sound command asks; return whether it means anything to this ECU."""
        raise NotImplementedError

    def set(self, signal: str, value: SignalValue, now_s: float) -> None:
        """Make a signal so, as if somebody in the car had done it; not one of `computed`."""
        raise NotImplementedError

    def buses_of(self, message: str) -> tuple[str, ...]:
        """Return where a message is sent."""
        return self.buses

    def _send(self, name: str, signals: dict[str, SignalValue], now_s: float) -> list[can.Message]:
        message = self._messages[name]
        said = {each.name: signals[each.name] for each in message.signals if each.name in signals}
        self._sent[name] = now_s, said
        period_s = self.periods_s[name] * self.random.uniform(1 - _JITTER, 1 + _JITTER)
        next_s = self._due_s[name] + period_s
        self._due_s[name] = next_s if next_s > now_s else now_s + period_s
        protection = self._protections[name]
        if not self.has_frozen_counters:
            self._counters[name] = (self._counters[name] + 1) % protection.counter_modulus
        blank = {each.name: 0 for each in message.signals if each.name not in said}
        if "Counter" in blank:
            blank["Counter"] = self._counters[name]
        data = bytearray(protection.seal(message.encode({**blank, **said})))
        if self.has_wrong_checksums:
            data[0] ^= 0xFF
        return [
            can.Message(
                arbitration_id=message.frame_id, is_extended_id=False, data=data, channel=bus
            )
            for bus in self.buses_of(name)
        ]
