"""An ESP32 as the board. Not run on a board yet.

board.json, beside the firmware in its slot or at the top of the file system, holds what
`carport flash` knows of the board:

    board   its name: which updates are for it
    button  the pin, to ground when pressed
    cable   {"usb": true}, the chip's own USB serial port; or {"uart", "tx", "rx"}
    can     for each bus of the profile {"id"} of machine.CAN, or for an MCP2515 {"crystal_hz",
            "spi", "sck", "mosi", "miso", "cs", "interrupt"}, "hz" of the SPI and "reset" if there
            are any; with either "outputs", [pin, level] to set before it is used
    led     the pin, high when lit, or {"ws2812": the pin}; left out, there is none
    wake, supply_sense    see firmware/ports/esp32/power.py
    bench   true for a board that is in no car: it may send before anybody has armed it, and route
            between its buses; left out, it is in one

Without that file the board has the REPL's port as its cable, and the button that boards call BOOT.

Whoever holds the button while the board starts has Ctrl-C on the REPL's port; else it is a byte
like any other, for the cable may be on that port. Held for 10 s, it erases everything.

MicroPython tells a brown-out as if the power had been switched on, and a panic of ESP-IDF as our
own reset; so while it runs, the firmware leaves a note in the memory that only a reset outlives.
"""

import errno
import gc
import json
import os
import sys
import time
from binascii import hexlify

import machine
import micropython
import vfs

from firmware.key_partition import KeyPartition
from firmware.ports.esp32.button import Button
from firmware.ports.esp32.controllers import Controllers
from firmware.ports.esp32.partition import partition
from firmware.ports.esp32.power import PowerPort
from firmware.ports.esp32.uart import UART
from firmware.ports.esp32.wireless import Wireless
from firmware.udp import COAP_PORT, join_group, open_socket
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from firmware.no_gateway import NoGateway
    from firmware.ports.esp32.light import Light
    from firmware.ports.esp32.repl_port import ReplPort
    from firmware.ports.esp32.wakeup import Wakeup
    from firmware.slots import Slots
    from gateway.core import Gateway
    from gateway.vault.settings import Settings

_SLOT = "/slot/"
_ANY_ADDRESS = "0.0.0.0"
_FILES = "vfs"
_STARTING = ("boot.py", "main.py", "lib", "board.json", "profile.cbor")
_FOLDER = const(0x4000)  # of what os.stat calls the mode
_KEY_PARTITION = "carport_keys"  # of two blocks of 4 KiB
_WATCHDOG_MS = const(10_000)
_CTRL_C = const(3)
_RUNNING = b"running"
_NOTHING_KNOWN: "dict[str, Any]" = {"board": "", "button": 0, "cable": {"usb": True}, "can": []}


