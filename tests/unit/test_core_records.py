"""The records through the core's door: rows into blocks, blocks out, keys, regions, erasure."""

from typing import Any

import pytest

from gateway.coap.numbers import (
    BAD_REQUEST,
    CHANGED,
    CONTENT,
    DELETED,
    FORBIDDEN,
    GET,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    OBSERVE,
    POST,
    PUT,
)
from gateway.data import archive
from tests.models.car import Car
from tests.models.data_host import TIME_S, YEAR_S, DataHost
from tests.models.host import Host
from tests.models.records import Block, BrokenError, check_order, named, open_block, open_entry
from tests.models.shell import Shell

DAY_MS = 86_400_000
SPEED = "Vehicle.Speed"


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def car(shell: Shell) -> Car:
    return Car(shell)


@pytest.fixture
def owner(shell: Shell) -> DataHost:
    owner = DataHost.ready(shell)
    owner.consent("driving")
    return owner


def told(owner: DataHost, kind: str) -> list[Any]:
    """Return (by, detail) of the ledger's entries of a kind."""
    entries = owner.ledger()[1]
    opened = [
        open_entry(owner.keys["detail_key"], number, sealed) for number, sealed, _ in entries
    ]
    return [(by, detail) for _, _, each, by, detail in opened if each == kind]


def speeds(owner: DataHost, blocks: list[Block]) -> dict[int, Any]:
    """Return {uptime: speed} of all rows of the driving group."""
    found = {}
    for block in blocks:
        schema = owner.schema(block.header["schema"])
        for row in block.rows:
            if schema["groups"][row[0]]["group"] == "driving":
                found[row[1]] = named(row, schema)[SPEED]
    return found


def drive(car: Car, seconds: int, speed: float = 0.0) -> None:
    """Let the car drive, a little faster each second."""
    for second in range(seconds):
        car.signals["DRV_Status"]["Speed"] = speed + second / 4 % 200
        car.run(1000, "DRV_Status", "DRV_Odometer")


def advance(shell: Shell, duration_ms: int) -> None:
    """Let a long time pass, in which the gateway wakes each second."""
    while duration_ms > 0:
        step_ms = min(duration_ms, 3_600_000)
        shell.advance(step_ms)
        duration_ms -= step_ms


def reboot(owner: DataHost) -> Shell:
    owner.host.shell = owner.host.shell.reboot()
    return owner.host.shell


# ---- recording ----


def test_each_row_is_what_the_car_said_when_it_was_sampled(owner: DataHost, car: Car) -> None:
    said = {}
    for second in range(1, 130):
        car.signals["DRV_Status"]["Speed"] = second * 1.25
        car.run(1000, "DRV_Status")  # the last one at the very moment of the row is heard after it
        said[second * 1000] = second * 1.25
    found = speeds(owner, owner.blocks())
    assert max(found) == 120_000
    assert {at_ms: said[at_ms] for at_ms in found} == found


def test_the_open_block_is_stored_each_minute_and_grows(owner: DataHost, car: Car) -> None:
    drive(car, 59)
    assert owner.status()["writes"] == 0
    drive(car, 2)
    assert (owner.status()["writes"], owner.status()["open"]) == (1, 1)
    first = owner.blocks()
    drive(car, 60)
    (second,) = owner.blocks()
    assert second.rows[: len(first[0].rows)] == first[0].rows
    assert len(second.rows) == len(first[0].rows) + 60
    assert second.header[5] != first[0].header[5]  # a nonce is used once


def test_full_blocks_follow_each_other(owner: DataHost, car: Car) -> None:
    owner.consent("climate")
    owner.consent("location")
    drive(car, 1300, 3)
    sealed = owner.sealed_blocks()
    assert len(sealed) > 2
    assert max(map(len, sealed.values())) <= 3840
    assert min(map(len, list(sealed.values())[1:-1])) > 3400
    blocks = owner.blocks()
    check_order(blocks)
    assert [block.header["block"] for block in blocks] == list(range(1, len(blocks) + 1))
    found = sorted(speeds(owner, blocks))
    assert found == list(range(found[0], found[-1] + 1000, 1000))
    assert len({block.header[5] for block in blocks}) == len(blocks)


