"""A board that crashes: it starts again, says why to its owner, and always locks over the cable.

All of it with the real firmware in the VM; what makes it crash is real too.
"""

import json
import os
import signal
import socket
from binascii import crc32
from collections.abc import Iterator
from pathlib import Path
from struct import pack, unpack
from typing import Any

import pytest

from carport.emulator.control import ask
from carport.emulator.process import EmulatorProcess
from gateway import cbor
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import ACK, EMPTY, GET, POST, SERVICE_UNAVAILABLE
from gateway.slipmux import encode_coap
from tests.emulated_board import cut_power, starts, vm_pid, wait_for_start
from tests.models.host import Host, Response, plain
from tests.system.wire import Wire
from tests.waiting import wait_until

BLOCK_BYTES = 4096
KEYS = slice(510 * BLOCK_BYTES, 512 * BLOCK_BYTES)
FREE_PORTS = ("--coap-port", "0", "--can-port", "0")


class Rig:
    """An emulator, a host that has paired with it over the cable, and what breaks the board."""

    def __init__(self, emulator: EmulatorProcess, wire: Wire, home: Path) -> None:
        self.emulator = emulator
        self.wire = wire
        self.host = Host.pair(wire)  # type: ignore[arg-type]
        self.home = home
        entry = json.loads((home / "run" / f"emulator-{emulator.pid}.json").read_text())
        self._control = Path(entry["control"])
        self.image = Path(emulator.state) / "flash.img"

    def boot(self, held_seconds: float = 0) -> None:
        """Switch the board off and on, and return when it serves."""
        before = starts(self.emulator)
        ask(self._control, {"do": "boot", "held_seconds": held_seconds})
        wait_for_start(self.emulator, before)

    def ask(self, code: int, path: list[str], payload: Any = None) -> Response:
        """Return the answer over the cable, be it a message of its own."""
        self.host.on_cable = True
        response = self.host.request(code, path, payload)
        if response.code == EMPTY:
            response = self.host.read(self.wire.read_message())
            acknowledgement = Message(ACK, EMPTY, response.message_id)
            self.wire.write_serial(encode_coap(message.encode(acknowledgement)))
        return response

    def system(self) -> dict[str, Any]:
        """Return what the gateway says of itself."""
        told: dict[str, Any] = self.ask(GET, ["system"]).value
        return told

    def command(self, command: str) -> dict[str, Any]:
        """Give a command and return its receipt."""
        receipt: dict[str, Any] = self.ask(POST, ["lock"], self.host.command(command)).value
        return receipt


@pytest.fixture
def rig(needs_vm: None, tmp_path: Path) -> Iterator[Rig]:
    environment = {"CARPORT_HOME": str(tmp_path / "home")}
    state = ("--state", str(tmp_path / "state"))
    with (
        EmulatorProcess(*FREE_PORTS, *state, environment=environment) as emulator,
        Wire(emulator.coap, emulator.serial) as wire,
    ):
        yield Rig(emulator, wire, tmp_path / "home")


def crash_of(rig: Rig) -> dict[str, Any]:
    crash: dict[str, Any] = rig.system()["crash"]
    assert len(cbor.encode(crash)) <= 480
    return crash


def test_a_hung_loop_is_ended_by_the_watchdog_and_the_owner_is_told(rig: Rig) -> None:
    assert "crash" not in rig.system()
    before = starts(rig.emulator)
    os.kill(vm_pid(rig.emulator), signal.SIGSTOP)
    wait_for_start(rig.emulator, before)
    crash = crash_of(rig)
    assert crash == {"reason": "watchdog", "count": 1, "early": 1}
    rig.boot()
    assert crash_of(rig) == crash


def test_a_cut_of_the_power_is_no_crash(rig: Rig) -> None:
    for _ in range(4):
        rig.boot()
    cut_power(rig.emulator)
    told = rig.system()
    assert "crash" not in told
    assert "safe_mode" not in told


