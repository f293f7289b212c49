"""The climate unit: it heats and cools the cabin to the setpoints, defrosts, and heats seats.

It heats and cools as tempering.py does, and besides:

    drying          300 W while defrosting in more than 3 degrees
    fan             3 W for each per cent
    windscreen      400 W while defrosting
    seats           60 W each at 100 %

The unit switches everything off 30 minutes after anybody switched something on.
"""

from typing import ClassVar

from carport.car import climate
from carport.car.cabin import Cabin, World
from carport.car.profile import Profile, SignalValue
from carport.car.reference.buses import BODY_BUS
from carport.car.tempering import temper

TIMEOUT_S = 30 * 60

_DRYING_W = 300
_DRYING_CELSIUS = 3
_FAN_DEFROST_PERCENT = 50
_FAN_W_PER_PERCENT = 3
_WINDSCREEN_W = 400
_SEAT_W_PER_PERCENT = 0.6

_SETPOINTS = {
    "SetpointDriver": "SetpointDriverRequest",
    "SetpointPassenger": "SetpointPassengerRequest",
}
_SEATS = {
    "SeatHeatDriver": "SeatHeatDriverRequest",
    "SeatHeatPassenger": "SeatHeatPassengerRequest",
}
_SWITCH_REQUESTS = {"Power": "PowerRequest", "FrontDefrostActive": "FrontDefrostRequest"}
_SWITCHES = _SWITCH_REQUESTS.keys() | _SEATS.keys()


class Climate(climate.Climate):
    """The climate unit and the cabin it works on."""

    periods_s: ClassVar = {"CLIM_Status": 0.2, "CLIM_Temperatures": 0.5}
    event_messages = frozenset({"CLIM_Status"})
    computed = frozenset({"AirConditioningActive", "FanSpeed"})
    command = "GW_ClimateCommand"
    buses = (BODY_BUS,)

    def __init__(self, profile: Profile, seed: int, world: World) -> None:
        super().__init__(profile, seed, world)
        self._number_requests = {
            signal: (name, *profile.limits(name)) for signal, name in (_SETPOINTS | _SEATS).items()
        }
        self._is_on = False
        self._is_defrosting = False
        self._setpoint_celsius = dict.fromkeys(_SETPOINTS, 21.0)
        self._seat_percent = dict.fromkeys(_SEATS, 0.0)
        self._fan_percent = 0
        self._is_cooling = False

    @property
    def is_running(self) -> bool:
        """Whether anything is switched on."""
        return self._is_on or self._is_defrosting or any(self._seat_percent.values())

    def signals(self) -> dict[str, SignalValue]:
        return {
            "Power": "Fault" if self.is_faulty else "On" if self._is_on else "Off",
            "AirConditioningActive": int(self._is_cooling),
            "FrontDefrostActive": int(self._is_defrosting),
            "FanSpeed": self._fan_percent,
            "CabinTemperature": min(max(self.cabin.air_celsius, -40.0), 60.0),
            "OutsideTemperature": self.world.outside_celsius,
            **self._setpoint_celsius,
            **self._seat_percent,
        }

    def obey(self, request: dict[str, SignalValue], now_s: float) -> bool:
        for signal, name in _SWITCH_REQUESTS.items():
            if request[name] in ("On", "Off"):
                self.set(signal, request[name], now_s)
        for signal, (name, least, most) in self._number_requests.items():
            value = request[name]
            if not isinstance(value, str) and least <= value <= most:
                self.set(signal, value, now_s)
        return True

    def set(self, signal: str, value: SignalValue, now_s: float) -> None:
        if signal == "Power":
            self._is_on = value == "On"
        elif signal == "FrontDefrostActive":
            self._is_defrosting = value in ("On", 1)
        elif signal in _SETPOINTS:
            self._setpoint_celsius[signal] = float(value)
        elif signal in _SEATS:
            self._seat_percent[signal] = float(value)
        elif signal == "CabinTemperature":
            self.cabin = Cabin(float(value), float(value))
        else:
            self.world.outside_celsius = float(value)
        if not self.is_able:
            self.switch_off()
        elif signal in _SWITCHES and value not in ("Off", 0):
            self.ends_s = now_s + TIMEOUT_S
        self.work()

    def switch_off(self) -> None:
        self._is_on = self._is_defrosting = False
        self._seat_percent = dict.fromkeys(_SEATS, 0.0)
        self.ends_s = None

    def work(self) -> tuple[float, float]:
        """Choose fan and power; return the heat into the air and into the mass, in watts."""
        self._is_cooling = False
        self._fan_percent = 0
        self.electric_w = 0.0
        air_w = 0.0
        if self._is_on:
            air_w = self._temper()
        if self._is_defrosting:
            self._fan_percent = max(self._fan_percent, _FAN_DEFROST_PERCENT)
            self.electric_w += _WINDSCREEN_W
            if self._is_on and self.world.outside_celsius > _DRYING_CELSIUS:
                self._is_cooling = True
                self.electric_w += _DRYING_W
        seats_w = sum(self._seat_percent.values()) * _SEAT_W_PER_PERCENT
        self.electric_w += self._fan_percent * _FAN_W_PER_PERCENT + seats_w
        return air_w, seats_w

    def _temper(self) -> float:
        target = sum(self._setpoint_celsius.values()) / len(self._setpoint_celsius)
        work = temper(target, self.cabin, self.world)
        self._is_cooling = work.air_w < 0
        self._fan_percent = work.fan_percent
        self.electric_w += work.electric_w
        return work.air_w
