"""From the start of the VM's process until the firmware serves, as the emulator starts it."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from carport.emulator.device_code import compile_device_code
from carport.emulator.firmware_process import FirmwareProcess
from carport.emulator.serial_line import SerialLine
from carport.emulator.vm import find_micropython
from carport.hub import Hub
from gateway import profile_file
from tests.bench import inputs

_READY = re.compile(r"ready after (\d+) ms, (\d+) bytes free")
_ANY_PORT = 0


@dataclass
class Boots:
    """In ms: until the line that says so, and what that line says; and the bytes then free."""

    process_ms: list[float] = field(default_factory=list)
    own_ms: list[float] = field(default_factory=list)
    free_bytes: int = 0


def measure(folder: Path, rounds: int) -> Boots:
    """Return the times of boots; the flash is made first, and is in folder."""
    return asyncio.run(_measure(folder, rounds))


async def _measure(folder: Path, rounds: int) -> Boots:
    vm = find_micropython()
    device_code = compile_device_code(vm)
    profile = folder / "profile.cbor"
    profile.write_bytes(profile_file.encode(inputs.profile()))
    hub = Hub()
    line = SerialLine()
    settings = {
        "name": "bench",
        "profile": str(profile),
        "flash": str(folder / "flash.img"),
        "coap_port": _ANY_PORT,
        "serial": line.board_path,
        "can_port": await hub.start(),
        "bench": True,
    }
    boots = Boots()
    said: list[str] = []
    for number in range(rounds + 1):
        said.clear()
        firmware = FirmwareProcess(vm, device_code, settings, said.append, line.clear)
        start_s = time.perf_counter()
        await firmware.start()
        process_ms = (time.perf_counter() - start_s) * 1000
        await firmware.stop()
        ready = _READY.search("\n".join(said))
        assert ready is not None, said
        if number:  # the first one made the file system
            boots.process_ms.append(process_ms)
            boots.own_ms.append(int(ready[1]))
            boots.free_bytes = int(ready[2])
    line.close()
    await hub.stop()
    return boots
