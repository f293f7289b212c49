"""The records under random driving, tampering and power cuts, read by a reader not ours."""

import itertools
import random as random_module
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.coap.numbers import GET
from tests.models.car import Car, database
from tests.models.data_host import DataHost
from tests.models.records import BrokenError, check_order, named, open_block
from tests.models.shell import Shell

FEW = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

GROUPS = ("driving", "climate", "charging", "location")

# What the DBC's signals are called in VSS, and their value from cantools' one; an own table.
ON_THE_BUS: dict[str, tuple[str, str, Any]] = {
    "Vehicle.Speed": ("DRV_Status", "Speed", float),
    "Vehicle.TraveledDistance": ("DRV_Odometer", "Odometer", float),
    "Vehicle.LowVoltageSystemState": (
        "DRV_Status",
        "PowerState",
        {0: "OFF", 1: "ACC", 2: "ON"}.get,
    ),
    "Vehicle.Powertrain.Transmission.CurrentGear": (
        "DRV_Status",
        "Gear",
        {1: -1, 2: 0, 3: 1}.get,
    ),
    "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed": (
        "BATT_Status",
        "StateOfCharge",
        float,
    ),
    "Vehicle.Powertrain.TractionBattery.CurrentCurrent": ("BATT_Status", "Current", float),
    "Vehicle.Cabin.HVAC.AmbientAirTemperature": ("CLIM_Temperatures", "CabinTemperature", float),
    "Vehicle.Exterior.AirTemperature": ("CLIM_Temperatures", "OutsideTemperature", float),
    "Vehicle.Cabin.HVAC.IsFrontDefrosterActive": ("CLIM_Status", "FrontDefrostActive", bool),
    "Vehicle.Cabin.Seat.Row1.DriverSide.HeatingCooling": ("CLIM_Status", "SeatHeatDriver", int),
    "Vehicle.CurrentLocation.Latitude": ("NAV_Latitude", "Latitude", float),
    "Vehicle.CurrentLocation.Longitude": ("NAV_Longitude", "Longitude", float),
}


def physical(message: str, signal: str, random: random_module.Random) -> float:
    """Return a value that the signal can have, exact in its resolution."""
    described = database().get_message_by_name(message).get_signal_by_name(signal)
    if signal in ("Gear", "PowerState"):
        return random.randint(0, 3 if signal == "Gear" else 2)
    raw = random.randint(
        round((described.minimum - described.offset) / described.scale),
        round((described.maximum - described.offset) / described.scale),
    )
    return raw * float(described.scale) + float(described.offset)


def drive(car: Car, seconds: int, random: random_module.Random) -> dict[int, dict[str, Any]]:
    """Let the car send random values each second; return {uptime: {VSS path: value}}."""
    told: dict[int, dict[str, Any]] = {}
    for _ in range(seconds):
        changed = random.sample(sorted(ON_THE_BUS), random.randint(0, 4))
        for path in changed:
            message, signal, _ = ON_THE_BUS[path]
            car.signals[message][signal] = physical(message, signal, random)
        car.shell.advance(999)
        car.send()
        car.shell.advance(1)
        told[car.shell.now_ms] = {
            path: translate(car.signals[message][signal])
            for path, (message, signal, translate) in ON_THE_BUS.items()
        }
    return told


def recorded(owner: DataHost) -> dict[int, dict[str, Any]]:
    """Return what the records say: {uptime: {VSS path: value}}."""
    found: dict[int, dict[str, Any]] = {}
    blocks = owner.blocks()
    check_order(blocks)
    for block in blocks:
        schema = owner.schema(block.header["schema"])
        for row in block.rows:
            found.setdefault(row[1], {}).update(named(row, schema))
    return found


def same(stored: Any, on_the_bus: Any) -> bool:
    if isinstance(on_the_bus, float) and stored is not None:
        return bool(abs(stored - on_the_bus) <= abs(on_the_bus) * 1e-12 + 1e-12)
    return type(stored) in (type(on_the_bus), float) and bool(stored == on_the_bus)


