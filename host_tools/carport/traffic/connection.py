"""Which bus is meant, and joining it: the running emulator's, or any that python-can knows.

Options come first, then python-can's own configuration (CAN_INTERFACE, CAN_CHANNEL, CAN_CONFIG,
can.conf), then the emulator. So whoever has configured python-can gets the bus configured there.
"""

import difflib
import logging
import os
import socket
from collections.abc import Mapping
from configparser import Error as ConfigFileError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import can
from can.util import load_environment_config, load_file_config

from carport.emulator.control import ControlError, find_emulator
from carport.errors import CarportError, NoAnswerError, UsageError

_ECHOING = ("socketcan", "socketcand", "udp_multicast", "virtual")
_HARMLESS = ("udp_multicast", "virtual")
_CONNECT_TIMEOUT_S = 3.0

# What python-can has to warn about is either told by us in a sentence, or of no interest.
logging.getLogger("can").addHandler(logging.NullHandler())
logging.getLogger("can").propagate = False


@dataclass(frozen=True)
class Connection:
    """How to join a bus.

    config: what python-can wants to know. car: the profile of the emulated car on it. pid: the
    emulator's process; both are None where there is no emulator.
    """

    config: Mapping[str, Any]
    car: str | None = None
    channels: tuple[str, ...] = ()
    pid: int | None = None

    @property
    def name(self) -> str:
        """What people call it, such as `can0 of the emulator` or `slcan /dev/ttyUSB0`."""
        channel = self.config.get("channel")
        if self.pid is not None:
            return f"{channel} of the emulator"
        host = self.config.get("host")
        server = f"{host}:{self.config.get('port')}" if host else None
        return " ".join(str(each) for each in (self.config["interface"], channel, server) if each)

    @property
    def is_harmless(self) -> bool:
        """Whether no car can be on it: it is the emulator's, or made of software only."""
        interface, channel = self.config["interface"], str(self.config.get("channel"))
        is_virtual = interface == "socketcan" and channel.startswith("vcan")
        return self.pid is not None or interface in _HARMLESS or is_virtual

    @property
    def echoes(self) -> bool:
        """Whether who joins it twice hears with the one what was sent with the other."""
        return self.config["interface"] in _ECHOING

    def on(self, channel: str) -> "Connection":
        """Return the same on another channel.

        Raises:
            UsageError: the emulator has no such channel.
        """
        if self.pid is not None and channel not in self.channels:
            raise UsageError(
                f"the emulator has no channel {channel}: use {' or '.join(self.channels)}"
            )
        return Connection({**self.config, "channel": channel}, self.car, self.channels, self.pid)

    def open(self, **more: Any) -> can.BusABC:
        """Join it.

        Raises:
            UsageError: it is not configured as it must be.
            NoAnswerError: there is nothing.
            CarportError: the driver is not installed.
        """
        config = {**self.config, **more}
        interface = config["interface"]
        try:
            if interface == "socketcand":
                _check_listening(str(config.get("host")), config.get("port"))
            return can.Bus(**config)
        except can.CanInterfaceNotImplementedError as error:
            raise CarportError(
                f"{interface} cannot be used here ({_one_line(error)}): install its driver"
            ) from error
        except (TypeError, ValueError, can.CanError, OSError) as error:
            if any(isinstance(each, TypeError | ValueError) for each in (error, error.__cause__)):
                raise UsageError(
                    f"{self.name} cannot be opened so ({_one_line(error)}): "
                    "see --channel, --bitrate, --host and --port"
                ) from error
            raise NoAnswerError(
                f"there is no bus at {self.name} ({_one_line(error)}): is it plugged in and up?"
            ) from error

    def check_alive(self) -> None:
        """Check that the emulator still runs: python-can does not tell a bus that has ended.

        Raises:
            NoAnswerError: it has ended.
        """
        if self.pid is None:
            return
        try:
            os.kill(self.pid, 0)
        except OSError as error:
            raise lost(self.name, error) from error


def find_connection(given: Mapping[str, Any], state: Path | None) -> Connection:
    """Return the bus that is meant.

    given: those of interface, channel, bitrate, host and port that were asked for. state: the
    folder of the emulator that was asked for.

    Raises:
        UsageError: there is no such interface or channel.
        NoAnswerError: no emulator runs, or not the one that was asked for.
    """
    try:
        configured = {**load_file_config(), **load_environment_config()}
    except (ConfigFileError, ValueError) as error:
        raise UsageError(
            f"python-can's configuration cannot be read ({_one_line(error)}): "
            "correct can.conf or CAN_CONFIG"
        ) from error
    asked = {} if state is not None else configured
    config = {**asked, **given}
    if "interface" not in config and ("host" in config or "port" in config):
        config["interface"] = "socketcand"
    if "interface" not in config:
        return _emulator(config, state)
    if state is not None:
        raise UsageError("--state names an emulator: leave out --interface, --host and --port")
    interface = config["interface"]
    if interface not in can.VALID_INTERFACES:
        near = difflib.get_close_matches(str(interface), can.VALID_INTERFACES, 1)
        hint = f"did you mean {near[0]}" if near else ", ".join(sorted(can.VALID_INTERFACES))
        raise UsageError(f"python-can has no interface {interface}: {hint}")
    return Connection(config)


def lost(name: str, error: Exception) -> NoAnswerError:
    """Return the error that says that a bus has gone."""
    return NoAnswerError(f"the bus at {name} was lost ({_one_line(error)}): start it again")


def _emulator(config: Mapping[str, Any], state: Path | None) -> Connection:
    try:
        entry = find_emulator(state)
    except ControlError as error:
        raise NoAnswerError(f"{error}, or name a bus with --interface") from error
    if "bitrate" in config:
        raise UsageError("the emulator's bus has its own bit rate: leave --bitrate out")
    told = entry["can"]
    endpoint = {each: told[each] for each in ("interface", "host", "port")}
    channels = tuple(told["channels"])
    found = Connection(endpoint, entry.get("car"), channels, entry["pid"])
    return found.on(str(config.get("channel", channels[0])))


def _check_listening(host: str, port: Any) -> None:
    """Fail at once where nobody listens; python-can would try for ten seconds."""
    if port is None:
        raise ValueError("socketcand needs a host and a port")
    socket.create_connection((host, int(port)), _CONNECT_TIMEOUT_S).close()


def _one_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()).rstrip(".") or type(error).__name__
