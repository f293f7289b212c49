"""The whole emulator in one process and a VM: bus, car, cable, board, and how to reach them.

    car (a thread) ── python-can ──▶ hub ◀── socketcand ── VM ◀── cable ──▶ a pseudo-terminal
    `carport sim` ── control socket ──▶ car, button, the board's power

The state folder holds the board's flash and what the car was like when the emulator ended.
"""

import asyncio
import errno
import fcntl
import json
import os
import random
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

import can

from carport.car.cars import make_car
from carport.car.runner import Runner
from carport.emulator import supply
from carport.emulator.board_faults import BoardFaults
from carport.emulator.control import ControlServer
from carport.emulator.device_code import compile_device_code
from carport.emulator.firmware_process import FirmwareProcess
from carport.emulator.flash_image import forget_updates, slot_heap_bytes
from carport.emulator.registry import announced
from carport.emulator.serial_line import SerialLine
from carport.emulator.vm import find_micropython
from carport.errors import CarportError
from carport.hub import Hub
from carport.paths import cache_dir
from carport.profile import compile_to_file
from carport.profile.installed import profile_folder

HOST = "127.0.0.1"
LOOPBACK = IPv4Interface("127.0.0.1/8")
COAP_PORT = 5683
CAN_PORT = 29536
CHANNELS = ("can0", "can1")  # of a car's buses, in their order

_OTHER_PORTS = range(10_000, 30_000)  # which no system gives to a program that asks for any
_TRIES = 100


class Emulator:
    """A gateway and its car, from `start` to `stop`; `endpoints` say where they are.

    state: a folder that outlives the emulator; None for one that does not. A port of 0 is any free
    one, of None the usual one if it is free. on_log gets each line the board prints.
    is_listen_only: the board is as one in a car, which sends nothing before its owner arms it.
    is_factory: what updates have brought into the board's flash does not run.
    listen: an address of this machine and the network that the board serves; None for loopback.
    board: more settings of firmware/ports/unix/board.py.
    """

    def __init__(
        self,
        state: Path | None,
        car: str,
        coap_port: int | None,
        can_port: int | None,
        seed: int,
        on_log: Callable[[str], None],
        is_listen_only: bool = False,
        listen: IPv4Interface | None = None,
        board: Mapping[str, Any] | None = None,
        is_factory: bool = False,
    ) -> None:
        self.endpoints: dict[str, Any] = {}
        self._state = state
        self._car_name = car
        self._coap_port = coap_port
        self._can_port = can_port
        self._seed = seed
        self._on_log = on_log
        self._is_listen_only = is_listen_only
        self._is_factory = is_factory
        self._listen = LOOPBACK if listen is None else listen
        self._board = {} if board is None else board
        self._parts = AsyncExitStack()

    async def start(self) -> None:
        """Start everything and return when the gateway serves.

        Raises:
            CarportError: something does not start.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End everything and leave nothing behind but the state folder."""
        await self._parts.aclose()

    async def _start(self) -> None:
        parts = self._parts
        profile = profile_folder(self._car_name)
        car = make_car(profile, self._seed)
        vm = find_micropython()
        device_code = await asyncio.to_thread(compile_device_code, vm)
        compiled = await asyncio.to_thread(compile_to_file, profile, cache_dir() / "profiles")
        state = self._open_state()
        flash = state / "flash.img"
        if self._is_factory:
            forget_updates(flash)

        hub = Hub(CHANNELS)
        can_port = await _start_hub(hub, self._can_port)
        parts.push_async_callback(hub.stop)
        line = SerialLine()
        parts.callback(line.close)
        address = str(self._listen.ip)
        coap_port = _choose_udp_port(address, self._coap_port)
        settings = {
            "name": f"carport-{coap_port}",
            "profile": str(compiled),
            "flash": str(flash),
            "address": address,
            "network": str(self._listen.network),
            "coap_port": coap_port,
            "serial": line.board_path,
            "can_port": can_port,
            "bench": not self._is_listen_only,
            "supply_mv": round(1000 * supply.VOLTS),
            **self._board,
        }

        def count_frames() -> int:
            counters = [hub.counters(channel) for channel in CHANNELS]
            return sum(each.frames + each.errors for each in counters)

        firmware = FirmwareProcess(
            vm, device_code, settings, self._on_log, line.clear, count_frames
        )
        parts.push_async_callback(firmware.stop)
        await firmware.start()
        if slot_heap_bytes(flash):
            self._on_log("an update runs: with --factory, what is installed here")

        channels = dict(zip(car.buses, CHANNELS, strict=True))
        runner = Runner(
            car,
            lambda bus: can.Bus(
                interface="socketcand", host=HOST, port=can_port, channel=channels[bus]
            ),
            firmware.press_button,
        )
        await asyncio.to_thread(runner.start)
        parts.push_async_callback(asyncio.to_thread, runner.stop)
        _restore(runner, state / "car.json")
        parts.callback(_save, runner, state / "car.json")

        world = supply.Supply(runner.handle, firmware.set_supply)
        faults = BoardFaults(world.handle, hub, firmware.set_wifi)

        def handle(request: Mapping[str, Any]) -> dict[str, Any]:
            """Answer a request: what carport/car/requests.py says, supply_voltage, the faults of
            board_faults.py, and

            {"do": "boot", "held_seconds": 10}   cut the board's power, and switch it on with the
                                                 button held for so long
            """
            if request.get("do") == "boot":
                return _boot(firmware, request.get("held_seconds"))
            return faults.handle(request)

        control = ControlServer(state, handle)
        control_path = await control.start()
        parts.push_async_callback(control.stop)

        self.endpoints = {
            "coap": f"coap://{address}:{coap_port}",
            "serial": line.host_path,
            "can": {
                "interface": "socketcand",
                "host": HOST,
                "port": can_port,
                "channels": list(CHANNELS),
            },
            "state": str(state),
        }
        parts.enter_context(
            announced({**self.endpoints, "car": self._car_name, "control": str(control_path)})
        )

    def _open_state(self) -> Path:
        """Return the state folder, which is this emulator's alone until it stops."""
        if self._state is None:
            folder = self._parts.enter_context(tempfile.TemporaryDirectory(prefix="carport-"))
            return Path(folder)
        state = self._state.absolute()
        try:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(state, os.O_RDONLY)
            self._parts.callback(os.close, fd)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CarportError(
                f"an emulator runs in {state} already: stop it, or choose another --state"
            ) from error
        except OSError as error:
            raise CarportError(
                f"cannot use the folder {state} ({error.strerror}): choose another --state"
            ) from error
        return state