@FEW
@given(seed=st.integers(0, 2**32), intervals=st.lists(st.integers(1, 7), min_size=4, max_size=4))
def test_every_stored_value_is_what_was_on_the_bus_at_that_time(
    seed: int, intervals: list[int]
) -> None:
    random = random_module.Random(seed)
    owner = DataHost.ready(Shell())
    for group, interval_s in zip(GROUPS, intervals, strict=True):
        owner.consent(group, interval_s=interval_s)
    told = drive(Car(owner.host.shell), 200, random)
    found = recorded(owner)
    compared = 0
    for at_ms, values in found.items():
        for path, value in values.items():
            if path in ON_THE_BUS:
                assert same(value, told[at_ms][path]), (at_ms, path, value, told[at_ms][path])
                compared += 1
    assert compared >= 180 * len(ON_THE_BUS) // (max(intervals) + 1) // 4


def test_every_flipped_byte_of_a_block_is_noticed() -> None:
    owner = DataHost.ready(Shell())
    owner.consent("driving")
    drive(Car(owner.host.shell), 61, random_module.Random(1))
    (sealed,) = owner.sealed_blocks().values()
    assert owner.chain is not None
    for at in range(len(sealed)):
        broken = bytearray(sealed)
        broken[at] ^= 1 << at % 8
        with pytest.raises(BrokenError):
            open_block(bytes(broken), owner.chain)


def test_dropped_swapped_truncated_and_older_blocks_are_located() -> None:
    owner = DataHost.ready(Shell())
    random = random_module.Random(2)
    car = Car(owner.host.shell)
    images = []
    for _ in range(5):
        owner.consent("driving")
        drive(car, 70, random)
        images.append(owner.sealed_blocks())
    blocks = owner.blocks()
    assert len(blocks) == 5
    check_order(blocks)
    for index in range(1, 4):
        for wrong in (
            blocks[:index] + blocks[index + 1 :],
            [*blocks[:index], blocks[index + 1], blocks[index], *blocks[index + 2 :]],
            [*blocks[:index], blocks[index - 1], *blocks[index + 1 :]],
        ):
            with pytest.raises(BrokenError, match="does not follow"):
                check_order(wrong)
    assert owner.chain is not None
    first = images[0][1]  # as it was when it still grew
    older = [open_block(first, owner.chain), *blocks[1:]]
    assert older[0].tag != blocks[0].tag
    with pytest.raises(BrokenError, match="block 2 does not follow"):
        check_order(older)
    for sealed in owner.sealed_blocks().values():
        for size in range(0, len(sealed), 7):
            with pytest.raises(BrokenError):
                open_block(sealed[:size], owner.chain)


class CutShell(Shell):
    """A board whose power is cut before its n-th save."""

    saves_left = 1 << 30

    def save(self, name: str, data: Any) -> None:
        if self.saves_left == 0:
            raise PowerCut
        self.saves_left -= 1
        super().save(name, data)

    def reboot(self) -> "CutShell":
        return CutShell(self.storage)


class PowerCut(Exception):  # noqa: N818 - it is none
    """The power is off."""


@FEW
@given(seed=st.integers(0, 2**32))
def test_a_power_cut_loses_nothing_that_was_stored(seed: int) -> None:
    random = random_module.Random(seed)
    shell = CutShell()
    owner = DataHost.ready(shell)
    for group in GROUPS:
        owner.consent(group, interval_s=random.randint(1, 3))
    stored: dict[tuple[bytes, int], int] = {}  # (boot, block) -> rows that were acknowledged
    nonces: set[tuple[bytes, bytes]] = set()
    for _ in range(6):
        shell.saves_left = random.randint(0, 12)
        try:
            for _ in range(4):
                drive(Car(shell), 40, random)
                for block in owner.blocks():
                    key = (block.header["boot"], block.header["block"])
                    assert len(block.rows) >= stored.get(key, 0)
                    stored[key] = len(block.rows)
        except PowerCut:
            pass
        shell.saves_left = 1 << 30
        shell = shell.reboot()
        owner.host.shell = shell
        assert owner.host.request(GET, ["system"]).code == 0x45
        blocks = owner.blocks()
        check_order(blocks)
        there = {
            (block.header["boot"], block.header["block"]): len(block.rows) for block in blocks
        }
        assert {key: there.get(key, 0) for key in stored} | stored == {
            key: max(there.get(key, 0), rows) for key, rows in stored.items()
        }
        for key, rows in stored.items():
            assert there[key] >= rows
        for block in blocks:
            nonces.add((block.header[4], block.header[5]))
    assert len({iv for _, iv in nonces}) == len(nonces)
    for before, after in itertools.pairwise(owner.blocks()):
        assert after.header["block"] > before.header["block"]