class Board:
    """What the firmware runs on.

    Attributes:
        name: the gateway's, until its owner names it.
        ended_by: what ended the last run, if that was nobody's wish.
        power: deep sleep, and the 12 V battery.
    """

    def __init__(self) -> None:
        self._hardware = _read_hardware()
        self.name = "carport-" + hexlify(machine.unique_id()[-2:]).decode()
        self.is_bench: bool = self._hardware.get("bench", False)
        self._button = machine.Pin(self._hardware["button"], machine.Pin.IN, machine.Pin.PULL_UP)
        self._watchdog: machine.WDT | None = None
        self._wireless: Wireless | None = None
        self._controllers: Controllers | None = None
        self._memory = machine.RTC()
        kept = self._memory.memory()
        self.power = PowerPort(self._hardware, self._button, kept)
        cause = machine.reset_cause()
        self.ended_by = "watchdog" if cause == machine.WDT_RESET else ""
        if cause == machine.HARD_RESET and kept == _RUNNING:
            self.ended_by = "a panic of ESP-IDF"
        if self._button.value():
            micropython.kbd_intr(-1)
            self._memory.memory(_RUNNING)
        else:
            micropython.kbd_intr(_CTRL_C)

    @property
    def model(self) -> str:
        """Which board this is, by its name in hw/boards."""
        model: str = self._hardware["board"]
        return model

    def open_slots(self) -> "Slots":
        """Return the slots for updates.

        Raises:
            OSError: the partition table has none, or the flash is broken.
        """
        from firmware.ports.esp32.slots import open_slots

        return open_slots()

    def read_profile(self) -> bytes:
        """Return the compiled car.

        Raises:
            OSError: there is none.
        """
        try:
            return _read(_SLOT + "profile.cbor")
        except OSError:
            return _read("/profile.cbor")

    def is_button_held(self, duration_ms: int) -> bool:
        """Tell whether the button is held for so long, not to wake the board; wait as long."""
        if self.power.woken_by:
            return False
        since_ms = time.ticks_ms()
        while not self._button.value():
            if time.ticks_diff(time.ticks_ms(), since_ms) >= duration_ms:
                return True
            time.sleep_ms(20)
        return False

    def feed(self) -> None:
        """Feed the watchdog, which begins with the first time: without it, it resets the board."""
        if self._watchdog is None:
            self._watchdog = machine.WDT(timeout=_WATCHDOG_MS)
        self._watchdog.feed()

    def mount(self) -> str:
        """Return the folder for what is stored, where MicroPython has mounted its littlefs.

        Raises:
            OSError: it could not.
        """
        if not os.statvfs("/")[0]:
            raise OSError(errno.ENODEV)
        return ""

    def format(self) -> None:
        """Make the file system anew, but for what of the files that start the firmware is left."""
        kept: dict[str, bytes | None] = {}
        for name in _STARTING:
            _keep("/" + name, kept)
        try:
            vfs.umount("/")
        except OSError:  # it was not mounted
            pass
        files = partition(_FILES)
        vfs.VfsLfs2.mkfs(files)
        vfs.mount(files, "/")
        for path in sorted(kept):  # a folder before what is in it
            _put_back(path, kept[path])

    def open_key_partition(self) -> KeyPartition:
        """Return the place of the root.

        Raises:
            OSError: the partition table has none.
        """
        return KeyPartition(partition(_KEY_PARTITION))

    def open_sockets(self, settings: "Settings") -> "list[socket.socket]":
        """Return the socket of the CoAP server, which takes what is sent to all nodes as well.

        There is none on a board that has no network: the chip cannot make one.
        """
        self._wireless = self.power.wireless = Wireless(settings)
        if not self._wireless.is_on:
            return []
        server = open_socket(_ANY_ADDRESS, COAP_PORT)
        try:
            join_group(server, _ANY_ADDRESS)
        except OSError:
            self.log("discovery by multicast does not work here")
        return [server]

    def subnets(self) -> "list[tuple[bytes, bytes]]":
        """Return the address that the board has on each network, and its netmask."""
        return [] if self._wireless is None else self._wireless.subnets()

    def open_uart(self) -> "UART | ReplPort":
        """Return the serial port."""
        if not self._is_repl_cable():
            return UART(self._hardware["cable"])
        from firmware.ports.esp32.repl_port import ReplPort

        return ReplPort()

    def open_can(self, bus: int, bitrate: int) -> "tuple[Any, Wakeup | None]":
        """Return the controller of a bus, silent, and what its interrupts set.

        Raises:
            OSError: it does not answer, or this build of MicroPython has no driver for it.
        """
        if self._controllers is None:
            self._controllers = Controllers(self._hardware["can"])
        return self._controllers.open(bus, bitrate)

    def open_button(self, gateway: "Gateway | NoGateway") -> Button:
        """Return the source of the button's presses."""
        return Button(self._button, gateway)

    def open_light(self) -> "Light | None":
        """Return the LED, None if the board has none."""
        if "led" not in self._hardware:
            return None
        from firmware.ports.esp32.light import Light

        return Light(self._hardware["led"])

    def platform(self) -> "dict[str, Any]":
        """Return what the board knows of itself."""
        _, block_bytes, _, _, free_blocks, *_ = os.statvfs("/")
        described: dict[str, Any] = {
            "machine": sys.implementation._machine,
            "heap_used": gc.mem_alloc(),
            "heap_free": gc.mem_free(),
            "storage_free": block_bytes * free_blocks,
        }
        wifi = None if self._wireless is None else self._wireless.describe()
        if wifi is not None:
            described["wifi"] = wifi
        return described

    def log(self, line: str) -> None:
        """Show a line on the REPL's port, unless the cable is there."""
        if not self._is_repl_cable():
            print(line)

    def reset(self) -> None:
        """Start again from the beginning."""
        self._memory.memory(b"")
        machine.reset()

    def _is_repl_cable(self) -> bool:
        cable = self._hardware["cable"]
        return "usb" in cable or cable["uart"] == 0


def _keep(path: str, kept: "dict[str, bytes | None]") -> None:
    """Add a file, or a folder, which has no content of its own, as far as it can be read."""
    try:
        if os.stat(path)[0] & _FOLDER:
            kept[path] = None
            for name in os.listdir(path):
                _keep(path + "/" + name, kept)
        else:
            kept[path] = _read(path)
    except OSError:
        pass


def _put_back(path: str, content: "bytes | None") -> None:
    if content is None:
        os.mkdir(path)
    else:
        with open(path, "wb") as file:
            file.write(content)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        content: bytes = file.read()
    return content


def _read_hardware() -> "dict[str, Any]":
    for folder in (_SLOT, "/"):
        try:
            hardware: dict[str, Any] = json.loads(_read(folder + "board.json"))
            return hardware
        except (OSError, ValueError):
            pass
    return _NOTHING_KNOWN
