"""What the LED of an emulated board says, in its log, as its owner uses it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from carport.emulator.process import EmulatorProcess
from tests.system.command_line import CommandLine
from tests.waiting import wait_until


def said(emulator: EmulatorProcess, count: int) -> list[str]:
    """Return what the LED has said, once it has said so much."""

    def states() -> list[str]:
        lines = emulator.read_log().splitlines()
        return [line.partition("LED: ")[2] for line in lines if "LED: " in line]

    wait_until(lambda: len(states()) >= count, states)
    return states()


def test_it_tells_that_a_board_is_new_then_that_it_listens_then_that_it_is_armed(
    needs_vm: None, tmp_path: Path
) -> None:
    environment = {"CARPORT_HOME": str(tmp_path)}
    owner = CommandLine(tmp_path)
    options = ("--coap-port", "0", "--can-port", "0", "--listen-only")
    with EmulatorProcess(*options, environment=environment) as emulator:
        assert said(emulator, 1) == ["pairing"]
        owner.run("pair", "--port", emulator.serial, "--name", "car")
        assert said(emulator, 2) == ["pairing", "connected"]
        with ThreadPoolExecutor() as pool:
            arming = pool.submit(owner.run, "arm")
            while not arming.done():
                owner.run("sim", "press", "--seconds", "0.5")
        assert arming.result()["armed"]
        assert said(emulator, 3) == ["pairing", "connected", "armed"]
        owner.run("sim", "press", "--seconds", "3")
        assert said(emulator, 4) == ["pairing", "connected", "armed", "pairing"]
