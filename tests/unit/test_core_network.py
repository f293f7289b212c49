"""A network with strangers: who is answered, how much and how often, and who is always heard."""

import itertools
import os
from typing import Any

import pytest

from gateway.coap import block, message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    ACK,
    BLOCK2,
    CHANGED,
    CON,
    CONTENT,
    DELETE,
    ECHO,
    EMPTY,
    ETAG,
    FETCH,
    GET,
    MAX_AGE,
    NON,
    OBSERVE,
    OSCORE,
    POST,
    PUT,
    RST,
    SERVICE_UNAVAILABLE,
    UNAUTHORIZED,
    URI_PATH,
)
from gateway.oscore import option
from tests.models.car import Car
from tests.models.host import Host, Response
from tests.models.shell import Shell, profile

VICTIM = "victim"
OBSERVING = [(OBSERVE, b"")]


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def host(shell: Shell) -> Host:
    """An owner, whose address is proven: pairing has done that."""
    return Host.pair(shell)


@pytest.fixture
def car(shell: Shell) -> Car:
    """A car that is awake and has said everything once."""
    car = Car(shell)
    car.send()
    return car


def counters(shell: Shell) -> dict[str, int]:
    return dict(shell.gateway._endpoint.counters)


def ping(message_id: int) -> bytes:
    return message.encode(Message(CON, EMPTY, message_id))


def discovery(kind: int = CON) -> bytes:
    options = [(URI_PATH, b".well-known"), (URI_PATH, b"core")]
    return message.encode(Message(kind, GET, 7, b"", options))


def forged(kid: bytes = b"\x01", number: int = 0x4000) -> bytes:
    """Return what looks like a request of a key's, and is none."""
    value = option.encode(number.to_bytes(2, "big"), None, kid)
    return message.encode(
        Message(CON, POST, number & 0xFFFF, b"tt", [(OSCORE, value)], os.urandom(24))
    )


def flood(shell: Shell, source: str, count: int = 200) -> None:
    """Let a host send nonsense until nobody listens to it any more."""
    for number in range(count):
        shell.receive_datagram(ping(number), source)
    shell.datagrams.clear()


def ask(host: Host, *request: Any, **more: Any) -> Response:
    """Return the answer to one request, which is not asked twice."""
    host.send(host.protect(*request, **more))
    return host.responses()[-1]


# ---- nothing larger than its request goes to who has not proven to be there ----

REQUESTS = [
    (code, path, options)
    for code, path, options in itertools.product(
        (GET, FETCH, POST, PUT, DELETE),
        (
            [],
            ["arm"],
            ["climate"],
            ["keys"],
            ["lock"],
            ["nowhere"],
            ["receipts", "1"],
            ["signals"],
            ["system"],
            ["time"],
        ),
        ([], OBSERVING, [(65001, b"")], [(BLOCK2, b"\x15")], [(OBSERVE, bytes(5))]),
    )
]


@pytest.mark.parametrize("reboots", [0, 1, 70])
def test_no_answer_is_larger_than_its_request(host: Host, car: Car, reboots: int) -> None:
    """After 70 reboots our own numbers take three bytes, a byte more than the owner's."""
    for _ in range(reboots):
        host.shell = host.shell.reboot()
        assert host.request(GET, ["lock"]).code == CONTENT
    shell = host.shell
    owner = shell.gateway._keys.peek(b"\x01")
    assert owner is not None
    owner.source = None
    for index, (code, path, options) in enumerate(REQUESTS):
        data = host.protect(code, path, options=options)
        if reboots:  # so that the window is unknown each time
            shell = shell.reboot()
        shell.receive_datagram(data, f"{VICTIM} {index}")
        shell.advance(600_000)
        sent = sum(len(answer) for answer, _ in shell.datagrams)
        assert sent <= len(data), (code, path, options)
        shell.datagrams.clear()


