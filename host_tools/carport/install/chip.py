"""The chip in its bootloader: what it is, what is in its flash, and writing that. By esptool.

esptool is under the GPL, so it runs as a program of its own and is not imported. Options for a
board that is reset in its own way can be given in esptool's own environment variables, such as
ESPTOOL_BEFORE=no-reset for one whose button BOOT was held.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from carport.errors import CarportError, NoAnswerError, UsageError

Progress = Callable[[int, int], None]
"""Called with how many bytes of how many are written."""

Region = tuple[int, bytes]
"""An address in flash, and what is to be there."""

_BAUD = "460800"  # unless ESPTOOL_BAUD says another
_CHIP = re.compile(r"^Connected to (ESP32[-\w]*) on", re.MULTILINE)
_FLASH = re.compile(r"^Detected flash size: *(\d+)MB", re.MULTILINE)
_WRITING = re.compile(r"^Writing at 0x([0-9a-f]+) ")
_DIFFERENT = "Verification failed"
_NO_PORT = re.compile(r"Errno 2\]|FileNotFoundError")
_NOT_ALLOWED = re.compile(r"Errno 13\]|Permission denied")
_SILENT = re.compile(r"Failed to connect|Wrong boot mode|Download mode successfully")
_LOST = re.compile(
    r"No serial data|data stream stopped|stopped responding|disconnected|write timeout|"
    r"Invalid head of packet|Could not configure port|originates from pySerial",
    re.IGNORECASE,
)
_GONE = re.compile(r"Errno (5|6|19)\]")
_RECONNECTING = "Lost connection"  # it waits for the chip to come back


class CableError(NoAnswerError):
    """The connection broke off while the board was being written."""


@dataclass(frozen=True)
class Found:
    """A chip as esptool sees it: its name as in hw/boards, and the size of its flash."""

    chip: str
    flash_mib: int


class Chip:
    """The chip at a serial port, in a `with`.

    Each call resets it into its bootloader, where it stays until it is started; the end of the
    `with` starts it, however it came about.
    """

    def __init__(self, port: str) -> None:
        self._port = port
        self._is_stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_stopped:
            with suppress(CarportError):
                self.start()

    def identify(self) -> Found:
        """Return what is connected.

        Raises:
            CarportError: nothing answers there, or it cannot be used.
        """
        said = self._run(["flash-id"])
        chip, flash = _CHIP.search(said), _FLASH.search(said)
        if chip is None:
            raise NoAnswerError(f"what answers at {self._port} is no ESP32: check --port")
        if flash is None:
            raise CarportError("the chip does not know its own flash: check the board's soldering")
        return Found(chip[1].lower().replace("-", ""), int(flash[1]))

    def read(self, address: int, length: int) -> bytes:
        """Return so many bytes of flash.

        Raises:
            CarportError: it cannot be read.
        """
        with tempfile.TemporaryDirectory(prefix="carport-") as folder:
            path = Path(folder, "read")
            self._run(["read-flash", "--no-progress", hex(address), hex(length), str(path)])
            return path.read_bytes()

    def has(self, regions: Sequence[Region]) -> bool:
        """Tell whether all of this is in flash, by hashes that the chip makes.

        Raises:
            CarportError: the chip cannot be asked.
        """
        with tempfile.TemporaryDirectory(prefix="carport-") as folder:
            said = self._run(["verify-flash", *_files(regions, Path(folder))], accept=_DIFFERENT)
        return _DIFFERENT not in said

    def start(self) -> None:
        """Start the program in flash.

        Raises:
            CarportError: the chip does not answer.
        """
        self._run(["chip-id"], is_started=True)

    def write(
        self, regions: Sequence[Region], progress: Progress = lambda done, total: None
    ) -> None:
        """Write what is not there already, in this order, and compare what was written.

        Raises:
            CableError: the connection broke off; what was written so far is there.
            CarportError: it cannot be written.
        """
        total = sum(len(data) for _, data in regions)
        before = 0
        index = -1

        def follow(line: str) -> None:
            nonlocal before, index
            writing = _WRITING.match(line)
            if line.startswith("Comparing flash contents"):
                before += len(regions[index][1]) if index >= 0 else 0
                index += 1
                progress(before, total)
            elif writing and index >= 0:
                progress(before + max(int(writing[1], 16) - regions[index][0], 0), total)

        with tempfile.TemporaryDirectory(prefix="carport-") as folder:
            words = ["write-flash", "--skip-flashed", *_files(regions, Path(folder))]
            self._run(words, follow=follow)
        progress(total, total)

    def _run(
        self,
        words: list[str],
        *,
        accept: str | None = None,
        follow: Callable[[str], None] = lambda line: None,
        is_started: bool = False,
    ) -> str:
        """Run esptool, and return what it says.

        accept: what it says when it ends with an error that is an answer. is_started: the chip is
        reset in the end, as esptool would do.
        """
        after = [] if is_started else ["--after", "no-reset"]
        baud = os.environ.get("ESPTOOL_BAUD", _BAUD)
        command = [sys.executable, "-m", "esptool", "--port", self._port, "--baud", baud, *after]
        lines = []
        with subprocess.Popen(
            [*command, *words],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    lines.append(line)
                    follow(line)
            except BaseException:
                process.kill()
                raise
        said = "".join(lines)
        if _CHIP.search(said):
            self._is_stopped = not is_started
        if process.returncode and (accept is None or accept not in said):
            raise explain(self._port, said)
        return said


def _files(regions: Sequence[Region], folder: Path) -> list[str]:
    """Write each region to a file, and return esptool's words for them."""
    words = []
    for address, data in regions:
        path = folder / f"{address:#x}"
        path.write_bytes(data)
        words += [f"{address:#x}", str(path)]
    return words


def explain(port: str, said: str) -> CarportError:
    """Return what esptool's words mean for who flashes a board."""
    lost = CableError(
        "the connection to the board broke off: check the cable, and run the same again, which "
        "goes on from there"
    )
    if _RECONNECTING in said:
        return lost
    if "Could not open" in said:
        if _NO_PORT.search(said):
            return UsageError(f"there is no serial port {port}: connect the board, or give --port")
        if _NOT_ALLOWED.search(said):
            return NoAnswerError(
                f"you may not open {port}: add yourself to its group (dialout, or uucp)"
            )
        if _GONE.search(said):
            return lost
        return NoAnswerError(f"another program is using {port}: end it, and flash again")
    if _SILENT.search(said):
        return NoAnswerError(
            f"no ESP32 answers at {port}: hold the board's button BOOT, press RESET, let BOOT go, "
            "and flash again with ESPTOOL_BEFORE=no-reset in the environment"
        )
    if _GONE.search(said) or _LOST.search(said):
        return lost
    if _DIFFERENT in said or "MD5 of file does not match" in said:
        return CarportError(
            "what was written does not read back the same: flash again; if it stays so, the "
            "board's flash is worn out"
        )
    lines = [line.strip() for line in said.splitlines() if "rror" in line] or said.split("\n")[-2:]
    reason = lines[-1].removeprefix("A fatal error occurred: ").rstrip(".")
    return CarportError(f"esptool failed ({reason}): check the board and the cable, try again")
