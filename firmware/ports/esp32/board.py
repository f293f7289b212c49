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

Whoever holds the button while the board starts keeps Ctrl-C on the REPL's port; else it is a byte
like any other, for the cable may be on that port.
"""

import gc
import json
import os
import time

import esp32
import machine
import micropython
import network

from firmware.drivers.mcp2515 import MCP2515
from firmware.key_partition import KeyPartition
from firmware.ports.esp32.uart import UART
from firmware.ports.esp32.wakeup import Wakeup
from firmware.udp import COAP_PORT, join_group, open_socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from gateway.core import Gateway

_ANY_ADDRESS = "0.0.0.0"
_KEY_PARTITION = "carport_keys"  # of two blocks of 4 KiB
_SPI_HZ = 10_000_000  # the most an MCP2515 takes


class Board:
    """What the firmware runs on."""

    def __init__(self) -> None:
        with open("/settings.json") as file:
            self._settings: dict[str, Any] = json.load(file)
        self.name: str = self._settings["name"]
        self.is_bench: bool = self._settings.get("bench", False)
        self._button = machine.Pin(self._settings["button"], machine.Pin.IN, machine.Pin.PULL_UP)
        if self._button.value():
            micropython.kbd_intr(-1)

    def read_profile(self) -> bytes:
        """Return the compiled car."""
        with open("/profile.cbor", "rb") as file:
            profile: bytes = file.read()
        return profile

    def mount(self) -> str:
        """Return the folder for what is stored: MicroPython has mounted its littlefs already."""
        return ""

    def open_key_partition(self) -> KeyPartition:
        """Return the place of the root.

        Raises:
            OSError: the partition table has none.
        """
        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=_KEY_PARTITION)
        if not found:
            raise OSError(f"there is no partition {_KEY_PARTITION}: run `carport flash`")
        return KeyPartition(found[0])

    def open_sockets(self) -> "list[socket.socket]":
        """Return the socket of the CoAP server, which takes what is sent to all nodes as well.

        It works from when Wi-Fi is up: the chip connects, again and again, by itself.
        """
        wifi = self._settings.get("wifi")
        wlan = network.WLAN(network.WLAN.IF_STA)
        wlan.active(True)
        if wifi is not None:
            wlan.connect(wifi["ssid"], wifi["password"])
        server = open_socket(_ANY_ADDRESS, COAP_PORT)
        try:
            join_group(server, _ANY_ADDRESS)
        except OSError:
            self.log("discovery by multicast does not work here")
        return [server]

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

    def open_button(self, gateway: "Gateway") -> "Button":
        """Return the source of the button's presses."""
        return Button(self._button, gateway)

    def platform(self) -> "dict[str, int | str]":
        """Return what the board knows of itself."""
        _, block_bytes, _, _, free_blocks, *_ = os.statvfs("/")
        return {
            "machine": os.uname().machine,
            "heap_used": gc.mem_alloc(),
            "heap_free": gc.mem_free(),
            "storage_free": block_bytes * free_blocks,
        }

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

    def __init__(self, pin: machine.Pin, gateway: "Gateway") -> None:
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
