"""Consent through the core's door: nothing without it, no more than it says, nothing after it."""

from typing import Any

import pytest

from gateway.coap.numbers import (
    BAD_REQUEST,
    CHANGED,
    CONFLICT,
    CONTENT,
    DELETE,
    DELETED,
    FORBIDDEN,
    GET,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    POST,
    PUT,
)
from tests.models.car import Car
from tests.models.data_host import TIME_S, YEAR_S, DataHost
from tests.models.host import Host
from tests.models.records import named, open_entry
from tests.models.shell import Shell

DAY_S = 86_400
GRANT = {"purpose": "p", "interval_s": 1, "keep_days": 1, "until": TIME_S + 1}


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def car(shell: Shell) -> Car:
    return Car(shell)


@pytest.fixture
def owner(shell: Shell) -> DataHost:
    return DataHost.ready(shell)


def said(owner: DataHost) -> list[tuple[str, str, Any]]:
    """Return (kind, by, detail) of every entry of the ledger."""
    entries = owner.ledger()[1]
    opened = [
        open_entry(owner.keys["detail_key"], number, sealed) for number, sealed, _ in entries
    ]
    return [(kind, by, detail) for _, _, kind, by, detail in opened]


def test_out_of_the_box_nothing_is_recorded(shell: Shell, owner: DataHost, car: Car) -> None:
    car.run(300_000)
    status = owner.status()
    assert (status["recording"], status["rows"], status["writes"]) == ([], 0, 0)
    assert owner.sealed_blocks() == {}
    assert not [name for name in shell.storage if name.startswith(("block-s", "data"))]


def test_what_is_missing_is_said_in_its_order(shell: Shell) -> None:
    owner = DataHost(Host.pair(shell))
    assert b"POST /time" in owner.consent("driving").payload
    owner.tell_time()
    assert b"PUT /settings" in owner.consent("driving").payload
    owner.host.request(PUT, ["settings"], {"region": "DE"})
    refused = owner.consent("driving")
    assert (refused.code, b"POST /records/key" in refused.payload) == (CONFLICT, True)
    owner.fetch_key()
    assert owner.consent("driving").code == CHANGED


def test_groups_are_shown_with_their_signals_and_hold_nothing_that_identifies(
    owner: DataHost,
) -> None:
    shown = owner.fetch("consent").value
    assert shown == {
        "groups": ["charging", "climate", "driving", "location"],
        "grants": {},
        "transfers": {},
    }
    paths = [
        path for group in shown["groups"] for path in owner.fetch("consent", group).value["paths"]
    ]
    assert len(paths) == len(set(paths)) > 15
    assert not [path for path in paths if "Identification" in path or "Door" in path]
    assert owner.fetch("consent", "location").value["paths"] == [
        "Vehicle.CurrentLocation.Latitude",
        "Vehicle.CurrentLocation.Longitude",
    ]


def test_a_grant_says_who_and_when_and_is_in_the_ledger(owner: DataHost) -> None:
    assert owner.consent("climate", purpose="trip log", interval_s=5).code == CHANGED
    grant = owner.fetch("consent", "climate").value["grant"]
    assert (grant["purpose"], grant["by"], grant["at"]) == ("trip log", "ann", TIME_S)
    assert said(owner)[-1] == ("consent", "ann", {"group": "climate", "grant": grant})
    assert owner.status()["recording"] == ["climate"]


@pytest.mark.parametrize(
    "fields",
    [
        {"purpose": ""},
        {"purpose": "x" * 121},
        {"purpose": 1},
        {"interval_s": 0},
        {"interval_s": 3601},
        {"interval_s": True},
        {"interval_s": 1.5},
        {"keep_days": 0},
        {"keep_days": 3651},
        {"until": TIME_S},
        {"until": TIME_S + 5 * YEAR_S + 3 * DAY_S},
        {"until": None},
        {"vin": True},
        {"precision": []},
        {"precision": {"Vehicle.Speed": 5}},
        {"precision": {"Vehicle.Speed": [0, 1]}},
        {"precision": {"Vehicle.Speed": [1, 0]}},
        {"precision": {"Vehicle.Speed": [1, 1000]}},
        {"precision": {"Vehicle.Speed": [1, 3]}},
        {"precision": {"Vehicle.CurrentLocation.Latitude": [1, 100]}},
        {"precision": {"Vehicle.LowVoltageSystemState": [1, 1]}},
    ],
)
def test_what_is_no_grant_is_refused(owner: DataHost, fields: dict[str, Any]) -> None:
    assert owner.consent("driving", **fields).code == BAD_REQUEST
    assert owner.fetch("consent").value["grants"] == {}
    assert owner.status()["recording"] == []


def test_a_grant_lasts_five_years_at_most(owner: DataHost) -> None:
    assert owner.consent("driving", until=TIME_S + 5 * YEAR_S).code == CHANGED


@pytest.mark.parametrize(
    ("code", "path", "answer"),
    [
        (PUT, ["consent", "vin"], NOT_FOUND),
        (PUT, ["consent", "\u00e4\ud83d".encode("utf-8", "replace").decode()], NOT_FOUND),
        (PUT, ["consent"], METHOD_NOT_ALLOWED),
        (POST, ["consent", "driving"], METHOD_NOT_ALLOWED),
        (GET, ["consent", "transfers", "FR"], METHOD_NOT_ALLOWED),
        (PUT, ["consent", "transfers", "fr"], NOT_FOUND),
        (PUT, ["consent", "driving", "FR"], NOT_FOUND),
        (GET, ["consent", "a", "b", "c"], NOT_FOUND),
    ],
)
def test_other_paths_and_methods(owner: DataHost, code: int, path: list[str], answer: int) -> None:
    assert owner.host.request(code, path, GRANT).code == answer


