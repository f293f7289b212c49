"""The climate unit: it heats and cools the cabin to the setpoints, defrosts, and heats seats.

It adds the heat that the cabin loses at the setpoint to a share of what is missing, up to what its
parts can do:

    demand = UA (T_set - T_out) + 1500 W/K (T_set - T_air),     -4 kW <= demand <= 5 kW

    heater          5 kW, electric, resistive
    heat pump (AC)  4 kW of cooling at a coefficient of performance of 2.5; while defrosting in
                    more than 3 degrees it dries the air as well, at 300 W
    fan             in steps of 5 %, 3 W for each per cent
    windscreen      400 W while defrosting
    seats           60 W each at 100 %

The unit switches everything off 30 minutes after anybody switched something on, and at once when
the traction battery falls below 5 %. A faulty unit says so, does nothing and obeys nothing.
"""

from math import ceil
from typing import ClassVar

from carport.car.cabin import LONGEST_STEP_S, UA_W_PER_K, Cabin, World
from carport.car.ecu import Ecu
from carport.car.profile import Profile, SignalValue

TIMEOUT_S = 30 * 60
RESERVE_PERCENT = 5

_GAIN_W_PER_K = 1500
_HEATER_W = 5000
_COOLING_W = 4000
_COOLING_PERFORMANCE = 2.5
_DEADBAND_W = 50
_DRYING_W = 300
_DRYING_CELSIUS = 3
_FAN_MIN_PERCENT = 20
_FAN_DEFROST_PERCENT = 50
_FAN_STEP_PERCENT = 5
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


class Climate(Ecu):
    """The climate unit and the cabin it works on."""

    node = "Climate"
    periods_s: ClassVar = {"CLIM_Status": 0.2, "CLIM_Temperatures": 0.5}
    event_messages = frozenset({"CLIM_Status"})
    computed = frozenset({"AirConditioningActive", "FanSpeed"})
    command = "GW_ClimateCommand"

    def __init__(self, profile: Profile, seed: int, world: World) -> None:
        super().__init__(profile, seed)
        warmth = world.outside_celsius + self.random.uniform(0, 3)
        self.cabin = Cabin(warmth, warmth)
        self.electric_w = 0.0
        self.is_faulty = False
        self.has_power = True
        self._world = world
        self._number_requests = {
            signal: (name, *profile.limits(name)) for signal, name in (_SETPOINTS | _SEATS).items()
        }
        self._is_on = False
        self._is_defrosting = False
        self._setpoint_celsius = dict.fromkeys(_SETPOINTS, 21.0)
        self._seat_percent = dict.fromkeys(_SEATS, 0.0)
        self._fan_percent = 0
        self._is_cooling = False
        self._ends_s: float | None = None

    @property
    def is_running(self) -> bool:
        """Whether anything is switched on."""
        return self._is_on or self._is_defrosting or any(self._seat_percent.values())

    def advance(self, elapsed_s: float, now_s: float) -> None:
        """Let the unit work on the cabin for elapsed_s, times the world's time_scale."""
        is_over = self._ends_s is not None and now_s >= self._ends_s
        if is_over or not self._is_able:
            self._switch_off()
        scaled_s = elapsed_s * self._world.time_scale
        steps = max(ceil(scaled_s / LONGEST_STEP_S), 1)
        for _ in range(steps):
            air_w, mass_w = self._work()
            self.cabin.advance(scaled_s / steps, self._world, air_w, mass_w)

    def signals(self) -> dict[str, SignalValue]:
        return {
            "Power": "Fault" if self.is_faulty else "On" if self._is_on else "Off",
            "AirConditioningActive": int(self._is_cooling),
            "FrontDefrostActive": int(self._is_defrosting),
            "FanSpeed": self._fan_percent,
            "CabinTemperature": min(max(self.cabin.air_celsius, -40.0), 60.0),
            "OutsideTemperature": self._world.outside_celsius,
            **self._setpoint_celsius,
            **self._seat_percent,
        }

    def obey(self, request: dict[str, SignalValue], now_s: float) -> None:
        for signal, name in _SWITCH_REQUESTS.items():
            if request[name] in ("On", "Off"):
                self.set(signal, request[name], now_s)
        for signal, (name, least, most) in self._number_requests.items():
            value = request[name]
            if not isinstance(value, str) and least <= value <= most:
                self.set(signal, value, now_s)

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
            self._world.outside_celsius = float(value)
        if not self._is_able:
            self._switch_off()
        elif signal in _SWITCHES and value not in ("Off", 0):
            self._ends_s = now_s + TIMEOUT_S
        self._work()

    @property
    def _is_able(self) -> bool:
        return self.has_power and not self.is_faulty

    def _switch_off(self) -> None:
        self._is_on = self._is_defrosting = False
        self._seat_percent = dict.fromkeys(_SEATS, 0.0)
        self._ends_s = None

    def _work(self) -> tuple[float, float]:
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
            if self._is_on and self._world.outside_celsius > _DRYING_CELSIUS:
                self._is_cooling = True
                self.electric_w += _DRYING_W
        seats_w = sum(self._seat_percent.values()) * _SEAT_W_PER_PERCENT
        self.electric_w += self._fan_percent * _FAN_W_PER_PERCENT + seats_w
        return air_w, seats_w

    def _temper(self) -> float:
        target = sum(self._setpoint_celsius.values()) / len(self._setpoint_celsius)
        demand_w = UA_W_PER_K * (target - self._world.outside_celsius)
        demand_w += _GAIN_W_PER_K * (target - self.cabin.air_celsius)
        demand_w = min(max(demand_w, -_COOLING_W), _HEATER_W)
        if abs(demand_w) < _DEADBAND_W:
            demand_w = 0.0
        self._is_cooling = demand_w < 0
        share = demand_w / _HEATER_W if demand_w > 0 else -demand_w / _COOLING_W
        steps = round((_FAN_MIN_PERCENT + share * (100 - _FAN_MIN_PERCENT)) / _FAN_STEP_PERCENT)
        self._fan_percent = steps * _FAN_STEP_PERCENT
        self.electric_w += demand_w if demand_w > 0 else -demand_w / _COOLING_PERFORMANCE
        return demand_w
