"""A PC as the board: the emulator says in a file what there is, and presses the button on stdin.

The settings, a JSON object, are the first line on stdin:

    name       the gateway's name
    profile    the file of the compiled car
    flash      the image file of the flash chip
    erase_ms   how long it takes to erase a block, while nothing else is done; may be left out
    address    where the CoAP server is; may be left out: on the loopback interface
    network    the subnet it serves, ADDRESS/PREFIX; may be left out: 127.0.0.0/8
    coap_port  its UDP port
    serial     the pseudo-terminal that is the serial port
    can_port   the TCP port of the CAN hub
    bench      whether the gateway may send before anybody has armed it, and route
    held_ms    for how long the button is held while the board starts; may be left out
    ended_by   what ended the last run, if it was its fault: "watchdog"; may be left out
    woken_by   what ended a deep sleep: "timer", "bus" or "button"; may be left out
    kept       what the board had kept for then, in hexadecimal; may be left out
    supply_mv  the voltage of the 12 V battery; left out, the board cannot measure it
    pace       how many times faster than a real one it is tired; may be left out
    wifi_state what becomes of joining a Wi-Fi network: "wrong password"; may be left out

The line `fed` on stdout is the feeding of the watchdog: the emulator is one.

Each later line on stdin is `button MS`: it was pressed for so long; or `supply MV`: that is the
battery's voltage now. The program ends when stdin does, so it never outlives the emulator.
"""

import gc
import json
import os
import sys

import micropython
import vfs

from firmware.key_partition import KeyPartition
from firmware.ports.unix.can import CAN
from firmware.ports.unix.flash import FILES, KEYS, Flash, Partition, open_slots
from firmware.ports.unix.power import PowerPort
from firmware.ports.unix.uart import UART
from firmware.udp import ipv4, netmask, open_group, open_socket, stay_on_link
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from firmware.no_gateway import NoGateway
    from firmware.slots import Slots
    from gateway.core import Gateway
    from gateway.vault.settings import Settings

_LOOPBACK = "127.0.0.1"
_LOOPBACK_NETWORK = "127.0.0.0/8"
_MOUNT = "/flash"
_SLOT_PROFILE = "/slot/profile.cbor"
_RESET = const(1)


class Board:
    """What the firmware runs on."""

    model = "emulator"

    def __init__(self) -> None:
        self._settings = json.loads(sys.stdin.readline())
        self.name: str = self._settings["name"]
        self.is_bench: bool = self._settings["bench"]
        self.ended_by: str = self._settings.get("ended_by", "")
        self.power = PowerPort(self._settings)
        erase_ms = self._settings.get("erase_ms", 0)
        self._flash = Flash(self._settings["flash"], erase_ms=erase_ms)
        self._files = Partition(self._flash, *FILES)
        address, _, prefix = self._settings.get("network", _LOOPBACK_NETWORK).partition("/")
        self._subnets = [(ipv4(address), netmask(int(prefix)))]
        self._wifi_state = ""
        micropython.kbd_intr(-1)

    def read_profile(self) -> bytes:
        """Return the compiled car: the one in the slot that runs, if there is any."""
        try:
            return _read(_SLOT_PROFILE)
        except OSError:
            return _read(self._settings["profile"])

    def is_button_held(self, duration_ms: int) -> bool:
        """Tell whether the button is held for so long while the board starts, not to wake it."""
        return not self.power.woken_by and int(self._settings.get("held_ms", 0)) >= duration_ms

    def feed(self) -> None:
        """Feed the watchdog: without it, the board is reset after 10 s."""
        print("fed")

    def mount(self) -> str:
        """Mount the file system; return the folder for what is stored.

        Raises:
            OSError: there is none.
        """
        vfs.mount(self._files, _MOUNT)
        return _MOUNT

    def format(self) -> None:
        """Make the file system anew."""
        try:
            vfs.umount(_MOUNT)
        except OSError:  # it was not mounted
            pass
        vfs.VfsLfs2.mkfs(self._files)  # type: ignore[arg-type]

    def open_key_partition(self) -> KeyPartition:
        """Return the place of the root."""
        return KeyPartition(Partition(self._flash, *KEYS))

    def open_slots(self) -> "Slots":
        """Return the slots for updates.

        Raises:
            OSError: the flash is broken.
        """
        return open_slots(self._flash)

    def open_sockets(self, settings: "Settings") -> "list[socket.socket]":
        """Return the CoAP server's socket, and one for what is sent to all nodes on this PC.

        There is no Wi-Fi to join: a network that is set counts as joined, unless the emulator says
        what comes between.
        """
        if settings.wifi is not None:
            self._wifi_state = self._settings.get("wifi_state", "connected")
        address = self._settings.get("address", _LOOPBACK)
        sockets = [open_socket(address, self._settings["coap_port"])]
        stay_on_link(sockets[0])
        try:
            sockets.append(open_group(address))
        except OSError:
            self.log("discovery by multicast does not work here")
        return sockets

    def subnets(self) -> "list[tuple[bytes, bytes]]":
        """Return the address and the netmask of the network that is served."""
        return self._subnets

    def open_uart(self) -> UART:
        """Return the serial port."""
        return UART(self._settings["serial"])

    def open_can(self, bus: int, bitrate: int) -> "tuple[CAN, None]":
        """Return the controller of a bus, which is silent; its own stream wakes the runner."""
        can = CAN(bus + 1, bitrate, CAN.MODE_SILENT, port=self._settings["can_port"])
        return can, None

    def open_button(self, gateway: "Gateway | NoGateway") -> "Button":
        """Return the source of the button's presses."""
        return Button(gateway, self.power)

    def open_light(self) -> "Light":
        """Return the LED."""
        return Light()

    def platform(self) -> "dict[str, Any]":
        """Return what the board knows of itself."""
        _, block_bytes, _, _, free_blocks, *_ = os.statvfs(_MOUNT)
        described: dict[str, Any] = {
            "machine": sys.implementation._machine,
            "heap_used": gc.mem_alloc(),
            "heap_free": gc.mem_free(),
            "storage_free": block_bytes * free_blocks,
        }
        if self._wifi_state:
            described["wifi"] = {"state": self._wifi_state}
        return described

    def log(self, line: str) -> None:
        """Show a line."""
        print(line)

    def reset(self) -> None:
        """Start again from the beginning: the emulator does that for whoever ends."""
        sys.exit(_RESET)


class Button:
    """The button, and the voltage, as lines on stdin."""

    def __init__(self, gateway: "Gateway | NoGateway", power: PowerPort) -> None:
        self.stream = sys.stdin
        self._gateway = gateway
        self._power = power

    def handle(self, now_ms: int) -> None:
        """Take a line."""
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        word, _, number = line.partition(" ")
        if word == "button":
            self._gateway.press_button(int(number), now_ms)
        elif word == "supply":
            self._power.battery_mv = int(number)


class Light:
    """The LED, as lines on stdout: what it says, whenever that changes."""

    _state = ""

    def show(self, state: str, colour: int) -> None:
        """Show a colour; state: what it stands for."""
        if state != self._state:
            self._state = state
            print("LED:", state)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        content: bytes = file.read()
    return content
