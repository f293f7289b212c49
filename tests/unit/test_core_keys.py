"""Who has keys: made, listed, revoked; and what of it survives a cut of the power."""

from itertools import count
from typing import Any

import pytest

from gateway import cbor
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    BAD_REQUEST,
    CHANGED,
    CON,
    CONFLICT,
    CONTENT,
    DELETE,
    DELETED,
    ECHO,
    FORBIDDEN,
    GET,
    NOT_FOUND,
    OBSERVE,
    OSCORE,
    POST,
    SERVICE_UNAVAILABLE,
    UNAUTHORIZED,
    URI_QUERY,
)
from gateway.oscore import option
from gateway.vault.records import Records
from tests.models.car import Car
from tests.models.host import Host, plain
from tests.models.shell import Shell

NOW_S = 1_800_000_000


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def owner(shell: Shell) -> Host:
    return Host.pair(shell)


@pytest.fixture
def car(shell: Shell) -> Car:
    car = Car(shell)
    car.send()
    return car


def is_known(host: Host) -> bool:
    """Tell whether the gateway has the host's key."""
    host.send(host.protect(GET, ["lock"]))
    response = host.responses()[-1]
    return response.code == CONTENT or response.option(ECHO) is not None


def with_echo(owner: Host, name: str) -> bytes:
    """Return the request that revokes somebody's keys, as it is after its challenge."""
    options = [(URI_QUERY, f"name={name}".encode()), (ECHO, owner.challenge())]
    return owner.protect(DELETE, ["keys"], options=sorted(options))


def press(shell: Shell) -> None:
    shell.gateway.press_button(3000, shell.now_ms)


# ---- making and listing ----


def test_the_list_shows_everybody_in_their_order_and_no_secret(shell: Shell, owner: Host) -> None:
    owner.enrol()
    bob = owner.enrol(name="bob", role="guest", not_before=5, not_after=NOW_S, uses=3, region="DE")
    owner.enrol(name="app", role="service", scopes=["lock", "climate:read"])
    owner.make_dormant(name="eve", role="viewer")
    owner.make_dormant()
    told = owner.principals()
    assert list(told.values()) == [
        {
            "name": "ann",
            "role": "owner",
            "contexts": 2,
            "kids": [b"\x01", b"\x02"],
            "backups": 1,
            "you": True,
        },
        {
            "name": "bob",
            "role": "guest",
            "scopes": ["lock", "climate"],
            "not_before": 5,
            "not_after": NOW_S,
            "uses": 3,
            "region": "DE",
            "contexts": 1,
            "kids": [bob.kid],
        },
        {
            "name": "app",
            "role": "service",
            "scopes": ["lock", "climate:read"],
            "contexts": 1,
            "kids": [b"\x04"],
        },
        {"name": "eve", "role": "viewer", "contexts": 0, "kids": [], "invitations": 1},
    ]
    assert owner.principals() == told
    owner.shell = shell.reboot()
    assert owner.principals() == told


