"""The ledger through the core's door: every change of it is noticed, and where."""

import copy
from typing import Any

import pytest

from gateway.coap.numbers import CHANGED, DELETE, DELETED, FORBIDDEN, GET, PUT
from gateway.data import ledger
from tests.models.car import Car
from tests.models.data_host import DataHost
from tests.models.host import Host
from tests.models.records import NO_MAC, BrokenError, check_ledger, open_entry
from tests.models.shell import Shell


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def owner(shell: Shell) -> DataHost:
    owner = DataHost.ready(shell)
    for name in ("one", "two", "three"):
        assert owner.host.request(PUT, ["settings"], {"name": name}).code == CHANGED
    return owner


def opened(owner: DataHost) -> list[list[Any]]:
    """Return every entry's [unix_s, uptime_ms, kind, by, detail]."""
    key = owner.keys["detail_key"]
    return [open_entry(key, number, sealed) for number, sealed, _ in owner.ledger()[1]]


def check(owner: DataHost, entries: list[list[Any]], **more: Any) -> bytes:
    return check_ledger(owner.keys["mac_key"], NO_MAC, entries, **more)


def test_it_begins_with_the_pairing_and_says_who_did_what_when(owner: DataHost) -> None:
    assert [entry[2:] for entry in opened(owner)][:4] == [
        ["keys", "ann", {"paired": True}],
        ["time", "ann", {"unix_s": 1_800_000_000}],
        ["settings", "ann", {"region": "DE"}],
        ["key", "ann", {"chain": owner.keys["chain"], "step": 0}],
    ]
    assert opened(owner)[0][:2] == [None, 0]
    assert opened(owner)[1][:2] == [1_800_000_000, 0]


def test_keys_commands_and_arming_are_in_it_and_no_secret_is(
    shell: Shell, owner: DataHost
) -> None:
    car = Car(shell)
    car.send()

    def obey(transmission: object) -> None:
        car.lock(True)
        car.send()

    shell.on_sent = obey
    guest = owner.host.enrol(name="guest", role="driver")
    guest.post("lock", guest.command("lock"))
    guest.post("lock", guest.command("climate", on=True))  # refused: not at /lock
    car.run(2000)
    owner.host.request(DELETE, ["arm"])
    wifi = {"ssid": "home", "password": "hunter2hunter2"}
    owner.host.request(PUT, ["settings"], {"wifi": wifi})
    entries = [entry[2:] for entry in opened(owner)][7:]
    assert entries == [
        ["keys", "ann", {"name": "guest", "role": "driver"}],
        ["command", "guest", {"command": "lock", "state": "confirmed"}],
        ["arm", "ann", {"ended": True}],
        ["settings", "ann", {"wifi": "home"}],
    ]


def test_it_verifies_across_reboots_and_goes_on(shell: Shell, owner: DataHost) -> None:
    for name in "abcdefghijklmnop":
        owner.host.request(PUT, ["settings"], {"name": name})
        owner.host.shell = owner.host.shell.reboot()
    before, entries = owner.ledger()
    assert before == NO_MAC
    assert [number for number, _, _ in entries] == list(range(1, 24))
    check(owner, entries)
    assert opened(owner)[-1][4] == {"name": "p"}


def test_every_flipped_bit_is_noticed_at_its_entry(owner: DataHost) -> None:
    _, entries = owner.ledger()
    check(owner, entries)
    for index, (number, sealed, mac) in enumerate(entries):
        for part, data in ((1, sealed), (2, mac)):
            for at in range(len(data)):
                broken = copy.deepcopy(entries)
                flipped = bytearray(data)
                flipped[at] ^= 1 << at % 8
                broken[index][part] = bytes(flipped)
                with pytest.raises(BrokenError, match=f"entry {number} was changed"):
                    check(owner, broken)


def test_dropped_swapped_cut_and_older_entries_are_named(owner: DataHost) -> None:
    _, entries = owner.ledger()
    head = (entries[-1][0], entries[-1][2])
    for index in range(1, len(entries) - 1):
        dropped = entries[:index] + entries[index + 1 :]
        with pytest.raises(BrokenError, match=f"entry {index + 1} is missing"):
            check(owner, dropped)
        renumbered = [[at + 1, *row[1:]] for at, row in enumerate(dropped)]
        with pytest.raises(BrokenError, match=f"entry {index + 1} was changed"):
            check(owner, renumbered)
        swapped = copy.deepcopy(entries)
        swapped[index][1:], swapped[index + 1][1:] = entries[index + 1][1:], entries[index][1:]
        with pytest.raises(BrokenError, match=f"entry {index + 1} was changed"):
            check(owner, swapped)
        check(owner, entries[:index])  # nobody who knows no head notices
        with pytest.raises(BrokenError, match=f"entry {index + 1} is missing"):
            check(owner, entries[:index], head=head)
    assert check(owner, entries, head=head) == head[1]