@pytest.mark.parametrize(
    "data",
    [
        ping(1),
        discovery(),
        discovery(NON),
        forged(),
        forged(b"\x77"),
        message.encode(Message(CON, GET, 7)),
        message.encode(Message(CON, GET, 7, b"", [(URI_PATH, b"lock")])),
        message.encode(Message(CON, POST, 7, b"", [(URI_PATH, b"pair")], b"x")),
        message.encode(Message(CON, GET, 7, b"", [(OBSERVE, bytes(5))])),
        message.encode(Message(CON, POST, 7, b"", [(OSCORE, b"\xff")], b"x")),
        b"\x40\x01\x00\x07\xff",
        b"\x40\x01\x00\x07",
    ],
    ids=[
        "ping",
        "discovery",
        "discovery, NON",
        "forged",
        "forged, of a key unknown",
        "without a path",
        "GET /lock",
        "POST /pair",
        "observe",
        "OSCORE's option is broken",
        "an empty payload",
        "a head alone",
    ],
)
def test_nor_is_one_in_plain_text(shell: Shell, host: Host, data: bytes) -> None:
    shell.receive_datagram(data, VICTIM)
    shell.advance(600_000)
    assert sum(len(answer) for answer, _ in shell.datagrams) <= len(data)


def test_over_the_cable_answers_are_as_large_as_they_are(shell: Shell, host: Host) -> None:
    host.on_cable = True
    rebooted = shell.reboot()
    host.shell = rebooted
    challenge = ask(host, GET, ["lock"])
    assert len(challenge.option(ECHO) or b"") == 8
    assert ask(host, GET, ["system"], options=[(ECHO, challenge.option(ECHO))]).code == CONTENT
    assert ask(host, GET, ["nowhere"]).payload == b"no such resource"


def test_who_has_proven_to_be_there_is_answered_at_once(host: Host, car: Car) -> None:
    for _ in range(3):
        assert ask(host, GET, ["system"]).code == CONTENT
    assert ask(host, GET, ["lock"], options=OBSERVING).option(OBSERVE) is not None


def test_a_new_address_is_proven_by_an_echo_value_that_was_sent_there(
    shell: Shell, host: Host, car: Car
) -> None:
    host.peer = "elsewhere"
    echo = ask(host, GET, ["system"]).option(ECHO)
    host.peer = VICTIM
    assert ask(host, GET, ["system"], options=[(ECHO, echo)]).code == UNAUTHORIZED
    host.peer = "elsewhere"
    assert ask(host, GET, ["system"], options=[(ECHO, echo)]).code == CONTENT
    assert ask(host, GET, ["system"]).code == CONTENT


def test_nobody_is_observed_at_an_address_that_is_not_proven(
    shell: Shell, host: Host, car: Car
) -> None:
    host.peer = VICTIM
    assert ask(host, GET, ["lock"], options=OBSERVING).code == UNAUTHORIZED
    car.lock(True)
    car.run(20_000)
    assert host.responses() == []


def test_nothing_changes_for_an_address_that_is_not_proven(shell: Shell, host: Host) -> None:
    stored = dict(shell.storage)
    host.peer = VICTIM
    answer = ask(host, POST, ["keys"], {"random": bytes(32)})
    assert answer.code == UNAUTHORIZED
    assert shell.storage == stored


def test_a_short_echo_value_makes_no_command_fresh(shell: Shell, host: Host, car: Car) -> None:
    host.peer = "elsewhere"
    short = ask(host, GET, ["arm"]).option(ECHO)
    assert short is not None
    assert len(short) < 8
    answer = ask(host, POST, ["lock"], host.command("lock"), options=[(ECHO, short)])
    assert answer.code == UNAUTHORIZED
    assert len(answer.option(ECHO) or b"") == 8
    assert shell.sent == []


# ---- copies of old requests, after a reboot ----


def test_a_copy_of_an_old_request_is_challenged_once(shell: Shell, host: Host, car: Car) -> None:
    recorded = [host.protect(GET, ["system"]) for _ in range(10)]
    for data in recorded:
        host.send(data)
    rebooted = shell.reboot()
    stored = dict(rebooted.storage)
    for port in range(5):
        for data in recorded:
            rebooted.receive_datagram(data, f"mallory {port}")
        rebooted.advance(10_000)
    assert counters(rebooted)["challenged"] == len(recorded)
    sequence = {name for name in stored if rebooted.storage[name] != stored[name]}
    assert all(name.startswith("sequence-") for name in sequence)
    rebooted.datagrams.clear()
    host.shell = rebooted
    assert host.request(GET, ["system"]).code == CONTENT
    assert counters(rebooted)["challenged"] == len(recorded) + 1


