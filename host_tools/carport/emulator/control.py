"""The control channel of a running emulator: JSON lines on a Unix-domain socket.

A client sends a request, one object on a line, and gets its answer, `{"ok": true, ...}` or
`{"ok": false, "error": "one sentence"}`; carport/car/requests.py says what may be asked.

The socket is its owner's alone, and lies in the emulator's state folder, or in a new temporary
folder where that path is too long for a socket. So a client takes it from the emulator's entry in
the registry: a JSON file in the user's runtime folder with "pid", "state", "control" and more.
"""

import asyncio
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from carport import paths
from carport.errors import CarportError, UsageError

Handle = Callable[[dict[str, Any]], dict[str, Any]]
"""Answers a request; called in the event loop."""

SOCKET_NAME = "control.sock"

_PATH_MAX_BYTES = 100  # macOS has room for 104, with the terminating zero
_LINE_MAX_BYTES = 1 << 20
_TIMEOUT_S = 10.0


class ControlError(CarportError):
    """There is no emulator to ask, or it does not answer."""


class RequestError(UsageError):
    """The emulator says that it cannot do what was asked."""


class ControlServer:
    """Answers requests until it is stopped."""

    def __init__(self, state: Path, handle: Handle) -> None:
        self._state = state
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._short_folder: Path | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def start(self) -> Path:
        """Listen, and return the path of the socket."""
        path = self._state.absolute() / SOCKET_NAME
        if len(os.fsencode(path)) > _PATH_MAX_BYTES:
            self._short_folder = Path(tempfile.mkdtemp(prefix="carport-"))
            path = self._short_folder / SOCKET_NAME
        self._server = await asyncio.start_unix_server(self._serve, path, limit=_LINE_MAX_BYTES)
        path.chmod(0o600)
        self._path = path
        return path

    async def stop(self) -> None:
        """Hang up on everybody and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._clients:
            writer.close()
        await self._server.wait_closed()
        self._server = None
        self._path.unlink(missing_ok=True)
        if self._short_folder is not None:
            shutil.rmtree(self._short_folder)
            self._short_folder = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # hung up, or a line that never ends
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except ValueError:
            return {"ok": False, "error": "a request is one line of JSON"}
        if not isinstance(request, dict):
            return {"ok": False, "error": "a request is a JSON object"}
        return self._handle(request)


def ask(control: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Send a request to the emulator behind this socket, and return its answer.

    Raises:
        ControlError: nobody answers there.
        RequestError: the emulator cannot do it.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(os.fspath(control))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
        answer = json.loads(line)
    except (OSError, ValueError) as error:
        raise ControlError(
            f"the emulator at {control} does not answer: start one with `carport emulate`"
        ) from error
    if not answer.pop("ok", False):
        raise RequestError(str(answer.get("error")))
    return dict(answer)


def find_control(state: Path | None = None) -> Path:
    """Return the control socket of the emulator with this state folder, or of the only one.

    Raises:
        ControlError: there is none, or none was named and there are several.
    """
    return Path(find_emulator(state)["control"])


def find_emulator(state: Path | None = None) -> dict[str, Any]:
    """Return how the emulator with this state folder, or the only one, has announced itself.

    Raises:
        ControlError: there is none, or none was named and there are several.
    """
    running = {Path(entry["state"]).resolve(): entry for entry in _running_emulators()}
    if state is not None:
        if state.resolve() not in running:
            raise ControlError(
                f"no emulator runs in {state}: start it with `carport emulate --state {state}`"
            )
        return running[state.resolve()]
    if not running:
        raise ControlError("no emulator is running: start one with `carport emulate`")
    if len(running) > 1:
        folders = ", ".join(str(each) for each in sorted(running))
        raise ControlError(f"several emulators run: name one with --state DIR ({folders})")
    return next(iter(running.values()))


def _running_emulators() -> list[dict[str, Any]]:
    entries = []
    for path in sorted(paths.runtime_dir().glob("*.json")):
        try:
            entry = json.loads(path.read_text())
            os.kill(entry["pid"], 0)
        except (OSError, ValueError, KeyError, TypeError):  # gone, or not an emulator's
            continue
        if "control" in entry:
            entries.append(entry)
    return entries
