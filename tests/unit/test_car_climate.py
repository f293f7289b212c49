"""The simulated climate unit, the cabin it works on, and the battery it drains."""

from math import exp, sqrt

import pytest

from carport.car.cabin import (
    AIR_J_PER_K,
    COUPLING_W_PER_K,
    MASS_J_PER_K,
    UA_W_PER_K,
    Cabin,
    World,
)
from tests.car_rig import Rig, command, sealed

ON = "Vehicle.Cabin.HVAC.IsOn"
CABIN = "Vehicle.Cabin.HVAC.AmbientAirTemperature"
CHARGE = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed"


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.set({"sun": 0, "outside_temperature": -5, CABIN: -5})
    rig.run(1)
    return rig


def cabin(rig: Rig) -> float:
    return float(rig.last("CLIM_Temperatures")["CabinTemperature"])


def minutes(rig: Rig, count: int) -> list[float]:
    """The cabin's temperature at the end of each minute."""
    temperatures = []
    for _ in range(count):
        rig.jump(59.5)
        temperatures.append(cabin(rig))
    return temperatures


def test_the_cabin_warms_to_the_setpoint_and_stays(rig: Rig) -> None:
    rig.command("GW_ClimateCommand", PowerRequest="On", SetpointDriverRequest=22)
    temperatures = minutes(rig, 25)
    assert temperatures[0] > 0
    assert temperatures == sorted(temperatures)
    assert temperatures[-1] == pytest.approx(21.5, abs=0.8)  # between the two setpoints


def test_the_cabin_cools_to_the_setpoint_in_the_sun(rig: Rig) -> None:
    rig.set({"sun": 900, "outside_temperature": 32, CABIN: 48})
    rig.command("GW_ClimateCommand", PowerRequest="On")
    temperatures = minutes(rig, 25)
    assert temperatures == sorted(temperatures, reverse=True)
    assert temperatures[-1] == pytest.approx(21, abs=1.5)
    assert rig.last("CLIM_Status")["AirConditioningActive"] == 1


def test_a_parked_cabin_in_the_sun_settles_where_sun_and_loss_balance(rig: Rig) -> None:
    rig.set({"sun": 1000, "outside_temperature": 25})
    rig.jump(10 * 3600)
    assert rig.ask("state")["signals"][CABIN] == pytest.approx(
        25 + 0.9 * 1000 / UA_W_PER_K, abs=0.2
    )


def test_without_sun_and_heat_the_cabin_cools_at_the_rate_of_its_slow_eigenvalue() -> None:
    air_rate = (UA_W_PER_K + COUPLING_W_PER_K) / AIR_J_PER_K
    mass_rate = COUPLING_W_PER_K / MASS_J_PER_K
    determinant = mass_rate * UA_W_PER_K / AIR_J_PER_K
    half_trace = (air_rate + mass_rate) / 2
    slow_rate = half_trace - sqrt(half_trace**2 - determinant)
    world = World(outside_celsius=0, sun_w_per_m2=0)
    warm = Cabin(20, 20)
    at = {}
    for second in range(7200):
        at[second] = warm.mass_celsius
        warm.advance(1.0, world, 0, 0)
    assert 0 < warm.air_celsius < warm.mass_celsius
    assert at[7000] / at[3400] == pytest.approx(exp(-3600 * slow_rate), rel=0.002)
    assert 1 / slow_rate == pytest.approx(55 * 60, rel=0.05)


def test_the_model_keeps_its_energy() -> None:
    """All that the heater and the sun bring in is in the masses, or has left through UA."""
    world = World(outside_celsius=5, sun_w_per_m2=300)
    room = Cabin(5, 5)
    brought = left = 0.0
    for _ in range(600):
        left += UA_W_PER_K * (room.air_celsius - world.outside_celsius)
        room.advance(1.0, world, 2000, 100)
        brought += 2000 + 100 + 0.9 * 300
    stored = AIR_J_PER_K * (room.air_celsius - 5) + MASS_J_PER_K * (room.mass_celsius - 5)
    assert stored + left == pytest.approx(brought)


def test_time_scale_makes_the_cabin_faster_and_nothing_else(rig: Rig) -> None:
    fast = Rig()
    fast.set({"sun": 0, "outside_temperature": -5, CABIN: -5, "time_scale": 60})
    fast.run(1)
    for each in (rig, fast):
        each.command("GW_ClimateCommand", PowerRequest="On")
    minutes(rig, 10)
    rates = len([each for each in fast.run(10) if each.name == "CLIM_Temperatures"])
    assert cabin(fast) == pytest.approx(cabin(rig), abs=0.5)
    assert rates == pytest.approx(20, abs=1)


def test_time_scale_zero_freezes_the_cabin_and_the_unit_still_works(rig: Rig) -> None:
    rig.set({"time_scale": 0})
    rig.command("GW_ClimateCommand", PowerRequest="On")
    before = cabin(rig)
    rig.jump(31 * 60)
    assert rig.ask("state")["signals"][CABIN] == pytest.approx(before, abs=0.06)
    assert rig.last("CLIM_Status")["FanSpeed"] == 0
    assert rig.last("BATT_Status")["Current"] == 0


