"""An ESP32 as the board. Not run on a board yet.

/settings.json holds what the installer knows:

    name    the gateway's name
    wifi    {"ssid", "password"}; left out, there is only the cable
    uart    {"id", "tx", "rx"} of the cable
    button  the pin, to ground when pressed
    can     for each bus of the profile {"id", and what else machine.CAN.init of this build takes},
            or for an MCP2515 {"crystal_hz", "spi", "sck", "mosi", "miso", "cs", "interrupt"}
    bench   true for a board that is in no car: it may send before anybody has armed it, and route
            between its buses; left out, it is in one

Without that file the board has a cable on UART 0 and the button that boards call BOOT, on which it
says what it lacks.

Whoever holds the button while the board starts keeps Ctrl-C on the REPL's port; else it is a byte
like any other, for the cable may be on that port. Held for 10 s, it erases everything.
"""

import errno
import gc
import json
import os
import time

import esp32
import machine
import micropython
import network
import vfs

from firmware.drivers.mcp2515 import MCP2515
from firmware.key_partition import KeyPartition
from firmware.ports.esp32.uart import UART
from firmware.ports.esp32.wakeup import Wakeup
from firmware.udp import COAP_PORT, ipv4, join_group, open_socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from firmware.no_gateway import NoGateway
    from gateway.core import Gateway
    from gateway.vault.settings import Settings

_ANY_ADDRESS = "0.0.0.0"
_KEY_PARTITION = "carport_keys"  # of two blocks of 4 KiB
_WATCHDOG_MS = 10_000
_KNOWN_CAUSES = (  # a brown-out is told as if the power had been switched on
    machine.PWRON_RESET,
    machine.HARD_RESET,
    machine.WDT_RESET,
    machine.DEEPSLEEP_RESET,
    machine.SOFT_RESET,
)
_NO_SETTINGS: "dict[str, Any]" = {"name": "carport", "uart": {"id": 0}, "button": 0}
_SPI_HZ = 10_000_000  # the most an MCP2515 takes