def _boot(firmware: FirmwareProcess, held_s: object) -> dict[str, Any]:
    if isinstance(held_s, bool) or not isinstance(held_s, int | float) or held_s < 0:
        return {"ok": False, "error": f"held_seconds is a number of seconds, not {held_s}"}
    firmware.restart(round(1000 * held_s))
    return {"ok": True}


async def _start_hub(hub: Hub, port: int | None) -> int:
    try:
        return await hub.start(CAN_PORT if port is None else port)
    except OSError as error:
        if port is None:
            return await hub.start(0)
        raise CarportError(f"TCP port {port} is taken: choose another --can-port") from error


def _choose_udp_port(address: str, port: int | None) -> int:
    """Return the port if it is free; the VM binds it a moment later, and when it restarts."""
    wanted = [COAP_PORT if port is None else port] if port != 0 else []
    others = [] if port else random.sample(_OTHER_PORTS, _TRIES)
    for candidate in wanted + others:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, candidate))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    raise CarportError(
                        f"this machine does not have the address {address}: choose another "
                        "--listen"
                    ) from error
                continue
            return candidate
    raise CarportError(f"UDP port {port or COAP_PORT} is taken: choose another --coap-port")


def _save(runner: Runner, path: Path) -> None:
    """Write down what the car is like."""
    names = runner.handle({"do": "names"})["names"]
    state = runner.handle({"do": "state"})
    values = {**state["signals"], **state["settings"]}
    kept = {name: values[name] for name in names if name in values}
    path.write_text(json.dumps(kept, indent=1))


def _restore(runner: Runner, path: Path) -> None:
    """Make the car as it was, if it is written down."""
    if path.exists():
        answer = runner.handle({"do": "set", "values": json.loads(path.read_text())})
        if not answer["ok"]:
            raise CarportError(f"{path} is not a car's state ({answer['error']}): remove it")
