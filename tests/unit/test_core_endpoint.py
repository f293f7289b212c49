"""The core's door to the network: pairing, freshness, Observe, blocks, discovery, bad input."""

import os
from typing import Any

import cbor2
import pytest

from gateway import cbor
from gateway.coap import block, message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    ACCEPT,
    ACK,
    BAD_OPTION,
    BAD_REQUEST,
    BLOCK1,
    BLOCK2,
    CHANGED,
    CON,
    CONTENT,
    DELETE,
    ECHO,
    EMPTY,
    ETAG,
    FETCH,
    FORBIDDEN,
    GET,
    IF_NONE_MATCH,
    METHOD_NOT_ALLOWED,
    NON,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    OBSERVE,
    OSCORE,
    POST,
    REQUEST_ENTITY_TOO_LARGE,
    RST,
    SERVICE_UNAVAILABLE,
    UNAUTHORIZED,
    URI_PATH,
    URI_QUERY,
)
from tests.models import payloads
from tests.models.car import Car
from tests.models.flash import payload_of
from tests.models.host import Host, plain
from tests.models.shell import Shell

PAIR = {"random": bytes(32), "name": "bob"}


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def host(shell: Shell) -> Host:
    return Host.pair(shell)


@pytest.fixture
def car(shell: Shell) -> Car:
    car = Car(shell)
    car.send()
    return car


def counters(host: Host) -> dict[str, int]:
    counted: dict[str, int] = host.request(GET, ["system"]).value["counters"]
    return counted


def values_of(pack: list[dict[int, Any]]) -> dict[str, Any]:
    """Return {path: value} of a SenML pack."""
    values = {}
    base = ""
    for record in pack:
        base = record.get(-2, base)
        values[base + record[0]] = record.get(2, record.get(3, record.get(4)))
    return values


# ---- pairing and keys ----


def test_pairing_is_not_for_the_lan(shell: Shell) -> None:
    assert plain(shell, POST, ["pair"], cbor.encode(PAIR))[0] == FORBIDDEN


def test_pairing_closes_after_the_first_owner_and_the_button_opens_it_for_60_s(
    shell: Shell, host: Host
) -> None:
    assert plain(shell, POST, ["pair"], cbor.encode(PAIR), cable=True)[0] == FORBIDDEN
    shell.gateway.press_button(2900, shell.now_ms)
    shell.advance(300_000)
    assert plain(shell, POST, ["pair"], cbor.encode(PAIR), cable=True)[0] == FORBIDDEN
    shell.gateway.press_button(3000, shell.now_ms)
    shell.advance(59_000)
    second = Host.pair(shell, "bob")
    assert second.request(GET, ["lock"]).code == CONTENT
    assert host.request(GET, ["lock"]).code == CONTENT
    shell.advance(61_000)
    assert plain(shell, POST, ["pair"], cbor.encode(PAIR), cable=True)[0] == FORBIDDEN


def test_a_pairing_that_nobody_confirms_is_forgotten(shell: Shell) -> None:
    code, answer = plain(shell, POST, ["pair"], cbor.encode(PAIR), cable=True)
    assert code == CHANGED
    assert shell.storage == {}
    late = Host.enrolled(shell, bytes(32), cbor.decode(answer), b"carport pair")
    shell.advance(60_000)
    assert late.request(GET, ["system"]).code == UNAUTHORIZED
    assert Host.pair(shell).request(GET, ["system"]).code == CONTENT


def test_keys_and_roles_survive_a_reboot(shell: Shell, host: Host) -> None:
    viewer = host.enrol(name="dashboard", role="viewer")
    second = viewer.enrol()
    rebooted = shell.reboot()
    for one in (host, viewer, second):
        one.shell = rebooted
        assert one.request(GET, ["lock"]).code == CONTENT
    refused = second.request(POST, ["lock"], second.command("lock"))
    assert refused.code == FORBIDDEN