def test_a_network_that_crashes_the_start_leaves_a_cable_that_locks(rig: Rig) -> None:
    port = int(rig.emulator.coap.rpartition(":")[2])
    os.kill(vm_pid(rig.emulator), signal.SIGKILL)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        wait_until(lambda: is_taken(thief, port))
        wait_until(lambda: "safe mode: there is only the cable" in rig.emulator.read_log())
        wait_until(lambda: starts(rig.emulator) == 2)
        told = rig.system()
        assert told["safe_mode"] is True
        crash = crash_of(rig)
        assert crash["early"] == crash["count"] == 3
        assert crash["reason"].startswith("OSError: ")
        assert "open_socket" in crash["trace"]
        assert crash["version"] == told["version"]
        assert crash["uptime_ms"] < 60_000
        assert crash["counters"]["heap_free"] > 0
        assert rig.command("unlock")["state"] == "confirmed"
        assert rig.command("lock")["state"] == "confirmed"
        driver = rig.host.enrol(name="dan", role="driver")
        driver.on_cable = True
        assert "crash" not in driver.request(GET, ["system"]).value


def is_taken(thief: socket.socket, port: int) -> bool:
    """Take the port, if it is free."""
    try:
        thief.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def test_the_button_held_at_boot_erases_everything(rig: Rig) -> None:
    rig.boot(9.9)
    rig.system()
    keys = rig.image.read_bytes()[KEYS]
    assert b"CPRT" in keys
    rig.boot(10)
    assert "factory reset: everything is erased" in rig.emulator.read_log()
    assert rig.image.read_bytes()[KEYS] == b"\xff" * 2 * BLOCK_BYTES
    assert rig.ask(GET, ["system"]).payload == b"Security context not found"
    again = Host.pair(rig.wire, "bob")  # type: ignore[arg-type]
    told = again.request(GET, ["system"]).value
    assert "crash" not in told


def test_nothing_is_formatted_by_itself_and_the_cable_says_what_is_wrong(rig: Rig) -> None:
    image = bytearray(rig.image.read_bytes())
    image[: 2 * BLOCK_BYTES] = bytes(2 * BLOCK_BYTES)  # both superblocks
    rig.image.write_bytes(image)
    rig.boot()
    code, text = plain(rig.wire, GET, ["system"], cable=True)  # type: ignore[arg-type]
    assert code == SERVICE_UNAVAILABLE
    assert text.startswith(b"the storage is damaged")
    assert rig.image.read_bytes() == image
    rig.boot(10)
    Host.pair(rig.wire, "bob")  # type: ignore[arg-type]


def test_records_of_a_later_version_are_refused(rig: Rig) -> None:
    keys = rig.image.read_bytes()[KEYS]
    begin = keys.index(b"CPRT")
    (length,) = unpack(">H", keys[begin + 8 : begin + 10])
    root = cbor.decode(keys[begin + 10 : begin + 10 + length])
    root[0] += 1
    entry = keys[begin : begin + 10] + cbor.encode(root)
    entry += pack(">I", crc32(entry))
    image = bytearray(rig.image.read_bytes())
    start = KEYS.start + begin
    image[start : start + len(entry)] = entry
    rig.image.write_bytes(image)
    rig.boot()
    code, text = plain(rig.wire, GET, ["system"], cable=True)  # type: ignore[arg-type]
    assert code == SERVICE_UNAVAILABLE
    assert text == b"the stored data are of another version of Carport"


def test_a_damaged_profile_is_refused_and_said(rig: Rig) -> None:
    (profile,) = (rig.home / "cache" / "profiles").glob("reference-*.cbor")
    whole = profile.read_bytes()
    profile.write_bytes(whole[:1000] + bytes((whole[1000] ^ 1,)) + whole[1001:])
    rig.boot()
    code, text = plain(rig.wire, GET, ["system"], cable=True)  # type: ignore[arg-type]
    assert code == SERVICE_UNAVAILABLE
    assert text == b"there is no valid profile of a car: run carport flash"
    profile.write_bytes(whole)
    rig.boot()
    rig.system()
