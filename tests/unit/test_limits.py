"""Budgets: how much of what does not verify is read, from whom, and what is read all the same."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, OBSERVE, OSCORE, POST, URI_HOST, URI_PATH, URI_PORT
from gateway.errors import BusyError
from gateway.limits import MAX_SOURCES, Limits, kid_of, take_request
from gateway.oscore import option

HERE = b"\x0a\x4d\x00\x09"
ELSEWHERE = b"\x0a\x4d\x00\x0a"
GARBAGE = bytes(40)
PING = b"\x40\x00\x12\x34"


@dataclass
class Key:
    source: bytes | None = None
    budget: Any = None


class Keys:
    """One key, of the kid 1."""

    def __init__(self) -> None:
        self.key = Key()

    def peek(self, kid: bytes) -> Key | None:
        return self.key if kid == b"\x01" else None


def request(kid: bytes = b"\x01", more: tuple[tuple[int, bytes], ...] = ()) -> bytes:
    """Return a request that names a key."""
    options = sorted([*more, (OSCORE, option.encode(b"\x05", None, kid))])
    return message.encode(Message(CON, POST, 1, b"tt", options, bytes(20)))


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def limits(keys: Keys) -> Limits:
    return Limits(keys)  # type: ignore[arg-type]


def shut_out(limits: Limits, source: bytes = HERE, now_ms: int = 0) -> None:
    while limits.charge("port", source, now_ms):
        pass


def answered(limits: Limits, now_ms: int, source: bytes = HERE) -> int:
    """Return how many of 100 datagrams at one time may be answered."""
    return [limits.charge("port", source, now_ms) for _ in range(100)].count(True)


def read(limits: Limits, data: bytes, now_ms: int, port: str = "another port") -> int:
    """Return how many of 80 copies at one time are read."""
    return [limits.refuses(data, port, HERE, now_ms) for _ in range(80)].count(False)


def test_16_at_once_then_8_a_second(limits: Limits) -> None:
    assert answered(limits, 0) == 16
    assert limits.refuses(GARBAGE, "port", HERE, 999)
    assert not limits.refuses(GARBAGE, "port", HERE, 1000)
    assert answered(limits, 1000) == 8


def test_who_goes_on_waits_twice_as_long_each_time_up_to_16_s(limits: Limits) -> None:
    now_ms = 0
    waits = []
    for _ in range(7):
        shut_out(limits, HERE, now_ms)
        began_ms = now_ms
        while limits.refuses(GARBAGE, "port", HERE, now_ms):
            now_ms += 500
        waits.append(now_ms - began_ms)
    assert waits == [1000, 2000, 4000, 8000, 16_000, 16_000, 16_000]


def test_who_is_quiet_for_1_s_after_that_begins_anew(limits: Limits) -> None:
    shut_out(limits)
    shut_out(limits, HERE, 1000)
    assert answered(limits, 3000 + 1000) == 16
    assert limits.refuses(GARBAGE, "port", HERE, 4999)
    assert not limits.refuses(GARBAGE, "port", HERE, 5000)


def test_one_host_does_not_shut_out_another(limits: Limits) -> None:
    shut_out(limits)
    assert not limits.refuses(GARBAGE, "port", ELSEWHERE, 0)
    assert answered(limits, 0, ELSEWHERE) == 16


def test_a_key_is_heard_from_where_it_has_proven_to_be(limits: Limits, keys: Keys) -> None:
    shut_out(limits)
    keys.key.source = HERE
    assert read(limits, request(), 10) == 80
    keys.key.source = ELSEWHERE
    assert read(limits, request(), 10) < 80


@pytest.mark.parametrize("data", [request(), PING])
def test_of_what_may_be_an_owners_one_of_8_is_read_and_answered(
    limits: Limits, data: bytes
) -> None:
    shut_out(limits)
    assert read(limits, data, 60) == 10
    assert limits.charge("another port", HERE, 60)
    assert not limits.charge("another port", HERE, 60)


@pytest.mark.parametrize("is_proven", [False, True])
def test_of_the_loudest_port_one_each_50_ms_is_read(
    limits: Limits, keys: Keys, is_proven: bool
) -> None:
    keys.key.source = HERE if is_proven else None
    shut_out(limits)
    assert read(limits, request(), 60, "port") == 1
    assert read(limits, request(), 109, "port") == 0
    assert read(limits, request(), 110, "port") == 1
    assert read(limits, request(), 110) >= 10


def test_nobody_is_the_loudest_of_many(limits: Limits) -> None:
    for number in range(200):
        limits.charge(f"port {number % 20}", HERE, 0)
    assert read(limits, request(), 60, "port 7") == 10


@pytest.mark.parametrize("data", [request(), PING])
def test_of_what_may_be_an_owners_one_each_50_ms_is_read(limits: Limits, data: bytes) -> None:
    shut_out(limits)
    heard_ms = [ms for ms in range(100, 400, 10) if not limits.refuses(data, "", HERE, ms)]
    assert heard_ms == [100, 150, 200, 250, 300, 350]


@pytest.mark.parametrize("data", [GARBAGE, b"", b"\x40", request(b"\x02"), request(b"")])
def test_nothing_else_is_read(limits: Limits, data: bytes) -> None:
    shut_out(limits)
    assert read(limits, data, 10) == 0


def test_16_hosts_are_kept_apart_and_the_others_share_while_they_are_active(
    limits: Limits,
) -> None:
    hosts = [bytes((10, 77, 0, host)) for host in range(200)]
    for host in hosts[:MAX_SOURCES]:
        assert answered(limits, 0, host) == 16
    assert sum(answered(limits, 0, host) for host in hosts[MAX_SOURCES:]) == 16
    assert limits.refuses(GARBAGE, "port", b"\x0a\x4d\x01\x01", 0)
    assert len(limits._sources) == MAX_SOURCES


def test_who_was_not_heard_of_for_10_s_makes_room(limits: Limits) -> None:
    for host in range(MAX_SOURCES):
        shut_out(limits, bytes((10, 77, 1, host)), host)
    assert answered(limits, 10_000, ELSEWHERE) == 16
    assert bytes((10, 77, 1, 0)) not in limits._sources
    assert bytes((10, 77, 1, 1)) in limits._sources
    assert len(limits._sources) == MAX_SOURCES


def test_challenges_have_a_budget_of_their_own(limits: Limits) -> None:
    shut_out(limits)
    assert [limits.may_challenge(HERE, 0) for _ in range(30)].count(True) == 16
    assert [limits.may_challenge(HERE, 1000) for _ in range(30)].count(True) == 8
    assert [limits.may_challenge(HERE, 2000) for _ in range(30)].count(True) == 8
    assert limits.may_challenge(ELSEWHERE, 0)


def test_a_key_makes_32_requests_at_once_then_16_a_second() -> None:
    key: Any = Key()
    for _ in range(32):
        take_request(key, 0)
    with pytest.raises(BusyError) as told:
        take_request(key, 0)
    assert told.value.wait_s == 1
    assert key.budget.shut_ms == 1000
    for _ in range(16):
        take_request(key, 1000)
    with pytest.raises(BusyError) as told:
        take_request(key, 1000)
    assert told.value.wait_s == 2


def test_a_key_waits_8_s_at_most() -> None:
    key: Any = Key()
    now_ms = 0
    waits = []
    for _ in range(6):
        with pytest.raises(BusyError) as told:  # noqa: PT012 - it is the last that raises
            while True:
                take_request(key, now_ms)
        waits.append(told.value.wait_s)
        now_ms = key.budget.shut_ms
    assert waits == [1, 2, 4, 8, 8, 8]


@pytest.mark.parametrize(
    "more",
    [
        (),
        ((OBSERVE, b""),),
        ((URI_HOST, b"gateway"), (OBSERVE, b""), (URI_PORT, b"\x16\x33")),
        ((URI_HOST, b"a-name-of-more-than-thirteen-bytes"),),
    ],
)
def test_the_kid_is_found_behind_what_clients_put_in_front(
    more: tuple[tuple[int, bytes], ...],
) -> None:
    assert kid_of(request(b"\x01\x02", more)) == b"\x01\x02"


@pytest.mark.parametrize(
    "data",
    [
        request(b"\x01", ((URI_PATH, b"behind"),)),
        request(b"\x01", tuple((number, b"") for number in (1, 4, 5, 8))),
        message.encode(Message(CON, POST, 1, b"", [(OSCORE, b"\x09\x05\x01")])),
        message.encode(Message(CON, POST, 1, b"", [(OSCORE, b"\x19\x05\x01c\x01")], b"x")),
        message.encode(Message(CON, POST, 1, b"", [(OSCORE, b"")], b"x")),
        message.encode(Message(CON, POST, 1, b"", [(URI_PATH, b"lock")], b"x")),
    ],
)
def test_what_a_flood_could_make_long_to_decode_names_no_key(data: bytes) -> None:
    assert kid_of(data) is None


@given(st.binary(max_size=60))
def test_no_datagram_is_too_odd_to_look_at(data: bytes) -> None:
    kid = kid_of(data)
    assert kid is None or kid in data