@pytest.mark.parametrize(
    "payload",
    [
        {"name": "bob"},
        {"random": bytes(31), "name": "bob"},
        {"random": bytes(32)},
        {"random": bytes(32), "name": ""},
        {"random": bytes(32), "name": "b" * 33},
        {"random": bytes(32), "name": 7},
        {"random": bytes(32), "name": "bob", "role": "owner"},
        [],
    ],
)
def test_a_wrong_pair_request_is_refused(shell: Shell, payload: Any) -> None:
    assert plain(shell, POST, ["pair"], cbor.encode(payload), cable=True)[0] == BAD_REQUEST
    assert shell.storage == {}


def test_only_an_owner_makes_keys_for_others(shell: Shell, host: Host) -> None:
    viewer = host.enrol(name="dashboard", role="viewer")
    fields = {"random": bytes(32), "name": "mallory", "role": "owner"}
    assert viewer.request(POST, ["keys"], fields).code == FORBIDDEN
    assert host.request(POST, ["keys"], {**fields, "role": "king"}).code == BAD_REQUEST
    assert host.request(POST, ["keys"], {"random": bytes(32), "name": "x"}).code == BAD_REQUEST


def test_there_is_an_end_to_keys(shell: Shell, host: Host) -> None:
    for _ in range(22):  # of 24, one is for a pairing or a backup
        host.enrol()
    assert host.request(POST, ["keys"], {"random": bytes(32)}).code == SERVICE_UNAVAILABLE


def test_no_two_contexts_share_a_secret_or_a_kid(shell: Shell, host: Host) -> None:
    hosts = [host, *(host.enrol() for _ in range(5))]
    _, _, contexts, _ = cbor.decode(payload_of(shell.storage, "keys"))
    assert len({kid for kid, _, _ in contexts}) == len(hosts)
    assert len({secret for _, _, secret in contexts}) == len(hosts)


def test_a_damaged_record_is_left_out_and_said(shell: Shell, host: Host) -> None:
    name = next(name for name in shell.storage if name.startswith("sequence"))
    record = bytearray(shell.storage[name])
    record[0] ^= 1
    shell.storage[name] = bytes(record)
    rebooted = shell.reboot()
    assert rebooted.logs == ["1 damaged records were left out"]
    host.shell = rebooted
    assert host.request(GET, ["lock"]).code == UNAUTHORIZED


# ---- freshness ----


def test_after_a_reboot_the_first_request_is_challenged_then_served(
    shell: Shell, host: Host
) -> None:
    rebooted = shell.reboot()
    host.shell = rebooted
    host.send(host.protect(GET, ["lock"]))
    (challenge,) = host.responses()
    echo = challenge.option(ECHO)
    assert challenge.code == UNAUTHORIZED
    assert echo is not None
    host.send(host.protect(GET, ["lock"], options=[(ECHO, echo)]))
    assert host.responses()[0].code == CONTENT
    assert host.request(GET, ["system"]).code == CONTENT


def test_a_request_from_before_the_reboot_is_not_served_after_it(
    shell: Shell, host: Host, car: Car
) -> None:
    data = host.protect(POST, ["lock"], host.command("lock"), [(ECHO, host.challenge())])
    rebooted = shell.reboot()
    Car(rebooted).send()
    rebooted.receive_datagram(data, "host 01")
    rebooted.advance(1000)
    assert rebooted.sent == []
    host.shell = rebooted
    assert host.responses()[0].code == UNAUTHORIZED


def test_no_number_of_our_own_before_its_reservation_is_durable(shell: Shell, host: Host) -> None:
    rebooted = shell.reboot()
    host.shell = rebooted
    rebooted.holds_saves = True
    host.send(host.protect(GET, ["lock"]))
    assert host.responses() == []
    rebooted.holds_saves = False
    rebooted.drain()
    assert host.responses()[0].code == UNAUTHORIZED


# ---- Observe ----


