"""`/settings`: name, region and Wi-Fi; what goes in, and what never comes out."""

from typing import Any

import pytest

from gateway.coap.numbers import BAD_REQUEST, CHANGED, CONTENT, FORBIDDEN, GET, PUT
from tests.models.host import Host
from tests.models.shell import Shell

WIFI = {"ssid": "home", "password": "hunter2hunter2"}


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
    told = {"name": "Käfer", "region": "DE", "wifi": {"ssid": "home"}}
    assert owner.request(GET, ["settings"]).value == told
    owner.shell = shell.reboot()
    assert owner.request(GET, ["settings"]).value == told
    assert owner.request(GET, ["system"]).value["gateway"] == "Käfer"
    assert owner.shell.gateway.settings.wifi == WIFI
    assert put(owner, {"wifi": None}) == CHANGED
    assert owner.request(GET, ["settings"]).value == {"name": "Käfer", "region": "DE"}
    assert owner.shell.gateway.settings.wifi is None


def test_a_password_never_comes_out_nor_lies_in_plain_text(shell: Shell, owner: Host) -> None:
    put(owner, {"wifi": WIFI})
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
        {"wifi": {**WIFI, "more": 1}},
        {"wifi": "home"},
        {"colour": "red"},
    ],
)
def test_what_is_no_setting_is_refused(owner: Host, values: Any) -> None:
    assert put(owner, values) == BAD_REQUEST
    assert owner.request(GET, ["settings"]).value == {"name": "test"}


def test_only_an_owner_sees_and_changes_them(owner: Host) -> None:
    driver = owner.enrol(name="d", role="driver")
    assert driver.request(GET, ["settings"]).code == FORBIDDEN
    assert put(driver, {"name": "x"}) == FORBIDDEN
    assert owner.request(GET, ["settings"]).code == CONTENT
