"""`carport sim fault`: what is broken around the board, beside the car."""

from collections.abc import Mapping
from typing import Any

import pytest

from carport.emulator.board_faults import BOARD_FAULTS, BoardFaults
from carport.hub import Hub


class World:
    """The faults over a hub that nobody has joined, and a car with one fault of its own."""

    def __init__(self) -> None:
        self.wifi: list[str | None] = []
        self.asked: list[str] = []
        self.hub = Hub()
        self.faults = BoardFaults(self._car, self.hub, self.wifi.append)

    def ask(self, **request: Any) -> dict[str, Any]:
        return self.faults.handle(request)

    def active(self) -> list[str]:
        return [f"{each['name']} {each['place']}" for each in self.ask(do="state")["faults"]]

    def _car(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(request["do"])
        return {"ok": True, "faults": [{"name": "silent", "place": "body"}]}


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("name", BOARD_FAULTS)
def test_each_fault_begins_is_told_and_ends(world: World, name: str) -> None:
    place = next(iter(BOARD_FAULTS[name].places), "")
    assert world.ask(do="fault", name=name) == {"ok": True, "name": name, "place": place}
    assert world.active() == ["silent body", f"{name} {place}"]
    left = world.ask(do="clear", name=name)
    assert [each["name"] for each in left["faults"]] == ["silent"]
    assert world.active() == ["silent body"]


def test_clearing_everything_clears_the_cars_too(world: World) -> None:
    for name in BOARD_FAULTS:
        world.ask(do="fault", name=name)
    world.ask(do="clear", name=None)
    assert world.active() == ["silent body"]
    assert world.asked == ["clear", "state"]
    assert world.wifi == ["wrong password", None]


def test_a_fault_moves_to_another_place(world: World) -> None:
    world.ask(do="fault", name="cut-wire", place="can0")
    world.ask(do="fault", name="cut-wire", place="can1")
    assert world.active() == ["silent body", "cut-wire can1"]
    assert world.ask(do="fault", name="cut-wire", place="can7")["ok"] is False


def test_what_is_the_cars_goes_to_the_car(world: World) -> None:
    world.ask(do="fault", name="silent", place="body")
    world.ask(do="clear", name="silent")
    assert world.asked == ["fault", "clear"]
