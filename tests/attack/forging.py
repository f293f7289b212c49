"""Requests that nobody with a key has made: with another key, with other bits."""

import os
from collections.abc import Iterator

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import DELETE, ECHO, GET, OSCORE, POST, PUT
from tests.attack.attack import Outcome
from tests.attack.lan import Lan, is_sealed, told
from tests.attack.stage import Stage
from tests.models.host import Host
from tests.models.shell import Shell

_FRESH_FOR = 64  # requests that are sealed with one Echo value


def wrong_key(stage: Stage, is_quick: bool) -> Outcome:
    """Ask for a status and an unlock with every key but the right one."""
    outcome = Outcome()
    since = stage.mark()
    unlocks = FreshUnlocks(stage.owner)
    with stage.lan() as lan:
        for guess in _guesses(stage.owner, 1 if is_quick else 50):
            # Numbers that the owner has not used yet: else it would look like a replay.
            guess.context.sender_sequence = stage.owner.context.sender_sequence
            guess.next_message_id = int.from_bytes(os.urandom(2))
            for data in (guess.protect(GET, ["lock"]), unlocks.seal(guess)):
                answer = stage.deliver(lan, data)
                outcome.note(is_sealed(answer), told(answer))
    outcome.figures["unlocks"] = stage.unlocks(since)
    return outcome


def too_low_a_role(stage: Stage, is_quick: bool) -> Outcome:
    """Command with a key that may only look, and administer with one that may only drive."""
    outcome = Outcome()
    viewer = stage.enrol(name="dashboard", role="viewer")
    driver = stage.enrol(name="bob", role="driver")
    invitation = {"random": bytes(32), "name": "mallory", "role": "owner"}
    for host, code, path, payload in (
        (viewer, POST, ["lock"], {"id": 1, "command": "unlock"}),
        (viewer, POST, ["climate"], {"id": 2, "command": "climate", "arguments": {"on": True}}),
        (viewer, PUT, ["lock"], {"id": 3, "command": "unlock"}),
        (viewer, POST, ["keys"], invitation),
        (driver, POST, ["keys"], invitation),
        (viewer, POST, ["arm"], None),
        (driver, POST, ["arm"], None),
        (driver, DELETE, ["arm"], None),
    ):
        response = host.request(code, path, payload)
        text = f"{response.code >> 5}.{response.code & 31:02} "
        text += response.payload.decode(errors="replace")
        outcome.note(response.code >> 5 == 2, text)
    return outcome


def flipped_bits(stage: Stage, is_quick: bool) -> Outcome:
    """Flip each bit of an unlock that has a fresh Echo, and was never delivered itself.

    Each flip is of a request that was sealed anew, so that nothing looks like a replay. The
    envelope comes last: any router may change it, and what is sealed inside stays what the owner
    said. So it may act, but all these copies together once, for they have one id.
    """
    outcome = Outcome()
    step = 16 if is_quick else 1
    with stage.lan() as lan:
        unlocks = FreshUnlocks(stage.owner)
        for part in ("payload", "option"):
            for bit in range(0, 8 * len(_part(message.decode(unlocks.seal()), part)), step):
                outer = message.decode(unlocks.seal())
                flipped = flip(_part(outer, part), bit)
                if part == "payload":
                    outer.payload = flipped
                else:
                    outer.options = [(OSCORE, flipped)]
                answer = stage.deliver(lan, message.encode(outer))
                outcome.note(is_sealed(answer), told(answer))
        since = stage.mark()
        _flip_the_envelope(stage, lan, FreshUnlocks(stage.owner), outcome, step)
        outcome.succeeded += max(0, stage.unlocks(since) - 1)
    return outcome


class FreshUnlocks:
    """Seals one unlock again and again, with new numbers and an Echo value that is fresh."""

    def __init__(self, owner: Host) -> None:
        self._owner = owner
        self._payload = owner.command("unlock")
        self._echo = b""
        self._sealed = 0

    def seal(self, host: Host | None = None) -> bytes:
        """Return the request, sealed by its owner or another host."""
        if self._sealed % _FRESH_FOR == 0:
            self._echo = self._owner.challenge()
        self._sealed += 1
        options = [(ECHO, self._echo)]
        return (host or self._owner).protect(POST, ["lock"], self._payload, options=options)


def _guesses(owner: Host, random_keys: int) -> Iterator[Host]:
    """Yield hosts that know the owner's kid, but not the key."""
    answer = {
        "random": bytes(32),
        "sender_id": owner.context.sender.id,
        "recipient_id": owner.context.recipient.id,
    }
    yield Host.enrolled(owner.shell, bytes(32), answer, b"carport pair")
    for _ in range(random_keys):
        yield Host.enrolled(owner.shell, os.urandom(32), answer, b"carport pair")
    other = Host.pair(Shell())
    assert other.context.sender.id == owner.context.sender.id
    yield other
    swapped = Host.enrolled(owner.shell, bytes(32), answer, b"carport pair")
    swapped.context.sender, swapped.context.recipient = (
        swapped.context.recipient,
        swapped.context.sender,
    )
    yield swapped


def _part(outer: Message, part: str) -> bytes:
    """Return what the sender vouches for: the ciphertext, or the OSCORE option's value."""
    return outer.payload if part == "payload" else outer.options[0][1]


def _flip_the_envelope(
    stage: Stage, lan: Lan, unlocks: FreshUnlocks, outcome: Outcome, step: int
) -> None:
    data = unlocks.seal()
    outer = message.decode(data)
    end = len(data) - len(outer.payload)
    start_of_value = end - 1 - len(outer.options[0][1])
    for byte in (*range(start_of_value), end - 1):
        for bit in range(8 * byte, 8 * byte + 8, step):
            answer = stage.deliver(lan, flip(unlocks.seal(), bit))
            owners_own = "the owner's own unlock, once"
            outcome.note(False, owners_own if is_sealed(answer) else told(answer))


def flip(data: bytes, bit: int) -> bytes:
    """Return data with one bit flipped."""
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)