class Board:
    """What the firmware runs on."""

    def __init__(self) -> None:
        try:
            with open("/settings.json") as file:
                self._settings: dict[str, Any] = json.load(file)
        except (OSError, ValueError):
            self._settings = _NO_SETTINGS
        self.name: str = self._settings["name"]
        self.is_bench: bool = self._settings.get("bench", False)
        self._wlan = network.WLAN(network.WLAN.IF_STA)
        self._has_wifi = False
        self._button = machine.Pin(self._settings["button"], machine.Pin.IN, machine.Pin.PULL_UP)
        self._watchdog: machine.WDT | None = None
        cause = machine.reset_cause()
        self.ended_by = "watchdog" if cause == machine.WDT_RESET else ""
        if cause not in _KNOWN_CAUSES:
            self.ended_by = "a panic of ESP-IDF"
        if self._button.value():
            micropython.kbd_intr(-1)

    def read_profile(self) -> bytes:
        """Return the compiled car."""
        with open("/profile.cbor", "rb") as file:
            profile: bytes = file.read()
        return profile

    def is_button_held(self, duration_ms: int) -> bool:
        """Tell whether the button is held for so long; wait as long as it is."""
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
        """Make the file system anew, without settings and profile."""
        try:
            vfs.umount("/")
        except OSError:  # it was not mounted
            pass
        files = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")[0]
        vfs.VfsLfs2.mkfs(files)
        vfs.mount(files, "/")

    def open_key_partition(self) -> KeyPartition:
        """Return the place of the root.

        Raises:
            OSError: the partition table has none.
        """
        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=_KEY_PARTITION)
        if not found:
            raise OSError(f"there is no partition {_KEY_PARTITION}: run `carport flash`")
        return KeyPartition(found[0])

    def open_sockets(self, settings: "Settings") -> "list[socket.socket]":
        """Return the socket of the CoAP server, which takes what is sent to all nodes as well.

        It works from when Wi-Fi is up: the chip connects, again and again, by itself.
        """
        wifi = settings.wifi
        self._wlan.active(True)
        if wifi is not None:
            self._has_wifi = True
            self._wlan.connect(wifi["ssid"], wifi["password"])
        server = open_socket(_ANY_ADDRESS, COAP_PORT)
        try:
            join_group(server, _ANY_ADDRESS)
        except OSError:
            self.log("discovery by multicast does not work here")
        return [server]

    def subnet(self) -> "tuple[bytes, bytes] | None":
        """Return the address that Wi-Fi has given the board, and its netmask."""
        if not self._wlan.isconnected():
            return None
        address, mask = self._wlan.ipconfig("addr4")
        return ipv4(address), ipv4(mask)

    def open_uart(self) -> UART:
        """Return the serial port."""
        return UART(self._settings["uart"])

    def open_can(self, bus: int, bitrate: int) -> "tuple[Any, dict[str, Any], Wakeup | None]":
        """Return the controller of a bus, silent; its timing; and what its interrupts set.

        An MCP2515 needs no flag for them: its stream can be polled as long as it has something.

        Raises:
            OSError: the MCP2515 does not answer.
            NotImplementedError: this build of MicroPython has no machine.CAN.
        """
        timing = dict(self._settings["can"][bus])
        if "crystal_hz" in timing:
            return open_mcp2515(timing, bitrate), {}, None
        if not hasattr(machine, "CAN"):
            raise NotImplementedError("this build of MicroPython has no machine.CAN")
        can = machine.CAN(timing.pop("id"), bitrate, machine.CAN.MODE_SILENT, **timing)
        return can, timing, Wakeup()

    def open_button(self, gateway: "Gateway | NoGateway") -> "Button":
        """Return the source of the button's presses."""
        return Button(self._button, gateway)

    def platform(self) -> "dict[str, Any]":
        """Return what the board knows of itself."""
        _, block_bytes, _, _, free_blocks, *_ = os.statvfs("/")
        described: dict[str, Any] = {
            "machine": os.uname().machine,
            "heap_used": gc.mem_alloc(),
            "heap_free": gc.mem_free(),
            "storage_free": block_bytes * free_blocks,
        }
        if self._has_wifi:
            described["wifi"] = self._describe_wifi()
        return described

    def _describe_wifi(self) -> "dict[str, int | str]":
        """Return whether Wi-Fi is joined, how strong it is, or why not."""
        wlan = self._wlan
        if wlan.isconnected():
            return {"state": "connected", "rssi": wlan.status("rssi")}
        status = wlan.status()
        if status in (network.STAT_WRONG_PASSWORD, network.STAT_HANDSHAKE_TIMEOUT):
            return {"state": "wrong password"}
        is_absent = status == network.STAT_NO_AP_FOUND
        return {"state": "no such network" if is_absent else "connecting"}

    def log(self, line: str) -> None:
        """Show a line on the REPL's port, unless the cable is there."""
        if self._settings["uart"]["id"] != 0:
            print(line)

    def reset(self) -> None:
        """Start again from the beginning."""
        machine.reset()


def open_mcp2515(wiring: "dict[str, int]", bitrate: int) -> MCP2515:
    """Return the controller that is wired to these pins, silent.

    Raises:
        OSError: it does not answer.
    """
    spi = machine.SPI(
        wiring["spi"],
        baudrate=_SPI_HZ,
        sck=machine.Pin(wiring["sck"]),
        mosi=machine.Pin(wiring["mosi"]),
        miso=machine.Pin(wiring["miso"]),
    )
    cs = machine.Pin(wiring["cs"], machine.Pin.OUT, value=1)
    interrupt = machine.Pin(wiring["interrupt"], machine.Pin.IN)
    can = MCP2515(spi, cs, interrupt, crystal_hz=wiring["crystal_hz"])
    can.init(bitrate, MCP2515.MODE_SILENT)
    return can


class Button:
    """The button: how long it was pressed is known when it is let go."""

    def __init__(self, pin: machine.Pin, gateway: "Gateway | NoGateway") -> None:
        self.stream = Wakeup()
        self._gateway = gateway
        self._pressed_ms = time.ticks_ms()
        self._duration_ms = 0
        pin.irq(self._interrupt, machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING)

    def handle(self, now_ms: int) -> None:
        """Tell the core."""
        self.stream.clear()
        self._gateway.press_button(self._duration_ms, now_ms)

    def _interrupt(self, pin: machine.Pin) -> None:
        if pin.value():
            self._duration_ms = time.ticks_diff(time.ticks_ms(), self._pressed_ms)
            self.stream.set()
        else:
            self._pressed_ms = time.ticks_ms()
