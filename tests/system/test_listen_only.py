"""`carport emulate --listen-only`, and `carport arm` with a press of the button."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from carport.emulator.process import EmulatorProcess
from tests.system.command_line import CommandLine
from tests.system.listener import Listener

LOCK = "LockRequest=Lock"


@pytest.fixture
def emulator(carport_home: Path) -> Iterator[EmulatorProcess]:
    environment = {"CARPORT_HOME": str(carport_home)}
    options = ("--listen-only", "--coap-port", "0", "--can-port", "0")
    with EmulatorProcess(*options, environment=environment) as running:
        yield running


def test_an_owner_arms_it_with_the_button_and_disarms_it(
    emulator: EmulatorProcess, carport_home: Path
) -> None:
    owner = CommandLine(carport_home)
    owner.run("pair", "--port", emulator.serial, "--name", "car")
    with Listener(emulator.can) as listener:
        told = owner.run("lock", exit_code=3)
        assert told["reason"] == "not armed: carport arm, then press the board's button"
        owner.run("sim", "press", "--seconds", "0.2")  # alone it does nothing
        owner.run("lock", exit_code=3)
        with ThreadPoolExecutor(1) as executor:
            arming = executor.submit(owner.run, "arm")
            while not arming.done():
                owner.run("sim", "press", "--seconds", "0.2")
            assert arming.result()["armed"] is True
        assert listener.heard == []
        assert owner.run("lock")["state"] == "confirmed"
        listener.wait_for(LOCK, 0)
        assert owner.locked() == {True}
        since = len(listener.heard)
        assert owner.run("arm", "--off")["armed"] is False
        owner.run("unlock", exit_code=3)
        assert (owner.locked(), listener.heard[since:]) == ({True}, [])
