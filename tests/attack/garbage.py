"""Bytes that mean nothing, on the network and on the cable; then the owner wants to be served."""

import time
from collections.abc import Iterator
from random import Random

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, GET, OSCORE, POST, URI_PATH
from gateway.slipmux import END, ESCAPE, encode_coap, frame
from tests.attack.attack import Outcome
from tests.attack.crowding import heap_used
from tests.attack.forging import flip
from tests.attack.stage import Stage
from tests.models.host import Host

DATAGRAMS = 100_000
NOISE_BYTES = 1_000_000

_BATCH = 100
_CHUNK = 1500  # what the cable's buffers hold, with room
_LEAK_BYTES = 4096
_DISCOVERY = [(URI_PATH, b".well-known"), (URI_PATH, b"core")]


def malformed_datagrams(stage: Stage, is_quick: bool) -> Outcome:
    """Send random, truncated and mutated datagrams; what they leave behind is their success."""
    outcome = Outcome()
    random = Random(1)
    seeds = _seeds(stage.owner)
    with stage.lan() as lan:
        for data in seeds:  # what is remembered for a while is there before
            lan.ask(data, 0.2)
        before = Traces(stage)
        begin_s = time.monotonic()
        for _ in range((2000 if is_quick else DATAGRAMS) // _BATCH):
            for data in [_malformed(random, seeds) for _ in range(_BATCH)]:
                lan.socket.send(data)
            outcome.tried += _BATCH
            if not stage.serves():
                outcome.figures["the owner was not served after"] = outcome.tried
                break
            lan.drain()
        outcome.stopped_by["refused, and counted"] = outcome.tried
        outcome.figures["datagrams a second"] = round(outcome.tried / (time.monotonic() - begin_s))
        before.compare(outcome)
    return outcome


def cable_noise(stage: Stage, is_quick: bool) -> Outcome:
    """Send a megabyte of noise down the cable, and messages with a flipped bit; then a command."""
    outcome = Outcome()
    random = Random(2)
    host = stage.owner.enrol()
    host.shell, host.on_cable = stage.cable, True  # type: ignore[assignment]
    stage.command("lock", host)
    before = Traces(stage)
    sent = 0
    for noise in _noises(random, NOISE_BYTES // (20 if is_quick else 1)):
        stage.cable.write(noise + END)
        sent += len(noise)
        outcome.note(not _is_next_answered(stage), "no frame")
    outcome.figures["bytes of noise"] = sent
    good = encode_coap(message.encode(Message(CON, GET, 1, b"flipped", _DISCOVERY)))
    for bit in range(8, 8 * (len(good) - 1), 8 if is_quick else 1):
        stage.cable.write(flip(good, bit) + END)
        outcome.note(not _is_next_answered(stage), "checksum of the frame")
    before.compare(outcome)
    state = stage.command("lock", host)
    outcome.figures["then a lock over the cable"] = state
    outcome.succeeded += state != "confirmed"
    return outcome


def _is_next_answered(stage: Stage) -> bool:
    """Ask for discovery over the cable; return whether that alone is answered."""
    asked = message.encode(Message(CON, GET, 1, b"after", _DISCOVERY))
    answers = stage.cable.ask_by_cable(asked)
    return len(answers) == 1 and message.decode(answers[0]).token == b"after"


class Traces:
    """What an attack may have left: its flash, its heap, its errors, whether it started anew."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._flash = stage.flash()
        self._heap = heap_used(stage)
        self._starts = stage.starts()
        self._errors = stage.errors()

    def compare(self, outcome: Outcome) -> None:
        """Count as a success each trace, and an owner who is not served."""
        stage = self._stage
        if not stage.serves_again():
            outcome.succeeded += 1
            outcome.figures["the owner"] = "is not served any more"
            return
        is_written = stage.flash() != self._flash
        errors = stage.errors() - self._errors
        starts = stage.starts() - self._starts
        grown = heap_used(stage) - self._heap
        state = stage.command("lock")
        traces = {
            "flash was written": is_written,
            "errors in the loop": errors,
            "restarts": starts,
            "heap grew": grown > _LEAK_BYTES,
            "the owner's lock": state != "confirmed",
        }
        outcome.succeeded += sum(map(bool, traces.values()))
        for name, trace in traces.items():
            if trace:
                outcome.figures[name] = trace
        outcome.figures["heap grew by, bytes"] = grown
        outcome.figures["errors, restarts"] = f"{errors}, {starts}"
        outcome.figures["then the owner's lock"] = state


def _seeds(owner: Host) -> list[bytes]:
    """Return sound messages, to be broken: in plain text, and sealed for nobody."""
    sealed = [(OSCORE, b"\x09\x05" + owner.context.sender.id)]
    return [
        message.encode(Message(CON, GET, 1, b"", _DISCOVERY)),
        message.encode(Message(CON, GET, 2, b"12345678", [(URI_PATH, b"lock")])),
        message.encode(Message(CON, POST, 3, b"ab", [(URI_PATH, b"pair")], bytes(40))),
        message.encode(Message(CON, POST, 4, b"ab", sealed, bytes(range(40)))),
        message.encode(Message(CON, 5, 5, b"ab", [(6, b""), *sealed], bytes(range(20)))),
    ]


def _malformed(random: Random, seeds: list[bytes]) -> bytes:
    """Return a datagram that is random, cut off, mutated or put together of two."""
    seed = bytearray(random.choice(seeds))
    how = random.randrange(5)
    if how == 0:
        return random.randbytes(random.randrange(1, 64))
    if how == 1:
        return bytes(seed[: random.randrange(1, len(seed))])
    if how == 2:
        return bytes(seed + random.randbytes(random.randrange(1, 1000)))
    if how == 3:
        return bytes(seed[: random.randrange(len(seed))]) + random.choice(seeds)
    for _ in range(random.randrange(1, 8)):
        seed[random.randrange(len(seed))] = random.randrange(256)
    return bytes(seed)


def _noises(random: Random, size: int) -> Iterator[bytes]:
    """Yield noise of some kinds, together about as much as size."""
    for _ in range(size // (4 * _CHUNK)):
        yield random.randbytes(_CHUNK)
        yield random.randbytes(_CHUNK).replace(END, b"")  # a frame that does not end
        yield b"".join(
            random.choice((END, ESCAPE, b"\xa9", b"\x0a", b"\xdc")) for _ in range(_CHUNK)
        )
        yield frame(b"\xa9" + random.randbytes(_CHUNK - 3))  # a frame that is too large
