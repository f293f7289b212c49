"""The Leaf: the telematics unit wakes it, with one frame before 2016, with two from then on.

    asleep ── TCU_Wake ──▶ dozing ── TCU_Command Wake, or any command ──▶ awake
    asleep ◀── 1 s without it ──┘

Before 2016 the first frame is enough.
"""

from typing import ClassVar

import can

from carport.car import car
from carport.car.leaf.body import Body
from carport.car.leaf.buses import CAR_BUS, EV_BUS
from carport.car.leaf.climate import Climate
from carport.car.leaf.powertrain import Battery, Drivetrain
from carport.car.profile import decode

_DOZE_S = 1.0
_FIRST_FAHRENHEIT_FREE_YEAR = 2018
_FIRST_CAR_BUS_YEAR = 2016


class Car(car.Car):
    """The car of the profiles `leaf-YEAR`."""

    imitated: ClassVar = "TCU_Command"
    unknown_faults = frozenset({"wrong-checksums", "frozen-counters"})

    body: Body

    def make_ecus(self, seed: int) -> None:
        year = int(self.profile.name.removeprefix("leaf-"))
        self._needs_both = year >= _FIRST_CAR_BUS_YEAR
        self.buses = (CAR_BUS, EV_BUS) if self._needs_both else (EV_BUS, CAR_BUS)
        tells_fahrenheit = year < _FIRST_FAHRENHEIT_FREE_YEAR
        self.body = Body(self.profile, seed)
        self.climate = Climate(self.profile, seed, self.world, tells_fahrenheit)
        self.battery = Battery(self.profile, seed)
        self.drivetrain = Drivetrain(self.profile, seed)
        self._wake = self.profile.message("TCU_Wake")
        self._command = self.profile.message("TCU_Command")
        self._doze_ends_s: float | None = None
        self._is_driving = False

    def hear_asleep(self, message: can.Message, now_s: float) -> None:
        if message.channel == self.command_bus and self._is_wake(message):
            self.touch(now_s)
            self._doze_ends_s = now_s + _DOZE_S if self._needs_both else None

    def hear_wake_up(self, message: can.Message, now_s: float) -> bool:
        if self._is_wake(message):
            return True
        if message.arbitration_id != self._command.frame_id:
            return False
        self._doze_ends_s = None
        data = bytes(message.data)
        if len(data) != self._command.length or decode(self._command, data)["Command"] != "Wake":
            return False
        self.touch(now_s)
        return True

    def advance(self, now_s: float) -> None:
        if self._doze_ends_s is not None and now_s >= self._doze_ends_s:
            self._doze_ends_s = None
            self.fall_asleep()
        super().advance(now_s)
        if self.drivetrain.is_on != self._is_driving:
            self._is_driving = self.drivetrain.is_on
            self.body.turn(self._is_driving)

    def is_in_use(self) -> bool:
        return super().is_in_use() or self.body.is_switched_on

    def next_s(self) -> float | None:
        due_s = super().next_s()
        if due_s is None or self._doze_ends_s is None:
            return due_s
        return min(due_s, self._doze_ends_s)

    def _is_wake(self, message: can.Message) -> bool:
        is_its_id = message.arbitration_id == self._wake.frame_id
        return is_its_id and bytes(message.data) == bytes(self._wake.length)
