"""An emulator's board takes an update over the air, proves it or goes back, in the real VM.

In the updates a minute lasts a second, so that no test waits.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carport.emulator.process import EmulatorProcess
from carport.install.package import build_package, read_header
from gateway.coap import block
from gateway.coap.numbers import BLOCK1, CHANGED, CONFLICT, CONTENT, CONTINUE, GET, POST, PUT
from tests.emulated_board import cut_power, starts, wait_for_start
from tests.models.host import Host
from tests.models.packages import changed_sources
from tests.system.wire import Wire
from tests.waiting import wait_until

FREE_PORTS = ("--coap-port", "0", "--can-port", "0")
BLOCK_BYTES = 512
CONFIRMED = "the update in slot a is confirmed"
A_SECOND = ("firmware/crash_log.py", ("WELL_MS = const(60_000)", "WELL_MS = const(1_000)"))


class Owner:
    """An owner of an emulated board, who updates it."""

    def __init__(self, emulator: EmulatorProcess, wire: Wire) -> None:
        self.emulator = emulator
        self.host = Host.pair(wire)  # type: ignore[arg-type]

    def state(self) -> dict[str, Any]:
        """Return what the board says of its firmware."""
        response = self.host.request(GET, ["update"])
        assert response.code == CONTENT, response
        value: dict[str, Any] = response.value
        return value

    def send(self, package: bytes, first: int = 0, end: int | None = None) -> None:
        """Send a package's blocks."""
        numbers = range(first, -(-len(package) // BLOCK_BYTES))
        for num in numbers[: None if end is None else end - first]:
            piece = package[num * BLOCK_BYTES : (num + 1) * BLOCK_BYTES]
            more = (num + 1) * BLOCK_BYTES < len(package)
            options = [(BLOCK1, block.encode(num, more, 5))]
            response = self.host.request(PUT, ["update"], piece, options=options)
            assert response.code == (CONTINUE if more else CHANGED), (num, response)
            assert response.option(BLOCK1) == options[0][1]

    def start(self, package: bytes) -> None:
        """Let the board restart with a package."""
        before = starts(self.emulator)
        said = {"sha256": read_header(package)["sha256"]}
        assert self.host.request(POST, ["update"], said).code == CHANGED
        wait_for_start(self.emulator, before)

    def wait_until(self, **wanted: Any) -> None:
        """Ask until the board says so."""

        def is_so() -> bool:
            return wanted.items() <= self.state().items()

        wait_until(is_so, self.emulator.read_log)


@pytest.fixture
def owner(carport_home: Path) -> Iterator[Owner]:
    environment = {"CARPORT_HOME": str(carport_home)}
    with (
        EmulatorProcess(*FREE_PORTS, environment=environment) as emulator,
        Wire(emulator.coap, emulator.serial) as wire,
    ):
        yield Owner(emulator, wire)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, needs_vm: None) -> bytes:
    """The package of a newer version."""
    changes = dict([A_SECOND, ("gateway/core.py", ('VERSION = "0.1.0"', 'VERSION = "0.2.0"'))])
    return build_package(
        "emulator", "reference", changed_sources(tmp_path_factory.mktemp("good"), changes)
    )


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory, needs_vm: None) -> bytes:
    """The package of one that crashes before it serves."""
    changes = {
        "firmware/start.py": (
            "    cable = Cable(gateway,",
            "    1 // 0\n    cable = Cable(gateway,",
        ),
        "gateway/core.py": ('VERSION = "0.1.0"', 'VERSION = "0.3.0"'),
    }
    return build_package(
        "emulator", "reference", changed_sources(tmp_path_factory.mktemp("bad"), changes)
    )


