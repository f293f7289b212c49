"""Numbers that run out: the gateway's Partial IVs, the host's, and the writes of the flash."""

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, CONTENT, GET, OSCORE, POST
from gateway.oscore import option
from tests.attack.attack import Outcome
from tests.attack.core_stage import CoreStage
from tests.attack.lan import is_sealed
from tests.models.shell import Shell

REPLAYS = 100_000
NUMBERS = 1 << 40

_A_SECOND = 10_000
_HOSTS = 50
_RECORDED = 64


class CountingStorage(dict[str, bytes]):
    """Storage that counts its writes."""

    writes = 0

    def __setitem__(self, name: str, record: bytes) -> None:
        self.writes += 1
        super().__setitem__(name, record)


def burn_numbers(stage: CoreStage, is_quick: bool) -> Outcome:
    """Replay what was recorded before a reboot: whatever is challenged costs the gateway a number.

    They come from 50 addresses, 10,000 a second. A success is a number more than one for each
    recorded request, or a write to the flash more than the one that reserves numbers.
    """
    outcome = Outcome()
    recorded = []
    for _ in range(_RECORDED):
        recorded.append(stage.owner.protect(GET, ["lock"]))
        stage.owner.send(recorded[-1])
    storage = CountingStorage(stage.shell.storage)
    shell = Shell(storage)
    begin_ms = shell.now_ms
    storage.writes = 0
    for i in range(5000 if is_quick else REPLAYS):
        data = recorded[i % len(recorded)]
        again = data[:2] + (i & 0xFFFF).to_bytes(2) + data[4:]
        shell.receive_datagram(again, f"10.0.0.{i % _HOSTS}")
        outcome.tried += 1
        if i % (_A_SECOND // 1000) == 0:
            shell.advance(1)
    burned = sum(is_sealed(answer) for answer, _ in shell.datagrams)
    seconds = (shell.now_ms - begin_ms) / 1000
    outcome.succeeded = max(0, burned - len(recorded)) + max(0, storage.writes - 1)
    outcome.stopped_by["dropped, or refused as a copy"] = outcome.tried - burned
    outcome.figures["replays a second"] = round(outcome.tried / seconds)
    outcome.figures["numbers burned, of 2^40"] = burned
    outcome.figures["writes to the flash"] = storage.writes
    return outcome


def highest_number(stage: CoreStage, is_quick: bool) -> Outcome:
    """Forge requests with the highest numbers there are: are the owner's then too old?"""
    outcome = Outcome()
    kid = stage.owner.context.sender.id
    for i in range(100 if is_quick else 1000):
        piv = (NUMBERS - 1 - i).to_bytes(5)
        value = option.encode(piv, None, kid)
        forged = Message(CON, POST, i, b"f", [(OSCORE, value)], bytes(40))
        stage.shell.receive_datagram(message.encode(forged), "mallory")
        outcome.tried += 1
    stage.shell.datagrams.clear()
    stage.owner.send(stage.owner.protect(GET, ["lock"]))
    is_served = any(response.code == CONTENT for response in stage.owner.responses())
    outcome.succeeded = int(not is_served)
    outcome.stopped_by["not verified"] = outcome.tried - outcome.succeeded
    return outcome