def test_observe_tells_changes_at_once_but_not_too_often(
    shell: Shell, host: Host, car: Car
) -> None:
    host.send(host.protect(GET, ["lock"], options=[(OBSERVE, b"")]))
    (first,) = host.responses()
    assert first.code == CONTENT
    assert first.option(OBSERVE) == b""
    path = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
    assert values_of(first.value)[path] is False
    car.lock(True)
    car.run(300)
    (told,) = host.responses()
    assert told.type == NON
    assert values_of(told.value)[path] is True
    car.run(2000)
    assert host.responses() == []


def test_observers_hear_something_each_10_s(shell: Shell, host: Host, car: Car) -> None:
    host.send(host.protect(GET, ["climate"], options=[(OBSERVE, b"")]))
    host.responses()
    shell.advance(31_000)
    ages = [response.value[0][6] for response in host.responses()]
    assert [round(age) for age in ages] == [-10, -20, -30]


def test_an_observer_that_does_not_acknowledge_is_forgotten(
    shell: Shell, host: Host, car: Car
) -> None:
    host.send(host.protect(GET, ["lock"], options=[(OBSERVE, b"")]))
    shell.advance(60_500)
    assert host.responses()[-1].type == CON
    shell.advance(200_000)
    shell.datagrams.clear()
    shell.advance(60_000)
    assert shell.datagrams == []


def test_an_observer_that_acknowledges_stays(shell: Shell, host: Host, car: Car) -> None:
    host.send(host.protect(GET, ["lock"], options=[(OBSERVE, b"")]))
    for _ in range(40):
        shell.advance(10_000)
        for response in host.responses():
            host.acknowledge(response)
    shell.advance(10_000)
    assert host.responses() != []


def test_an_observation_ends_when_its_host_says_so(shell: Shell, host: Host, car: Car) -> None:
    host.send(host.protect(GET, ["lock"], options=[(OBSERVE, b"")]))
    shell.advance(10_000)
    host.responses()
    token = (host.next_message_id).to_bytes(2, "big")
    data = bytearray(host.protect(GET, ["lock"], options=[(OBSERVE, b"\x01")]))
    data[4:6] = token
    host.sent[token] = host.sent[host.next_message_id.to_bytes(2, "big")]
    host.send(bytes(data))
    host.responses()
    shell.advance(60_000)
    assert host.responses() == []


def test_a_process_that_started_anew_replaces_its_observation(
    shell: Shell, host: Host, car: Car
) -> None:
    for _ in range(9):
        host.send(host.protect(GET, ["lock"], options=[(OBSERVE, b"")]))
    assert {answer.option(OBSERVE) for answer in host.responses()} == {b""}
    shell.advance(10_000)
    assert len(host.responses()) == 1


def test_there_is_an_end_to_observers(shell: Shell, host: Host, car: Car) -> None:
    for path in sorted(values_of(cbor2.loads(fetch_all(host, 5))))[:9]:
        host.send(host.protect(FETCH, ["signals"], [path], options=[(OBSERVE, b"")]))
    answers = host.responses()
    assert [answer.option(OBSERVE) for answer in answers] == [b""] * 8 + [None]


def test_an_observer_is_told_no_more_while_it_fetches_blocks(
    shell: Shell, host: Host, car: Car
) -> None:
    host.send(host.protect(GET, ["signals"], options=[(OBSERVE, b"")]))
    (first,) = host.responses()
    assert first.option(BLOCK2) == block.encode(0, True, 5)
    for speed in range(10):
        car.signals["DRV_Status"]["Speed"] = speed
        car.run(100)
    assert host.responses() == []
    whole = first.payload
    while (len(whole) & 511) == 0:
        num = block.encode(len(whole) >> 9, False, 5)
        later = host.request(GET, ["signals"], options=[(BLOCK2, num)])
        assert later.option(ETAG) == first.option(ETAG)
        whole += later.payload
    cbor2.loads(whole)
    car.run(300)
    (told,) = host.responses()
    assert told.option(OBSERVE) == b""


