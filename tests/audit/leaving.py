"""A day with every function on: does a packet leave the LAN, or speak before it was spoken to?"""

from contextlib import ExitStack
from ipaddress import IPv4Address, ip_address

from tests.attack.lan import Lan
from tests.audit.board import Board
from tests.audit.capture import Capture, Packet
from tests.audit.check import Build, Depth, Outcome
from tests.audit.day import ALL_COAP_NODES, Day
from tests.audit.home import BOARD, LAN, LAN_6, PC, Home
from tests.audit.judge import IPV4, IPV6, BoardJudge

LISTEN = f"{BOARD}/{LAN.prefixlen}"
COAP_PORT = 5683

_STATE_S = {Depth.QUICK: 0.0, Depth.USUAL: 25.0, Depth.FULL: 3600.0}


def a_day(build: Build, depth: Depth) -> Outcome:
    """Capture at the board and at the router's way out, and judge every packet."""
    outcome = Outcome()
    with Home() as home, ExitStack() as ending:
        inside = ending.enter_context(Capture(home.board, "eth0"))
        outside = ending.enter_context(Capture(home.router, "wan"))
        with Board(build, LISTEN, home.board, home.pc) as board:
            if depth == Depth.QUICK:
                board.pair()
            else:
                with home.pc.call(lambda: Lan((ALL_COAP_NODES, COAP_PORT), str(PC))) as everyone:
                    day = Day(board, everyone, _STATE_S[depth])
                    day.live()
                outcome.figures["requests"] = f"{day.requests:,}, {day.unanswered} unanswered"
                outcome.figures["notifications"] = day.notifications
                outcome.figures["blocks exported"] = day.blocks
            port = board.address[1]
            outcome.figures["errors on the board"] = board.errors()
        ending.close()
        heard = len(home.world.heard)
    judge = BoardJudge(LAN, (BOARD, port))
    for packet in inside.packets:
        judge.see(packet)
    outcome.looked_at = len(inside.packets) + len(outside.packets)
    outcome.found = judge.found
    crossed = sum(_is_from_home(packet) for packet in outside.packets)
    if crossed:
        outcome.found["seen beyond the router"] += crossed
    if heard:
        outcome.found["heard by the world"] += heard
    outcome.figures["sent by the board"] = dict(judge.passed)
    return outcome


def _is_from_home(packet: Packet) -> bool:
    kind = int.from_bytes(packet.frame[12:14])
    if kind == IPV4:
        return IPv4Address(packet.frame[26:30]) in LAN
    return kind == IPV6 and ip_address(packet.frame[22:38]) in LAN_6
