"""Looks at the serial ports of this computer, and asks each who is there.

The question is one that a gateway answers to anybody, and so does a board without a gateway; what
else answers is known by what it prints by itself.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import serial
from serial.tools import list_ports

from carport.client.emulators import running_emulators
from carport.client.serial_port import open_port
from carport.doctor.gathered import Port, Said
from carport.errors import NoAnswerError, UsageError
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import CON, GET, SERVICE_UNAVAILABLE, URI_PATH
from gateway.errors import DecodeError
from gateway.slipmux import COAP, Decoder, encode_coap

_ANSWER_S = 1.5
_TRIES = 3
_QUESTION = encode_coap(
    message.encode(
        Message(CON, GET, 0xD0C7, b"doc", [(URI_PATH, b".well-known"), (URI_PATH, b"core")])
    )
)
_BOOTLOADER = b"waiting for download"  # of the chip's ROM
_PROMPT = b">>> "


async def look_at_ports(wanted: str | None, known: str | None) -> list[Port]:
    """Return the ports where a board may be: the wanted one alone, or all.

    known: where the gateway was last. If one answers there, nothing else on USB is bothered.
    """
    if wanted is not None:
        return [await _look_at(wanted, "")]
    described = _described()
    if known is not None and (known in described or "://" in known):
        port = await _look_at(known, described.pop(known, ""))
        if port.said == "gateway":
            return [port]
        return [port, *await _look_at_all(described)]
    return await _look_at_all(described)


async def _look_at_all(described: dict[str, str]) -> list[Port]:
    return list(await asyncio.gather(*(_look_at(name, described[name]) for name in described)))


def judge(received: bytes) -> tuple[Said, str]:
    """Return who answers with these bytes, and the words of a board that has no gateway."""
    for kind, content in Decoder().feed(received):
        if kind == COAP:
            try:
                answer = message.decode(bytes(content))
            except DecodeError:
                continue
            if answer.code == SERVICE_UNAVAILABLE:
                text = answer.payload.decode(errors="replace")
                return "no gateway", "".join(each for each in text if each.isprintable())
            return "gateway", ""
    if _BOOTLOADER in received:
        return "bootloader", ""
    return ("repl" if _PROMPT in received else "nothing"), ""


def _described() -> dict[str, str]:
    """Return the ports of emulators and on USB, with what they are."""
    described = {each.serial_port: "emulated" for each in running_emulators()}
    for port in list_ports.comports():
        if port.vid is not None:
            described[port.device] = port.product or port.description or ""
    return described


async def _look_at(name: str, description: str) -> Port:
    now = asyncio.get_running_loop().time()
    group, is_member = _group_of(name)
    found: dict[str, Any] = {"name": name, "description": description}
    if os.path.exists(name) and not os.access(name, os.R_OK | os.W_OK):
        return Port(**found, trouble="no rights", group=group, is_member=is_member)
    try:
        port = await open_port(name, now)
    except UsageError:
        return Port(**found, trouble="gone")
    except NoAnswerError as error:
        is_busy = "another program" in str(error)
        return Port(**found, trouble="busy" if is_busy else "gone", users=_users_of(name))
    try:
        said, words = await asyncio.to_thread(_ask, port)
    except (serial.SerialException, OSError):
        return Port(**found, trouble="gone")
    finally:
        port.close()
    return Port(**found, said=said, words=words)


def _ask(port: serial.Serial) -> tuple[Said, str]:
    """Ask who is there, again while nobody says."""
    received = b""
    said: tuple[Said, str] = ("nothing", "")
    for _ in range(_TRIES):
        port.write(_QUESTION)
        port.timeout = _ANSWER_S / _TRIES
        received += port.read(1)
        port.timeout = 0.1
        received += port.read(4096)
        said = judge(received)
        if said[0] in ("gateway", "no gateway"):
            break
    return said


def _group_of(name: str) -> tuple[str | None, bool]:
    """Return the group that may open a port, and whether its list names us."""
    try:
        import grp
        import pwd

        group = grp.getgrgid(os.stat(name).st_gid)
        return group.gr_name, pwd.getpwuid(os.getuid()).pw_name in group.gr_mem
    except (ImportError, OSError, KeyError):
        return None, False


def _users_of(name: str) -> tuple[str, ...]:
    """Return the programs that have a port open, as far as this user may know; on Linux alone."""
    wanted = os.path.realpath(name)
    users = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == wanted and link.parts[2] != str(os.getpid()):
                users.add((link.parents[1] / "comm").read_text().strip())
        except OSError:  # it has ended, or is somebody else's
            continue
    return tuple(sorted(users))
