"""The firmware in its VM: started, watched, and started again when it ends, as a board is.

The VM gets its settings as one line of JSON on stdin, says `ready` on stdout when it serves, and
ends when stdin is closed; so it never outlives this process.

This is the board's watchdog too: from the first `fed` on stdout on, a VM that has not said it
again for 10 s is killed. The next one is told what ended the last one, as a chip knows it.

A VM that ends with exit code 3 after a line `sleep S KEPT BUS` is in deep sleep: it is started
again when something wakes it (deep_sleep.py), and given back what it kept, unless its power was
cut.
"""

import asyncio
import json
import signal
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from carport.emulator.deep_sleep import DeepSleep
from carport.emulator.flash_image import slot_heap_bytes
from carport.emulator.rom_image import flash_bytes, rom_image
from carport.emulator.vm import MicroPython
from carport.errors import CarportError

HEAP_BYTES = 222 * 1024
"""Stands for an ESP32's 111 KiB: in a VM of 64 bits objects are twice as large."""

# Starts the loader out of an image, in a heap that is larger by what a board has in flash: the
# image's code, and that of an update.
_BOOT = (
    "import sys,vfs;f=open({image!r},'rb');r=bytearray({size});f.readinto(r);f.close();"
    "vfs.mount(vfs.VfsRom(r),'/rom');sys.path.insert(0,'/rom');"
    "from firmware.loader import run;run({flash!r})"
)
_READY = "ready"
_FED = "fed"
_ON_TRIAL = ", on trial"
_SLEEP = "sleep "
_ASLEEP_CODE = 3
_WATCHDOG_S = 10.0
_LOOK_S = 1.0
_START_TIMEOUT_S = 20.0
_END_TIMEOUT_S = 2.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_STEADY_S = 10.0


class FirmwareError(CarportError):
    """The firmware does not start."""


