"""Which ports there are, who may open them, and who answers."""

import asyncio
import os
import pty
import select
import tty
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial

from carport.client.serial_port import open_port
from carport.doctor.gathered import Port
from carport.doctor.ports import judge, look_at_ports
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import ACK, BAD_REQUEST, CONTENT, SERVICE_UNAVAILABLE
from gateway.slipmux import Decoder, encode_coap, encode_log
from tests.fake_gateway import Cable

ANSWER = encode_coap(message.encode(Message(ACK, CONTENT, 1, b"doc", [], b"</system>")))
REFUSAL = encode_coap(message.encode(Message(ACK, BAD_REQUEST, 1, b"doc")))
NO_GATEWAY = encode_coap(
    message.encode(Message(ACK, SERVICE_UNAVAILABLE, 1, b"doc", [], b"\nwhy"))
)


@pytest.fixture
def silent_port() -> Iterator[tuple[int, str]]:
    """The board's end of a pty where nobody answers, and the name of the host's."""
    board, host = pty.openpty()
    tty.setraw(host)
    yield board, os.ttyname(host)
    os.close(board)
    os.close(host)


def look(name: str) -> Port:
    (port,) = asyncio.run(look_at_ports(name, None))
    return port


@pytest.mark.parametrize(
    ("received", "said"),
    [
        (b"", ("nothing", "")),
        (b"noise\xc0\xff" * 9, ("nothing", "")),
        (ANSWER, ("gateway", "")),
        (REFUSAL, ("gateway", "")),
        (b"noise" + encode_log("ready") + ANSWER, ("gateway", "")),
        (NO_GATEWAY, ("no gateway", "why")),
        (b"rst:0x1 boot:0x3 (DOWNLOAD_BOOT)\r\nwaiting for download\r\n", ("bootloader", "")),
        (b"MicroPython v1.26.0\r\n>>> ", ("repl", "")),
        (ANSWER[:-4], ("nothing", "")),
    ],
)
def test_who_answers_is_known_by_what_it_says(received: bytes, said: tuple[str, str]) -> None:
    assert judge(received) == said


def test_a_gateway_is_recognised_by_a_question_it_answers_to_anybody(
    home: Path, cable: Cable
) -> None:
    assert look(cable.port) == Port(cable.port, said="gateway")


def test_a_port_where_nobody_answers_is_asked_more_than_once(
    home: Path, silent_port: tuple[int, str]
) -> None:
    board, name = silent_port
    assert look(name) == Port(name, said="nothing")
    asked = [message for _, message in Decoder().feed(os.read(board, 4096))]
    assert len(asked) > 1
    assert len(set(asked)) == 1


def test_a_busy_port_and_one_that_is_not_there(home: Path, silent_port: tuple[int, str]) -> None:
    _, name = silent_port
    port = asyncio.run(_open(name))
    assert look(name).trouble == "busy"
    port.close()
    assert look("/dev/no-such-port").trouble == "gone"


def test_a_port_without_the_right_to_it_names_its_group(
    home: Path, silent_port: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, name = silent_port
    monkeypatch.setattr("os.access", lambda path, mode: False)
    port = look(name)
    assert port.trouble == "no rights"
    assert port.group is not None


def test_where_the_gateway_answers_other_devices_are_left_alone(
    home: Path, cable: Cable, silent_port: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    board, name = silent_port
    on_usb = [SimpleNamespace(device=port, vid=1, product="x") for port in (name, cable.port)]
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: on_usb)

    (port,) = asyncio.run(look_at_ports(None, cable.port))
    assert port == Port(cable.port, "x", said="gateway")
    assert select.select([board], [], [], 0)[0] == []

    both = asyncio.run(look_at_ports(None, None))
    assert {port.name: port.said for port in both} == {cable.port: "gateway", name: "nothing"}


def test_without_any_port_none_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    assert asyncio.run(look_at_ports(None, "/dev/ttyUSB0")) == []


async def _open(name: str) -> serial.Serial:
    return await open_port(name, asyncio.get_running_loop().time())
