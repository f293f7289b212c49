"""Requests that come through the router, with the owner's own key: does a byte come back?"""

from ipaddress import IPv4Address

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, EMPTY, GET, POST, URI_PATH
from tests.attack.lan import Lan, told
from tests.audit.board import Board
from tests.audit.capture import Capture
from tests.audit.check import Build, Depth, Outcome
from tests.audit.home import WORLD, Home
from tests.audit.judge import IPV4
from tests.audit.leaving import LISTEN

_ROUNDS = {Depth.QUICK: 1, Depth.USUAL: 10, Depth.FULL: 100}
_CORE = [(URI_PATH, b".well-known"), (URI_PATH, b"core")]


def through_a_router(build: Build, depth: Depth) -> Outcome:
    """Ping it, discover it, read and unlock, from beyond the router; the owner is served."""
    outcome = Outcome()
    with Home() as home, Board(build, LISTEN, home.board, home.pc) as board:
        board.pair()
        with home.outside.call(lambda: Lan(board.address, str(WORLD))) as far:
            with Capture(home.board, "eth0") as capture:
                for number in range(_ROUNDS[depth]):
                    for data in _requests(board, number):
                        far.socket.send(data)
                        outcome.looked_at += 1
                    assert board.host.request(GET, ["system"]).code >> 5 == 2, "the owner waits"
            for answer in far.drain():
                outcome.found[f"beyond the router: {told(answer)}"] += 1
    came = sum(_is_to_world(packet.frame, 26) for packet in capture.packets)
    assert came >= outcome.looked_at, "the requests did not reach the board"
    for packet in capture.packets:
        if packet.is_sent and _is_to_world(packet.frame, 30):
            outcome.found["an answer on its way to the world"] += 1
    return outcome


def _requests(board: Board, number: int) -> list[bytes]:
    """Return a ping, a discovery, and what the owner may: all that gets an answer on the LAN."""
    host = board.host
    random = {"random": bytes(32)}
    return [
        message.encode(Message(CON, EMPTY, 8 * number + 1)),
        message.encode(Message(CON, GET, 8 * number + 2, b"d", _CORE)),
        host.protect(GET, ["lock"]),
        host.protect(GET, ["records"]),
        host.protect(POST, ["lock"], host.command("unlock")),
        host.protect(POST, ["keys"], random),
    ]


def _is_to_world(frame: bytes, at: int) -> bool:
    """Tell whether an address in a frame is the world's: its source is at 26, its target at 30."""
    return frame[12:14] == IPV4.to_bytes(2) and IPv4Address(frame[at : at + 4]) == WORLD
