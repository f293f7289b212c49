"""Heating and cooling a cabin to a temperature.

The heat that the cabin loses at the setpoint, and a share of what is missing, up to what the parts
can do:

    demand = UA (T_set - T_out) + 1500 W/K (T_set - T_air),     -4 kW <= demand <= 5 kW

    heater          5 kW, electric, resistive
    heat pump (AC)  4 kW of cooling at a coefficient of performance of 2.5
    fan             in steps of 5 %
"""

from dataclasses import dataclass

from carport.car.cabin import UA_W_PER_K, Cabin, World

_GAIN_W_PER_K = 1500
_HEATER_W = 5000
_COOLING_W = 4000
_COOLING_PERFORMANCE = 2.5
_DEADBAND_W = 50
_FAN_MIN_PERCENT = 20
_FAN_STEP_PERCENT = 5


@dataclass(frozen=True)
class Work:
    """The heat into the air, negative to cool it; what that takes; how fast the fan turns."""

    air_w: float
    electric_w: float
    fan_percent: int


def temper(target_celsius: float, cabin: Cabin, world: World) -> Work:
    """Return what is done now to reach a temperature."""
    demand_w = UA_W_PER_K * (target_celsius - world.outside_celsius)
    demand_w += _GAIN_W_PER_K * (target_celsius - cabin.air_celsius)
    demand_w = min(max(demand_w, -_COOLING_W), _HEATER_W)
    if abs(demand_w) < _DEADBAND_W:
        demand_w = 0.0
    share = demand_w / _HEATER_W if demand_w > 0 else -demand_w / _COOLING_W
    steps = round((_FAN_MIN_PERCENT + share * (100 - _FAN_MIN_PERCENT)) / _FAN_STEP_PERCENT)
    electric_w = demand_w if demand_w > 0 else -demand_w / _COOLING_PERFORMANCE
    return Work(demand_w, electric_w, steps * _FAN_STEP_PERCENT)