def test_a_sleeping_car_fills_no_flash(shell: Shell, owner: DataHost, car: Car) -> None:
    drive(car, 10)
    shell.advance(120_000)
    rows, writes = owner.status()["rows"], owner.status()["writes"]
    shell.advance(3_600_000)
    assert (owner.status()["rows"], owner.status()["writes"]) == (rows, writes)
    last = owner.blocks()[-1].rows[-1]
    assert set(last[2]) == {None}  # that it fell silent is told, once


def test_what_does_not_change_costs_next_to_nothing(owner: DataHost, car: Car) -> None:
    car.send()
    before = owner.status()
    car.run(600_000)
    after = owner.status()
    assert (after["bytes"] - before["bytes"]) / (after["rows"] - before["rows"]) < 6.2


def test_an_unknown_value_is_no_number(shell: Shell, owner: DataHost, car: Car) -> None:
    drive(car, 5)
    shell.advance(3000)
    drive(car, 60)
    found = speeds(owner, owner.blocks())
    assert None in found.values()
    assert found[5000] == 1.0


def test_nothing_is_stored_between_a_commands_intent_and_its_end(
    shell: Shell, owner: DataHost, car: Car
) -> None:
    car.send()
    drive(car, 58)
    car.signals["DRV_Status"]["Speed"] = 0
    car.send()
    writes = owner.status()["writes"]
    assert owner.host.post("lock", owner.host.command("lock")) == []
    saved: list[str] = []
    save = shell.save

    def note(name: str, data: Any) -> None:
        saved.append(name)
        save(name, data)

    shell.save = note  # type: ignore[method-assign]
    car.run(2500)
    assert not [name for name in saved if name.startswith("block-")]
    car.lock(True)
    car.run(2000)
    assert saved[0].startswith("receipts-")
    assert "block-1" in saved
    assert owner.status()["writes"] == writes + 1
    (command,) = told(owner, "command")
    assert command == ("ann", {"command": "lock", "state": "confirmed"})


# ---- keys ----


def test_a_step_ends_with_the_day_and_its_key_opens_no_later_to_earlier(
    owner: DataHost, car: Car
) -> None:
    shell = owner.host.shell
    first = owner.chain
    drive(car, 70)
    advance(shell, DAY_MS)
    drive(car, 70)
    owner.fetch_key()
    second = owner.chain
    assert first is not None
    assert second is not None
    assert (first.id, second.step - first.step) == (second.id, 1)
    sealed = list(owner.sealed_blocks().values())
    check_order([open_block(data, first) for data in sealed])
    with pytest.raises(BrokenError):
        open_block(sealed[0], second)
    assert open_block(sealed[-1], second).rows


def test_a_step_ends_at_midnight_if_the_time_is_known(owner: DataHost, car: Car) -> None:
    until_midnight_ms = 1000 * (86_400 - TIME_S % 86_400)
    drive(car, 61)
    advance(owner.host.shell, until_midnight_ms - 61_000 - 1000)
    assert owner.status()["step"] == 0
    owner.host.shell.advance(3000)
    assert owner.status()["step"] == 1


def test_a_step_ends_with_the_boot_if_it_was_used(owner: DataHost, car: Car) -> None:
    reboot(owner).advance(5000)
    assert owner.status()["step"] == 0
    drive(Car(owner.host.shell), 61)
    reboot(owner).advance(5000)
    assert owner.status()["step"] == 1
    reboot(owner).advance(5000)
    assert owner.status()["step"] == 1


def test_only_owners_get_keys_and_all_who_do_are_known(owner: DataHost) -> None:
    bob = DataHost(owner.host.enrol(name="bob", role="owner"))
    bob.fetch_key()
    assert bob.keys == owner.keys
    assert owner.status()["holders"] == ["ann", "bob"]
    driver = owner.host.enrol(name="d", role="service", scopes=["records"])
    refused = driver.request(POST, ["records", "key"], {"random": bytes(32)})
    assert refused.code == METHOD_NOT_ALLOWED
    for payload in ({"random": bytes(31)}, {}, {"random": bytes(32), "step": 0}):
        assert owner.host.request(POST, ["records", "key"], payload).code == BAD_REQUEST
    assert [by for by, _ in told(owner, "key")] == ["ann", "bob"]


def test_after_a_reboot_blocks_go_on_in_their_order(owner: DataHost, car: Car) -> None:
    drive(car, 130)
    for _ in range(3):
        drive(Car(reboot(owner)), 130)
    blocks = owner.blocks()
    assert [block.header["block"] for block in blocks] == [1, 2, 3, 4]
    check_order(blocks)
    assert len({block.header["boot"] for block in blocks}) == 4
    assert "boot_unix_s" in blocks[0].header
    assert blocks[1].header["after_unix_s"] >= TIME_S


