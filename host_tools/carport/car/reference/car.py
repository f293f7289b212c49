"""The reference car: any frame wakes it, network management keeps it awake."""

from typing import ClassVar

import can

from carport.car import car
from carport.car.ecu import Ecu
from carport.car.profile import decode
from carport.car.reference.body import Body
from carport.car.reference.buses import BODY_BUS, POWERTRAIN_BUS
from carport.car.reference.climate import Climate
from carport.car.reference.navigation import Navigation
from carport.car.reference.powertrain import Battery, Drivetrain


class Car(car.Car):
    """The car of the profile `reference`."""

    imitated: ClassVar = "GW_BodyCommand"

    def make_ecus(self, seed: int) -> None:
        self.buses = (BODY_BUS, POWERTRAIN_BUS)
        self.body = Body(self.profile, seed)
        self.climate = Climate(self.profile, seed, self.world)
        self.battery = Battery(self.profile, seed)
        self.drivetrain = Drivetrain(self.profile, seed)
        self.navigation = Navigation(self.profile, seed)
        self._wake_request = self.profile.message("NM_Gateway")

    def all_ecus(self) -> tuple[Ecu, ...]:
        return *super().all_ecus(), self.navigation

    def advance_step(self, elapsed_s: float, now_s: float) -> None:
        before_km = self.drivetrain.odometer_km
        super().advance_step(elapsed_s, now_s)
        self.navigation.advance(1000 * (self.drivetrain.odometer_km - before_km))

    def hear_asleep(self, message: can.Message, now_s: float) -> None:
        self.touch(now_s)

    def hear_wake_up(self, message: can.Message, now_s: float) -> bool:
        if message.arbitration_id != self._wake_request.frame_id:
            return False
        data = bytes(message.data)
        is_whole = len(data) == self._wake_request.length
        if is_whole and decode(self._wake_request, data)["WakeRequest"]:
            self.touch(now_s)
        return True
