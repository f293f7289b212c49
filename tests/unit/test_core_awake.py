"""A board that may sleep: what keeps it awake, and what a wake-up costs its flash."""

from typing import TYPE_CHECKING, Any

import pytest

from gateway.coap.numbers import CHANGED, GET, OBSERVE, POST, PUT
from gateway.core import Gateway
from gateway.vault.wall_clock import EARLIEST_S
from tests.aes import AES
from tests.models.car import Car
from tests.models.data_host import TIME_S, DataHost
from tests.models.host import Host
from tests.models.shell import Shell, profile

if TYPE_CHECKING:
    from gateway.vault.records import Data

SECOND = 1000
MINUTE = 60_000
QUIET = (None, False, False)


class Flash(Shell):
    """A board that notes what it writes, in its order, since it was woken."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.written: list[str] = []
        super().__init__(*arguments, **more)

    def save(self, name: str, data: "Data | None") -> None:
        self.written.append(name)
        super().save(name, data)

    def sleep_and_wake(self) -> "Flash":
        """Sleep, and return the board that wakes from it; what it wrote to sleep counts as its."""
        self.gateway.rest(self.now_ms)
        self.drain()
        assert self.gateway.saves() == []
        return Flash(self.storage, 0, self.car)


@pytest.fixture
def shell() -> Flash:
    return Flash()


@pytest.fixture
def owner(shell: Flash) -> Host:
    return Host.pair(shell)


def activity(shell: Shell) -> tuple[int | None, bool, bool]:
    return shell.gateway.activity(shell.now_ms)


def test_whoever_may_command_keeps_it_awake_and_nobody_else(shell: Flash, owner: Host) -> None:
    shell.advance(5 * SECOND)
    owner.request(GET, ["system"])
    assert activity(shell) == (5000, False, False)
    for role, counts in (("driver", True), ("viewer", False), ("service", False)):
        limits = {"scopes": ["signals:read"]} if role == "service" else {}
        somebody = owner.enrol(name=role, role=role, **limits)
        shell.advance(SECOND)
        assert somebody.request(GET, ["signals"]).code == 0x45
        asked_ms, _, _ = activity(shell)
        assert (asked_ms == shell.now_ms) is counts


def test_an_observer_holds_it_but_not_one_who_only_looks(shell: Flash, owner: Host) -> None:
    viewer = owner.enrol(name="wall", role="viewer")
    viewer.request(GET, ["signals"])
    viewer.request(GET, ["signals"], options=[(OBSERVE, b"")])
    assert activity(shell)[1] is False
    owner.request(GET, ["signals"], options=[(OBSERVE, b"")])
    assert activity(shell)[1] is True


def test_a_command_must_not_be_cut_off(shell: Flash, owner: Host) -> None:
    command = owner.command("lock")
    owner.request(POST, ["lock"], command)
    assert activity(shell)[2] is True  # it waits for a car that says nothing
    shell.gateway.rest(shell.now_ms)
    shell.drain()
    assert activity(shell)[2] is True
    shell.advance(MINUTE)
    assert activity(shell)[2] is False


def test_a_climate_that_is_to_be_switched_off_again_holds_it(shell: Flash, owner: Host) -> None:
    car = Car(shell)
    car.run(1000)
    owner.post("climate", owner.command("climate", on=True))
    car.signals["CLIM_Status"]["Power"] = 1
    car.run(200)
    assert not shell.gateway._engine.is_active
    assert activity(shell)[2] is True
    car.run(1_802_000, "CLIM_Status")
    car.signals["CLIM_Status"]["Power"] = 0
    car.run(10_000)
    assert activity(shell)[2] is False


def test_pairing_and_arming_must_not_be_cut_off(shell: Flash, owner: Host) -> None:
    shell.gateway.press_button(3000, shell.now_ms)
    assert activity(shell)[2] is True
    shell.advance(61 * SECOND)
    assert activity(shell)[2] is False


def test_an_unpaired_board_is_open_for_pairing_but_may_sleep(shell: Flash) -> None:
    assert activity(shell) == QUIET


def test_waking_up_writes_nothing(shell: Flash, owner: Host) -> None:
    for _ in range(3):
        shell = shell.sleep_and_wake()
        shell.advance(MINUTE)
    shell.gateway.rest(shell.now_ms)
    shell.drain()
    assert shell.written == []


def test_a_look_at_a_board_that_woke_reserves_numbers_and_no_more(
    shell: Flash, owner: Host
) -> None:
    for _ in range(3):
        shell = owner.shell = shell.sleep_and_wake()
        for _ in range(5):
            owner.request(GET, ["signals"])
        shell.gateway.rest(shell.now_ms)
        shell.drain()
        assert shell.written == ["sequence-" + owner.kid.hex()]


def test_what_was_recorded_is_stored_before_it_sleeps() -> None:
    shell = Flash()
    data = DataHost.ready(shell)
    assert data.consent("driving").code == CHANGED
    car = Car(shell)
    for _ in range(20):
        shell.advance(500)
        car.send()
    shell.written.clear()
    shell.gateway.rest(shell.now_ms)
    shell.drain()
    assert [name for name in shell.written if name.startswith("block-")] == ["block-1"]
    shell.gateway.rest(shell.now_ms)
    shell.drain()
    assert shell.written.count("block-1") == 1


def test_the_least_time_goes_on_and_the_time_stays_unknown(shell: Flash, owner: Host) -> None:
    assert owner.request(POST, ["time"], {"unix_s": TIME_S}).code == CHANGED
    shell.advance(MINUTE)
    assert shell.gateway.at_least_s(shell.now_ms) == TIME_S + 60
    woken = Gateway(
        profile(),
        dict(shell.storage),
        AES,
        lambda length: bytes(length),
        0,
        "test",
        dict,
        at_least_s=TIME_S + 900,
    )
    assert woken.at_least_s(5 * SECOND) == TIME_S + 905
    assert woken._clock.unix_s(0) is None


def test_the_least_time_never_goes_back(shell: Flash) -> None:
    woken = Gateway(profile(), {}, AES, bytes, 0, "test", dict, at_least_s=7)
    assert woken.at_least_s(0) == EARLIEST_S


def test_the_power_is_told_if_there_is_anything_to_tell(shell: Flash, owner: Host) -> None:
    assert "power" not in owner.request(GET, ["system"]).value
    power = {"mode": "stored", "state": "stored", "interval_s": 900, "awake_until_s": 60}
    shell.gateway.attach_power(lambda: power)
    assert owner.request(GET, ["system"]).value["power"] == power
    assert owner.request(PUT, ["settings"], {"name": "x"}).code == CHANGED
