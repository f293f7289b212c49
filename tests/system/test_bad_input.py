"""Garbage, truncated, oversized and wrong-key bytes leave a count, and nothing else.

On the network they come from 16 hosts in turn, for each is answered 16 times at most at once.
"""

import hashlib
import itertools
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from carport.emulator.process import EmulatorProcess
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    BAD_OPTION,
    BAD_REQUEST,
    CON,
    CONTENT,
    EMPTY,
    FORBIDDEN,
    GET,
    IF_MATCH,
    MAX_AGE,
    OSCORE,
    POST,
    PROXY_URI,
    RST,
    UNAUTHORIZED,
    URI_PATH,
    URI_QUERY,
)
from gateway.slipmux import encode_coap, encode_log, frame
from tests.emulated_board import emulated
from tests.models.host import Host, plain
from tests.system.bad_datagrams import CASES, Case
from tests.system.wire import Wire
from tests.waiting import PATIENCE_S

TOO_LONG = "far too much"  # for the emulated cable: what is not read in time is lost
UNHEARD = ("nothing", "network")  # an empty datagram does not come as far as the core
PINGS = itertools.cycle(range(0x4000, 0x8000))
OWN_NETWORK = "127.77.0.1/24"
STRANGERS = [f"127.77.0.{host}" for host in range(100, 116)]
DATAGRAMS = 5000
SERIAL_FRAMES = 1000


@pytest.fixture(scope="module")
def emulator(carport_home: Path) -> Iterator[EmulatorProcess]:
    """A gateway on a network of its own, so that nobody else's datagram counts in it.

    On 127.0.0.0/8 it is found by whoever looks for a lost gateway there, and tried with their key.
    """
    words = ("--listen", OWN_NETWORK) if sys.platform == "linux" else ()
    with emulated(carport_home, *words) as running:
        yield running


@pytest.fixture(scope="module")
def host(emulator: EmulatorProcess) -> Iterator[Host]:
    """The gateway's owner."""
    with Wire(emulator.coap, emulator.serial) as wire:
        yield Host.pair(wire)  # type: ignore[arg-type]


def system(host: Host) -> dict[str, Any]:
    response = host.request(GET, ["system"])
    assert response.code == CONTENT
    told: dict[str, Any] = response.value
    return told


class Line:
    """Sends datagrams to the gateway and takes its answers."""

    def send(self, data: bytes) -> None:
        raise NotImplementedError

    def receive(self) -> bytes:
        raise NotImplementedError


