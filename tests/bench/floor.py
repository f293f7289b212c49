"""What an authenticated answer costs at least in this VM: straight-line code, and a bare echo."""

import os
import socket
import time
from dataclasses import dataclass, field

from firmware.bench_host import Host
from gateway.coap.numbers import CONTENT, GET
from gateway.oscore.ccm import NONCE_BYTES
from gateway.oscore.context import Context, derive
from gateway.oscore.hkdf import extract
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from tests.aes import AES
from tests.bench.loopback import ECHO_BYTES, one_cpu, settle
from tests.bench.vm import bench_vm
from tests.free_port import free_port

_OURS, _ITS = b"\x01", b"\x00"
_SECRET = bytes(range(16))
_FIRST, _PIV_BYTES = 300, 2  # a number from which on a Partial IV has so many bytes
_WARM_UP = 10
_TIMEOUT_S = 10.0


@dataclass
class Floor:
    """Round-trip times in us."""

    bare_echo: list[float] = field(default_factory=list)
    answer: list[float] = field(default_factory=list)


def measure(rounds: int) -> Floor:
    """Measure as many of each, in turns."""
    floor = Floor()
    port = free_port()
    host = Host(AES, os.urandom, _no_exchange, [_SECRET, _OURS, _ITS, _FIRST, 0])
    with bench_vm().start("tests.bench.floor_in_vm", str(port), *_context()) as vm:
        assert vm.stdout is not None
        try:
            assert vm.stdout.readline() == "ready\n"
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours, one_cpu(vm.pid):
                ours.settimeout(_TIMEOUT_S)
                ours.connect(("127.0.0.1", port))
                for number in range(_WARM_UP + rounds):
                    echo_us, _ = _ask(ours, bytes(ECHO_BYTES))
                    answer_us, answer = _ask(ours, host.seal(GET, b"lock"))
                    assert host.open(answer)[0] == CONTENT
                    if number >= _WARM_UP:
                        floor.bare_echo.append(echo_us)
                        floor.answer.append(answer_us)
        finally:
            vm.kill()
    return floor


def _context() -> list[str]:
    """Return what floor_in_vm takes, in hex."""
    sequence, window = SenderSequence(0), ReplayWindow(True)
    context = Context(AES, _SECRET, b"", _OURS, _ITS, None, sequence, window)
    secret = extract(b"", _SECRET)
    keys = [derive(secret, party, None, "Key", len(_SECRET)) for party in (_OURS, _ITS)]
    marked = context.sender.associated_data(b"\xff" * _PIV_BYTES)
    before, _, after = marked.partition(b"\xff" * _PIV_BYTES)
    nonce = context.sender.nonce(0)
    assert len(nonce) == NONCE_BYTES
    return [part.hex() for part in (*keys, nonce, before, after)]


def _ask(ours: socket.socket, datagram: bytes) -> tuple[float, bytes]:
    """Return how long an exchange takes in us, and the answer."""
    settle()
    start_ns = time.perf_counter_ns()
    ours.send(datagram)
    answer = ours.recv(2048)
    return (time.perf_counter_ns() - start_ns) / 1000, answer


def _no_exchange(datagram: bytes) -> bytes:
    raise AssertionError("nobody pairs with it")
