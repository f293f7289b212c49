"""Requests with a forged source: how much the gateway sends to somebody who never asked."""

import sys
import time

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    BLOCK2,
    CON,
    GET,
    NON,
    OBSERVE,
    POST,
    PROXY_URI,
    URI_PATH,
    URI_QUERY,
)
from tests.attack.attack import Outcome
from tests.attack.lan import Lan
from tests.attack.replaying import record_unlock, recorded_program
from tests.attack.stage import Stage
from tests.system.bad_datagrams import CASES

_RETRANSMITTED_S = 3.5  # the first repetition of a confirmable answer has come by then
_LARGEST = 1400


def amplify(stage: Stage, is_quick: bool) -> Outcome:
    """Send each kind of request from an address that is new; see what is sent to that address.

    A success is an address that is sent more bytes than were sent in its name.
    """
    outcome = Outcome()
    worst = ("", 0.0)
    asked: list[tuple[str, bytes, Lan]] = []
    for name, data in _requests(stage).items():
        lan = stage.lan(_new_source(len(asked)))
        lan.socket.send(data)
        asked.append((name, data, lan))
    time.sleep(_RETRANSMITTED_S)
    for name, data, lan in asked:
        ratio = _received(lan) / len(data)
        worst = max(worst, (name, ratio), key=lambda pair: pair[1])
        outcome.note(ratio > 1, "no more than was asked with")
    outcome.figures["most bytes out / in"] = f"{worst[1]:.2f} ({worst[0]})"
    return outcome


def _requests(stage: Stage) -> dict[str, bytes]:
    """Return one request of each kind: in plain text, malformed, recorded, and kept back."""
    requests: dict[str, bytes] = {}
    core = [(URI_PATH, b".well-known"), (URI_PATH, b"core")]
    rt = (URI_QUERY, b"rt=carport.gateway")
    for kind, name in ((CON, "CON"), (NON, "NON")):
        for what, options in {
            "discovery": core,
            "discovery by type": [*core, rt],
            "discovery by reference": [*core, (URI_QUERY, b"href=*")],
            "root": [],
            "a path": [(URI_PATH, b"lock")],
            "a short path": [(URI_PATH, b"x")],
            "an unknown option": [(PROXY_URI, b"")],
            "a block of discovery": [*core, (BLOCK2, b"\x06")],
            "an observation in plain text": [(OBSERVE, b""), *core],
        }.items():
            for token in (b"", b"12345678"):
                request = Message(kind, GET, len(requests) + 1, token, options)
                requests[f"{what}, {name}, token of {len(token)}"] = message.encode(request)
        pair = Message(kind, POST, len(requests) + 1, b"", [(URI_PATH, b"pair")])
        requests[f"pairing, {name}"] = message.encode(pair)
    for name, case in CASES.items():
        data = case.make(stage.owner)
        if 0 < len(data) < _LARGEST:
            requests[name] = data
    with recorded_program(stage) as (path, program):
        for i, data in enumerate(record_unlock(path, program)):
            requests[f"a recorded request, {i}"] = data
    watcher = stage.enrol()
    for resource in ("lock", "signals", "system", "climate"):
        requests[f"/{resource}, kept back"] = watcher.protect(GET, [resource])
        data = watcher.protect(GET, [resource], kind=NON)
        requests[f"/{resource}, kept back, NON"] = data
    for resource in ("lock", "signals"):
        data = watcher.protect(GET, [resource], options=[(OBSERVE, b"")])
        requests[f"/{resource}, an observation kept back"] = data
    requests["an unlock, kept back"] = watcher.protect(
        POST, ["lock"], {"id": 1, "command": "unlock"}
    )
    return requests


def _new_source(number: int) -> str:
    """Return an address of this machine that was not used yet, where there are many."""
    return (
        f"127.0.{2 + number // 250}.{1 + number % 250}" if sys.platform == "linux" else "127.0.0.1"
    )


def _received(lan: Lan) -> int:
    """Return how many bytes came, in all."""
    return sum(map(len, lan.drain()))
