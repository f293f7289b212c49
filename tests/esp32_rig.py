"""The firmware's ESP32 port on the shims, in the VM: a chip with its flash, and its wiring.

At / is the littlefs in the chip's own partition, as on a board; this repository is at /repo.
"""

import json
import sys

import vfs  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILE_BLOCKS = 64
LOOPBACK = "127.0.0.1"


class Clock:
    """Has the methods of firmware/clock.py; `now` is set by the test."""

    now = 0

    def now_ms(self) -> int:
        """Return the time."""
        return self.now


def make_chip(repository: str, hardware: "dict[str, Any]", profile: bytes) -> "Any":
    """Return the module of the chip, with a file system that holds board.json and the profile."""
    vfs.mount(vfs.VfsPosix(repository), "/repo")
    vfs.umount("/")
    sys.path[:] = ["/repo/tests/shims", "/repo", ".frozen"]
    sys.modules.pop("tests")  # which was somewhere else until now
    from tests.models.mcp2515 import Chip
    from tests.shims import chip, twai

    chip.add_partition("vfs", FILE_BLOCKS)
    chip.add_partition("carport_keys", 2)
    import esp32  # type: ignore[import-not-found]
    import machine  # type: ignore[import-not-found]

    files = esp32.Partition("vfs")
    vfs.VfsLfs2.mkfs(files)
    vfs.mount(files, "/")
    with open("/board.json", "w") as file:
        json.dump(hardware, file)
    with open("/profile.cbor", "wb") as file:
        file.write(profile)
    for wiring in hardware["can"]:
        if "cs" in wiring:
            chip.connect_mcp2515(Chip(), wiring["cs"], wiring["interrupt"])
        else:
            machine.CAN = twai.CAN
    return chip


def start(port: int = 0, clock: "Any" = None) -> "tuple[Any, Any]":
    """Return the board and its runner; port: of its CoAP server, on the loopback interface."""
    from firmware.ports.esp32 import board as port_of_board

    module: Any = port_of_board
    sys.modules["firmware.board"] = module
    module.COAP_PORT = port
    module._ANY_ADDRESS = LOOPBACK
    from firmware.crash_log import CrashLog
    from firmware.start import start

    board = module.Board()
    ours: Any = Clock() if clock is None else clock
    runner = start(board, ours, CrashLog())
    for bus in runner._buses:
        bus.start(0)
    return board, runner


def sealed_settings(values: "dict[str, Any]") -> None:
    """Store settings as their owner has set them, before the board starts."""
    import os

    from firmware.aes import AES
    from firmware.ports.esp32 import board as module
    from firmware.storage import Storage
    from gateway.vault.records import Records
    from gateway.vault.settings import Settings

    board = module.Board()
    storage = Storage(board.mount(), board.open_key_partition())
    records = Records(storage.load(), AES, os.urandom)
    Settings(records, board.name).change(values)
    for _, name, data in records.take():
        storage.save(name, data)
