"""The Leaf's battery and drivetrain: their messages, and where they are sent."""

from typing import ClassVar

from carport.car import battery, drivetrain
from carport.car.leaf.buses import CAR_BUS, EV_BUS
from carport.car.profile import SignalValue

_SPEED_PER_KPH = 98


class Battery(battery.Battery):
    """Tells its state of charge."""

    periods_s: ClassVar = {"LBC_StateOfCharge": 0.1}
    buses = (EV_BUS,)


class Drivetrain(drivetrain.Drivetrain):
    """Tells the speed on the EV bus, and the gear, odometer and parking brake on the CAR bus."""

    periods_s: ClassVar = {"ABS_Speed": 0.1, "VCM_Shifter": 0.1, "METER_Odometer": 1.0}
    buses = (CAR_BUS,)

    def buses_of(self, message: str) -> tuple[str, ...]:
        return (EV_BUS,) if message == "ABS_Speed" else self.buses

    def signals(self) -> dict[str, SignalValue]:
        told = super().signals()
        return {
            **told,
            "Speed": round(float(told["Speed"]) * _SPEED_PER_KPH),
            "Odometer": int(float(told["Odometer"])),
            "ParkingBrake": int(told["Gear"] == "Park"),
        }

    def set(self, signal: str, value: SignalValue, now_s: float) -> None:
        if signal == "Speed":
            value = float(value) / _SPEED_PER_KPH
        super().set(signal, value, now_s)