def test_an_observer_that_fetches_no_blocks_is_told_each_2_s(
    shell: Shell, host: Host, car: Car
) -> None:
    host.send(host.protect(GET, ["signals"], options=[(OBSERVE, b"")]))
    for speed in range(81):
        car.signals["DRV_Status"]["Speed"] = speed
        car.run(100)
    assert len(host.responses()) == 5


# ---- signals and blocks ----


def test_signals_are_senml_that_cbor2_reads(shell: Shell, host: Host, car: Car) -> None:
    shell.advance(1500)
    whole = fetch_all(host, 6)
    payloads.check(whole)
    pack = cbor2.loads(whole)
    values = values_of(pack)
    assert values["Vehicle.Speed"] == 0
    assert values["Vehicle.Cabin.HVAC.AmbientAirTemperature"] == 5
    assert values["Vehicle.LowVoltageSystemState"] == "OFF"
    assert "Vehicle.Powertrain.Transmission.CurrentGear" not in values  # VSS has no Park there
    assert {round(record[6], 3) for record in pack} == {-1.5}
    units = {record[0]: record.get(1) for record in pack}
    assert units["Speed"] == "km/h"


def fetch_all(host: Host, szx: int) -> bytes:
    """Return /signals, block by block."""
    whole = b""
    etags = set()
    while True:
        num = len(whole) >> szx + 4
        answer = host.request(GET, ["signals"], options=[(BLOCK2, block.encode(num, False, szx))])
        assert answer.code == CONTENT
        value = answer.option(BLOCK2)
        assert value is not None
        _, more, szx = block.decode(value)  # a server may choose smaller blocks
        assert len(answer.payload) == 16 << szx or not more
        whole += answer.payload
        etags.add(answer.option(ETAG))
        if not more:
            assert len(etags) == 1
            return whole


@pytest.mark.parametrize("szx", range(7))
def test_blocks_of_each_size_belong_to_one_representation(
    shell: Shell, host: Host, car: Car, szx: int
) -> None:
    whole = fetch_all(host, szx)
    assert len(cbor2.loads(whole)) > 25


def test_a_snapshot_stays_while_the_car_goes_on(shell: Shell, host: Host, car: Car) -> None:
    first = host.request(GET, ["signals"], options=[(BLOCK2, b"\x05")])
    car.signals["DRV_Status"]["Speed"] = 50
    car.run(500)
    second = host.request(GET, ["signals"], options=[(BLOCK2, b"\x15")])
    assert first.option(ETAG) == second.option(ETAG)


def test_a_large_answer_comes_in_blocks_unasked(shell: Shell, host: Host, car: Car) -> None:
    answer = host.request_once(GET, ["signals"])
    value = answer.option(BLOCK2)
    assert value is not None
    assert block.decode(value) == (0, True, 5)
    assert len(answer.payload) == 512


def test_a_large_status_of_the_system_comes_in_blocks(shell: Shell, host: Host) -> None:
    shell.gateway._platform = lambda: {"machine": "m" * 400}
    answer = host.request_once(GET, ["system"])
    assert block.decode(answer.option(BLOCK2) or b"") == (0, True, 5)
    assert len(answer.payload) == 512
    assert host.request(GET, ["system"]).value["platform"] == {"machine": "m" * 400}


@pytest.mark.parametrize("value", [b"\x07", b"\xff\xff\xf6", b"\xf6"])
def test_a_block_that_is_not_there(shell: Shell, host: Host, car: Car, value: bytes) -> None:
    answer = host.request(GET, ["signals"], options=[(BLOCK2, value)])
    assert answer.code == BAD_REQUEST


def test_fetch_returns_what_is_named(shell: Shell, host: Host, car: Car) -> None:
    paths = ["Vehicle.Speed", "Vehicle.Exterior.AirTemperature"]
    answer = host.request(FETCH, ["signals"], paths)
    assert values_of(answer.value) == {paths[0]: 0, paths[1]: 2}


