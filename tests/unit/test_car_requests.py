"""What may be asked of the simulated car, and what it says to nonsense."""

from typing import Any

import pytest

from carport.car.cars import make_car
from carport.car.profile import CarError
from carport.profile.installed import profile_folder
from tests.car_rig import Rig

HOOD = "Vehicle.Body.Hood.IsOpen"


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.run(1)
    return rig


def test_the_state_has_every_vss_path_and_every_setting(rig: Rig) -> None:
    state = rig.ask("state")
    assert set(state["signals"]) == set(rig.car.profile.vss)
    assert state["signals"]["Vehicle.Powertrain.Transmission.IsParkLockEngaged"] is True
    assert state["signals"]["Vehicle.Powertrain.Transmission.CurrentGear"] is None
    assert state["signals"]["Vehicle.LowVoltageSystemState"] == "OFF"
    assert state["settings"]["time_scale"] == 1
    assert state["faults"] == []


def test_a_state_can_be_set_again(rig: Rig) -> None:
    state = rig.ask("state")
    values = {**state["signals"], **state["settings"]}
    assert values["Vehicle.Powertrain.Transmission.CurrentGear"] is None
    other = Rig(seed=2)
    other.set({name: values[name] for name in rig.ask("names")["names"]})
    after = other.ask("state")
    assert {**after["signals"], **after["settings"]} == pytest.approx(values)


def test_a_set_value_is_the_state_and_on_the_bus(rig: Rig) -> None:
    rig.set({HOOD: True, "Vehicle.LowVoltageSystemState": "ACC", "time_scale": 60})
    rig.run(0.2)
    state = rig.ask("state")
    assert state["signals"][HOOD] is True
    assert state["settings"]["time_scale"] == 60
    assert rig.last("BODY_DoorStatus")["HoodOpen"] == 1
    assert rig.last("DRV_Status")["PowerState"] == "Accessory"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"Vehicle.Nothing": 1}, "Vehicle.Nothing is unknown"),
        ({HOOD: 1}, "takes true or false, not 1"),
        ({HOOD: "open"}, "takes true or false, not open"),
        ({"Vehicle.Speed": True}, "takes a number, not true"),
        ({"Vehicle.Speed": 301}, "takes a number from 0 to 300, not 301"),
        ({"Vehicle.Speed": float("nan")}, "takes a number from 0 to 300"),
        ({"Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature": 60}, "from 16 to 28"),
        ({"Vehicle.LowVoltageSystemState": "LOCK"}, "takes OFF or ACC or ON, not LOCK"),
        ({"Vehicle.Powertrain.Transmission.CurrentGear": True}, "takes -1 or 0 or 1, not true"),
        ({"Vehicle.Powertrain.Transmission.IsParkLockEngaged": False}, "could be any of"),
        ({"Vehicle.Powertrain.TractionBattery.CurrentCurrent": 3}, "is the outcome of others"),
        ({"outside_temperature": "cold"}, "from -40 to 60, not cold"),
        ({"time_scale": -1}, "from 0 to 1000"),
        ({}, "name at least one thing"),
        ([], "name at least one thing"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(rig: Rig, values: Any, problem: str) -> None:
    before = rig.ask("state")
    reply = rig.refused("set", values=values)
    assert not reply["ok"]
    assert problem in reply["error"]
    assert rig.ask("state") == before


def test_a_set_happens_whole_or_not_at_all(rig: Rig) -> None:
    before = rig.ask("state")
    assert not rig.refused("set", values={HOOD: True, "sun": 500, "Vehicle.Speed": -1})["ok"]
    assert rig.ask("state") == before


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "fault", "name": "gremlins"},
        {"do": "fault", "name": "silent", "place": "gateway"},
        {"do": "fault", "name": "babbler", "place": "body"},
        {"do": "fault"},
        {"do": "drive", "kph": 0, "seconds": 20},
        {"do": "drive", "kph": 50},
        {"do": "drive", "kph": 50, "seconds": 1e9},
        {"do": "press", "seconds": -1},
        {"do": "press"},
        {"do": "fly"},
        {"do": None},
    ],
)
def test_what_the_car_cannot_do(rig: Rig, request_: dict[str, Any]) -> None:
    before = rig.ask("state")
    reply = rig.refused(**request_)
    assert not reply["ok"]
    assert reply["error"]
    assert rig.presses_ms == []
    assert rig.ask("state") == before


def test_a_press_is_passed_on(rig: Rig) -> None:
    assert rig.ask("press", seconds=3) == {"ok": True, "seconds": 3.0}
    assert rig.presses_ms == [3000]


def test_a_car_that_is_not_simulated_is_refused_with_the_names_of_those_that_are() -> None:
    with pytest.raises(CarError) as refused:
        make_car(profile_folder("model3"), seed=1)
    said, _, names = str(refused.value).partition(": name one of ")
    assert said == "no car is simulated for model3"
    assert names.split(", ") == ["leaf-2013", "leaf-2016", "leaf-2018", "reference"]
    for name in names.split(", "):
        make_car(profile_folder(name), seed=1)
