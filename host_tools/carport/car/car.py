"""The whole car, sans-IO: its ECUs, what they draw from the battery, their sleep, their faults."""

from math import ceil
from pathlib import Path
from random import Random
from typing import ClassVar

import can

from carport.car.babbler import Babbler
from carport.car.battery import Battery
from carport.car.body import Body
from carport.car.cabin import World
from carport.car.climate import RESERVE_PERCENT, Climate
from carport.car.drivetrain import Drivetrain
from carport.car.ecu import Ecu
from carport.car.faults import FAULTS
from carport.car.profile import CarError, Profile
from carport.car.sleep import DEFAULT_SLEEP_AFTER_S, Sleep

_LONGEST_STEP_S = 1.0


class Car:
    """A car as its profile's folder describes it; equal seeds make equal cars.

    Times are seconds since the car was made, and never go back. It starts awake, unlocked, in
    Park, with everything closed and off. Each kind of car has its own ECUs and way to wake up.
    """

    imitated: ClassVar[str]
    """The command that a broken node imitates."""
    unknown_faults: ClassVar[frozenset[str]] = frozenset()
    """Those that this kind of car cannot have."""
    buses: tuple[str, ...]
    """The gateway's first, in the order of its profile; it commands the car on the first."""
    body: Body
    climate: Climate
    battery: Battery
    drivetrain: Drivetrain

    def __init__(
        self,
        folder: Path,
        seed: int,
        sleep_after_s: float = DEFAULT_SLEEP_AFTER_S,
        time_scale: float = 1.0,
    ) -> None:
        self.profile = Profile(folder)
        random = Random(f"{seed}/world")
        self.world = World(random.uniform(-8, 8), random.uniform(0, 200), time_scale)
        self.sleep = Sleep(sleep_after_s)
        self.faults: set[tuple[str, str]] = set()
        self.make_ecus(seed)
        self.babbler = Babbler(self.profile.message(self.imitated).frame_id, self.command_bus)
        self.ecus: dict[str, Ecu] = {ecu.node: ecu for ecu in self.all_ecus()}
        self._now_s = 0.0
        for ecu in self.ecus.values():
            ecu.start(0.0)

    @property
    def command_bus(self) -> str:
        """The bus that the gateway commands the car on."""
        return self.buses[0]

    def make_ecus(self, seed: int) -> None:
        """Set the buses, and make body, climate, battery and drivetrain."""
        raise NotImplementedError

    def all_ecus(self) -> tuple[Ecu, ...]:
        """Return what the car is made of."""
        return self.body, self.climate, self.battery, self.drivetrain

    def hear_asleep(self, message: can.Message, now_s: float) -> None:
        """Take a frame while the car sleeps."""
        raise NotImplementedError

    def hear_wake_up(self, message: can.Message, now_s: float) -> bool:
        """Take a frame, if it is about waking only; return whether it was."""
        raise NotImplementedError

    def receive(self, message: can.Message, now_s: float) -> None:
        """Take a frame that another node sent; `channel` names the bus it was on."""
        self.advance(now_s)
        if not self.sleep.is_awake:
            self.hear_asleep(message, now_s)
            return
        is_data = not (message.is_remote_frame or message.is_error_frame)
        if message.is_extended_id or not is_data or message.channel != self.command_bus:
            return
        if self.hear_wake_up(message, now_s):
            return
        heard = [ecu.receive(message, now_s) for ecu in self.ecus.values()]
        if any(heard):
            self.touch(now_s)

    def step(self, now_s: float) -> list[can.Message]:
        """Return the messages that are due; `channel` names the bus of each."""
        self.advance(now_s)
        return [message for ecu in self.ecus.values() for message in ecu.step(now_s)]

    def next_s(self) -> float | None:
        """Return when `step` has something to do, None while the car sleeps."""
        if not self.sleep.is_awake:
            return None
        due = [ecu.next_s() for ecu in self.ecus.values()]
        return min([self.sleep.next_s(), *(each for each in due if each is not None)])

    def touch(self, now_s: float) -> None:
        """Wake the car, or keep it awake."""
        if self.sleep.touch(now_s):
            for ecu in self.ecus.values():
                ecu.start(now_s)

    def advance(self, now_s: float) -> None:
        """Let the time pass up to now_s."""
        was_in_use = self.is_in_use()
        begin_s = self._now_s
        steps = ceil((now_s - begin_s) / _LONGEST_STEP_S)
        for step in range(steps):
            elapsed_s = (now_s - begin_s) / steps
            self.advance_step(elapsed_s, begin_s + elapsed_s * (step + 1))
        self._now_s = now_s
        if was_in_use or self.is_in_use():
            self.touch(now_s)
        elif self.sleep.is_due(now_s):
            self.fall_asleep()

    def advance_step(self, elapsed_s: float, now_s: float) -> None:
        """Let a second at most pass, up to now_s."""
        self.body.advance(now_s)
        self.drivetrain.advance(elapsed_s, now_s)
        self.climate.has_power = self.battery.charge_percent >= RESERVE_PERCENT
        self.climate.advance(elapsed_s, now_s)
        self.battery.advance(
            elapsed_s,
            self.climate.electric_w + self.drivetrain.drawn_w,
            self.drivetrain.is_on or self.climate.is_running,
        )

    def is_in_use(self) -> bool:
        """Tell whether something in it is on, or open."""
        return self.body.is_open or self.climate.is_running or self.drivetrain.is_in_use

    def fall_asleep(self) -> None:
        """Fall asleep now."""
        self.sleep.is_awake = False
        for ecu in self.ecus.values():
            ecu.stop()

    def set_fault(self, name: str, place: str | None = None) -> tuple[str, str]:
        """Break something; return its name and place.

        Raises:
            CarError: there is no such fault or place.
        """
        if name not in FAULTS:
            raise CarError(f"there is no fault {name}: `carport sim fault list` has them all")
        places = FAULTS[name].places or ("",)
        chosen = places[0] if place is None else place
        if chosen not in places:
            raise CarError(f"{name} takes one of {', '.join(places)}, not {chosen}")
        self._apply(name, chosen, True)
        self.faults.add((name, chosen))
        return name, chosen

    def clear_faults(self, name: str | None = None) -> None:
        """Repair what has this name, or everything."""
        for each in sorted(self.faults):
            if name in (None, each[0]):
                self.faults.remove(each)
                self._apply(*each, False)

    def _apply(self, name: str, place: str, is_broken: bool) -> None:
        part = place.title().replace("-", "")
        if name in self.unknown_faults:
            raise CarError(f"{name} is no fault that this car can have")
        if name == "silent":
            self.ecus[part].is_silent = is_broken
        elif name == "wrong-checksums":
            self.ecus[part].has_wrong_checksums = is_broken
        elif name == "frozen-counters":
            self.ecus[part].has_frozen_counters = is_broken
        elif name == "stuck-lock":
            if part not in self.body.locks:
                raise CarError(f"this car has no lock of its own at {place}")
            self.body.locks[part].is_stuck = is_broken
        elif name == "door-ajar":
            if part not in self.body.opened:
                raise CarError(f"this car does not tell whether {place} is open")
            (self.body.ajar.add if is_broken else self.body.ajar.discard)(part)
        elif name == "low-battery":
            self.battery.is_low = is_broken
        elif name == "babbler":
            self.babbler.is_on = is_broken
        else:
            self.climate.is_faulty = is_broken