def test_an_update_is_sent_in_two_goes_and_proves_itself(owner: Owner, good: bytes) -> None:
    owner.host.request(PUT, ["settings"], {"name": "Herbie"})
    factory = {"version": "0.1.0", "board": "emulator", "running": "factory", "trial": False}
    assert owner.state() == factory
    owner.send(good, 0, 20)
    cut_power(owner.emulator)
    receiving = owner.state()["receiving"]
    assert receiving == {
        "sha256": read_header(good)["sha256"],
        "size": len(good),
        "received": 8192,  # the sector with the last piece may be torn
    }
    owner.send(good, 16)
    owner.start(good)
    assert f"slot a runs: 0.2.0 ({read_header(good)['sha256'][:4].hex()}), on trial" in (
        owner.emulator.read_log()
    )
    owner.wait_until(version="0.2.0", running="a", trial=False)
    wait_until(lambda: CONFIRMED in owner.emulator.read_log())  # which the answer may overtake
    system = owner.host.request(GET, ["system"]).value
    assert (system["version"], system["gateway"]) == ("0.2.0", "Herbie")
    assert "crash" not in system
    assert owner.host.request(GET, ["lock"]).code == CONTENT
    cut_power(owner.emulator)
    assert owner.state()["running"] == "a"


def test_an_emulator_remembers_updates_until_it_is_to_forget_them(
    carport_home: Path, tmp_path: Path, good: bytes, bad: bytes
) -> None:
    environment = {"CARPORT_HOME": str(carport_home)}
    options = (*FREE_PORTS, "--state", str(tmp_path / "state"))
    with (
        EmulatorProcess(*options, environment=environment) as emulator,
        Wire(emulator.coap, emulator.serial) as wire,
    ):
        owner = Owner(emulator, wire)
        owner.send(good)
        owner.start(good)
        owner.wait_until(trial=False)
        owner.send(bad)
        said = {"sha256": read_header(bad)["sha256"]}
        assert owner.host.request(POST, ["update"], said).code == CHANGED
    with EmulatorProcess(*options, environment=environment) as emulator:
        assert "slot b has not proven itself - back to a" in emulator.read_log()
        assert "an update runs: with --factory, what is installed here" in emulator.read_log()
    with EmulatorProcess(*options, "--factory", environment=environment) as emulator:
        assert "slot" not in emulator.read_log()


def test_what_crashes_goes_back_and_says_why(owner: Owner, good: bytes, bad: bytes) -> None:
    owner.send(good)
    owner.start(good)
    owner.wait_until(running="a", trial=False)
    owner.send(bad)
    owner.start(bad)
    state = owner.state()
    assert (state["version"], state["running"], state["trial"]) == ("0.2.0", "a", False)
    assert "ZeroDivisionError" in state["rolled_back"]
    log = owner.emulator.read_log()
    assert log.count("slot b runs: 0.3.0") == 2
    assert "slot b has not proven itself - back to a" in log
    assert "safe_mode" not in owner.host.request(GET, ["system"]).value
    said = {"sha256": read_header(bad)["sha256"]}
    assert owner.host.request(POST, ["update"], said).code == CHANGED  # it may be tried again


def test_what_finds_no_gateway_goes_back_as_well(owner: Owner, tmp_path: Path) -> None:
    lost = ("    profile = read_profile(board)\n", "    raise NotReadyError(NO_PROFILE)\n")
    changes = {"firmware/start.py": lost}
    package = build_package("emulator", root=changed_sources(tmp_path, changes))
    owner.send(package)
    owner.start(package)
    state = owner.state()
    assert (state["running"], state["trial"]) == ("factory", False)
    assert "NotReadyError: there is no valid profile" in state["rolled_back"]


def test_an_older_one_and_another_boards_are_refused(owner: Owner, good: bytes) -> None:
    other = build_package("t-2can")
    options = [(BLOCK1, block.encode(0, True, 5))]
    response = owner.host.request(PUT, ["update"], other[:BLOCK_BYTES], options=options)
    assert response.code == CONFLICT
    assert response.payload == b"it is for the board t-2can, and this is emulator"
    assert "receiving" not in owner.state()
