"""Datagrams from beyond the link, whatever they say: nobody there has any business with a car."""

import sys

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, EMPTY, GET, POST, URI_PATH
from tests.attack.attack import Outcome
from tests.attack.lan import told
from tests.attack.stage import Stage

OUTSIDE = ("127.0.0.1", "127.77.1.2", "127.76.255.255")


def from_another_network(stage: Stage, is_quick: bool) -> Outcome:
    """Ping it, discover it, and unlock with the owner's own key, all from other networks.

    Only Linux has so many loopback networks; elsewhere nothing is tried.
    """
    outcome = Outcome()
    core = [(URI_PATH, b".well-known"), (URI_PATH, b"core")]
    for source in OUTSIDE if sys.platform == "linux" else ():
        with stage.lan(source) as lan:
            for data in (
                message.encode(Message(CON, EMPTY, 1)),
                message.encode(Message(CON, GET, 2, b"d", core)),
                stage.owner.protect(GET, ["lock"]),
                stage.owner.protect(POST, ["lock"], {"id": 1, "command": "unlock"}),
            ):
                answer = stage.deliver(lan, data)
                outcome.note(answer is not None, told(answer))
    return outcome