def test_an_older_ledger_put_back_is_noticed_by_who_knows_the_head(
    shell: Shell, owner: DataHost
) -> None:
    image = {name: data for name, data in shell.storage.items() if "l" in name}
    owner.host.request(PUT, ["settings"], {"name": "later"})
    _, entries = owner.ledger()
    head = (entries[-1][0], entries[-1][2])
    shell.storage.update(image)
    owner.host.shell = shell.reboot()
    with pytest.raises(BrokenError, match=f"entry {head[0]} is missing"):
        check(owner, owner.ledger()[1], head=head)
    owner.host.request(PUT, ["settings"], {"name": "another"})
    with pytest.raises(BrokenError, match=f"entry {head[0]} is another one"):
        check(owner, owner.ledger()[1], head=head)


def test_a_damaged_segment_shows_as_missing_entries(shell: Shell, owner: DataHost) -> None:
    for name in map(str, range(30)):
        owner.host.request(PUT, ["settings"], {"name": name})
    segments = sorted(
        (name for name in shell.storage if name.startswith("block-l")), key=lambda n: int(n[7:])
    )
    assert len(segments) > 2
    damaged = bytearray(shell.storage[segments[1]])
    damaged[40] ^= 1
    shell.storage[segments[1]] = bytes(damaged)
    first = int(segments[1][7:])
    part = owner.fetch("ledger", str(first)).value
    assert part["entries"] == []
    assert part["next"] > first


def test_the_oldest_go_and_the_rest_still_verifies(
    owner: DataHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "SEGMENTS", 3)
    for number in range(60):
        owner.host.request(PUT, ["settings"], {"name": f"name {number}"})
    before, entries = owner.ledger()
    assert before != NO_MAC
    assert entries[0][0] > 20
    assert entries[-1][0] == 67
    check_ledger(owner.keys["mac_key"], before, entries)
    with pytest.raises(BrokenError):
        check_ledger(owner.keys["mac_key"], NO_MAC, entries)
    names = [name for name in owner.host.shell.storage if name.startswith("block-l")]
    assert len(names) == 3


def test_erasing_what_it_says_leaves_a_chain_that_verifies(shell: Shell, owner: DataHost) -> None:
    old = owner.keys["detail_key"]
    _, before = owner.ledger()
    assert owner.host.request(DELETE, ["ledger"]).code == DELETED
    assert old not in b"".join(shell.storage.values())
    _, entries = owner.ledger()
    check(owner, entries)
    assert entries[: len(before)] == before
    keys = owner.keys
    owner.fetch_key()
    assert owner.keys["mac_key"] == keys["mac_key"]
    assert owner.keys["detail_from"] == len(before) + 1
    assert open_entry(owner.keys["detail_key"], *entries[-1][:2])[2:] == ["ledger", "ann", None]
    with pytest.raises(BrokenError):
        open_entry(owner.keys["detail_key"], *entries[0][:2])


def test_only_owners_read_it(owner: DataHost) -> None:
    driver = owner.host.enrol(name="d", role="driver")
    assert driver.request(GET, ["ledger"]).code == FORBIDDEN
    assert driver.request(DELETE, ["ledger"]).code == FORBIDDEN
    assert DataHost(driver).fetch("ledger", "1").code == FORBIDDEN


def test_reading_from_an_entry_gives_the_mac_before_it(owner: DataHost) -> None:
    _, entries = owner.ledger()
    for number, _, _ in entries:
        part = owner.fetch("ledger", str(number)).value
        check_ledger(owner.keys["mac_key"], part["before"], part["entries"])
        assert part["entries"][0][0] == number
    assert owner.fetch("ledger", "99").value["entries"] == []


def test_a_cut_at_any_save_leaves_a_ledger_that_verifies(shell: Shell) -> None:
    owner = DataHost.ready(shell)
    heads: dict[int, bytes] = {}
    for number in range(40):
        shell = owner.host.shell
        shell.holds_saves = True
        request = owner.host.protect(PUT, ["settings"], {"name": f"name {number}"})
        owner.host.send(request)
        challenge = owner.host.responses()[-1]
        echo = [(252, value) for n, value in challenge.options if n == 252]
        owner.host.send(
            owner.host.protect(PUT, ["settings"], {"name": f"name {number}"}, options=echo)
        )
        for done, (_, name, data) in enumerate(shell.gateway.saves()):
            if done > number % 4:
                break
            shell.save(name, data)
        owner.host.shell = shell.reboot()
        _, entries = owner.ledger()
        check(owner, entries)
        for entry, _, mac in entries:
            assert heads.setdefault(entry, mac) == mac or entry == entries[-1][0]
            heads[entry] = mac


def test_a_pairing_by_button_is_in_it(shell: Shell, owner: DataHost) -> None:
    shell.gateway.press_button(3000, shell.now_ms)
    Host.pair(shell, "bob")
    assert opened(owner)[-1][2:] == ["keys", "bob", {"paired": True}]
