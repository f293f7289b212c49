"""An emulator for the tests that want a gateway with a car."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from carport.emulator.process import EmulatorProcess
from tests.emulated_board import emulated
from tests.system.command_line import CommandLine
from tests.system.wire import Wire
from tests.vm import find_micropython


@pytest.fixture(scope="session")
def needs_vm() -> None:
    """Skip where there is no MicroPython VM and none is required."""
    if find_micropython() is None:
        reason = "no `micropython` beside the interpreter or on PATH"
        if os.environ.get("CARPORT_REQUIRE_VM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def carport_home(needs_vm: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CARPORT_HOME of a module's emulators and commands."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def emulator(carport_home: Path) -> Iterator[EmulatorProcess]:
    """One running emulator for a module."""
    with emulated(carport_home) as running:
        yield running


@pytest.fixture(scope="module")
def owner(emulator: EmulatorProcess, carport_home: Path) -> CommandLine:
    """An owner who has paired."""
    owner = CommandLine(carport_home)
    owner.run("pair", "--port", emulator.serial, "--name", "car")
    return owner


@pytest.fixture
def wire(emulator: EmulatorProcess) -> Iterator[Wire]:
    """A connection to the emulator's gateway, by network and cable."""
    with Wire(emulator.coap, emulator.serial) as connected:
        yield connected