@pytest.mark.parametrize(
    "payload", [[], ["Vehicle.Wings"], [7], {"a": 1}, "Vehicle.Speed", ["Vehicle.Speed"] * 2]
)
def test_fetch_of_something_else(shell: Shell, host: Host, car: Car, payload: Any) -> None:
    assert host.request(FETCH, ["signals"], payload).code == BAD_REQUEST


def test_observed_fetch_is_told_only_of_what_it_names(shell: Shell, host: Host, car: Car) -> None:
    data = host.protect(FETCH, ["signals"], ["Vehicle.Speed"], [(OBSERVE, b"")])
    host.send(data)
    assert len(host.responses()) == 1
    car.lock(True)
    car.run(1000)
    assert host.responses() == []
    car.signals["DRV_Status"]["Speed"] = 12.5
    car.run(1000)
    (told,) = host.responses()
    assert values_of(told.value) == {"Vehicle.Speed": 12.5}


def test_a_sleeping_cars_last_state_is_shown_with_its_age(
    shell: Shell, host: Host, car: Car
) -> None:
    shell.advance(3_600_000)
    pack = host.request(GET, ["lock"]).value
    assert values_of(pack)["Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"] is False
    assert {record[6] for record in pack} == {-3600}


def test_before_the_car_has_spoken_there_is_nothing_to_show(shell: Shell, host: Host) -> None:
    assert host.request(GET, ["lock"]).value == []


# ---- discovery ----


@pytest.mark.parametrize(
    ("query", "found"),
    [(None, True), ("rt=carport.gateway", True), ("rt=carport.*", True), ("rt=light", False)],
)
def test_discovery_names_nothing_but_the_gateways_kind(
    shell: Shell, query: str | None, found: bool
) -> None:
    options = [(URI_PATH, b".well-known"), (URI_PATH, b"core")]
    if query is not None:
        options.append((URI_QUERY, query.encode()))
    shell.receive_datagram(message.encode(Message(NON, GET, 1, b"t", options)), "stranger")
    assert shell.datagrams == []
    shell.advance(511)
    links = [message.decode(data).payload for data, _ in shell.datagrams]
    assert links == ([b"</system>;osc"] if found else [])


def test_a_ping_is_answered(shell: Shell) -> None:
    shell.receive_datagram(message.encode(Message(CON, EMPTY, 0x1234)), "stranger")
    answer = message.decode(shell.datagrams[-1][0])
    assert (answer.type, answer.code, answer.message_id) == (RST, EMPTY, 0x1234)


# ---- bad input ----


@pytest.mark.parametrize(
    ("code", "path", "options", "answer"),
    [
        (GET, ["nothing"], [], NOT_FOUND),
        (GET, ["lock", "more"], [], NOT_FOUND),
        (GET, [], [], NOT_FOUND),
        (GET, ["receipts"], [], NOT_FOUND),
        (GET, ["receipts", "99"], [], NOT_FOUND),
        (GET, ["receipts", "x"], [], NOT_FOUND),
        (GET, ["pair"], [], NOT_FOUND),
        (DELETE, ["lock"], [], METHOD_NOT_ALLOWED),
        (FETCH, ["keys"], [], METHOD_NOT_ALLOWED),
        (GET, ["lock"], [(IF_NONE_MATCH, b"")], BAD_OPTION),
        (GET, ["lock"], [(ACCEPT, b"\x32")], NOT_ACCEPTABLE),
        (GET, ["lock"], [(ACCEPT, b"\x70")], CONTENT),
        (GET, ["lock"], [(ACCEPT, bytes(5))], BAD_OPTION),
        (GET, ["lock"], [(BLOCK1, b"\x08")], REQUEST_ENTITY_TOO_LARGE),
        (GET, ["lock"], [(BLOCK1, b"\x07")], BAD_REQUEST),
        (GET, ["lock"], [(2053, b"critical")], BAD_OPTION),
        (GET, ["lock"], [(2050, b"elective")], CONTENT),
    ],
)
def test_what_is_not_there_or_not_understood(
    shell: Shell,
    host: Host,
    car: Car,
    code: int,
    path: list[str],
    options: list[tuple[int, bytes]],
    answer: int,
) -> None:
    assert host.request(code, path, options=options).code == answer


