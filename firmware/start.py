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
    buses = []
    for index, (_, bitrate) in enumerate(profile["buses"]):
        can, wakeup = board.open_can(index, bitrate)
        buses.append(CanBus(gateway, index, can, wakeup, profile["filters"][index]))
    cable = Cable(gateway, board.open_uart())
    server, *listeners = [Udp(gateway, opened) for opened in board.open_sockets()]
    runner = Runner(gateway, clock, storage, board.log, board.reset, server, cable, buses)
    for listener in listeners:
        runner.add(listener)
    runner.add(board.open_button(gateway))
    gc.collect()
    board.log(f"ready after {clock.now_ms()} ms, {gc.mem_free()} bytes free")
    return runner
