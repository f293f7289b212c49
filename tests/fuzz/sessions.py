"""Recorded sessions: what hosts ask of a gateway, and every datagram of their talk."""

from functools import cache
from itertools import chain

from gateway import cbor
from gateway.coap.numbers import (
    ACCEPT,
    BLOCK1,
    BLOCK2,
    CBOR,
    CONTENT_FORMAT,
    DELETE,
    FETCH,
    GET,
    OBSERVE,
    POST,
    PUT,
    SENML_CBOR,
    URI_PATH,
    URI_QUERY,
)
from gateway.oscore.protection import encode_inner
from tests.fuzz.choices import chunk
from tests.fuzz.party import ECHO_FLAG, OBSERVE_FLAG
from tests.fuzz.world import STEPS, play

RANDOM = bytes(32)
NOW_S = 1_800_000_000
CONSENT = {"purpose": "range", "interval_s": 1, "keep_days": 1, "until": NOW_S + 86_400}


def inner(
    code: int, path: str, payload: object = None, options: tuple[tuple[int, bytes], ...] = ()
) -> bytes:
    """Return a request as it is sealed."""
    segments = [(URI_PATH, segment.encode()) for segment in path.split("/")]
    body = [] if payload is None else [(CONTENT_FORMAT, bytes((CBOR,)))]
    pairs = sorted([*segments, *body, *options], key=lambda pair: pair[0])
    return bytes(encode_inner(code, pairs, b"" if payload is None else cbor.encode(payload)))


STATE = inner(GET, "lock")
SPEED = inner(FETCH, "signals", ["Vehicle.Speed"])
TIME = inner(POST, "time", {"unix_s": NOW_S})
RECORDING = (
    TIME,
    inner(PUT, "settings", {"region": "DE"}),
    inner(POST, "records/key", {"random": RANDOM}),
    inner(PUT, "consent/climate", CONSENT),
)
REVOKED = inner(DELETE, "keys", None, ((URI_QUERY, b"name=dan"),))
WIPED = inner(DELETE, "records", None, ((URI_QUERY, b"owner-change"),))


def questions() -> list[bytes]:
    """Return a request of each kind that the resources know."""
    return [
        STATE,
        SPEED,
        *RECORDING,
        REVOKED,
        inner(GET, "signals", None, ((ACCEPT, bytes((SENML_CBOR,))),)),
        inner(GET, "signals", None, ((BLOCK2, b"\x02"),)),
        inner(GET, "signals", None, ((BLOCK2, b"\x12"),)),
        inner(GET, "lock", None, ((OBSERVE, b"\x01"),)),
        inner(GET, "receipts/0"),
        inner(GET, "receipts/0", None, ((URI_QUERY, b"kid=01"),)),
        inner(GET, "system"),
        inner(GET, "keys"),
        inner(GET, "arm"),
        inner(GET, "time"),
        inner(POST, "lock", {"id": 0, "command": "lock", "lifetime_ms": 3000}),
        inner(POST, "lock", {"id": 0, "command": "lock"}, ((BLOCK1, b"\x08"),)),
        inner(POST, "climate", {"id": 1, "command": "climate", "arguments": {"on": True}}),
        inner(POST, "keys", {"random": RANDOM}),
        inner(POST, "keys", {"random": RANDOM, "dormant": True}),
        inner(POST, "keys", {"random": RANDOM, "name": "eve", "role": "viewer"}),
        inner(POST, "keys", {"random": RANDOM, "name": "gil", "role": "guest", "not_after": 9}),
        inner(DELETE, "keys", None, ((URI_QUERY, b"name=ann"), (URI_QUERY, b"others"))),
        inner(POST, "arm"),
        inner(DELETE, "arm"),
        inner(GET, "settings"),
        inner(GET, "consent"),
        inner(GET, "records"),
        inner(GET, "records/index/0"),
        inner(GET, "ledger/0"),
    ]


def step(name: str, *choices: int, data: bytes = b"") -> bytes:
    """Return a step as `play` reads it."""
    names = [each.__name__ for each in STEPS]
    return bytes((names.index(name), *choices)) + data


def ask(who: int, *asked: bytes, flags: int = ECHO_FLAG) -> bytes:
    """Return the steps in which a host asks, the first time twice: it will be challenged."""
    steps = [step("request", who, flags, data=chunk(one)) for one in asked]
    return steps[0] + b"".join(steps)


def stories() -> list[bytes]:
    """Return what may happen to a gateway, as inputs of `play`."""
    car = b"".join(step("car_speaks", which) for which in range(6))
    locked = step("car_speaks", 0x80)
    second, minute = step("wait", 5), step("wait", 8)
    recorded = ask(0, *RECORDING) + (car + second) * 3
    told = [
        car + ask(3, STATE, flags=ECHO_FLAG | OBSERVE_FLAG) + locked + second + minute * 2,
        car + step("command", 0, 0) + step("wait", 2) + locked + second,
        step("command", 1, 2) + second + step("again", 0, 0x41, 0, 0) + step("again", 1, 0, 0, 99),
        step("command", 0, 1) + step("reboot") + step("again", 0, 0, 0, 0) + second,
        step("command", 0, 0) + step("wait", 7) + step("answer", 0) + step("command", 0, 1) + car,
        step("command", 3, 0) + step("bus", 3) + step("command", 0, 0) + minute,
        ask(0, TIME) + (car + step("command", 2, 0) + second * 4) * 3,
        step("button", 200) + minute + step("frame", 1, 0, 8) + bytes(8),
        step("stranger", 0, data=chunk(b"\x40\x01\x00\x07\xbb.well-known\x04core")),
        step("stranger", 0x80, data=chunk(b"\x40\x02\x00\x07\xb4pair")),
        step("pairs") + step("button", 200) + step("pairs") + step("command", 4, 0) + car,
        ask(1, STATE) + ask(0, REVOKED) + step("command", 1, 0) + car,
        recorded + ask(0, inner(GET, "records/1"), inner(GET, "records"), inner(GET, "ledger/0")),
        recorded + ask(0, inner(DELETE, "consent/climate"), inner(DELETE, "records")) + minute,
        ask(0, WIPED) + step("pairs") + step("command", 4, 0),
        step("flood", 0, 0, data=chunk(SPEED)),
        step("flood", 0, 0x80, data=chunk(b"\x50\x01\x00\x07\xbb.well-known\x04core")),
    ]
    return [*told, *(ask(0, question) for question in questions())]


@cache
def session() -> list[bytes]:
    """Return some of a session's datagrams, in both directions, each once."""
    worlds = [play(story) for story in stories()[:9]]
    datagrams = chain(*([d[0] for d in world.sent + world.heard] for world in worlds))
    return sorted(set(datagrams))[::3]
