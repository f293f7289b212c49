"""The firmware in the VM on a hub of the test's own, which can cut its wire or force it bus-off.

`carport emulate` has the same parts in a process of its own; here the test holds each of them.
"""

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from carport.emulator.serial_line import SerialLine
from carport.profile import compile_to_file
from gateway import cbor
from gateway.coap import block, message
from gateway.coap.message import Message
from gateway.coap.numbers import ACK, BLOCK2, CON, DELETE, DELETED, ECHO, EMPTY, GET, POST
from tests.car_rig import PROFILE
from tests.free_port import free_port
from tests.hub import HubThread
from tests.models.host import Host, Response
from tests.system.wire import Wire
from tests.vm import REPOSITORY, find_micropython
from tests.waiting import PATIENCE_S, wait_until

T = TypeVar("T")

# The sources, uncompiled, need more than a board has.
_HEAP = "2m"
_MAIN = "from firmware.main import main; main()"


class Board:
    """A board whose power can be cut; inside the `with` it has power and an owner.

    is_bench: whether it may send without having been armed.
    """

    def __init__(
        self, hub: HubThread, folder: Path, is_bench: bool = True, profile: Path = PROFILE
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._commands: dict[int, bytes] = {}  # id: the token of its request
        self._answers: dict[bytes, Response] = {}  # by the request's token
        self._hub = hub
        self._controllers = 0
        self._log = (folder / "log").open("w+b")
        self._settings = {
            "name": "board",
            "profile": str(compile_to_file(profile, folder)),
            "flash": str(folder / "flash.img"),
            "coap_port": free_port(),
            "can_port": hub.port,
            "bench": is_bench,
        }

    def __enter__(self) -> Self:
        self._thread.start()
        self._line = self._call(SerialLine)
        self._settings["serial"] = self._line.board_path
        self.power_on()
        self.wire = Wire(f"coap://127.0.0.1:{self._settings['coap_port']}", self._line.host_path)
        self.host = Host.pair(self.wire)  # type: ignore[arg-type]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cut_power()
        self.wire.__exit__(kind, error, traceback)
        self._call(self._line.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._log.close()

    def power_on(self) -> None:
        """Start the firmware, and return when it serves."""
        micropython = find_micropython()
        assert micropython is not None
        before = self._hub.connections()
        self._process = subprocess.Popen(
            [micropython, "-X", f"heapsize={_HEAP}", "-c", _MAIN],
            cwd=REPOSITORY,
            env={**os.environ, "MICROPYPATH": os.pathsep.join((str(REPOSITORY), ".frozen"))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._settings).encode() + b"\n")
        self._process.stdin.flush()
        impatience = threading.Timer(PATIENCE_S, self._process.kill)
        impatience.start()
        line = b"-"
        while line and not line.startswith(b"ready"):
            line = self._process.stdout.readline()
            self._log.write(line)
        impatience.cancel()
        assert line, self.log()
        self._controllers = self._hub.connections() - before
        threading.Thread(target=self._read, args=[self._process.stdout], daemon=True).start()

    def cut_power(self) -> None:
        """End the firmware where it stands, and forget what is on the cable.

        Its controllers are the hub's, which has lost them too when this returns.
        """
        others = self._hub.connections() - self._controllers
        was_on = self._process.poll() is None
        self._process.kill()
        self._process.wait()
        if was_on:
            wait_until(lambda: self._hub.connections() <= others, lambda: "for the hub to hear it")
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._call(self._line.clear)

    def press_button(self, duration_ms: int) -> None:
        """Press the board's button for so long."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"button {duration_ms}\n".encode())
        self._process.stdin.flush()

    def log(self) -> str:
        """Return what the board has logged so far."""
        self._log.flush()
        return Path(self._log.name).read_text(errors="replace")

    def arm(self) -> None:
        """Let an owner ask for it, and press the button."""
        self._request(POST, ["arm"])
        self.press_button(200)
        while not self._request(GET, ["arm"]).value["armed"]:
            pass

    def disarm(self) -> None:
        """Let an owner end it."""
        assert self._request(DELETE, ["arm"]).code == DELETED

    def system(self) -> dict[str, Any]:
        """Return what the gateway says of itself: that it answers shows that it lives."""
        response = self._request(GET, ["system"])
        told, number = response.payload, 0
        while block.decode(response.option(BLOCK2) or b"")[1]:
            number += 1
            later = [(BLOCK2, block.encode(number, False, 5))]
            response = self._answer(self._send(GET, ["system"], options=later))
            told += response.payload
        system: dict[str, Any] = cbor.decode(told)
        return system

    def body_bus(self) -> dict[str, Any]:
        """Return what the gateway says of its controller."""
        (bus,) = self.system()["can"]
        assert isinstance(bus, dict)
        return bus

    def begin(self, command: str, path: str = "lock", **arguments: Any) -> int:
        """Give a command and return its id, once its frame, if it has one by now, is sent off."""
        echo = self._answer(self._send(POST, ["arm"])).option(ECHO)
        assert echo is not None
        payload = self.host.command(command, **arguments)
        self._commands[payload["id"]] = self._send(POST, [path], payload, [(ECHO, echo)])
        self.receipt(payload["id"])  # asked later, answered later
        return int(payload["id"])

    def end(self, command_id: int) -> dict[str, Any]:
        """Wait for the answer to a command, and return the receipt that it is."""
        receipt: dict[str, Any] = self._answer(self._commands[command_id]).value
        return receipt

    def carry_out(self, command: str, path: str = "lock", **arguments: Any) -> dict[str, Any]:
        """Give a command and return its receipt."""
        return self.end(self.begin(command, path, **arguments))

    def receipt(self, command_id: int) -> dict[str, Any]:
        """Return the receipt of a command as it is now."""
        receipt: dict[str, Any] = self._request(GET, ["receipts", str(command_id)]).value
        return receipt

    def _request(self, code: int, path: list[str]) -> Response:
        """Return the answer to a request; a challenge is answered with its Echo value."""
        response = self._answer(self._send(code, path))
        echo = response.option(ECHO)
        if echo is None:
            return response
        return self._answer(self._send(code, path, options=[(ECHO, echo)]))

    def _send(
        self,
        code: int,
        path: list[str],
        payload: Any = None,
        options: list[tuple[int, bytes]] | None = None,
    ) -> bytes:
        """Send a request and return its token."""
        data = self.host.protect(code, path, payload, options)
        self.wire.socket.send(data)
        return message.decode(data).token

    def _answer(self, token: bytes) -> Response:
        """Return the answer to the request with this token; others that come are kept."""
        while token not in self._answers:
            data = self.wire.socket.recv(2048)
            outer = message.decode(data)
            if outer.type == CON:
                acknowledgement = Message(ACK, EMPTY, outer.message_id)
                self.wire.socket.send(message.encode(acknowledgement))
            if outer.code != EMPTY:
                self._answers[outer.token] = self.host.read(data)
        return self._answers.pop(token)

    def _read(self, stdout: Any) -> None:
        for line in stdout:
            self._log.write(line)
        stdout.close()

    def _call(self, function: Callable[[], T]) -> T:
        async def call() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE_S)