@pytest.mark.parametrize("path", [["lock"], ["system"], ["signals"], ["keys"], []])
def test_nothing_is_served_in_plain_text(shell: Shell, host: Host, path: list[str]) -> None:
    for cable in (False, True):
        assert plain(shell, GET, path, cable=cable)[0] == UNAUTHORIZED


def test_a_non_in_plain_text_is_met_with_silence(shell: Shell, host: Host) -> None:
    options = [(URI_PATH, b"lock")]
    shell.receive_datagram(message.encode(Message(NON, GET, 1, b"", options)), "stranger")
    shell.advance(10_000)
    assert shell.datagrams == []


def test_bad_datagrams_are_counted_and_change_nothing(shell: Shell, host: Host) -> None:
    stored = dict(shell.storage)
    good = host.protect(GET, ["lock"])
    before = counters(host)
    bad_tag = good[:-1] + bytes((good[-1] ^ 1,))
    unknown = Host.enrolled(
        shell,
        bytes(32),
        {"random": bytes(32), "sender_id": b"\x77", "recipient_id": b"\0"},
        b"x",
    )
    for data in (
        b"",
        b"\x40",
        b"\x40\x01\x00\x01\xff",
        bytes(641),
        bad_tag,
        unknown.protect(GET, ["lock"]),
        message.encode(Message(CON, POST, 9, b"", [(OSCORE, b"\xff")], b"x")),
        message.encode(Message(CON, POST, 10, b"", [(OSCORE, b"\x09\x77\x01")], b"")),
    ):
        shell.receive_datagram(data, "stranger")
    assert {message.decode(data).code for data, _ in shell.datagrams} <= {
        EMPTY,
        UNAUTHORIZED,
        BAD_REQUEST,
        BAD_OPTION,
    }
    after = counters(host)
    changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert changed == {
        "requests": 1,
        "malformed": 4,
        "oversized": 1,
        "bad_tag": 2,
        "unknown_key": 1,
    }
    assert shell.storage == stored
    host.send(good)
    assert host.responses()[-1].code == CONTENT


def test_every_flipped_bit_of_a_command_is_noticed(shell: Shell, host: Host, car: Car) -> None:
    data = host.protect(POST, ["lock"], host.command("lock"), [(ECHO, host.challenge())])
    token_bits = range(32, 48)  # the token only names the answer
    for bit in range(len(data) * 8):
        if bit in token_bits or bit // 8 < 4:
            continue
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        shell.receive_datagram(bytes(flipped), f"mallory {bit}")
    shell.advance(100)
    assert shell.sent == []
    host.send(data)
    assert len(shell.sent) == 1


def test_random_bytes_never_raise(shell: Shell, host: Host) -> None:
    for length in range(200):
        shell.receive_datagram(os.urandom(length), "stranger")
        shell.receive_datagram(b"\x42" + os.urandom(length), "stranger", cable=True)
    assert host.request(GET, ["system"]).code == CONTENT


def test_an_acknowledgement_of_nothing_is_ignored(shell: Shell, host: Host) -> None:
    shell.receive_datagram(message.encode(Message(ACK, EMPTY, 1)), "stranger")
    shell.receive_datagram(message.encode(Message(RST, EMPTY, 1)), "stranger")
    assert shell.datagrams == []


def test_system_says_how_the_gateway_is(shell: Shell, host: Host, car: Car) -> None:
    shell.advance(5000)
    system = host.request(GET, ["system"]).value
    assert system["gateway"] == "test"
    assert system["profile"] == "reference"
    assert system["uptime_ms"] == 5000
    assert system["counters"]["accepted"] == 8
    assert system["can"] == [{"bus": "body", "state": "active"}]
