"""The Leaf through the core: woken, locked, heated and confirmed by the simulated car's frames."""

import itertools
from typing import Any

import can
import pytest

from tests.models.host import Host
from tests.models.simulated_car import Together

VARIANTS = ("leaf-2013", "leaf-2016", "leaf-2018")
COMMAND = 0x56E
WAKE = 0x68C
LOCKED = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
HVAC = "Vehicle.Cabin.HVAC."


class Owner:
    """Somebody with a key to a gateway in a Leaf."""

    def __init__(self, variant: str, **options: float) -> None:
        self.both = Together(variant, **options)
        self.host = Host.pair(self.both.shell)
        self.is_short = variant == "leaf-2013"
        self.both.run(500)

    def ask(self, path: str, command: str, within_ms: int = 12_000, **arguments: Any) -> Any:
        """Send a command; return its receipt, and None if it had none in time."""
        answers = self.host.post(path, self.host.command(command, **arguments))
        for _ in range(within_ms // 100):
            if answers:
                self.host.acknowledge(answers[-1])
                return answers[-1].value
            self.both.run(100)
            answers = [one for one in self.host.responses() if one.payload]
        return None

    def payload(self, text: str) -> tuple[int, str]:
        """Return a command's frame: this variant's part of its payload."""
        return COMMAND, text[:2] if self.is_short else text


@pytest.fixture(params=VARIANTS)
def owner(request: pytest.FixtureRequest) -> Owner:
    return Owner(request.param)


def test_lock_and_unlock_are_confirmed_by_the_cars_own_frame(owner: Owner) -> None:
    for command, payload, shown in (("lock", "60800000", 0x10), ("unlock", "11000000", 0)):
        owner.both.heard.clear()
        receipt = owner.ask("lock", command)
        assert receipt["state"] == "confirmed"
        (evidence,) = receipt["evidence"]
        assert (evidence["bus"], evidence["id"]) == ("car", 0x60D)
        assert evidence["data"][2] & 0x10 == shown
        sent = owner.both.payloads()
        assert set(sent) == {owner.payload(payload)}  # an awake car is not woken
        assert 1 < sent[owner.payload(payload)] < 24  # until the car showed it


def test_a_command_is_repeated_24_times_each_100_ms_and_no_more(owner: Owner) -> None:
    owner.both.car.set_fault("stuck-lock", "front-left")
    receipt = owner.ask("lock", "lock")
    assert (receipt["state"], receipt["reason"]) == ("unconfirmed", f"{LOCKED} is false")
    times = [now_ms for now_ms, _, _ in owner.both.heard]
    assert len(times) == 24
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(95 <= gap <= 105 for gap in gaps)


def test_climate_on_is_followed_by_auto_off_a_second_later(owner: Owner) -> None:
    receipt = owner.ask("climate", "climate", on=True)
    assert receipt["state"] == "confirmed"
    on, auto_off = owner.payload("4e081200"), owner.payload("46083200")
    sent = owner.both.payloads()
    assert set(sent) == {on, auto_off}
    assert sent[auto_off] == 1
    before, last = owner.both.heard[-2:]
    assert 1000 <= last[0] - before[0] <= 1010
    assert owner.both.car.climate.is_running
    owner.both.heard.clear()
    receipt = owner.ask("climate", "climate", on=False)
    assert receipt["state"] == "confirmed"
    assert set(owner.both.payloads()) == {owner.payload("56000100")}
    assert not owner.both.car.climate.is_running


def test_a_sleeping_car_is_woken_as_its_telematics_unit_does(owner: Owner) -> None:
    both = owner.both
    both.car.sleep.sleep_after_s = 2
    both.sleep()
    receipt = owner.ask("lock", "lock")
    assert receipt["state"] == "confirmed"
    order = [(arbitration_id, data.hex()) for _, arbitration_id, data in both.heard]
    wake_up = [(WAKE, "00")] if owner.is_short else [(WAKE, "00"), (COMMAND, "46080000")]
    assert order[: len(wake_up)] == wake_up
    assert set(order[len(wake_up) :]) == {owner.payload("60800000")}
    if not owner.is_short:
        assert 50 <= both.heard[1][0] - both.heard[0][0] <= 55


def test_half_a_wake_up_does_not_keep_a_car_of_2016_awake() -> None:
    both = Owner("leaf-2016", sleep_after_s=2.0).both
    both.sleep()
    wake = can.Message(arbitration_id=WAKE, is_extended_id=False, data=bytes(1), channel="car")
    both.car.receive(wake, both.shell.now_ms / 1000)
    both.run(900)
    assert both.car.sleep.is_awake
    both.run(200)
    assert not both.car.sleep.is_awake


def test_a_sleeping_locked_car_hears_nothing_from_us(owner: Owner) -> None:
    owner.both.car.sleep.sleep_after_s = 2
    owner.both.sleep()
    owner.both.run(60_000)
    assert owner.both.heard == []


@pytest.mark.parametrize(
    ("argument", "value", "reason"),
    [
        ("driver_temperature", 21, "this car heats to its own setting"),
        ("front_defrost", True, "telematics unit has no command for it"),
    ],
)
def test_what_the_car_cannot_do_is_refused_with_the_reason(
    owner: Owner, argument: str, value: Any, reason: str
) -> None:
    receipt = owner.ask("climate", "climate", **{"on": True, argument: value})
    assert receipt["state"] == "refused"
    assert receipt["reason"].startswith(f"{argument}: ")
    assert reason in receipt["reason"]
    assert owner.both.heard == []


def test_interlocks(owner: Owner) -> None:
    owner.both.car.set_fault("door-ajar", "rear-left")
    owner.both.run(200)
    receipt = owner.ask("lock", "lock")
    assert receipt["state"] == "refused"
    assert "closed: Vehicle.Cabin.Door.Row2.DriverSide.IsOpen is true" in receipt["reason"]
    owner.both.car.clear_faults()
    owner.both.car.drivetrain.drive(30, 20, owner.both.shell.now_ms / 1000)
    owner.both.run(3000)
    receipt = owner.ask("lock", "unlock")
    assert receipt["state"] == "refused"
    assert receipt["reason"].startswith("parked: ")
    assert owner.both.heard == []


def test_a_live_bus_that_tells_no_gear_refuses(owner: Owner) -> None:
    owner.both.car.set_fault("silent", "drivetrain")
    owner.both.run(6000)
    receipt = owner.ask("lock", "unlock")
    assert (receipt["state"], receipt["evidence"]) == ("refused", [])
    assert receipt["reason"].endswith("is not known")
    assert owner.both.heard == []


def test_a_silent_bus_stands_for_a_speed_of_zero() -> None:
    owner = Owner("leaf-2016")
    owner.both.car.set_fault("silent", "climate")
    owner.both.car.set_fault("silent", "battery")
    owner.both.car.drivetrain.buses_of = lambda message: ("car",)  # type: ignore[method-assign]
    owner.both.run(6000)
    receipt = owner.ask("lock", "unlock")
    assert receipt["state"] == "confirmed"
    assert receipt["evidence"][0] == {"bus": "ev", "note": "bus silent"}


def test_signals_mean_what_the_sources_say(owner: Owner) -> None:
    shell = owner.both.shell
    state = shell.gateway._state

    def value(path: str) -> Any:
        return state.value(state.leaf(path), shell.now_ms)

    owner.both.run(3000)
    car = owner.both.car
    assert value("Vehicle.Powertrain.TractionBattery.StateOfCharge.Current") == pytest.approx(
        car.battery.charge_percent, abs=0.1
    )
    cabin = value(HVAC + "AmbientAirTemperature")
    assert cabin == pytest.approx(car.climate.cabin.air_celsius, abs=0.6)
    assert value("Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure") == pytest.approx(
        248.2, 0.01
    )
    assert value("Vehicle.Powertrain.Transmission.IsParkLockEngaged") is True
    car.drivetrain.drive(50, 60, shell.now_ms / 1000)
    owner.both.run(20_000)
    assert value("Vehicle.Speed") == pytest.approx(50, abs=0.1)
    assert value("Vehicle.Powertrain.Transmission.CurrentGear") == 1
    assert value("Vehicle.LowVoltageSystemState") == "ON"