def test_many_old_requests_cost_few_numbers_and_the_owner_gets_in(
    shell: Shell, host: Host, car: Car
) -> None:
    recorded = [host.protect(GET, ["system"]) for _ in range(3000)]
    rebooted = shell.reboot()
    saves = []
    save = rebooted.save

    def noted(name: str, data: Any) -> None:
        saves.append(name)
        save(name, data)

    rebooted.save = noted  # type: ignore[method-assign]
    for data in recorded:
        rebooted.receive_datagram(data, "host 01")
    assert counters(rebooted)["challenged"] == 16
    assert len(saves) <= 1
    rebooted.datagrams.clear()
    rebooted.advance(1000)
    host.shell = rebooted
    assert host.request(GET, ["system"]).code == CONTENT


# ---- floods ----


def test_who_floods_is_dropped_unread_and_counted(shell: Shell, host: Host) -> None:
    before = counters(shell)
    for number in range(100):
        shell.receive_datagram(discovery(), f"{number} stays below any limit")
    shell.datagrams.clear()
    for _ in range(1000):
        shell.receive_datagram(bytes(40), "mallory")
    after = counters(shell)
    assert after["malformed"] - before["malformed"] <= 17
    assert after["shut_out"] - before["shut_out"] >= 980
    assert shell.datagrams == []


@pytest.mark.parametrize("is_known", [True, False])
def test_a_flood_in_the_owners_name_does_not_lock_it_out(
    shell: Shell, host: Host, car: Car, is_known: bool
) -> None:
    """From the owner's own address: proven, or one from which it was never heard."""
    if not is_known:
        host.peer = "elsewhere"
    flood(shell, host.peer)
    for number in range(0x4000, 0x4200):
        shell.receive_datagram(forged(number=number), host.peer)
        shell.receive_datagram(discovery(), host.peer)
    shell.datagrams.clear()
    shell.advance(50)
    echo = ask(host, POST, ["lock"], host.command("lock")).option(ECHO)
    shell.advance(50)
    host.send(host.protect(POST, ["lock"], host.command("lock"), [(ECHO, echo or b"")]))
    car.lock(True)
    car.run(400)
    assert host.responses()[-1].code == CHANGED


def test_a_ping_is_heard_through_a_flood(shell: Shell, host: Host) -> None:
    for _ in range(100):
        shell.receive_datagram(bytes(40), "host 01")
    shell.advance(50)
    shell.datagrams.clear()
    shell.receive_datagram(ping(9), "host 01")
    assert [message.decode(data).type for data, _ in shell.datagrams] == [RST]


def test_copies_of_a_request_are_answered_within_the_hosts_budget(
    shell: Shell, host: Host, car: Car
) -> None:
    data = host.protect(GET, ["system"])
    for _ in range(200):
        host.send(data)
    answers = [data for data, peer in shell.datagrams if peer == host.peer]
    assert len(answers) == 1 + 16


def test_strangers_wear_out_no_flash(shell: Shell, host: Host) -> None:
    stored = dict(shell.storage)
    for number in range(2000):
        source = f"mallory {number % 50}"
        shell.receive_datagram(os.urandom(number % 60), source)
        shell.receive_datagram(forged(bytes((number % 40,)), number), source)
        shell.advance(20)
    assert shell.storage == stored


def test_who_names_keys_at_random_makes_one_context_at_most(shell: Shell, host: Host) -> None:
    kids = [host.enrol().context.sender.id for _ in range(5)]
    rebooted = shell.reboot()
    for _ in range(3):
        for kid in kids:
            rebooted.receive_datagram(forged(kid), f"mallory {kid.hex()}")
    keys = [rebooted.gateway._keys.peek(kid) for kid in kids]
    assert len([key for key in keys if key is not None and key.oscore is not None]) == 1