def test_a_block_of_a_boot_that_learns_the_time_dates_the_earlier_ones(
    owner: DataHost, car: Car
) -> None:
    shell = reboot(owner)
    drive(Car(shell), 61)
    owner.tell_time(TIME_S + 1000)
    drive(Car(shell), 61)
    (block,) = owner.blocks()
    assert block.header["boot_unix_s"] == TIME_S + 1000 - 61
    assert block.header["boot"] == owner.host.request(GET, ["time"]).value["boot"]


def test_a_change_of_consent_or_region_begins_a_new_block(owner: DataHost, car: Car) -> None:
    drive(car, 10)
    owner.consent("charging")
    drive(car, 10)
    owner.host.request(PUT, ["settings"], {"region": "FR"})
    drive(car, 61)
    owner.host.request(PUT, ["consent", "transfers", "DE"], {"until": TIME_S + YEAR_S})
    headers = [block.header for block in owner.blocks()]
    assert [header["region"] for header in headers] == ["DE", "DE", "FR"]
    assert [header["schema"] for header in headers] == [1, 2, 2]


# ---- reading ----


def test_the_index_names_every_block_with_its_times(owner: DataHost, car: Car) -> None:
    for _ in range(15):
        drive(car, 10)
        owner.consent("charging", purpose="again")
    rows = owner.fetch("records", "index", "0").value
    rows += owner.fetch("records", "index", str(rows[-1][0] + 1)).value
    assert [row[0] for row in rows] == list(range(1, 16))
    for row in rows:
        block = open_block(owner.fetch("records", str(row[0])).payload, owner.fetch_key())
        assert row[1:8] == [
            block.header[4][:8],
            int.from_bytes(block.header[4][8:], "big"),
            block.header["region"],
            block.header["schema"],
            block.header["start_ms"],
            block.header["end_ms"],
            block.header["boot_unix_s"],
        ]
    assert owner.fetch("records", "index", "16").value == []


def test_live_rows_are_the_stored_ones(owner: DataHost, car: Car) -> None:
    owner.consent("location")
    car.send()
    response = owner.host.request(GET, ["records", "live"], options=[(OBSERVE, b"")])
    assert response.code == CONTENT
    live = [response.value]
    for second in range(70):
        car.signals["DRV_Status"]["Speed"] = second
        car.run(1000)
        answers = owner.host.responses()
        for answer in answers:
            owner.host.acknowledge(answer)
        live += [answer.value for answer in answers]
    blocks = owner.blocks()
    stored = {(group, at_ms): row for block in blocks for group, at_ms, row in block.rows}
    seen = {(row[0], row[1]): row[2:] for pack in live for row in pack["rows"] if row[1] <= 60_000}
    assert len(seen) > 100
    assert {key: stored[key] for key in seen} == seen
    assert {pack["schema"] for pack in live} == {blocks[-1].header["schema"]}
    assert {pack["boot_unix_s"] for pack in live} == {TIME_S}


def test_schemas_say_path_datatype_unit_and_scale(owner: DataHost, car: Car) -> None:
    drive(car, 61)
    schema = owner.schema(owner.blocks()[0].header["schema"])
    (group,) = schema["groups"]
    assert (schema["profile"], group["group"], group["interval_s"]) == ("reference", "driving", 1)
    columns = {column["path"]: column for column in group["columns"]}
    assert columns[SPEED] == {
        "path": SPEED,
        "datatype": "float",
        "unit": "km/h",
        "scale": [1, 100],
    }
    assert columns["Vehicle.LowVoltageSystemState"] == {
        "path": "Vehicle.LowVoltageSystemState",
        "datatype": "string",
        "values": ["OFF", "ACC", "ON"],
    }
    assert owner.fetch("records", "schemas", "99").code == NOT_FOUND


@pytest.mark.parametrize(
    "path", ["0", "2", "-1", "x", "1e3", "\u00b2", "key", "erased", "index", "schemas"]
)
def test_what_is_no_record_is_not_found(owner: DataHost, car: Car, path: str) -> None:
    drive(car, 61)
    assert owner.host.request(GET, ["records", path]).code == NOT_FOUND


