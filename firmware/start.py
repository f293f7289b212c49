"""Puts the firmware together: the core, its sources, and the loop around them."""

import gc
import os
import sys
import time

from firmware.aes import AES
from firmware.cable import Cable
from firmware.can_bus import CanBus
from firmware.clock import Clock
from firmware.runner import Runner
from firmware.storage import Storage
from firmware.udp import Udp
from gateway import cbor
from gateway.core import Gateway
from gateway.slipmux import Decoder

if sys.platform == "esp32":
    from firmware.ports.esp32.board import Board
else:
    from firmware.ports.unix.board import Board


def start() -> Runner:
    """Return the runner of this board's gateway, ready to run."""
    clock = Clock(time.ticks_ms, time.ticks_diff)
    board = Board()
    storage = Storage(board.mount(), board.open_key_partition())
    profile = cbor.decode(board.read_profile())
    if profile["routes"] and not board.is_bench:
        raise RuntimeError(
            "this profile routes between buses, which is for a bench alone: in a car Carport is a "
            "leaf. If this board is in no car, let its settings say bench = true"
        )
    decoder = Decoder()

    def platform() -> "dict[str, int | str]":
        described = board.platform()
        described["errors"] = runner.errors
        described["cable_bad_frames"] = decoder.bad_frames
        described["cable_oversized_frames"] = decoder.oversized_frames
        described["cable_unknown_frames"] = decoder.unknown_frames
        return described

    gateway = Gateway(
        profile,
        storage.load(),
        AES,
        os.urandom,
        clock.now_ms(),
        board.name,
        platform,
        board.is_bench,
        read_block=storage.read_block,
    )
    buses = []
    for index, (_, bitrate) in enumerate(profile["buses"]):
        can, timing, wakeup = board.open_can(index, bitrate)
        filters = profile["filters"][index]
        buses.append(CanBus(gateway, index, can, bitrate, timing, wakeup, filters))
    cable = Cable(gateway, board.open_uart(), decoder)
    server, *listeners = [Udp(gateway, opened) for opened in board.open_sockets()]
    runner = Runner(gateway, clock, storage, board.log, board.reset, server, cable, buses)
    for listener in listeners:
        runner.add(listener)
    runner.add(board.open_button(gateway))
    gc.collect()
    board.log(f"ready after {clock.now_ms()} ms, {gc.mem_free()} bytes free")
    return runner
