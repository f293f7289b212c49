"""The emulated board's sleep and battery, without a board."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from carport.emulator.deep_sleep import DeepSleep, WokenBy
from carport.emulator.supply import Supply

LONG_S = 3600.0


class World:
    """A car that takes outside_temperature alone, and the board's wire to the battery."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.millivolts: list[int] = []
        self.supply = Supply(self._handle, self.millivolts.append)

    def set(self, **values: Any) -> dict[str, Any]:
        return self.supply.handle({"do": "set", "values": values})

    def _handle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(dict(request))
        if request["do"] == "names":
            return {"ok": True, "names": ["outside_temperature"]}
        if request["do"] == "state":
            return {"ok": True, "settings": {"outside_temperature": 20.0}}
        if set(request["values"]) != {"outside_temperature"}:
            return {"ok": False, "error": "unknown"}
        return {"ok": True, "set": request["values"]}


def test_the_battery_is_one_setting_more() -> None:
    world = World()
    assert world.set(supply_voltage=11.9) == {"ok": True, "set": {"supply_voltage": 11.9}}
    assert world.millivolts == [11_900]
    assert world.asked == []
    both = {"supply_voltage": 12, "outside_temperature": 5}
    assert world.set(**both) == {"ok": True, "set": both}
    assert world.asked == [{"do": "set", "values": {"outside_temperature": 5}}]
    names = world.supply.handle({"do": "names"})["names"]
    assert names == ["outside_temperature", "supply_voltage"]
    settings = world.supply.handle({"do": "state"})["settings"]
    assert settings == {"outside_temperature": 20.0, "supply_voltage": 12.0}


def test_what_the_car_refuses_changes_no_battery() -> None:
    world = World()
    assert not world.set(supply_voltage=11.9, nonsense=1)["ok"]
    assert world.millivolts == []


@pytest.mark.parametrize("volts", [5.9, 16.1, "12", True, None])
def test_a_voltage_that_no_car_has(volts: object) -> None:
    world = World()
    answer = world.set(supply_voltage=volts)
    assert answer["error"] == f"supply_voltage is a number from 6 to 16, not {volts}"
    assert world.millivolts == []


def woken_by(
    act: Callable[[DeepSleep], object],
    frames: list[int],
    duration_s: float = LONG_S,
    is_bus_watched: bool = True,
) -> WokenBy:
    """Return what wakes a board, when `act` is done as soon as it sleeps."""

    async def run() -> WokenBy:
        sleep = DeepSleep(lambda: frames[0])
        assert not sleep.is_asleep
        sleep.wake("button")  # of one that is awake: nothing
        waiting = asyncio.create_task(sleep.wait(duration_s, is_bus_watched))
        await asyncio.sleep(0)
        assert sleep.is_asleep or duration_s == 0
        act(sleep)
        by = await waiting
        assert not sleep.is_asleep
        return by

    return asyncio.run(run())


def test_what_wakes_it() -> None:
    frames = [7]
    assert woken_by(lambda sleep: None, frames, duration_s=0) == "timer"
    assert woken_by(lambda sleep: sleep.wake("button"), frames) == "button"
    assert woken_by(lambda sleep: sleep.wake("power"), frames) == "power"
    assert woken_by(lambda sleep: frames.__setitem__(0, 8), frames) == "bus"


def test_a_bus_that_is_not_watched_wakes_nobody() -> None:
    frames = [7]

    def act(sleep: DeepSleep) -> None:
        frames[0] = 8
        asyncio.get_running_loop().call_later(0.05, sleep.wake, "button")

    assert woken_by(act, frames, is_bus_watched=False) == "button"