def test_a_full_list_comes_in_blocks(shell: Shell, owner: Host) -> None:
    names = [f"driver number {number:02} of the family" for number in range(22)]
    for name in names:
        owner.enrol(name=name, role="driver", scopes=["lock", "climate", "signals:read"])
    assert list(owner.principals()) == ["ann", *names]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "bob"},
        {"role": "driver"},
        {"name": "bob", "role": "king"},
        {"name": "bob", "role": "owner", "scopes": ["lock"]},
        {"name": "bob", "role": "owner", "not_after": NOW_S},
        {"name": "bob", "role": "owner", "uses": 1},
        {"name": "bob", "role": "guest"},
        {"name": "bob", "role": "guest", "not_before": NOW_S},
        {"name": "bob", "role": "guest", "uses": 0},
        {"name": "bob", "role": "guest", "uses": True},
        {"name": "bob", "role": "guest", "not_after": 1 << 32},
        {"name": "bob", "role": "guest", "not_after": -1},
        {"name": "bob", "role": "service"},
        {"name": "bob", "role": "service", "scopes": []},
        {"name": "bob", "role": "service", "scopes": "lock"},
        {"name": "bob", "role": "service", "scopes": ["wings"]},
        {"name": "bob", "role": "service", "scopes": ["lock:write"]},
        {"name": "bob", "role": "service", "scopes": ["lock", "lock:read"]},
        {"name": "bob", "role": "service", "scopes": [7]},
        {"name": "bob", "role": "viewer", "uses": 1},
        {"name": "bob", "role": "driver", "region": "de"},
        {"name": "bob", "role": "driver", "region": "DEU"},
        {"name": "bob", "role": "driver", "region": 49},
        {"name": "bob", "role": "driver", "dormant": False},
        {"name": "bob", "role": "driver", "left": 5},
        {"name": "b\nb", "role": "driver"},
        {"region": "DE"},
        {"scopes": ["lock"], "dormant": True},
    ],
    ids=str,
)
def test_what_makes_no_sense_makes_no_key(owner: Host, fields: dict[str, Any]) -> None:
    response = owner.request(POST, ["keys"], {"random": bytes(32), **fields})
    assert response.code == BAD_REQUEST
    assert list(owner.principals()) == ["ann"]


def test_a_name_is_given_once(shell: Shell, owner: Host) -> None:
    owner.enrol(name="bob", role="driver")
    fields = {"random": bytes(32), "name": "bob", "role": "viewer"}
    assert owner.request(POST, ["keys"], fields).code == CONFLICT
    assert owner.request(POST, ["keys"], {**fields, "dormant": True}).code == CONFLICT


def test_pairing_under_a_name_that_is_taken_adds_a_number(shell: Shell, owner: Host) -> None:
    owner.enrol(name="é" * 16, role="driver")
    for name, known_as in (("ann", "ann 2"), ("ann", "ann 3"), ("é" * 16, "é" * 15 + " 2")):
        press(shell)
        host = Host.pair(shell, name)
        assert host.principals()[known_as]["you"]


def test_a_key_for_somebody_else_needs_a_fresh_echo(shell: Shell, owner: Host) -> None:
    echo = owner.challenge()
    shell.advance(6000)
    fields = {"random": bytes(32), "name": "bob", "role": "driver"}
    owner.send(owner.protect(POST, ["keys"], fields, options=[(ECHO, echo)]))
    assert owner.responses()[-1].code == UNAUTHORIZED
    assert list(owner.principals()) == ["ann"]


def test_somebody_new_has_eight_contexts_at_most(owner: Host) -> None:
    bob = owner.enrol(name="bob", role="viewer")
    for _ in range(7):
        bob.enrol()
    assert bob.request(POST, ["keys"], {"random": bytes(32)}).code == SERVICE_UNAVAILABLE


def test_the_last_context_is_for_a_backup_or_a_pairing(shell: Shell, owner: Host) -> None:
    backup = owner.make_dormant()
    for _ in range(22):
        owner.enrol()
    assert owner.request(POST, ["keys"], {"random": bytes(32)}).code == SERVICE_UNAVAILABLE
    restored = backup.wake().enrol()
    assert restored.request(GET, ["lock"]).code == CONTENT
    press(shell)
    pairing = cbor.encode({"random": bytes(32), "name": "bob"})
    assert plain(shell, POST, ["pair"], pairing, cable=True)[0] == SERVICE_UNAVAILABLE
    assert restored.revoke("ann", "others").code == DELETED
    assert Host.pair(shell, "bob").request(GET, ["lock"]).code == CONTENT


def test_unconfirmed_pairings_use_up_one_kid(shell: Shell) -> None:
    pairing = cbor.encode({"random": bytes(32), "name": "bob"})
    kids = set()
    for _ in range(300):
        code, answer = plain(shell, POST, ["pair"], pairing, cable=True)
        assert code == CHANGED
        kids.add(cbor.decode(answer)["sender_id"])
    assert kids == {b"\x01"}
    assert [Host.pair(shell).kid] == [b"\x01"]


