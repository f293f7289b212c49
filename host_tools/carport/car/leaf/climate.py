"""The Leaf's climate control, which the telematics unit switches on and off.

It heats to its own setting. Its own time-out ends it after 15 minutes, if the activation was ended
by ClimateAutoOff after it began; else it starts again by itself, as owners report.
"""

from typing import ClassVar

from carport.car import climate
from carport.car.cabin import Cabin, World
from carport.car.leaf.buses import EV_BUS
from carport.car.profile import Profile, SignalValue
from carport.car.tempering import temper

TIMEOUT_S = 15 * 60

_FAN_STEPS = 7
_FAN_W_PER_PERCENT = 3
_FAN_DRIVEN = 100

# The byte that tells what it does.
_OFF = 0x08
_HEATING = 0x49
_COOLING = 0x78
_ON = 0x48


class Climate(climate.Climate):
    """The climate control and the cabin it works on."""

    periods_s: ClassVar = {
        "HVAC_Setpoint": 0.1,
        "HVAC_Status": 0.1,
        "HVAC_Outside": 0.1,
        "HVAC_Cabin": 0.5,
    }
    event_messages = frozenset({"HVAC_Status", "HVAC_Outside"})
    computed = frozenset({"ClimateState", "FanSpeed", "FanVoltage"})
    command = "TCU_Command"
    buses = (EV_BUS,)

    def __init__(self, profile: Profile, seed: int, world: World, tells_fahrenheit: bool) -> None:
        super().__init__(profile, seed, world)
        self.is_activated = False
        self._tells_fahrenheit = tells_fahrenheit
        self._is_on = False
        self._setpoint_celsius = 21.0
        self._fan_percent = 0
        self._state = _OFF

    @property
    def is_running(self) -> bool:
        return self._is_on

    def signals(self) -> dict[str, SignalValue]:
        cabin = self.cabin.air_celsius
        raw = cabin * 9 / 5 + 32 if self._tells_fahrenheit else (cabin + 40) * 2
        return {
            "Setpoint": self._setpoint_celsius,
            "ClimateState": self._state,
            "FanSpeed": round(self._fan_percent * _FAN_STEPS / 100),
            "FanVoltage": _FAN_DRIVEN if self._is_on else 0,
            "OutsideTemperature": round(2 * self.world.outside_celsius) / 2,
            "CabinTemperature": min(max(round(raw), 21), 255),
        }

    def obey(self, request: dict[str, SignalValue], now_s: float) -> bool:
        asked = request["Command"]
        if asked == "ClimateOn" and self.is_able:
            self._is_on = self.is_activated = True
            self.ends_s = now_s + TIMEOUT_S
        elif asked == "ClimateOff":
            self.is_activated = False
            self.switch_off()
        elif asked == "ClimateAutoOff":
            self.is_activated = False
        self.work()
        return asked in ("ClimateOn", "ClimateOff", "ClimateAutoOff")

    def set(self, signal: str, value: SignalValue, now_s: float) -> None:
        number = float(value)
        if signal == "Setpoint":
            self._setpoint_celsius = number
        elif signal == "OutsideTemperature":
            self.world.outside_celsius = number
        else:
            celsius = (number - 32) * 5 / 9 if self._tells_fahrenheit else number / 2 - 40
            self.cabin = Cabin(celsius, celsius)
        self.work()

    def end(self, now_s: float) -> None:
        if self.is_activated:
            self.ends_s = now_s + TIMEOUT_S
        else:
            self.switch_off()

    def switch_off(self) -> None:
        self._is_on = False
        self.ends_s = None

    def work(self) -> tuple[float, float]:
        self.electric_w = 0.0
        self._fan_percent = 0
        self._state = _OFF
        if not self._is_on:
            return 0.0, 0.0
        done = temper(self._setpoint_celsius, self.cabin, self.world)
        self._state = _HEATING if done.air_w > 0 else _COOLING if done.air_w < 0 else _ON
        self._fan_percent = done.fan_percent
        self.electric_w = done.electric_w + done.fan_percent * _FAN_W_PER_PERCENT
        return done.air_w, 0.0
