"""The emulator as a process: the firmware in its VM, with everything around it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import Any

import pytest

from carport.emulator.control import ask
from carport.emulator.firmware_process import HEAP_BYTES
from carport.emulator.process import EmulatorProcess
from carport.emulator.rom_image import flash_bytes
from carport.errors import CarportError
from gateway.coap.numbers import CONTENT, GET
from gateway.slipmux import encode_coap
from tests.emulated_board import cut_power
from tests.models.host import Host, plain
from tests.system.wire import Wire
from tests.waiting import PATIENCE_S, wait_until

FREE_PORTS = ("--coap-port", "0", "--can-port", "0")
WINDOW = "Vehicle.Cabin.Door.Row1.DriverSide.Window.Position"


def children(pid: int) -> list[int]:
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in done.stdout.split()]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def port_of(emulator: EmulatorProcess) -> int:
    return int(emulator.coap.rpartition(":")[2])


def control_of(emulator: EmulatorProcess, home: Path) -> Path:
    entry = json.loads((home / "run" / f"emulator-{emulator.pid}.json").read_text())
    return Path(entry["control"])


@pytest.fixture(scope="module")
def host(emulator: EmulatorProcess) -> Iterator[Host]:
    """A host that has paired with the module's emulator over the cable."""
    with Wire(emulator.coap, emulator.serial) as wire:
        yield Host.pair(wire)  # type: ignore[arg-type]


def system(host: Host) -> dict[str, Any]:
    response = host.request(GET, ["system"])
    assert response.code == CONTENT
    value: dict[str, Any] = response.value
    return value


def test_it_says_where_everything_is(emulator: EmulatorProcess, carport_home: Path) -> None:
    assert emulator.coap.startswith("coap://127.0.0.1:")
    assert Path(emulator.serial).is_char_device()
    assert emulator.can["interface"] == "socketcand"
    assert emulator.can["channels"] == ["can0", "can1"]
    assert (Path(emulator.state) / "flash.img").is_file()
    entry = json.loads((carport_home / "run" / f"emulator-{emulator.pid}.json").read_text())
    assert entry.pop("pid") == emulator.pid
    assert Path(entry.pop("control")).is_socket()
    assert entry == {
        "coap": emulator.coap,
        "serial": emulator.serial,
        "can": emulator.can,
        "state": emulator.state,
        "car": "reference",
    }


def test_the_gateway_answers_on_the_network_and_on_the_cable(wire: Wire) -> None:
    for cable in (False, True):
        code, links = plain(wire, GET, [".well-known", "core"], cable=cable)  # type: ignore[arg-type]
        assert code == CONTENT
        assert links.startswith(b"</")


def test_the_heap_is_that_of_an_esp32_beside_the_code(
    emulator: EmulatorProcess, host: Host, carport_home: Path
) -> None:
    platform = system(host)["platform"]
    (image,) = (carport_home / "cache" / "device-code").glob("*/firmware.romfs")
    code = flash_bytes(image)
    heap = platform["heap_used"] + platform["heap_free"] - code
    tables = (HEAP_BYTES + code) * 3 // (8 * 32)  # the collector's: 3 bits for 32 bytes
    assert HEAP_BYTES - tables - 128 < heap <= HEAP_BYTES
    assert platform["storage_free"] > 1_000_000


def test_garbage_on_the_cable_is_counted_and_the_next_request_is_served(
    wire: Wire, host: Host
) -> None:
    before = system(host)["platform"]
    random = Random(1)
    wire.write_serial(b"\x03\x04\r\nimport machine\r\n\xc0")
    for _ in range(50):
        wire.write_serial(random.randbytes(random.randrange(1, 200)) + b"\xc0")
        code, _ = plain(wire, GET, [".well-known", "core"], cable=True)  # type: ignore[arg-type]
        assert code == CONTENT
    wire.write_serial(encode_coap(b"\x40\x01\x00\x00" * 1000))
    broken = bytearray(encode_coap(b"\x40\x01\x00\x00"))
    broken[3] ^= 1
    wire.write_serial(bytes(broken))
    code, _ = plain(wire, GET, [".well-known", "core"], cable=True)  # type: ignore[arg-type]
    assert code == CONTENT
    after = system(host)["platform"]
    assert after["cable_unknown_frames"] > before["cable_unknown_frames"]
    assert after["cable_bad_frames"] > before["cable_bad_frames"]
    assert after["cable_oversized_frames"] == before["cable_oversized_frames"] + 1
    assert after["errors"] == before["errors"] == 0