def test_a_key_made_while_a_pairing_is_open_has_another_kid(shell: Shell, owner: Host) -> None:
    press(shell)
    code, answer = plain(
        shell, POST, ["pair"], cbor.encode({"random": bytes(32), "name": "bob"}), cable=True
    )
    assert code == CHANGED
    second = owner.enrol()
    bob = Host.enrolled(shell, bytes(32), cbor.decode(answer), b"carport pair")
    assert second.kid != bob.kid
    assert bob.request(GET, ["lock"]).code == second.request(GET, ["lock"]).code == CONTENT


# ---- last use ----


def test_the_last_use_is_told_in_wall_time_and_kept(shell: Shell, owner: Host) -> None:
    bob = owner.enrol(name="bob", role="viewer")
    bob.request(GET, ["lock"])
    shell.advance(10_000)
    assert "last_used" not in owner.principals()["bob"]
    owner.tell_time(NOW_S)
    assert owner.principals()["bob"]["last_used"] == NOW_S - 10
    shell.advance(86_400_000)  # it is written once a day
    owner.shell = shell.reboot()
    assert owner.principals()["bob"]["last_used"] == NOW_S - 10


def test_use_is_not_written_more_often_than_once_a_day(shell: Shell, owner: Host) -> None:
    owner.tell_time(NOW_S)
    shell.advance(86_400_000)
    stored = dict(shell.storage)
    for _ in range(20):
        owner.request(GET, ["lock"])
        shell.advance(3_600_000)
    assert shell.storage == stored


# ---- revoking ----


def test_a_revoked_key_is_unknown_at_once_and_for_good(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="driver")
    second = bob.enrol()
    bob.post("lock", bob.command("lock"))
    car.lock(True)
    car.run(100)
    assert owner.revoke("bob").code == DELETED
    for host in (bob, second):
        assert not is_known(host)
    names = [name for name in shell.storage if bob.kid.hex() in name or "03" in name]
    assert names == []
    assert list(owner.principals()) == ["ann"]
    for host in (bob, second):
        host.shell = shell.reboot()
        assert not is_known(host)


def test_a_kid_is_never_given_out_again(shell: Shell, owner: Host) -> None:
    kids = set()
    for number in range(30):
        kids.add(owner.enrol(name="bob", role="driver").kid)
        owner.revoke("bob")
        if number % 10 == 5:
            owner.shell = shell = shell.reboot()
    assert len(kids) == 30


def test_an_observation_of_a_revoked_key_ends(shell: Shell, owner: Host, car: Car) -> None:
    bob = owner.enrol(name="bob", role="viewer")
    assert bob.request(GET, ["lock"], options=[(OBSERVE, b"")]).option(OBSERVE) is not None
    owner.revoke("bob")
    car.lock(True)
    car.run(20_000)
    assert bob.responses() == []


def test_a_notification_that_is_not_acknowledged_is_not_repeated_to_a_revoked_key(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="viewer")
    bob.request(GET, ["lock"], options=[(OBSERVE, b"")])
    shell.advance(60_500)
    assert bob.responses()[-1].type == CON
    owner.revoke("bob")
    shell.advance(60_000)
    assert bob.responses() == []


def test_a_command_of_a_revoked_key_that_no_controller_has_is_refused(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="driver")
    revocation = with_echo(owner, "bob")
    shell.holds_saves = True
    bob.post("lock", bob.command("lock"))  # waits for its intent
    owner.send(revocation)
    shell.holds_saves = False
    shell.drain()
    assert owner.responses()[-1].code == DELETED
    shell.advance(10_000)
    assert shell.sent == []
    assert bob.responses() == []
    assert "lock 1 refused for bob" in shell.logs


