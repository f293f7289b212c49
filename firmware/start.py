"""Puts the firmware together: the core, its sources, and the loop around them."""

import gc
import os
import sys

from firmware.aes import AES
from firmware.cable import Cable
from firmware.can_bus import CanBus
from firmware.clock import Clock
from firmware.runner import Runner
from firmware.storage import Storage
from firmware.udp import Udp
from gateway import cbor
from gateway.core import Gateway

if sys.platform == "esp32":
    from firmware.ports.esp32.board import Board
else:
    from firmware.ports.unix.board import Board


def start() -> Runner:
    """Return the runner of this board's gateway, ready to run."""
    clock = Clock()
    board = Board()
    storage = Storage(board.mount())
    profile = cbor.decode(board.read_profile())
    gateway = Gateway(
        profile, storage.load(), AES, os.urandom, clock.now_ms(), board.name, board.platform
    )
    buses = [
        CanBus(gateway, index, board.open_can(index, bitrate), profile["filters"][index])
        for index, (_, bitrate) in enumerate(profile["buses"])
    ]
    uart = board.open_uart()
    cable = None if uart is None else Cable(gateway, uart)
    udp = Udp(gateway, board.open_udp())
    runner = Runner(gateway, clock, storage, board.log, board.reset, udp, cable, buses)
    button = board.open_button(gateway)
    if button is not None:
        runner.add(button)
    discovery = board.open_discovery()
    if discovery is None:
        board.log("discovery by multicast does not work here")
    else:
        runner.add(Udp(gateway, discovery))
    gc.collect()
    board.log(f"ready after {clock.now_ms()} ms, {gc.mem_free()} bytes free")
    return runner
