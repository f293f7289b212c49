"""`carport provision` and `carport doctor` with the real firmware, and what really breaks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from carport.emulator.process import EmulatorProcess
from tests.system.command_line import CommandLine

BLOCK_BYTES = 4096


@contextmanager
def fault(owner: CommandLine, *words: str) -> Iterator[None]:
    """Break something, and repair it."""
    owner.run("sim", "fault", *words)
    try:
        yield
    finally:
        owner.run("sim", "fault", "clear")


def findings(owner: CommandLine, *words: str, exit_code: int = 0) -> dict[str, tuple[str, str]]:
    """Run the doctor; return level and text of its findings, by what they are about."""
    told = owner.run("doctor", *words, exit_code=exit_code)
    return {each["about"]: (each["level"], each["text"]) for each in told["findings"]}


def test_a_board_is_provisioned_and_says_whether_its_password_is_right(
    owner: CommandLine, emulator: EmulatorProcess, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("hunter2hunter2\n")
    wifi = ("--wifi", "home", "--wifi-password-file", str(password))
    with fault(owner, "wifi-password"):
        told = owner.run("provision", *wifi, "--region", "DE", exit_code=6)
        assert told["wifi"]["state"] == "wrong password"
    told = owner.run("provision", *wifi, "--access-point", "--name", "leaf")
    assert (told["wifi"]["state"], told["gateway"]) == ("connected", "leaf")
    assert owner.run("provision", "--show")["access_point"] == {"ssid": "leaf"}
    assert owner.run("lock")["state"] == "confirmed"
    assert "hunter2" not in emulator.read_log()


def test_the_doctor_finds_what_is_broken_and_nothing_else(owner: CommandLine) -> None:
    owner.run("sim", "set", "sleep_after=86400", "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen=true")
    well = findings(owner)
    assert well.pop("keys") == (
        "warning",
        "one owner without a backup: a lost computer means a reset",
    )
    assert {level for level, _ in well.values()} == {"ok"}
    assert "frames/s for us" in well["CAN body"][1]

    owner.run("sim", "set", "supply_voltage=11.2")
    with fault(owner, "wrong-bit-rate"):
        told = findings(owner, exit_code=1)
        broken = "nothing but broken frames is heard at 500 kbit/s"
        assert told["CAN body"] == ("problem", broken)
        assert told["12 V"] == ("problem", "11.2 V, says the board: nearly empty")
    owner.run("sim", "set", "supply_voltage=12.7")
    with fault(owner, "no-terminator"):
        told = findings(owner, "--via", "lan")
        assert told["CAN body"] == ("warning", "frames arrive, and others break all the time")
        assert told["gateway"] == ("ok", "leaf answers by network")


def test_a_board_that_only_listens_hears_it_too_and_a_damaged_one_says_so(
    tmp_path: Path, needs_vm: None
) -> None:
    owner = CommandLine(tmp_path / "home")
    state = tmp_path / "board"
    words = ("--coap-port", "0", "--can-port", "0", "--listen-only", "--state", str(state))
    environment = {"CARPORT_HOME": str(owner.home)}
    with EmulatorProcess(*words, environment=environment) as emulator:
        owner.run("pair", "--port", emulator.serial, "--name", "car")
        owner.run("sim", "set", "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen=true")
        with fault(owner, "wrong-bit-rate"):
            told = findings(owner, exit_code=1)
            assert told["CAN body"][0] == "problem"
            assert told["arming"][0] == "note"

    with (state / "flash.img").open("r+b") as flash:
        flash.write(b"\x55" * 2 * BLOCK_BYTES)
    with EmulatorProcess(*words, environment=environment) as emulator:
        cable = ("--via", "serial", "--port", emulator.serial)
        for command in ("status", "lock"):
            said: dict[str, Any] = owner.run(command, *cable, exit_code=1)
            assert "the storage is damaged: to erase it" in said["error"]
        level, text = findings(owner, *cable, exit_code=1)["cable"]
        assert level == "problem"
        assert "has no gateway: the storage is damaged" in text
