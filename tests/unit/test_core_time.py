"""Wall time: told by owners, bounded against jumps, unknown after a restart."""

from typing import Any

import pytest

from gateway.coap.numbers import BAD_REQUEST, CHANGED, CONFLICT, ECHO, FORBIDDEN, GET, POST
from tests.models.host import Host
from tests.models.shell import Shell

NOW_S = 1_800_000_000
DAY_MS = 86_400_000
DAY_S = 86_400


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def owner(shell: Shell) -> Host:
    return Host.pair(shell)


def told(host: Host) -> dict[str, Any]:
    fields: dict[str, Any] = host.request(GET, ["time"]).value
    return fields


def test_a_boot_tells_how_long_it_lasts_and_which_it_is(shell: Shell, owner: Host) -> None:
    shell.advance(5000)
    first = told(owner)
    assert first["uptime_ms"] == 5000
    assert set(first) == {"uptime_ms", "boot"}
    assert told(owner)["boot"] == first["boot"]
    owner.shell = shell.reboot()
    assert told(owner)["boot"] != first["boot"]


def test_time_that_was_told_goes_on_until_the_restart(shell: Shell, owner: Host) -> None:
    response = owner.tell_time(NOW_S)
    assert (response.code, response.value["unix_s"]) == (CHANGED, NOW_S)
    shell.advance(90_500)
    assert told(owner)["unix_s"] == NOW_S + 90
    owner.shell = shell.reboot()
    assert "unix_s" not in told(owner)


def test_only_an_owner_tells_the_time_and_everybody_reads_it(owner: Host) -> None:
    for role in ("driver", "viewer"):
        other = owner.enrol(name=role, role=role)
        assert other.tell_time(NOW_S).code == FORBIDDEN
        assert "uptime_ms" in told(other)


def test_telling_needs_a_fresh_echo(shell: Shell, owner: Host) -> None:
    echo = owner.challenge()
    shell.advance(6000)
    owner.send(owner.protect(POST, ["time"], {"unix_s": NOW_S}, options=[(ECHO, echo)]))
    assert owner.responses()[-1].option(ECHO) is not None
    assert "unix_s" not in told(owner)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"unix_s": "now"},
        {"unix_s": 1.8e9},
        {"unix_s": True},
        {"unix_s": -1},
        {"unix_s": 946_684_800},
        {"unix_s": 1 << 32},
        {"unix_s": NOW_S, "zone": 1},
        [NOW_S],
    ],
    ids=str,
)
def test_what_is_no_time_is_not_taken(owner: Host, payload: Any) -> None:
    assert owner.request(POST, ["time"], payload).code == BAD_REQUEST
    assert "unix_s" not in told(owner)


# ---- jumps ----


def test_after_a_restart_time_does_not_go_back_over_the_lan(shell: Shell, owner: Host) -> None:
    owner.tell_time(NOW_S)
    shell.advance(2 * DAY_MS)
    owner.shell = rebooted = shell.reboot()
    rebooted.advance(60_000)
    assert owner.tell_time(NOW_S + 2 * DAY_S + 59).code == CONFLICT
    assert "unix_s" not in told(owner)
    assert owner.tell_time(NOW_S + 2 * DAY_S + 60).code == CHANGED


def test_over_the_cable_time_may_be_anything(shell: Shell, owner: Host) -> None:
    owner.tell_time(NOW_S + 1000 * DAY_S)  # a mistake
    owner.on_cable = True
    assert owner.tell_time(NOW_S).code == CHANGED
    assert told(owner)["unix_s"] == NOW_S
    owner.shell = shell.reboot()
    assert owner.tell_time(NOW_S - DAY_S).code == CHANGED


@pytest.mark.parametrize("sign", [1, -1])
def test_the_lan_corrects_five_minutes_a_day(shell: Shell, owner: Host, sign: int) -> None:
    owner.tell_time(NOW_S)
    assert owner.tell_time(NOW_S + sign * 301).code == CONFLICT
    assert owner.tell_time(NOW_S + sign * 200).code == CHANGED
    assert owner.tell_time(NOW_S + sign * 301).code == CONFLICT
    assert owner.tell_time(NOW_S + sign * 300).code == CHANGED
    assert owner.tell_time(NOW_S + sign * 297).code == CONFLICT
    shell.advance(DAY_MS)
    assert owner.tell_time(NOW_S + DAY_S + sign * 600).code == CHANGED
    assert told(owner)["unix_s"] == NOW_S + DAY_S + sign * 600


def test_two_seconds_are_no_correction(shell: Shell, owner: Host) -> None:
    owner.tell_time(NOW_S)
    for difference_s in (-2, -1, 0, 1, 2) * 50:
        assert owner.tell_time(NOW_S + difference_s).code == CHANGED
    assert told(owner)["unix_s"] == NOW_S
    assert owner.tell_time(NOW_S + 300).code == CHANGED


def test_a_time_that_was_set_on_the_cable_may_be_corrected_anew(shell: Shell, owner: Host) -> None:
    owner.tell_time(NOW_S)
    owner.tell_time(NOW_S + 300)
    owner.on_cable = True
    owner.tell_time(NOW_S)
    owner.on_cable = False
    assert owner.tell_time(NOW_S + 300).code == CHANGED


# ---- what is kept ----


def test_telling_what_is_known_writes_nothing(shell: Shell, owner: Host) -> None:
    owner.on_cable = True
    owner.tell_time(NOW_S)
    kept = shell.storage["time"]
    assert owner.tell_time(NOW_S + 1).code == CHANGED
    assert shell.storage["time"] == kept


def test_time_is_kept_when_it_is_told_and_then_once_a_day(shell: Shell, owner: Host) -> None:
    kept = []
    owner.tell_time(NOW_S)
    for _ in range(49):
        kept.append(shell.storage["time"])
        shell.advance(3_600_000)
    assert len(set(kept)) == 3


def test_time_is_confirmed_once_it_is_durable(shell: Shell, owner: Host) -> None:
    echo = owner.challenge()
    shell.holds_saves = True
    owner.send(owner.protect(POST, ["time"], {"unix_s": NOW_S}, options=[(ECHO, echo)]))
    assert owner.responses() == []
    shell.holds_saves = False
    shell.drain()
    assert owner.responses()[-1].code == CHANGED


def test_the_clock_says_what_the_time_is_at_least(shell: Shell, owner: Host) -> None:
    owner.tell_time(NOW_S)
    rebooted = shell.reboot()
    rebooted.advance(7000)
    clock = rebooted.gateway._clock
    assert clock.unix_s(rebooted.now_ms) is None
    assert clock.at_least_s(rebooted.now_ms) == NOW_S + 7