# ---- keys ----


def test_who_asks_too_much_is_told_to_wait_and_then_not_heard(
    shell: Shell, host: Host, car: Car
) -> None:
    viewer = host.enrol(name="dashboard", role="viewer")
    assert viewer.request(GET, ["lock"]).code == CONTENT
    shell.advance(10_000)
    answers = []
    for _ in range(100):
        viewer.send(viewer.protect(GET, ["lock"]))
        answers += viewer.responses()
    assert [answer.code for answer in answers] == [CONTENT] * 32 + [SERVICE_UNAVAILABLE]
    assert answers[-1].option(MAX_AGE) == b"\x01"
    assert counters(shell)["throttled"] == 67
    assert [ask(host, GET, ["lock"]).code for _ in range(100)] == [CONTENT] * 100
    shell.advance(1000)
    assert ask(viewer, GET, ["lock"]).code == CONTENT


def observed(hosts: list[Host]) -> list[bool]:
    """Let each host observe one more resource; return whether it could."""
    answers = [ask(each, GET, ["lock"], options=OBSERVING) for each in hosts]
    return [answer.option(OBSERVE) is not None for answer in answers]


def proven(host: Host, **fields: Any) -> Host:
    """Return the host of one more key, its address proven."""
    enrolled = host.enrol(**fields)
    assert enrolled.request(GET, ["lock"]).code == CONTENT
    return enrolled


def test_one_who_is_no_owner_observes_three_things_with_all_keys(
    shell: Shell, host: Host, car: Car
) -> None:
    viewer = proven(host, name="dashboard", role="viewer")
    viewers = [viewer, *(proven(viewer) for _ in range(4))]
    assert observed(viewers) == [True, True, True, False, False]


def test_an_owner_always_finds_room_to_observe(shell: Shell, host: Host, car: Car) -> None:
    viewers = []
    for name in "abc":
        viewer = proven(host, name=name, role="viewer")
        viewers += [viewer, proven(viewer), proven(viewer)]
    assert observed(viewers) == [True] * 8 + [False]
    owners = [host, *(proven(host) for _ in range(8))]
    assert observed(owners) == [True] * 8 + [False]
    assert observed(viewers[:1]) == [False]


def read(host: Host, path: str, number: int) -> bytes:
    """Return the ETag of a block of 64 bytes."""
    answer = ask(host, GET, [path], options=[(BLOCK2, block.encode(number, False, 2))])
    assert answer.code == CONTENT
    etag = answer.option(ETAG)
    assert etag is not None
    return etag


def test_whoever_reads_much_takes_nobody_elses_blocks_away(
    shell: Shell, host: Host, car: Car
) -> None:
    viewers = [proven(host, name=name, role="viewer") for name in "ab"]
    etags = [read(viewers[0], path, 0) for path in ("lock", "climate")]
    paths = [leaf[0] for leaf in profile()["leaves"]]
    for first in range(12):
        first_block = [(BLOCK2, block.encode(0, False, 2))]
        asked = paths[first : first + 4]
        assert ask(viewers[1], FETCH, ["signals"], asked, options=first_block).option(ETAG)
    assert [read(viewers[0], path, 1) for path in ("lock", "climate")] == etags


def test_viewers_take_no_owners_blocks_away_for_10_s(shell: Shell, host: Host, car: Car) -> None:
    owners = [host, *(proven(host) for _ in range(3))]
    etags = [read(owner, path, 0) for owner in owners for path in ("lock", "climate")]
    viewer = proven(host, name="dashboard", role="viewer")
    read(viewer, "signals", 0)
    assert [read(o, path, 1) for o in owners for path in ("lock", "climate")] == etags
    shell.advance(10_001)
    etag = read(viewer, "signals", 0)
    assert read(viewer, "signals", 1) == etag
    assert read(owners[0], "lock", 1) != etags[0]