def test_heating_drains_the_battery_by_what_it_draws(rig: Rig) -> None:
    before = rig.ask("state")["signals"][CHARGE]
    rig.command("GW_ClimateCommand", PowerRequest="On")
    assert rig.last("CLIM_Status")["FanSpeed"] == 100
    assert rig.last("BATT_Status")["Current"] == pytest.approx(-5500 / 370, rel=0.05)
    assert rig.last("BATT_Status")["LowVoltage"] == pytest.approx(14.1)
    rig.jump(15 * 60)
    after = rig.ask("state")["signals"][CHARGE]
    assert 0.5 < before - after < 100 * 5.5 / 4 / 60


def test_energy_drawn_over_capacity_is_the_charge_lost(rig: Rig) -> None:
    rig.command("GW_ClimateCommand", SeatHeatDriverRequest=100)
    before = rig.ask("state")["signals"][CHARGE]
    rig.now_s += 900
    after = rig.ask("state")["signals"][CHARGE]
    assert before - after == pytest.approx(100 * (60 + 200) * 0.25 / 60_000)


def test_a_switched_off_car_draws_nothing(rig: Rig) -> None:
    before = rig.ask("state")["signals"][CHARGE]
    rig.jump(3600)
    assert rig.ask("state")["signals"][CHARGE] == before


def test_a_command_changes_what_it_names_and_nothing_else(rig: Rig) -> None:
    rig.command("GW_ClimateCommand", SetpointPassengerRequest=18.5)
    status = rig.last("CLIM_Status")
    assert (status["Power"], status["SetpointDriver"], status["SetpointPassenger"]) == (
        "Off",
        21,
        18.5,
    )
    rig.command("GW_ClimateCommand", FrontDefrostRequest="On", SeatHeatPassengerRequest=1)
    rig.command("GW_ClimateCommand", PowerRequest="On")
    rig.command("GW_ClimateCommand", FrontDefrostRequest="Off")
    status = rig.last("CLIM_Status")
    assert status["Power"] == "On"
    assert status["FrontDefrostActive"] == 0
    assert status["SeatHeatPassenger"] == 1
    assert status["SetpointPassenger"] == 18.5


def test_values_that_the_dbc_does_not_define_change_nothing(rig: Rig) -> None:
    rig.command("GW_ClimateCommand", PowerRequest="On", SeatHeatDriverRequest=30)
    before = rig.last("CLIM_Status")
    frame = command(rig.database, "GW_ClimateCommand", 15)
    frame.data[1] |= 0xF0  # power and defrost: 3
    frame.data[2:6] = bytes((0, 250, 101, 126))
    frame.data = bytearray(sealed(frame.arbitration_id, bytes(frame.data)))
    rig.receive(frame)
    rig.run(1)
    assert rig.ask("state")["ignored_commands"]["Climate"] == 0
    after = rig.last("CLIM_Status")
    changes = {name for name, value in after.items() if value != before[name]}
    assert changes == {"CRC", "Counter"}


def test_a_climate_command_shows_at_once(rig: Rig) -> None:
    rig.run(0.05)
    asked_s = rig.now_s
    rig.command("GW_ClimateCommand", PowerRequest="On")
    first = next(
        each for each in rig.sent if each.name == "CLIM_Status" and each.signals["Power"] == "On"
    )
    assert first.time_s - asked_s <= 0.02


def test_defrost_runs_the_fan_and_dries_the_air_only_when_it_is_mild(rig: Rig) -> None:
    rig.command("GW_ClimateCommand", FrontDefrostRequest="On", PowerRequest="On")
    assert rig.last("CLIM_Status")["FanSpeed"] >= 50
    assert rig.last("CLIM_Status")["AirConditioningActive"] == 0
    rig.set({"outside_temperature": 10})
    rig.run(1)
    assert rig.last("CLIM_Status")["AirConditioningActive"] == 1


def test_the_unit_switches_everything_off_after_30_minutes(rig: Rig) -> None:
    rig.command(
        "GW_ClimateCommand",
        PowerRequest="On",
        FrontDefrostRequest="On",
        SeatHeatDriverRequest=50,
    )
    rig.jump(30 * 60 - 2)
    assert rig.last("CLIM_Status")["Power"] == "On"
    rig.jump(2)
    status = rig.last("CLIM_Status")
    assert (status["Power"], status["FrontDefrostActive"], status["SeatHeatDriver"]) == (
        "Off",
        0,
        0,
    )
    assert rig.last("BATT_Status")["Current"] == 0


def test_switching_on_again_starts_the_30_minutes_again(rig: Rig) -> None:
    rig.command("GW_ClimateCommand", PowerRequest="On")
    rig.jump(20 * 60)
    rig.command("GW_ClimateCommand", PowerRequest="On")
    rig.jump(20 * 60)
    rig.command("GW_ClimateCommand", SetpointDriverRequest=25)
    assert rig.last("CLIM_Status")["Power"] == "On"
    rig.jump(10 * 60)
    assert rig.last("CLIM_Status")["Power"] == "Off"


def test_an_empty_battery_ends_the_climate(rig: Rig) -> None:
    rig.set({CHARGE: 5.2})
    rig.command("GW_ClimateCommand", PowerRequest="On")
    assert rig.last("CLIM_Status")["Power"] == "On"
    rig.jump(10 * 60)
    assert rig.last("CLIM_Status")["Power"] == "Off"
    sent = len(rig.sent)
    rig.command("GW_ClimateCommand", PowerRequest="On")
    assert all(each.signals.get("Power") in (None, "Off") for each in rig.sent[sent:])
    assert 4.9 < rig.ask("state")["signals"][CHARGE] <= 5.0