class FirmwareProcess:
    """A VM that runs the firmware from `start` to `stop`.

    settings: see firmware/ports/unix/board.py. on_line gets each line the firmware prints,
    on_restart is called before the VM is started again. count_frames: see deep_sleep.py.
    """

    def __init__(
        self,
        vm: MicroPython,
        device_code: Path,
        settings: Mapping[str, Any],
        on_line: Callable[[str], None],
        on_restart: Callable[[], None],
        count_frames: Callable[[], int] = lambda: 0,
    ) -> None:
        self._vm = vm
        self._device_code = device_code
        self._image = rom_image(device_code)
        self._settings = dict(settings)
        self._deep_sleep = DeepSleep(count_frames)
        self._sleep_line = ""
        self._on_line = on_line
        self._on_restart = on_restart
        self._process: Process | None = None
        self._fed_s: float | None = None
        self._held_ms = 0
        self._is_starved = False
        self._ready = asyncio.Event()
        self._lines: list[str] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the firmware and return when it serves.

        Raises:
            FirmwareError: it ended instead, or takes too long.
        """
        is_ready = False
        while not is_ready:
            process = await self._spawn()
            ready = asyncio.create_task(self._ready.wait())
            reading = asyncio.create_task(self._read(process))
            done, _ = await asyncio.wait(
                (ready, reading), timeout=_START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
            )
            is_ready = ready in done
            if not is_ready:
                ready.cancel()
                await self.stop()
                reading.cancel()
                said = "\n".join(self._lines) or "nothing"
                if _ON_TRIAL not in said:  # it has few tries, and then the one before runs
                    raise FirmwareError(f"the firmware does not start; it said:\n{said}")
        self._task = asyncio.create_task(self._supervise(process, reading))

    async def stop(self) -> None:
        """End the firmware."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._process is not None:
            await _end(self._process)
            self._process = None

    def press_button(self, duration_ms: int) -> None:
        """Press the board's button for so long; one that is asleep is woken by that."""
        if self._deep_sleep.is_asleep:
            self._deep_sleep.wake("button")
        elif self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(f"button {duration_ms}\n".encode())

    def set_wifi(self, state: str | None) -> None:
        """Say how joining a Wi-Fi network ends from the board's next start on, None for well."""
        self._settings.pop("wifi_state", None)
        if state is not None:
            self._settings["wifi_state"] = state

    def set_supply(self, millivolts: int) -> None:
        """Change the voltage of the 12 V battery, which the board measures when it is awake."""
        self._settings["supply_mv"] = millivolts
        process = self._process
        if process is not None and process.returncode is None and process.stdin is not None:
            process.stdin.write(f"supply {millivolts}\n".encode())

    def restart(self, held_ms: int) -> None:
        """Cut the board's power, and switch it on with the button held for so long."""
        self._held_ms = held_ms
        self._deep_sleep.wake("power")
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def _spawn(self, ended_by: str = "", woken_by: str = "", kept: str = "") -> Process:
        """Start the VM, out of reach of the terminal's Ctrl-C."""
        size = self._image.stat().st_size
        flash = self._settings["flash"]
        boot = _BOOT.format(image=self._image.name, size=size, flash=flash)
        heap_bytes = HEAP_BYTES + flash_bytes(self._image) + slot_heap_bytes(Path(flash))
        process = await asyncio.create_subprocess_exec(
            *(self._vm.executable, "-X", f"heapsize={heap_bytes}", "-c", boot),
            cwd=self._device_code,
            env=self._vm.environment(self._device_code),
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            process_group=0,
        )
        assert process.stdin is not None
        told = {
            **self._settings,
            "held_ms": self._held_ms,
            "ended_by": ended_by,
            "woken_by": woken_by,
            "kept": kept,
        }
        process.stdin.write(json.dumps(told).encode() + b"\n")
        self._process = process
        self._held_ms = 0
        self._fed_s = None
        self._is_starved = False
        return process

    async def _read(self, process: Process) -> None:
        """Pass on what the firmware prints, to its end."""
        assert process.stdout is not None
        self._lines.clear()
        async for data in process.stdout:
            line = data.decode(errors="replace").rstrip()
            if line == _FED:
                self._fed_s = time.monotonic()
                continue
            if line.startswith(_SLEEP):
                self._sleep_line = line
                continue
            self._on_line(line)
            if not self._ready.is_set():
                self._lines.append(line)
                if line.startswith(_READY):
                    self._ready.set()

    async def _supervise(self, process: Process, reading: asyncio.Task[None]) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            started_s = time.monotonic()
            watchdog = asyncio.create_task(self._watch(process))
            try:
                await reading
                code = await process.wait()
            finally:
                watchdog.cancel()
            if code == _ASLEEP_CODE and self._sleep_line:
                process = await self._sleep()
                reading = asyncio.create_task(self._read(process))
                continue
            ended_by = self._what_ended(code)
            self._on_line(f"the VM ended with exit code {code}: starting it again")
            is_power_cut = code == -signal.SIGKILL  # by somebody else: it did not fail
            if is_power_cut or time.monotonic() - started_s > _STEADY_S:
                pause_s = _FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            self._on_restart()
            process = await self._spawn(ended_by)
            reading = asyncio.create_task(self._read(process))

    async def _sleep(self) -> Process:
        """Return the next VM, once something has woken the board."""
        _, duration_s, kept, is_bus_watched = self._sleep_line.split(" ")
        self._sleep_line = ""
        self._on_line("the board is in deep sleep")
        woken_by = await self._deep_sleep.wait(float(duration_s), is_bus_watched == "1")
        self._on_line(f"woken by the {woken_by}")
        self._on_restart()
        if woken_by == "power":
            return await self._spawn()
        return await self._spawn("", woken_by, kept)

    async def _watch(self, process: Process) -> None:
        """Kill the VM once it was not fed for too long; it is not its fault if we were late."""
        looked_s = time.monotonic()
        while True:
            await asyncio.sleep(_LOOK_S)
            now_s = time.monotonic()
            was_late = now_s - looked_s > 2 * _LOOK_S
            looked_s = now_s
            if self._fed_s is None or was_late or now_s - self._fed_s < _WATCHDOG_S:
                continue
            self._is_starved = True
            process.kill()
            return

    def _what_ended(self, code: int) -> str:
        """Return what the next run is told of the end of the last one.

        SIGKILL is how the power of a VM is cut.
        """
        if self._is_starved:
            return "watchdog"
        return "" if code >= 0 or code == -signal.SIGKILL else f"signal {-code} of the VM"


async def _end(process: Process) -> None:
    """Close stdin, which ends the firmware; kill what does not listen."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _END_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