def test_a_command_of_a_revoked_key_that_was_sent_runs_on_to_its_outcome(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="driver")
    bob.post("lock", bob.command("lock"))
    assert shell.sent != []
    assert owner.revoke("bob").code == DELETED
    car.lock(True)
    car.run(500)
    assert bob.responses() == []
    assert "lock 1 confirmed for bob" in shell.logs
    query = [(URI_QUERY, b"kid=" + bob.kid.hex().encode())]
    receipt = owner.request(GET, ["receipts", "1"], options=query)
    assert receipt.value["state"] == "confirmed"
    assert [name for name in shell.storage if name.endswith(bob.kid.hex())] == []


def test_the_next_command_of_another_key_goes_on_when_the_first_one_is_revoked(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="driver")
    carl = owner.enrol(name="carl", role="driver")
    revocation = with_echo(owner, "bob")
    shell.holds_saves = True
    bob.post("lock", bob.command("lock"))
    carl.post("lock", carl.command("lock"))
    owner.send(revocation)
    shell.holds_saves = False
    shell.drain()
    shell.advance(100)
    assert {transmission.command.receipt.by for transmission in shell.sent} == {"carl"}


def test_an_owner_may_revoke_themselves_while_there_is_another(shell: Shell, owner: Host) -> None:
    second = owner.enrol(name="bob", role="owner")
    owner.enrol()
    assert owner.revoke("ann").code == DELETED
    assert not is_known(owner)
    assert list(second.principals()) == ["bob"]
    assert second.revoke("bob").code == CONFLICT
    assert second.request(GET, ["lock"]).code == CONTENT


def test_an_owner_without_a_context_is_no_other_owner(shell: Shell, owner: Host) -> None:
    owner.make_dormant(name="bob", role="owner")
    owner.make_dormant()
    assert owner.revoke("ann").code == CONFLICT
    assert is_known(owner)


def test_others_are_all_contexts_but_the_one_that_asks(shell: Shell, owner: Host) -> None:
    lost = [owner.enrol() for _ in range(3)]
    bob = owner.enrol(name="bob", role="driver")
    backup = owner.make_dormant()
    assert owner.revoke("bob", "others").code == BAD_REQUEST
    assert owner.revoke("ann", "others").code == DELETED
    assert [is_known(host) for host in (owner, bob, *lost)] == [True, True, False, False, False]
    assert backup.wake().enrol().request(GET, ["lock"]).code == CONTENT


def test_backups_can_be_revoked_alone(shell: Shell, owner: Host) -> None:
    backup = owner.make_dormant()
    assert owner.revoke("ann", "backups").code == DELETED
    assert "backups" not in owner.principals()["ann"]
    waking = backup.wake()
    assert waking.request(POST, ["keys"], {"random": bytes(32)}).code == UNAUTHORIZED
    assert is_known(owner)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (["name=carl"], NOT_FOUND),
        (["name="], BAD_REQUEST),
        ([], BAD_REQUEST),
        (["others"], BAD_REQUEST),
        (["name=bob", "name=bob"], BAD_REQUEST),
        (["name=bob", "others", "backups"], BAD_REQUEST),
        (["name=bob", "all"], BAD_REQUEST),
    ],
)
def test_a_query_that_names_nobody_revokes_nobody(
    shell: Shell, owner: Host, query: list[str], code: int
) -> None:
    bob = owner.enrol(name="bob", role="driver")
    options = [(URI_QUERY, part.encode()) for part in query]
    assert owner.request(DELETE, ["keys"], options=options).code == code
    assert is_known(bob)


def test_revoking_needs_a_fresh_echo(shell: Shell, owner: Host) -> None:
    bob = owner.enrol(name="bob", role="driver")
    query = [(URI_QUERY, b"name=bob")]
    owner.send(owner.protect(DELETE, ["keys"], options=query))
    assert owner.responses()[-1].option(ECHO) is not None
    assert is_known(bob)


def test_nothing_is_said_of_a_revocation_before_it_is_durable(shell: Shell, owner: Host) -> None:
    bob = owner.enrol(name="bob", role="driver")
    revocation = with_echo(owner, "bob")
    shell.holds_saves = True
    owner.send(revocation)
    assert owner.responses() == []
    assert not is_known(bob)
    shell.holds_saves = False
    shell.drain()
    assert owner.responses()[-1].code == DELETED


