"""What one side has sealed, sent back to it as if the other side had."""

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CHANGED, CON, CONTENT, GET, OBSERVE, OSCORE, POST
from gateway.errors import GatewayError
from gateway.oscore import option
from tests.attack.attack import Outcome
from tests.attack.core_stage import CoreStage
from tests.attack.lan import is_sealed, told

_ROUNDS = 100


def reflect(stage: CoreStage, is_quick: bool) -> Outcome:
    """Send answers back to the gateway as requests, and requests back to their host as answers."""
    outcome = Outcome()
    owner = stage.owner
    for i in range(4 if is_quick else _ROUNDS):
        options = [(OBSERVE, b"")] if i % 2 else []
        request = owner.protect(GET, ["lock"], options=options)
        stage.shell.receive_datagram(request, "on the way")
        answers = [data for data, peer in stage.shell.datagrams if peer == "on the way"]
        stage.shell.datagrams.clear()
        for answer in answers:
            for piv in (_piv(request), b"\xff\x00"):
                _to_the_gateway(stage, answer, piv, outcome)
        _to_the_host(stage, request, outcome)
    return outcome


def _to_the_gateway(stage: CoreStage, answer: bytes, piv: bytes, outcome: Outcome) -> None:
    """Send an answer to the gateway, with an OSCORE option that makes it look like a request."""
    outer = message.decode(answer)
    own_piv, _, _ = option.decode(dict(outer.options)[OSCORE])
    value = option.encode(own_piv or piv, None, stage.owner.context.sender.id)
    forged = Message(CON, POST, outer.message_id ^ 1, b"back", [(OSCORE, value)], outer.payload)
    stage.shell.receive_datagram(message.encode(forged), "mallory")
    told_back = [data for data, peer in stage.shell.datagrams if peer == "mallory"]
    stage.shell.datagrams.clear()
    got = told_back[-1] if told_back else None
    outcome.note(is_sealed(got), f"gateway: {told(got)}")


def _to_the_host(stage: CoreStage, request: bytes, outcome: Outcome) -> None:
    """Send a request back to its host, as the answer to itself."""
    outer = message.decode(request)
    for code, value in ((CHANGED, b""), (CONTENT, dict(outer.options)[OSCORE])):
        back = Message(CON, code, outer.message_id, outer.token, [(OSCORE, value)], outer.payload)
        try:
            stage.owner.read(message.encode(back))
            outcome.note(True, "")
        except GatewayError as error:
            outcome.note(False, f"host: {error}")


def _piv(request: bytes) -> bytes:
    piv, _, _ = option.decode(dict(message.decode(request).options)[OSCORE])
    assert piv is not None
    return piv