def test_an_owner_takes_viewers_blocks_away_first(shell: Shell, host: Host, car: Car) -> None:
    owners = [host, *(proven(host) for _ in range(3))]
    etags = [read(owner, path, 0) for owner in owners[:3] for path in ("lock", "climate")]
    viewer = proven(host, name="dashboard", role="viewer")
    for path in ("lock", "climate"):
        read(viewer, path, 0)
    etags += [read(owners[3], path, 0) for path in ("lock", "climate")]
    assert [read(o, path, 1) for o in owners for path in ("lock", "climate")] == etags


def test_one_who_is_no_owner_has_two_commands_under_way_with_all_keys(
    shell: Shell, host: Host, car: Car
) -> None:
    driver = proven(host, name="guest", role="driver")
    drivers = [driver, proven(driver), proven(driver)]
    shell.acknowledges_frames = False
    told = [each.post("lock", each.command("lock")) for each in drivers]
    assert [bool(answers) for answers in told] == [False, False, True]
    assert told[2][0].code == SERVICE_UNAVAILABLE


def test_two_places_of_each_queue_are_for_owners(shell: Shell, host: Host, car: Car) -> None:
    drivers = [proven(host, name=name, role="driver") for name in "abc"]
    drivers += [proven(driver) for driver in drivers]
    shell.acknowledges_frames = False
    told = [driver.post("lock", driver.command("lock")) for driver in drivers]
    codes = [answers[-1].code if answers else None for answers in told]
    assert codes == [None, None, None, None, SERVICE_UNAVAILABLE, SERVICE_UNAVAILABLE]
    assert host.post("lock", host.command("lock")) == []


# ---- forged acknowledgements ----


def told(host: Host, car: Car, duration_ms: int) -> list[Response]:
    """Let time pass; return what the host was told, which it acknowledges."""
    heard = []
    for _ in range(duration_ms // 300):
        car.run(300)
        for response in host.responses():
            host.acknowledge(response)
            heard.append(response)
    return heard


def test_a_forged_reset_ends_no_observation(shell: Shell, host: Host, car: Car) -> None:
    ask(host, GET, ["lock"], options=OBSERVING)
    for _ in range(5):
        (*_, last) = told(host, car, 11_000)
        host.send(message.encode(Message(RST, EMPTY, last.message_id)))
        answers = told(host, car, 1200)
        assert [answer.type for answer in answers] == [CON]
    assert {answer.type for answer in told(host, car, 30_000)} == {NON}


def test_who_rejects_notifications_hears_five_more_and_is_forgotten(
    shell: Shell, host: Host, car: Car
) -> None:
    ask(host, GET, ["lock"], options=OBSERVING)
    car.run(11_000)
    (first,) = host.responses()
    host.send(message.encode(Message(RST, EMPTY, first.message_id)))
    heard = 0
    for _ in range(150):
        car.run(1000)
        for data, _ in shell.datagrams:
            heard += 1
            reset = Message(RST, EMPTY, message.decode(data).message_id)
            host.send(message.encode(reset))
        shell.datagrams.clear()
    assert heard == 5
    assert shell.gateway._endpoint._observers._observers == []


@pytest.mark.parametrize("kind", [ACK, RST])
def test_nothing_from_another_peer_ends_anything(
    shell: Shell, host: Host, car: Car, kind: int
) -> None:
    ask(host, GET, ["lock"], options=OBSERVING)
    car.run(60_500)
    last = host.responses()[-1]
    assert last.type == CON
    for source in ("mallory", "host 02"):
        shell.receive_datagram(message.encode(Message(kind, EMPTY, last.message_id)), source)
    shell.datagrams.clear()
    shell.advance(4000)
    assert last.message_id in [message.decode(data).message_id for data, _ in shell.datagrams]


def test_guessing_message_ids_shuts_the_guesser_out(shell: Shell, host: Host, car: Car) -> None:
    ask(host, GET, ["lock"], options=OBSERVING)
    before = counters(shell)
    for number in range(0x10000):
        shell.receive_datagram(message.encode(Message(RST, EMPTY, number)), "mallory")
    assert counters(shell)["shut_out"] - before["shut_out"] > 57_000