# ---- receipts of others ----


def test_an_owner_reads_the_receipts_of_everybody(shell: Shell, owner: Host, car: Car) -> None:
    bob = owner.enrol(name="bob", role="driver")
    bob.post("lock", bob.command("lock"))
    car.lock(True)
    car.run(100)
    query = [(URI_QUERY, b"kid=" + bob.kid.hex().encode())]
    receipt = owner.request(GET, ["receipts", "1"], options=query)
    assert (receipt.code, receipt.value["by"]) == (CONTENT, "bob")
    assert bob.request(GET, ["receipts", "1"], options=query).code == CONTENT
    assert owner.request(GET, ["receipts", "1"]).code == NOT_FOUND
    carl = owner.enrol(name="carl", role="driver")
    assert carl.request(GET, ["receipts", "1"], options=query).code == FORBIDDEN
    for text in (b"kid=0", b"kid=xy", b"id=01"):
        bad = [(URI_QUERY, text)]
        assert owner.request(GET, ["receipts", "1"], options=bad).code == BAD_REQUEST


# ---- what storage may do to them ----


def flipped(record: bytes) -> bytes:
    return record[:-1] + bytes((record[-1] ^ 1,))


@pytest.mark.parametrize("harm", ["flip", "lose"])
@pytest.mark.parametrize("name", ["keys", "keys-copy"])
def test_one_of_two_records_of_the_keys_is_enough_and_repairs_the_other(
    shell: Shell, owner: Host, name: str, harm: str
) -> None:
    if harm == "flip":
        shell.storage[name] = flipped(shell.storage[name])
    else:
        del shell.storage[name]
    rebooted = shell.reboot()
    other = "keys" if name == "keys-copy" else "keys-copy"
    assert rebooted.storage[name] != b""
    del rebooted.storage[other]
    owner.shell = rebooted.reboot()
    assert owner.request(GET, ["lock"]).code == CONTENT


@pytest.mark.parametrize("harm", ["flip", "lose"])
def test_a_board_whose_keys_are_all_gone_is_closed_until_the_button_is_pressed(
    shell: Shell, owner: Host, harm: str
) -> None:
    owner.tell_time(NOW_S)
    for name in ("keys", "keys-copy"):
        if harm == "flip":
            shell.storage[name] = flipped(shell.storage[name])
        else:
            del shell.storage[name]
    rebooted = shell.reboot()
    assert any("all keys are lost" in line for line in rebooted.logs)
    pairing = cbor.encode({"random": bytes(32), "name": "bob"})
    assert plain(rebooted, POST, ["pair"], pairing, cable=True)[0] == FORBIDDEN
    owner.shell = rebooted
    assert not is_known(owner)
    press(rebooted)
    assert Host.pair(rebooted, "bob").kid not in (b"\x01", b"")


@pytest.mark.parametrize("cut", range(6))
def test_a_cut_during_the_first_pairing_leaves_it_open_or_done(shell: Shell, cut: int) -> None:
    code, answer = plain(
        shell, POST, ["pair"], cbor.encode({"random": bytes(32), "name": "ann"}), cable=True
    )
    assert code == CHANGED
    host = Host.enrolled(shell, bytes(32), cbor.decode(answer), b"carport pair")
    shell.holds_saves = True
    host.send(host.protect(GET, ["lock"]))
    for _, name, data in shell.gateway.saves()[:cut]:
        shell.save(name, data)
    rebooted = shell.reboot()
    host.shell = rebooted
    if not is_known(host):
        assert Host.pair(rebooted).request(GET, ["lock"]).code == CONTENT
    else:
        pairing = cbor.encode({"random": bytes(32), "name": "bob"})
        assert plain(rebooted, POST, ["pair"], pairing, cable=True)[0] == FORBIDDEN