def test_reading_takes_an_owner_or_a_scope_and_is_in_the_ledger_once_a_session(
    shell: Shell, owner: DataHost, car: Car
) -> None:
    drive(car, 61)
    others = {
        role: owner.host.enrol(name=role, role=role, **more)
        for role, more in [
            ("viewer", {}),
            ("driver", {}),
            ("service", {"scopes": ["records"]}),
        ]
    }
    lock = owner.host.enrol(name="locker", role="service", scopes=["lock"])
    for _ in range(5):
        assert others["viewer"].request(GET, ["records", "1"]).code == FORBIDDEN
        assert others["driver"].request(GET, ["records"]).code == FORBIDDEN
        assert lock.request(GET, ["records", "1"]).code == FORBIDDEN
        assert others["service"].request(GET, ["records", "1"]).code == CONTENT
    assert others["service"].request(GET, ["consent"]).code == FORBIDDEN
    assert [by for by, _ in told(owner, "denied")] == ["viewer", "driver", "locker"]
    assert told(owner, "export") == [("service", {"from": 1})]
    shell.advance(700_000)
    ended = [("service", {"first": 1, "last": 1, "times": 5})]
    assert told(owner, "export")[1:] == ended
    assert sorted(told(owner, "denied")[3:]) == [
        (by, {"first": 0, "last": 0, "times": 5}) for by in ("driver", "locker", "viewer")
    ]


def test_no_block_leaves_before_the_ledger_says_so(
    shell: Shell, owner: DataHost, car: Car
) -> None:
    drive(car, 61)
    owner.host.request(GET, ["records"])
    shell.holds_saves = True
    owner.host.send(owner.host.protect(GET, ["records", "1"]))
    assert owner.host.responses() == []
    shell.holds_saves = False
    shell.drain()
    assert [answer.code for answer in owner.host.responses()] == [CONTENT]


# ---- regions ----


def enrolled(owner: DataHost, region: str, name: str = "", role: str = "owner") -> Host:
    host = owner.host.enrol(name=name or region, role=role, region=region)
    assert host.request(GET, ["consent"]).code == CONTENT  # it is where it says
    return host


def test_a_key_of_another_region_gets_no_block_until_an_owner_allows_it_to(
    shell: Shell, owner: DataHost, car: Car
) -> None:
    drive(car, 61)
    abroad, here = enrolled(owner, "FR"), enrolled(owner, "DE")
    assert here.request(GET, ["records", "1"]).code == CONTENT
    refused = abroad.request(GET, ["records", "1"])
    assert (refused.code, refused.payload) == (
        FORBIDDEN,
        b"recorded in DE, and this key is of FR",
    )
    assert told(owner, "denied") == [
        ("FR", {"from": 1, "reason": "recorded in DE, and this key is of FR"})
    ]
    path = ["consent", "transfers", "FR"]
    assert owner.host.request(PUT, path, {"until": TIME_S + 300}).code == CHANGED
    assert abroad.request(GET, ["records", "1"]).code == CONTENT
    assert ("FR", {"from": 1}) in told(owner, "export")
    shell.advance(300_000)
    assert abroad.request(GET, ["records", "1"]).code == FORBIDDEN


def test_declaring_another_region_relabels_nothing(owner: DataHost, car: Car) -> None:
    drive(car, 61)
    abroad = enrolled(owner, "FR")
    assert abroad.request(PUT, ["settings"], {"region": "FR"}).code == CHANGED
    assert abroad.request(GET, ["records", "1"]).code == FORBIDDEN
    drive(car, 61)
    assert abroad.request(GET, ["records", "2"]).code == CONTENT
    assert owner.host.request(GET, ["records", "1"]).code == CONTENT
    assert owner.host.request(GET, ["records", "2"]).code == FORBIDDEN


def test_a_replayed_request_of_another_regions_key_gets_nothing(
    shell: Shell, owner: DataHost, car: Car
) -> None:
    drive(car, 61)
    here = enrolled(owner, "DE")
    request = here.protect(GET, ["records", "1"])
    here.send(request)
    assert here.responses()[-1].code == CONTENT
    shell.receive_datagram(request, "a host abroad")
    assert not [data for data, _ in shell.datagrams if len(data) > 100]
    assert len(told(owner, "export")) == 1


# ---- going ----


