"""Becoming an owner without being let in; keeping its owner from becoming one."""

from gateway import cbor
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, POST, URI_PATH
from tests.attack.attack import Outcome
from tests.attack.core_stage import CoreStage
from tests.attack.stage import Stage
from tests.models.host import Host, plain
from tests.models.shell import Shell

KIDS = 65_536

_WISH = cbor.encode({"random": bytes(32), "name": "mallory"})


def uninvited(stage: Stage, is_quick: bool) -> Outcome:
    """Pair with a gateway that has an owner: over the network, and over the cable."""
    outcome = Outcome()
    for on_cable in (False, True):
        code, text = plain(stage.cable, POST, ["pair"], _WISH, on_cable)  # type: ignore[arg-type]
        outcome.note(code == 0x44, text.decode(errors="replace"))
    return outcome


def worn_out(stage: CoreStage, is_quick: bool) -> Outcome:
    """Pair with a gateway without an owner until it is out of key ids; then its owner pairs."""
    shell = Shell()
    outcome = Outcome()
    outcome.tried = KIDS
    try:
        for i in range(KIDS):
            request = Message(CON, POST, i, b"", [(URI_PATH, b"pair")], _WISH)
            shell.receive_datagram(message.encode(request), "stranger", True)
            shell.datagrams.clear()
        Host.pair(shell)
        outcome.stopped_by["a key id is used up when its key is durable"] = KIDS
    except (AssertionError, OverflowError) as error:
        outcome.succeeded = 1
        outcome.figures["the owner's pairing"] = repr(error)
    return outcome