def test_every_cut_during_a_revocation_leaves_the_key_whole_or_gone(shell: Shell) -> None:
    owner = Host.pair(shell)
    bob = owner.enrol(name="bob", role="driver")
    Car(shell).send()
    bob.post("lock", bob.command("lock"))
    shell.advance(10_000)
    before = dict(shell.storage)
    revocation = with_echo(owner, "bob")
    shell.holds_saves = True
    owner.send(revocation)
    saves = shell.gateway.saves()
    assert len(saves) >= 4
    for cut in range(len(saves) + 1):
        rebooted = Shell(dict(before))
        for _, name, data in saves[:cut]:
            rebooted.save(name, data)
        rebooted = rebooted.reboot()
        bob.shell = owner.shell = rebooted
        assert is_known(bob) == (cut == 0)
        owner.request(GET, ["lock"])
        assert owner.enrol().kid not in (owner.kid, bob.kid)
        left = [name for name in rebooted.storage if name.endswith(bob.kid.hex())]
        assert (left == []) == (cut > 0)


# ---- a full heap ----


@pytest.mark.parametrize("nth", range(5))
@pytest.mark.parametrize("change", ["pair", "enrol", "invite", "revoke"])
def test_a_full_heap_leaves_the_keys_as_they_were_and_the_next_try_succeeds(
    shell: Shell, owner: Host, monkeypatch: pytest.MonkeyPatch, change: str, nth: int
) -> None:
    bob = owner.enrol(name="bob", role="driver")
    puts, tries = count(), count()
    put = Records.put

    def fail(records: Records, name: str, payload: bytes) -> int:
        if next(puts) == nth:
            raise MemoryError
        return put(records, name, payload)

    def attempt() -> None:
        if change == "pair":
            press(shell)
            pairing = cbor.encode({"random": bytes(32), "name": "eve"})
            _, answer = plain(shell, POST, ["pair"], pairing, cable=True)
            eve = Host.enrolled(shell, bytes(32), cbor.decode(answer), b"carport pair")
            eve.peer = f"eve {next(tries)}"  # else its messages are copies of the last try's
            assert eve.request(GET, ["lock"]).code == CONTENT
        elif change == "enrol":
            owner.enrol(name="eve", role="driver")
        elif change == "invite":
            owner.make_dormant(name="eve", role="driver")
        else:
            assert owner.revoke("bob").code == DELETED

    monkeypatch.setattr(Records, "put", fail)
    try:
        attempt()
    except MemoryError:
        monkeypatch.undo()
        shell.drain()
        assert is_known(bob)
        attempt()
    monkeypatch.undo()
    rebooted = shell.reboot()
    owner.shell = bob.shell = rebooted
    assert is_known(bob) == (change != "revoke")
    assert ("eve" in owner.principals()) == (change != "revoke")


def test_no_secret_is_printed(shell: Shell, owner: Host) -> None:
    credential = owner.make_dormant()
    dormant = shell.gateway._keys.find(credential.kid, bytes(8), shell.now_ms)
    active = shell.gateway._keys.find(owner.kid, None, shell.now_ms)
    assert dormant is not None
    assert active is not None
    printed = f"{dormant} {dormant.credential} {active} {active.oscore} {shell.logs}"
    for secret in (credential.secret, active.secret):
        assert secret.hex() not in printed
        assert repr(secret) not in printed


def test_a_kid_context_that_names_an_active_key_finds_nothing(shell: Shell, owner: Host) -> None:
    outer = message.decode(owner.protect(GET, ["lock"]))
    value = next(value for number, value in outer.options if number == OSCORE)
    piv, _, kid = option.decode(value)
    options = [(OSCORE, option.encode(piv, bytes(8), kid))]
    data = Message(CON, POST, 77, b"tt", options, outer.payload)
    shell.receive_datagram(message.encode(data), "stranger", cable=True)
    answer = message.decode(shell.datagrams[-1][0])
    assert answer.payload == b"Security context not found"
