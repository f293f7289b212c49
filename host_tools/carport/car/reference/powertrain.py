"""The reference car's battery and drivetrain: their messages, and where they are sent."""

from typing import ClassVar

from carport.car import battery, drivetrain
from carport.car.reference.buses import BODY_BUS, POWERTRAIN_BUS


class Battery(battery.Battery):
    """Tells its charge, its current and the 12 V."""

    periods_s: ClassVar = {"BATT_Status": 0.5}
    buses = (BODY_BUS,)


class Drivetrain(drivetrain.Drivetrain):
    """Says the same on the powertrain bus."""

    periods_s: ClassVar = {"DRV_Status": 0.1, "DRV_Odometer": 1.0}
    buses = (BODY_BUS, POWERTRAIN_BUS)