def test_garbage_on_the_network_is_counted_and_the_next_request_is_served(host: Host) -> None:
    before = system(host)
    random = Random(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        address = host.shell.socket.getpeername()  # type: ignore[attr-defined]
        for _ in range(10):
            for length in (0, 1, 3, 4, 20, 100, 1281, 5000, 60000):
                stranger.sendto(random.randbytes(length), address)
            assert system(host)["gateway"] == before["gateway"]
    after = system(host)
    assert after["counters"]["malformed"] > before["counters"]["malformed"]
    assert after["counters"]["oversized"] > before["counters"]["oversized"]
    assert after["counters"]["shut_out"] > before["counters"]["shut_out"]
    assert after["platform"]["errors"] == 0


def test_the_cable_can_be_unplugged_and_what_is_said_meanwhile_is_lost(
    carport_home: Path,
) -> None:
    environment = {"CARPORT_HOME": str(carport_home)}
    with EmulatorProcess(*FREE_PORTS, environment=environment) as emulator:
        control = control_of(emulator, carport_home)
        for times in (3, 6):
            for _ in range(3):
                ask(control, {"do": "press", "seconds": 3})
            wait_until(lambda: emulator.read_log().count("pairing is open") == times)  # noqa: B023
            with Wire(emulator.coap, emulator.serial, is_flushed=False) as wire:
                code, _ = plain(wire, GET, [".well-known", "core"], cable=True)  # type: ignore[arg-type]
                assert code == CONTENT
                assert len(wire.logs) < 3  # the last may still have been on its way


def test_the_emulated_button_opens_pairing(
    emulator: EmulatorProcess, wire: Wire, carport_home: Path
) -> None:
    before = emulator.read_log().count("pairing is open")
    answer = ask(control_of(emulator, carport_home), {"do": "press", "seconds": 3})
    assert "error" not in answer
    wait_until(lambda: emulator.read_log().count("pairing is open") == before + 1)
    plain(wire, GET, [".well-known", "core"], cable=True)  # type: ignore[arg-type]
    assert wire.logs == ["pairing is open for 60 s"]


def test_discovery_by_multicast_finds_it(emulator: EmulatorProcess) -> None:
    if "multicast does not work" in emulator.read_log():
        pytest.skip("this machine has no multicast on its loopback interface")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.bind(("127.0.0.77", 0))  # a host with a budget of its own
        asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        asker.settimeout(PATIENCE_S)
        asker.sendto(b"\x51\x01\x00\x01t\xbb.well-known\x04core", ("224.0.1.187", 5683))
        while asker.recvfrom(2048)[1][1] != port_of(emulator):
            pass


def test_the_vm_is_started_again_when_it_dies_and_the_keys_are_still_there(
    emulator: EmulatorProcess, host: Host
) -> None:
    killed_s = time.monotonic()
    cut_power(emulator)
    assert system(host)["uptime_ms"] < (time.monotonic() - killed_s) * 1000
    code, _ = plain(host.shell, GET, [".well-known", "core"], cable=True)
    assert code == CONTENT


def test_what_it_was_is_kept_in_the_state_folder(carport_home: Path, tmp_path: Path) -> None:
    environment = {"CARPORT_HOME": str(carport_home)}
    arguments = (*FREE_PORTS, "--state", str(tmp_path / "kept"))
    with EmulatorProcess(*arguments, environment=environment) as first:
        with Wire(first.coap, first.serial) as wire:
            host = Host.pair(wire)  # type: ignore[arg-type]
        ask(control_of(first, carport_home), {"do": "set", "values": {WINDOW: 40}})
        with pytest.raises(CarportError, match="choose another --state"):
            EmulatorProcess(*arguments, environment=environment).__enter__()
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["car.json", "flash.img"]
    with EmulatorProcess(*arguments, environment=environment) as second:
        state = ask(control_of(second, carport_home), {"do": "state"})
        assert state["signals"][WINDOW] == 40
        with Wire(second.coap, second.serial) as wire:
            host.shell = wire  # type: ignore[assignment]
            assert system(host)["gateway"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_clean_stop_leaves_nothing_behind(
    number: signal.Signals, carport_home: Path, tmp_path: Path
) -> None:
    environment = {"CARPORT_HOME": str(carport_home), "TMPDIR": str(tmp_path)}
    with EmulatorProcess(*FREE_PORTS, environment=environment) as emulator:
        vms = children(emulator.pid)
        assert len(vms) == 1
        assert list(tmp_path.iterdir())
        with Wire(emulator.coap, emulator.serial) as wire:
            Host.pair(wire)  # type: ignore[arg-type]
            assert not wire.is_hung_up()
            assert emulator.stop(number) == 0
            assert wire.is_hung_up()
        log = emulator.read_log()
    assert not any(is_running(pid) for pid in vms)
    assert list(tmp_path.iterdir()) == []
    assert not (carport_home / "run" / f"emulator-{emulator.pid}.json").exists()
    for kind, address in ((socket.SOCK_DGRAM, port_of(emulator)), (socket.SOCK_STREAM, None)):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", address or emulator.can["port"]))
    assert "Traceback" not in log


def test_a_vm_that_hangs_does_not_keep_it_from_stopping(carport_home: Path) -> None:
    environment = {"CARPORT_HOME": str(carport_home)}
    with EmulatorProcess(*FREE_PORTS, environment=environment) as emulator:
        (vm,) = children(emulator.pid)
        os.kill(vm, signal.SIGSTOP)
        assert emulator.stop() == 0
        assert not is_running(vm)


def test_a_killed_emulator_takes_its_vm_along_and_the_next_one_clears_its_entry(
    carport_home: Path,
) -> None:
    environment = {"CARPORT_HOME": str(carport_home)}
    with EmulatorProcess(*FREE_PORTS, environment=environment) as emulator:
        (vm,) = children(emulator.pid)
        entry = carport_home / "run" / f"emulator-{emulator.pid}.json"
        emulator.stop(signal.SIGKILL)
        wait_until(lambda: not is_running(vm))
        assert entry.exists()
        rmtree(emulator.state)  # which it could not do itself
    with EmulatorProcess(*FREE_PORTS, environment=environment):
        assert not entry.exists()


def run_carport(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from carport.cli import main; main()", *arguments],
        env={
            **os.environ,
            "CARPORT_HOME": str(home),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        timeout=PATIENCE_S,
        text=True,
        check=False,
    )


def test_a_port_that_is_taken_is_an_error(emulator: EmulatorProcess, carport_home: Path) -> None:
    for option, port in (
        ("--coap-port", port_of(emulator)),
        ("--can-port", emulator.can["port"]),
    ):
        done = run_carport(carport_home, "emulate", *FREE_PORTS, option, str(port))
        assert done.returncode == 1
        assert done.stderr == (
            f"carport: {'UDP' if 'coap' in option else 'TCP'} port {port} is taken: "
            f"choose another {option}\n"
        )


def test_an_unknown_car_is_wrong_usage(carport_home: Path) -> None:
    done = run_carport(carport_home, "emulate", "--car", "delorean", "--json")
    assert done.returncode == 2
    assert "there are leaf-2013" in json.loads(done.stdout)["error"]
