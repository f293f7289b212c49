"""Recorded sessions: what hosts ask of a gateway, and every datagram of their talk."""

from functools import cache
from itertools import chain

from gateway import cbor
from gateway.coap.numbers import (
    ACCEPT,
    BLOCK2,
    CBOR,
    CONTENT_FORMAT,
    DELETE,
    FETCH,
    GET,
    OBSERVE,
    POST,
    SENML_CBOR,
    URI_PATH,
    URI_QUERY,
)
from gateway.oscore.protection import encode_inner
from tests.fuzz.choices import chunk
from tests.fuzz.party import ECHO_FLAG, OBSERVE_FLAG
from tests.fuzz.world import STEPS, play

FORMAT = (CONTENT_FORMAT, bytes((CBOR,)))


def inner(
    code: int, path: str, payload: object = None, options: tuple[tuple[int, bytes], ...] = ()
) -> bytes:
    """Return a request as it is sealed."""
    segments = [(URI_PATH, segment.encode()) for segment in path.split("/")]
    body = [] if payload is None else [FORMAT]
    pairs = sorted([*segments, *body, *options], key=lambda pair: pair[0])
    return bytes(encode_inner(code, pairs, b"" if payload is None else cbor.encode(payload)))


def questions() -> list[bytes]:
    """Return a request of each kind that the resources know."""
    speed = ["Vehicle.Speed"]
    return [
        inner(GET, "lock"),
        inner(GET, "signals", None, ((ACCEPT, bytes((SENML_CBOR,))),)),
        inner(GET, "signals", None, ((BLOCK2, b"\x02"),)),
        inner(GET, "signals", None, ((BLOCK2, b"\x12"),)),
        inner(FETCH, "signals", speed),
        inner(GET, "lock", None, ((OBSERVE, b""),)),
        inner(GET, "lock", None, ((OBSERVE, b"\x01"),)),
        inner(GET, "receipts/0"),
        inner(GET, "system"),
        inner(GET, "keys"),
        inner(GET, "arm"),
        inner(GET, "time"),
        inner(POST, "lock", {"id": 0, "command": "lock", "lifetime_ms": 3000}),
        inner(POST, "climate", {"id": 1, "command": "climate", "arguments": {"on": True}}),
        inner(POST, "keys", {"random": bytes(32)}),
        inner(POST, "keys", {"random": bytes(32), "name": "eve", "role": "viewer"}),
        inner(POST, "time", {"unix_s": 1_800_000_000}),
        inner(DELETE, "keys", None, ((URI_QUERY, b"name=dan"),)),
        inner(DELETE, "arm"),
        inner(POST, "arm"),
    ]


def step(name: str, *choices: int, data: bytes = b"") -> bytes:
    """Return a step as `play` reads it."""
    names = [each.__name__ for each in STEPS]
    return bytes((names.index(name), *choices)) + data


def stories() -> list[bytes]:
    """Return what may happen to a gateway, as inputs of `play`."""
    asked = questions()
    requests = [step("request", 0, ECHO_FLAG, data=chunk(each)) * 2 for each in asked]
    car = b"".join(step("car_speaks", which) for which in range(6))
    locked = step("car_speaks", 0x80)
    second = step("wait", 5)
    told_time = step("request", 0, ECHO_FLAG, data=chunk(asked[16])) * 2
    watch = step("request", 3, ECHO_FLAG | OBSERVE_FLAG, data=chunk(asked[5])) * 2
    told = [
        car + watch + locked + second * 3 + step("answer", 0x80) + step("wait", 8) * 2,
        car + step("command", 0, 0) + step("wait", 2) + locked + second,
        step("command", 1, 2) + second + step("again", 0, 0x41, 0, 0) + step("again", 1, 0, 0, 99),
        step("command", 0, 1) + step("reboot") + step("again", 0, 0, 0, 0) + second,
        step("command", 0, 0) + step("wait", 7) + step("answer", 0) + step("command", 0, 1),
        step("command", 3, 0) + step("bus", 3) + step("command", 0, 0) + step("wait", 8),
        told_time + (car + step("command", 2, 0) + second * 4) * 3,
        step("button", 200) + step("wait", 8) + step("frame", 1, 0, 8) + bytes(8),
        step("stranger", 0, data=chunk(b"\x40\x01\x00\x07\xbb.well-known\x04core")),
        step("stranger", 0x80, data=chunk(b"\x40\x02\x00\x07\xb4pair")),
        step("pairs") + step("button", 200) + step("pairs") + step("command", 4, 0) + car,
        step("flood", 0, 0, data=chunk(asked[4])),
        step("flood", 0, 0x80, data=chunk(b"\x50\x01\x00\x07\xbb.well-known\x04core")),
    ]
    return [*told, *requests]


@cache
def session() -> list[bytes]:
    """Return a session's datagrams, in both directions, each once."""
    worlds = [play(story) for story in stories()[:9]]
    datagrams = chain(*([d[0] for d in world.sent + world.heard] for world in worlds))
    return sorted(set(datagrams))[::3]