def test_the_ring_forgets_the_oldest(
    owner: DataHost, car: Car, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_BLOCKS", 4)
    for _ in range(7):
        drive(car, 5)
        owner.consent("driving")
    status = owner.status()
    assert status["next"] - status["first"] == 4
    assert list(owner.sealed_blocks()) == [4, 5, 6, 7]
    check_order(owner.blocks())
    names = [name for name in owner.host.shell.storage if name.startswith("block-")]
    assert sorted(name for name in names if name[6:].isdigit()) == [
        f"block-{number}" for number in (4, 5, 6, 7)
    ]


def test_on_a_full_flash_the_oldest_make_room(owner: DataHost, car: Car) -> None:
    shell = owner.host.shell
    for _ in range(12):
        drive(car, 5)
        owner.consent("driving")
    save = shell.save
    tried = []

    def full(name: str, data: Any) -> None:
        room = 12
        blocks = [each for each in shell.storage if each[:6] == "block-" and each[6:].isdigit()]
        tried.append(name)
        if data is not None and name[:6] == "block-" and len(blocks) >= room:
            raise OSError(28)
        save(name, data)

    def drain() -> None:
        for _ in range(9):
            try:
                Shell.drain(shell)
            except OSError:
                shell.gateway.saving_failed(True, shell.now_ms)
            else:
                return
        raise AssertionError("there is never room")

    shell.save, shell.drain = full, drain  # type: ignore[method-assign]
    drive(car, 70)
    names = [name for name in shell.storage if name[:6] == "block-" and name[6:].isdigit()]
    assert "block-13" in names
    assert "block-1" not in names
    assert len(names) <= 12
    assert list(owner.sealed_blocks())[-1] == 13
    check_order(owner.blocks())


def test_blocks_are_kept_as_long_as_was_consented_to(owner: DataHost, car: Car) -> None:
    shell = owner.host.shell
    owner.consent("driving", keep_days=2)
    drive(car, 61)
    advance(shell, DAY_MS)
    drive(car, 61)
    advance(shell, DAY_MS - 1000)
    assert list(owner.sealed_blocks()) == [1, 2]
    shell.advance(3_600_000)
    assert list(owner.sealed_blocks()) == [2]
    advance(shell, DAY_MS)
    assert owner.sealed_blocks() == {}
    assert not [name for name in shell.storage if name[:6] == "block-" and name[6:].isdigit()]


def test_schemas_go_with_the_last_block_that_needs_them(owner: DataHost, car: Car) -> None:
    drive(car, 10)
    owner.consent("climate")
    drive(car, 61)
    assert owner.erase(f"before={TIME_S + 10}").code == DELETED
    owner.host.shell.advance(5000)
    assert list(owner.sealed_blocks()) == [2]
    assert owner.fetch("records", "schemas", "1").code == NOT_FOUND
    assert owner.schema(2)["schema"] == 2


def test_erasing_all_leaves_nothing_that_opens(owner: DataHost, car: Car) -> None:
    shell = owner.host.shell
    drive(car, 130)
    image = dict(shell.storage)
    old = owner.chain
    assert owner.erase().code == DELETED
    shell.advance(1000)
    assert not [name for name in shell.storage if name[:6] == "block-" and name[6:].isdigit()]
    assert old is not None
    assert old.key not in b"".join(shell.storage.values())
    status = owner.status()
    assert (status["recording"], "chain" in status, status["erasing"]) == ([], False, False)
    assert status["erasures"] == [{"chain": old.id, "waiting": ["ann"]}]
    assert told(owner, "erase") == [("ann", {})]
    drive(car, 61)
    assert owner.status()["rows"] == status["rows"]
    new = owner.fetch_key()
    assert new.id != old.id
    drive(car, 61)
    assert owner.blocks()
    # What the flash held before, put back beside all that is known now, opens no block.
    shell.storage.update({name: image[name] for name in image if name != "root"})
    owner.host.shell = shell.reboot()
    data = owner.host.shell.gateway._home.keeper(0).archive.read(1)
    assert data is not None
    with pytest.raises(BrokenError):
        open_block(b"".join(data), new)


def test_an_erasure_is_complete_when_every_holder_says_so(owner: DataHost, car: Car) -> None:
    bob = DataHost(owner.host.enrol(name="bob", role="owner"))
    bob.fetch_key()
    drive(car, 61)
    chain = owner.status()["chain"]
    owner.erase()
    waiting = {"chain": chain, "waiting": ["ann", "bob"]}
    assert owner.status()["erasures"] == [waiting]
    path = ["records", "erased"]
    assert bob.host.request(POST, path, {"chain": bytes(8)}).code == CHANGED
    assert bob.host.request(POST, path, {"chain": chain, "step": 9}).code == CHANGED
    assert owner.status()["erasures"] == [waiting]
    assert bob.host.request(POST, path, {"chain": chain}).code == CHANGED
    assert owner.status()["erasures"] == [{"chain": chain, "waiting": ["ann"]}]
    reboot(owner)
    assert owner.host.request(POST, path, {"chain": chain}).value["erasures"] == []
    assert [by for by, _ in told(owner, "erased")] == ["bob", "ann"]
    wrong: list[Any] = [{}, {"chain": b"x"}, {"chain": chain, "step": "1"}, []]
    for payload in wrong:
        assert owner.host.request(POST, path, payload).code == BAD_REQUEST


def test_erasing_what_is_older_advances_the_key(owner: DataHost, car: Car) -> None:
    shell = owner.host.shell
    drive(car, 61)
    advance(shell, DAY_MS)
    drive(car, 61)
    before_s = TIME_S + 61 + 86_400
    assert owner.erase(f"before={before_s}").code == DELETED
    shell.advance(1000)
    kept = owner.sealed_blocks()
    assert list(kept) == [2]
    (erasure,) = owner.status()["erasures"]
    assert erasure["step"] == 1
    assert owner.status()["step"] == 2
    first = open_block(kept[2], owner.chain)  # type: ignore[arg-type]
    assert int.from_bytes(first.header[4][8:], "big") == erasure["step"]
    done = owner.host.request(POST, ["records", "erased"], {"chain": erasure["chain"], "step": 1})
    assert done.value["erasures"] == []


def test_erasing_up_to_now_leaves_no_row(owner: DataHost, car: Car) -> None:
    drive(car, 90)
    assert owner.erase(f"before={TIME_S + 90}").code == DELETED
    owner.host.shell.advance(1000)
    assert owner.sealed_blocks() == {}
    drive(car, 61)
    assert owner.chain is not None
    assert min(speeds(owner, owner.blocks())) > 90_000


@pytest.mark.parametrize("query", ["before=", "before=x", f"before={TIME_S + YEAR_S}", "all"])
def test_what_is_to_be_erased_must_be_said_rightly(owner: DataHost, car: Car, query: str) -> None:
    drive(car, 61)
    assert owner.erase(query).code == BAD_REQUEST
    assert list(owner.sealed_blocks()) == [1]


def test_an_erasure_goes_on_after_a_power_cut(owner: DataHost, car: Car) -> None:
    shell = owner.host.shell
    for _ in range(9):
        drive(car, 5)
        owner.consent("driving")
    shell.holds_saves = True
    owner.host.send(owner.host.protect(GET, ["records"]))
    owner.host.responses()
    shell.holds_saves = False
    gateway = shell.gateway
    gateway._home.keeper(shell.now_ms).erase_all(shell.now_ms)
    for number, name, data in gateway.saves():
        shell.save(name, data)
        gateway.saved(number, shell.now_ms)
    rebooted = reboot(owner)
    assert owner.status()["erasing"]
    rebooted.advance(2000)
    assert not owner.status()["erasing"]
    assert not [name for name in rebooted.storage if name[:6] == "block-" and name[6:].isdigit()]


def test_an_owner_change_leaves_nothing_at_all(owner: DataHost, car: Car) -> None:
    shell = owner.host.shell
    drive(car, 130)
    shell.holds_saves = True
    owner.host.send(owner.host.protect(GET, ["records"]))
    owner.host.responses()
    shell.holds_saves = False
    assert owner.erase("owner-change").code == DELETED
    assert shell.storage == {}
    fresh = reboot(owner)
    fresh.advance(1000)
    assert Host.pair(fresh, "new owner").request(GET, ["system"]).code == CONTENT
    assert not [name for name in fresh.storage if name.startswith(("block-1", "consent"))]


def test_only_an_owner_erases(owner: DataHost, car: Car) -> None:
    drive(car, 61)
    service = owner.host.enrol(name="s", role="service", scopes=["records"])
    for query in ("", "owner-change"):
        assert DataHost(service).erase(query).code == FORBIDDEN
    assert list(owner.sealed_blocks()) == [1]
