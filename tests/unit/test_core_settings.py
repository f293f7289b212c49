"""`/settings`: name, region, Wi-Fi, power; what goes in, and what never comes out."""

from typing import Any

import pytest

from gateway.coap.numbers import BAD_REQUEST, CHANGED, CONTENT, FORBIDDEN, GET, PUT
from tests.models.host import Host
from tests.models.shell import Shell

WIFI = {"ssid": "home", "password": "hunter2hunter2"}
AP = {"password": "hunter2hunter3"}
POWER = {"mode": "stored", "interval_s": 900, "low_mv": 11800}


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def owner(shell: Shell) -> Host:
    return Host.pair(shell)


def put(owner: Host, values: Any) -> int:
    return owner.request(PUT, ["settings"], values).code


def test_what_is_not_named_stays_and_survives_a_reboot(shell: Shell, owner: Host) -> None:
    assert owner.request(GET, ["settings"]).value == {"name": "test"}
    assert put(owner, {"name": "Käfer"}) == CHANGED
    assert put(owner, {"region": "DE"}) == CHANGED
    assert put(owner, {"wifi": WIFI}) == CHANGED
    assert put(owner, {"ap": AP}) == CHANGED
    assert put(owner, {"power": POWER}) == CHANGED
    told = {
        "name": "Käfer",
        "region": "DE",
        "home": "DE",
        "wifi": {"ssid": "home"},
        "ap": {"ssid": "Käfer"},
        "power": POWER,
    }
    assert owner.request(GET, ["settings"]).value == told
    owner.shell = shell.reboot()
    assert owner.request(GET, ["settings"]).value == told
    assert owner.request(GET, ["system"]).value["gateway"] == "Käfer"
    settings = owner.shell.gateway.settings
    assert (settings.wifi, settings.ap, settings.power) == (WIFI, AP, POWER)
    assert put(owner, {"wifi": None, "ap": None, "power": None}) == CHANGED
    left = {"name": "Käfer", "region": "DE", "home": "DE"}
    assert owner.request(GET, ["settings"]).value == left
    assert (settings.wifi, settings.ap, settings.power) == (None, None, None)


def test_the_home_region_is_the_first_one(owner: Host) -> None:
    put(owner, {"region": "DE"})
    put(owner, {"region": "FR"})
    told = owner.request(GET, ["settings"]).value
    assert (told["region"], told["home"]) == ("FR", "DE")


@pytest.mark.parametrize("values", [{"name": "new"}, {"wifi": WIFI}, {"ap": AP}, {"power": POWER}])
def test_what_is_read_at_the_start_wants_one_once_the_answer_has_left(
    shell: Shell, owner: Host, values: Any
) -> None:
    answer = owner.request(PUT, ["settings"], values)
    assert answer.value["restarts"] is True
    assert not shell.gateway.wants_restart
    shell.advance(1000)
    assert shell.gateway.wants_restart
    owner.shell = rebooted = shell.reboot()
    assert "restarts" not in owner.request(PUT, ["settings"], values).value
    rebooted.advance(60_000)
    assert not rebooted.gateway.wants_restart


def test_a_region_alone_wants_no_restart(shell: Shell, owner: Host) -> None:
    assert "restarts" not in owner.request(PUT, ["settings"], {"region": "DE"}).value
    shell.advance(60_000)
    assert not shell.gateway.wants_restart


def test_a_restart_waits_until_a_command_has_ended(shell: Shell, owner: Host) -> None:
    shell.acknowledges_frames = False
    owner.request(PUT, ["settings"], {"wifi": WIFI})
    assert owner.post("lock", owner.command("lock")) == []
    shell.advance(1500)
    assert shell.gateway.next_timeout() is not None
    assert not shell.gateway.wants_restart
    shell.advance(30_000)
    assert shell.gateway.wants_restart


def test_a_password_never_comes_out_nor_lies_in_plain_text(shell: Shell, owner: Host) -> None:
    put(owner, {"wifi": WIFI, "ap": AP})
    everything = b"".join(data for data, _ in shell.datagrams) + b"".join(shell.storage.values())
    assert b"hunter2" not in everything
    assert b"hunter2" not in owner.request(GET, ["settings"]).payload
    assert "hunter2" not in "".join(shell.logs)


@pytest.mark.parametrize(
    "values",
    [
        [],
        {"name": ""},
        {"name": "n" * 33},
        {"name": None},
        {"name": "a\nb"},
        {"region": "D"},
        {"region": "de"},
        {"region": "D1"},
        {"region": "DEU"},
        {"region": None},
        {"region": b"DE"},
        {"wifi": {}},
        {"wifi": {"ssid": "x"}},
        {"wifi": {"ssid": "", "password": ""}},
        {"wifi": {"ssid": "x", "password": "p" * 64}},
        {"wifi": {"ssid": "x", "password": "p" * 7}},
        {"wifi": {"ssid": "x" * 33, "password": ""}},
        {"wifi": {"ssid": "x", "password": None}},
        {"wifi": {**WIFI, "more": 1}},
        {"wifi": "home"},
        {"ap": {}},
        {"ap": {"password": ""}},
        {"ap": {"password": "p" * 7}},
        {"ap": {"password": "p" * 64}},
        {"ap": {"password": "pass\nword"}},
        {"ap": {**AP, "ssid": "x"}},
        {"ap": True},
        {"power": "stored"},
        {"power": {"mode": "stored"}},
        {"power": {**POWER, "mode": "off"}},
        {"power": {**POWER, "interval_s": 59}},
        {"power": {**POWER, "interval_s": 86401}},
        {"power": {**POWER, "interval_s": True}},
        {"power": {**POWER, "low_mv": 8999}},
        {"power": {**POWER, "low_mv": 16001}},
        {"power": {**POWER, "low_mv": "12000"}},
        {"power": {**POWER, "more": 1}},
        {"colour": "red"},
    ],
)
def test_what_is_no_setting_is_refused(owner: Host, values: Any) -> None:
    assert put(owner, values) == BAD_REQUEST
    assert owner.request(GET, ["settings"]).value == {"name": "test"}


@pytest.mark.parametrize("password", ["", "p" * 8, "p" * 63])
def test_a_network_may_be_open_or_have_a_password_that_wpa2_takes(
    owner: Host, password: str
) -> None:
    assert put(owner, {"wifi": {"ssid": "x", "password": password}}) == CHANGED


def test_only_an_owner_sees_and_changes_them(owner: Host) -> None:
    driver = owner.enrol(name="d", role="driver")
    assert driver.request(GET, ["settings"]).code == FORBIDDEN
    assert put(driver, {"name": "x"}) == FORBIDDEN
    assert owner.request(GET, ["settings"]).code == CONTENT