class Cable(Line):
    """The cable, where answers are as long as they are."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def send(self, data: bytes) -> None:
        self._wire.write_serial(encode_coap(data))

    def receive(self) -> bytes:
        return self._wire.read_message()


class Network(Line):
    """Each datagram and its answer by the next of many hosts."""

    def __init__(self, wire: Wire) -> None:
        self._sockets = []
        for address in STRANGERS:
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stranger.bind((address, 0))
            stranger.connect(wire.socket.getpeername())
            stranger.settimeout(PATIENCE_S)
            self._sockets.append(stranger)
        self._turn = 0

    def next_host(self) -> None:
        self._turn = (self._turn + 1) % len(self._sockets)

    def send(self, data: bytes) -> None:
        self._sockets[self._turn].send(data)

    def receive(self) -> bytes:
        return self._sockets[self._turn].recv(2048)

    def close(self) -> None:
        for stranger in self._sockets:
            stranger.close()


@pytest.fixture(scope="module")
def cable(host: Host) -> Cable:
    return Cable(host.shell)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def network(host: Host) -> Iterator[Network]:
    if sys.platform != "linux":
        pytest.skip("127.0.0.1 is the only address of loopback here")
    network = Network(host.shell)  # type: ignore[arg-type]
    yield network
    network.close()


def give(host: Host, case: Case, line: Line) -> None:
    """Send one such datagram; it must be answered as its case says, or not at all.

    On the network the text of an answer is left out if the answer would be larger than that.
    """
    data = case.make(host)
    if isinstance(line, Network):
        line.next_host()
    line.send(data)
    if case.answer is None:
        # Answers keep their order: when a ping is answered next, nothing came before.
        ping = message.encode(Message(CON, EMPTY, next(PINGS)))
        expected = message.encode(Message(RST, EMPTY, message.decode(ping).message_id))
        line.send(ping)
        assert line.receive() == expected
        return
    received = line.receive()
    answer = message.decode(received)
    kind, code, text = case.answer
    if isinstance(line, Network):
        assert len(received) <= len(data)
        if len(received) + (1 + len(text) if not answer.payload else 0) > len(data):
            text = b""
    assert (answer.type, answer.code, answer.payload) == (kind, code, text)
    assert answer.message_id == int.from_bytes(data[2:4])
    if answer.type != RST:
        assert answer.token == message.decode(data).token


def image_hash(emulator: EmulatorProcess) -> str:
    return hashlib.sha256((Path(emulator.state) / "flash.img").read_bytes()).hexdigest()


def assert_pairing_is_as_it_was(host: Host) -> None:
    """The owner is served, and nobody else can become one."""
    assert system(host)["platform"]["errors"] == 0
    code, _ = plain(host.shell, POST, ["pair"], b"\xa2frandomX " + bytes(32) + b"dnamecbob", True)
    assert code == FORBIDDEN


@pytest.mark.parametrize(
    ("name", "by"),
    [(name, "network") for name in CASES]
    + [(name, "cable") for name in CASES if name != TOO_LONG],
)
def test_it_is_answered_as_the_rfcs_say_and_counted(
    name: str, by: str, emulator: EmulatorProcess, host: Host, request: pytest.FixtureRequest
) -> None:
    case = CASES[name]
    counted = None if (name, by) == UNHEARD else case.counted
    line: Line = request.getfixturevalue(by)
    before = system(host)
    image = image_hash(emulator)
    give(host, case, line)
    after = system(host)
    changed = {
        each
        for each, count in after["counters"].items()
        if count != before["counters"][each] and each not in ("accepted", "requests")
    }
    in_cable = after["platform"]["cable_oversized_frames"]
    if by == "cable" and counted == "oversized":
        assert in_cable == before["platform"]["cable_oversized_frames"] + 1
        assert changed == set()
    else:
        assert changed == ({counted} if counted else set())
    assert image_hash(emulator) == image


@pytest.mark.parametrize("where", ["option", "ciphertext"])
def test_each_flipped_bit_is_noticed(where: str, host: Host, network: Network) -> None:
    served = system(host)["counters"]["requests"]
    good = message.decode(host.protect(GET, ["system"]))
    value, ciphertext = good.options[0][1], good.payload
    for bit in range(8 * len(value if where == "option" else ciphertext)):
        good.message_id = next(PINGS)
        if where == "option":
            good.options = [(OSCORE, flip(value, bit))]
        else:
            good.payload = flip(ciphertext, bit)
        network.next_host()
        network.send(message.encode(good))
        answer = message.decode(network.receive())
        assert answer.code in (BAD_REQUEST, UNAUTHORIZED, BAD_OPTION)
        assert answer.options in ([], [(MAX_AGE, b"")])  # in plain text: nobody was believed
    its_blocks = 2  # the second one of the first time, and the first one of this time
    assert system(host)["counters"]["requests"] == served + its_blocks
    good.message_id, good.options, good.payload = next(PINGS), [(OSCORE, value)], ciphertext
    host.send(message.encode(good))
    assert host.responses()[-1].code == CONTENT


def flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


@pytest.mark.parametrize("option", [URI_QUERY + 9998, PROXY_URI, IF_MATCH])
def test_a_critical_option_in_plain_text_that_is_not_known_is_refused(
    option: int, host: Host
) -> None:
    options = sorted([(URI_PATH, b".well-known"), (URI_PATH, b"core"), (option, b"x")])
    request = Message(CON, GET, next(PINGS), b"t", options)
    host.shell.receive_datagram(message.encode(request), "stranger")
    answer = message.decode(host.shell.datagrams.pop()[0])
    assert answer.code == BAD_OPTION


def test_5000_bad_datagrams_leave_their_count_and_nothing_else(
    emulator: EmulatorProcess, host: Host, cable: Cable
) -> None:
    cases = [case for case in CASES.values() if case.counted != "oversized"]
    random = Random(1)
    for case in cases:  # what is remembered for a while is there before
        give(host, case, cable)
    image = image_hash(emulator)
    before = system(host)
    heap_before = least_heap_used(host)
    expected: Counter[str] = Counter()
    for _ in range(DATAGRAMS):
        case = random.choice(cases)
        give(host, case, cable)
        if case.counted is not None:
            expected[case.counted] += 1
    after = system(host)
    for name, count in expected.items():
        assert after["counters"][name] == before["counters"][name] + count
    assert least_heap_used(host) < heap_before + 1024
    assert image_hash(emulator) == image
    assert_pairing_is_as_it_was(host)


def test_5000_bad_datagrams_of_one_host_are_read_or_dropped_unread(
    emulator: EmulatorProcess, host: Host, network: Network
) -> None:
    image = image_hash(emulator)
    before = system(host)["counters"]
    for count in range(DATAGRAMS):
        network.send(bytes(1 + count % 100))
        if count % 100 == 99:  # what the socket cannot hold is lost
            system(host)
    after = system(host)["counters"]
    counted = {name: after[name] - before[name] for name in ("malformed", "shut_out")}
    assert counted["malformed"] + counted["shut_out"] == DATAGRAMS
    assert 16 <= counted["malformed"] < DATAGRAMS / 10
    assert image_hash(emulator) == image
    assert_pairing_is_as_it_was(host)


def least_heap_used(host: Host) -> int:
    """Return what the heap holds, with as little garbage as can be seen."""
    return int(min(system(host)["platform"]["heap_used"] for _ in range(50)))


def test_garbage_on_the_cable_leaves_its_count_and_nothing_else(
    emulator: EmulatorProcess, host: Host
) -> None:
    wire: Wire = host.shell  # type: ignore[assignment]
    random = Random(2)
    good = encode_coap(bytes(40))
    image = image_hash(emulator)
    before = system(host)["platform"]
    heap_before = least_heap_used(host)
    expected: Counter[str] = Counter()
    for i in range(SERIAL_FRAMES):
        bad, counted = random.choice(
            [
                (frame(bytes((random.randrange(0x20, 0x7F),)) + random.randbytes(50)), "unknown"),
                (frame(b"\xa9" + random.randbytes(50)), "bad"),
                (good[:-3] + flip(good[-3:-2], random.randrange(8)) + good[-1:], "bad"),
                (good[: random.randrange(2, len(good) - 1)] + b"\xc0", "bad"),
                (b"\xa9\xdb\x00\xc0", "bad"),
                (b"\xc0\xdb\xc0", "bad"),
                (frame(b"\xa9" + random.randbytes(1290)), "oversized"),
                (encode_log("a log line, the wrong way"), None),
                (b"\xc0\xc0\xc0", None),
            ]
        )
        wire.write_serial(bad)
        if counted is not None:
            expected[f"cable_{counted}_frames"] += 1
        if i % 4 == 0 or len(bad) > 1000:
            code, _ = plain(wire, GET, [".well-known", "core"], cable=True)  # type: ignore[arg-type]
            assert code == CONTENT
    code, _ = plain(wire, GET, [".well-known", "core"], cable=True)  # type: ignore[arg-type]
    assert code == CONTENT
    after = system(host)["platform"]
    for name, count in expected.items():
        assert after[name] == before[name] + count
    assert least_heap_used(host) < heap_before + 1024
    assert image_hash(emulator) == image
    assert_pairing_is_as_it_was(host)