def test_only_an_owner_consents(owner: DataHost) -> None:
    for role in ("viewer", "driver"):
        other = DataHost(owner.host.enrol(name=role, role=role))
        assert other.consent("driving").code == FORBIDDEN
        assert other.withdraw("driving").code == FORBIDDEN
        assert other.host.request(GET, ["consent"]).code == FORBIDDEN


def test_speed_and_position_are_coarsened_before_they_are_stored(
    owner: DataHost, car: Car
) -> None:
    owner.consent("driving", precision={"Vehicle.Speed": [5, 1]})
    latitude, longitude = "Vehicle.CurrentLocation.Latitude", "Vehicle.CurrentLocation.Longitude"
    owner.consent("location", precision={latitude: [1, 100], longitude: [1, 100]})
    speeds = [0, 2.49, 2.5, 7.4, 52.51, 130]
    for speed in speeds:
        car.signals["DRV_Status"]["Speed"] = speed
        car.run(1000)
    car.run(60_000)
    block = owner.blocks()[-1]
    schema = owner.schema(block.header["schema"])
    rows = [named(row, schema) for row in block.rows]
    told = [row["Vehicle.Speed"] for row in rows if row.get("Vehicle.Speed") is not None]
    assert told[: len(speeds)] == [0, 0, 5, 5, 55, 130]
    places = {(row[latitude], row[longitude]) for row in rows if row.get(latitude)}
    assert places == {(48.14, 11.58)}


def test_withdrawing_stops_at_once_and_keeps_the_others(owner: DataHost, car: Car) -> None:
    owner.consent("driving")
    owner.consent("climate")
    car.run(5000)
    assert owner.withdraw("driving").code == DELETED
    before = owner.status()["rows"]
    car.run(5000)
    assert owner.status()["recording"] == ["climate"]
    assert owner.status()["rows"] - before == 5
    assert said(owner)[-1] == ("withdrawn", "ann", {"group": "driving"})
    assert owner.withdraw("climate").code == DELETED
    writes = owner.status()["writes"]
    car.run(120_000)
    assert owner.status()["writes"] == writes
    assert owner.withdraw("climate").code == DELETED
    assert [kind for kind, _, _ in said(owner)].count("withdrawn") == 2


def test_a_grant_ends_by_itself_and_its_end_is_in_the_ledger(owner: DataHost, car: Car) -> None:
    owner.consent("driving", until=TIME_S + 10)
    car.run(9000)
    assert owner.status()["recording"] == ["driving"]
    car.run(2000)
    rows = owner.status()["rows"]
    car.run(60_000)
    assert owner.status()["recording"] == []
    assert owner.status()["rows"] == rows
    assert ("expired", "gateway", {"groups": ["driving"]}) in said(owner)


def test_a_reboot_does_not_bring_an_ended_grant_back(
    shell: Shell, owner: DataHost, car: Car
) -> None:
    owner.consent("driving", until=TIME_S + 3 * DAY_S)
    car.run(1000)
    rebooted = shell.reboot()
    owner.host.shell = rebooted
    assert owner.status()["recording"] == ["driving"]
    owner.tell_time(TIME_S + 4 * DAY_S)
    assert owner.status()["recording"] == []
    again = rebooted.reboot()
    owner.host.shell = again
    assert owner.status()["recording"] == []


def test_without_the_time_a_grant_ends_when_it_must_have(shell: Shell, owner: DataHost) -> None:
    owner.consent("driving", until=TIME_S + 100)
    rebooted = shell.reboot()
    owner.host.shell = rebooted
    rebooted.advance(99_000)
    assert owner.status()["recording"] == ["driving"]
    rebooted.advance(2000)
    assert owner.status()["recording"] == []


def test_consents_survive_a_reboot(shell: Shell, owner: DataHost, car: Car) -> None:
    owner.consent("driving")
    owner.consent("climate", interval_s=10)
    before = owner.fetch("consent").value
    owner.host.shell = shell.reboot()
    assert owner.fetch("consent").value == before
    assert owner.status()["recording"] == ["climate", "driving"]


def test_transfers_are_dated_and_can_be_ended(owner: DataHost) -> None:
    path = ["consent", "transfers", "FR"]
    for until in (TIME_S, TIME_S + 6 * YEAR_S, "x"):
        assert owner.host.request(PUT, path, {"until": until}).code == BAD_REQUEST
    assert owner.host.request(PUT, path, {"until": TIME_S + 9}).code == CHANGED
    transfer = {"until": TIME_S + 9, "by": "ann", "at": TIME_S}
    assert owner.fetch("consent").value["transfers"] == {"FR": transfer}
    assert said(owner)[-1] == ("transfer", "ann", {"region": "FR", "until": TIME_S + 9})
    assert owner.host.request(DELETE, path).code == DELETED
    assert owner.fetch("consent").value["transfers"] == {}
    assert said(owner)[-1] == ("transfer", "ann", {"region": "FR", "until": None})
    assert owner.host.request(GET, ["consent"]).code == CONTENT


def test_after_the_first_consent_the_board_wants_to_restart_once(
    shell: Shell, owner: DataHost, car: Car
) -> None:
    car.run(20_000)
    assert not shell.gateway.wants_restart
    owner.consent("driving")
    car.run(9000)
    assert not shell.gateway.wants_restart
    car.run(3000)
    assert shell.gateway.wants_restart
    rebooted = shell.reboot()
    owner.host.shell = rebooted
    owner.tell_time(TIME_S + 40)
    owner.consent("climate")
    rebooted.advance(60_000)
    assert not rebooted.gateway.wants_restart
    assert owner.status()["recording"] == ["climate", "driving"]
