"""The firmware under the bench: its VM, a hub in a process of its own, a cable, the car's frames.

All in one thread here, so that nothing else runs in this process while something is timed.
"""

import asyncio
import json
import multiprocessing
import os
import pty
import select
import socket
import struct
import tempfile
import time
import tty
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Any, Self

import can

from carport.hub import Hub
from firmware.bench_host import Host
from gateway import profile_file, slipmux
from tests.aes import AES
from tests.bench import inputs
from tests.bench.firmware_with_probe import READ
from tests.bench.vm import bench_vm

HOST = "127.0.0.1"

PROBE_BYTES = 8192  # of heap: the probe is compiled there, and no board has one

_READY_S = 20.0
_ANSWER_S = 2.0
_BYTES = 2048


@dataclass(frozen=True)
class Noted:
    """What the probe noted; see firmware_with_probe.py."""

    sent_us: int
    saving_us: int
    used_bytes: int
    is_collected: bool


class Board:
    """A paired board whose flash is in `folder`; `bus` is the car's end of the CAN bus.

    state: of the host with which that flash was paired already, if it was.
    """

    def __init__(self, folder: Path, state: list[Any] | None = None) -> None:
        self._folder = folder
        self._state = state
        self._token = b""
        self._parts = ExitStack()
        self._counter = 0

    def __enter__(self) -> Self:
        with self._parts:
            self._start()
            self._parts = self._parts.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            code = self._process.poll()
            error.add_note(f"The VM's exit code: {code}. It said:\n{self._read_log()}")
        self._parts.close()

    @property
    def pid(self) -> int:
        """The VM's process."""
        return self._process.pid

    def send(self, request: bytes) -> None:
        """Send a datagram to the gateway."""
        self._token = _token_of(request)
        self._coap.send(request)

    def receive(self) -> bytes:
        """Return the gateway's answer to the last request, and drop what it tells observers."""
        while True:
            answer = self._coap.recv(_BYTES)
            if _token_of(answer) == self._token:
                return answer

    def exchange(self, request: bytes) -> bytes:
        """Return the gateway's answer to a datagram."""
        self.send(request)
        return self.receive()

    def exchange_by_cable(self, request: bytes) -> bytes:
        """Return the gateway's answer to a datagram, both over the cable."""
        os.write(self._cable, slipmux.encode_coap(request))
        decoder = slipmux.Decoder()
        while True:
            readable, _, _ = select.select([self._cable], [], [], _ANSWER_S)
            assert readable, "no answer over the cable"
            for kind, content in decoder.feed(os.read(self._cable, _BYTES)):
                if kind == slipmux.COAP:
                    return content

    def ask_probe(self, word: bytes) -> bytes:
        """Return the probe's answer."""
        self._probe.send(word)
        return self._probe.recv(_BYTES)

    def read_probe(self) -> Noted:
        """Return what the probe has noted."""
        return Noted(*struct.unpack(READ, self.ask_probe(b"read")))

    def send_frames(self, **changes: dict[str, Any]) -> None:
        """Let the car send one frame of each message; changes: signals that differ."""
        self._counter = (self._counter + 1) % inputs.COUNTERS
        for name in inputs.SIGNALS:
            arbitration_id, data = inputs.frame(name, self._counter, changes.get(name, {}))
            self.bus.send(
                can.Message(arbitration_id=arbitration_id, data=data, is_extended_id=False)
            )

    def drain_cable(self) -> None:
        """Take what the board has logged, before there is no room for more."""
        with suppress(BlockingIOError):
            while os.read(self._cable, _BYTES):
                pass

    def _start(self) -> None:
        parts = self._parts
        can_port = self._start_hub()
        self._cable, slave = pty.openpty()
        for fd in (self._cable, slave):
            parts.callback(os.close, fd)
        tty.setraw(slave)
        os.set_blocking(self._cable, False)
        self._coap, coap_port = self._udp()
        self._probe, probe_port = self._udp()
        vm = bench_vm()
        profile = self._folder / "profile.cbor"
        profile.write_bytes(profile_file.encode(inputs.profile()))
        settings = {
            "name": "bench",
            "profile": str(profile),
            "flash": str(self._folder / "flash.img"),
            "coap_port": coap_port,
            "serial": os.ttyname(slave),
            "can_port": can_port,
            "bench": True,
        }
        self._log = parts.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is entered
        self._process = vm.start(
            *("tests.bench.firmware_with_probe", str(probe_port)),
            stdout=self._log.fileno(),
            more_bytes=PROBE_BYTES,
        )
        parts.callback(_end, self._process)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(settings) + "\n")
        self._process.stdin.flush()
        self._wait_until_ready()
        self.bus = can.Bus(interface="socketcand", host=HOST, port=can_port, channel="can0")
        parts.callback(self.bus.shutdown)
        self.host = Host(AES, os.urandom, self.exchange_by_cable, self._state)

    def _read_log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-_BYTES:]

    def _start_hub(self) -> int:
        """Start a hub and return its port."""
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_run_hub, args=(theirs,))
        process.start()
        self._parts.callback(process.join)
        self._parts.callback(ours.send, None)
        port: int = ours.recv()
        return port

    def _udp(self) -> tuple[socket.socket, int]:
        """Return a socket connected to a port that was free a moment ago, and that port."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind((HOST, 0))
            port: int = free.getsockname()[1]
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._parts.enter_context(opened)
            opened.connect((HOST, port))
        opened.settimeout(_ANSWER_S)
        return opened, port

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + _READY_S
        while True:
            try:
                self.ask_probe(b"are you there?")
                return
            except ConnectionRefusedError:
                assert time.monotonic() < deadline_s, "the firmware does not start"
                time.sleep(0.01)


def _token_of(datagram: bytes) -> bytes:
    return datagram[4 : 4 + (datagram[0] & 15)]


def _run_hub(pipe: Connection) -> None:
    """Run a hub until the pipe says so; its first word is the port."""

    async def run() -> None:
        hub = Hub()
        pipe.send(await hub.start())
        await asyncio.to_thread(pipe.recv)
        await hub.stop()

    asyncio.run(run())


def _end(process: "Popen[str]") -> None:
    """Close stdin, which ends the firmware."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_ANSWER_S)
    finally:
        process.kill()
