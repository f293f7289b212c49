"""What an owner sets on a gateway: name, region, Wi-Fi, access point, power. And what comes of it.

The board uses new settings from its next start on, which it makes by itself a second after it
has answered. Then it joins its Wi-Fi, or says why it cannot.
"""

import asyncio
import re
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import aiocoap
import cbor2

from carport.client.client import Client, successful
from carport.client.system import System
from carport.errors import NoAnswerError, UnreadableError, UsageError

Mode = Literal["reachable", "stored"]

CONNECTED = "connected"
CONNECTING = "connecting"
START_S = 30.0
JOIN_S = 40.0

_POLL_S = 0.5
_MAX_SSID_BYTES = 32
_PASSWORD_BYTES = range(8, 64)  # of WPA2
_INTERVAL_S = range(60, 86401)
_LOW_MV = range(9000, 16001)
_MODES: dict[str, Mode] = {"reachable": "reachable", "stored": "stored"}
_UNITS_S = {"s": 1, "m": 60, "h": 3600}

# Neither i, l, o, 0 nor 1: it is read from a screen, and typed into a phone.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 4  # 79 bits


@dataclass(frozen=True)
class Power:
    """How the board saves power; the defaults are the firmware's own."""

    mode: Mode = "reachable"
    interval_s: int = 900
    low_mv: int = 12_200


@dataclass(frozen=True)
class BoardSettings:
    """What is set; wifi and ap are names of networks, None without one. Passwords stay inside."""

    name: str
    region: str | None = None
    home: str | None = None
    wifi: str | None = None
    ap: str | None = None
    power: Power | None = None


@dataclass(frozen=True)
class Wifi:
    """How the board fares with its Wi-Fi; rssi in dBm, if it is known."""

    state: str
    rssi: int | None = None


async def read_settings(client: Client) -> BoardSettings:
    """Return what is set; see Client for what all of these raise."""
    return _decode(successful(await client.request(aiocoap.GET, "settings")))[0]


async def change_settings(client: Client, changes: dict[str, Any]) -> bytes | None:
    """Set what is named, as gateway/carport.cddl has it.

    Returns:
        The run of the board that is about to end, for `await_start`; None if it goes on.
    """
    boot = await client.boot()
    payload = cbor2.dumps(changes, canonical=True)
    answer = await client.request(aiocoap.PUT, "settings", payload)
    return boot if _decode(successful(answer))[1] else None


async def await_start(client: Client, before: bytes) -> None:
    """Return once the board has started after that run.

    Raises:
        NoAnswerError: it does not come back.
    """
    deadline = _now() + START_S
    while _now() < deadline:
        with suppress(NoAnswerError):
            if await client.boot() != before:
                return
        await asyncio.sleep(_POLL_S)
    raise NoAnswerError(
        "the settings are stored, but the board does not start with them: switch it off and on, "
        "then look with `carport doctor`"
    )


def decode_wifi(system: System) -> Wifi | None:
    """Return how the board fares with its Wi-Fi, None if none is set."""
    told = system.platform.get("wifi")
    if not isinstance(told, dict):
        return None
    return Wifi(str(told.get("state")), told.get("rssi"))


async def await_wifi(client: Client) -> Wifi | None:
    """Return the same, once the network is joined or cannot be."""
    deadline = _now() + JOIN_S
    wifi = decode_wifi(await client.system())
    while wifi is not None and wifi.state == CONNECTING and _now() < deadline:
        await asyncio.sleep(_POLL_S)
        wifi = decode_wifi(await client.system())
    return wifi


def difference(
    present: BoardSettings,
    wanted: BoardSettings,
    wifi_password: str | None,
    ap_password: str | None,
) -> dict[str, Any]:
    """Return what to ask for, so that what is present becomes what is wanted.

    wifi_password: of a network to join now; None leaves Wi-Fi as it is, unless it is to go.
    ap_password: likewise, of the access point.
    """
    found: dict[str, Any] = {}
    if wanted.name != present.name:
        found["name"] = wanted.name
    if wanted.region is not None and wanted.region != present.region:
        found["region"] = wanted.region
    if wifi_password is not None:
        found["wifi"] = {"ssid": wanted.wifi, "password": wifi_password}
    elif wanted.wifi is None and present.wifi is not None:
        found["wifi"] = None
    if ap_password is not None:
        found["ap"] = {"password": ap_password}
    elif wanted.ap is None and present.ap is not None:
        found["ap"] = None
    if wanted.power is not None and wanted.power != (present.power or Power()):
        found["power"] = asdict(wanted.power)
    return found


def new_password() -> str:
    """Return a password that is this board's alone."""
    letters = [secrets.choice(_ALPHABET) for _ in range(_GROUPS * _GROUP)]
    return "-".join("".join(letters[at : at + _GROUP]) for at in range(0, len(letters), _GROUP))


def wifi_uri(ssid: str, password: str) -> str:
    """Return what a phone's camera reads from a QR code to join a network.

    Source: github.com/zxing/zxing/wiki/Barcode-Contents, WIFI.
    """

    def escaped(text: str) -> str:
        return re.sub(r'([\\;,":])', r"\\\1", text)

    return f"WIFI:T:WPA;S:{escaped(ssid)};P:{escaped(password)};;"


def check_region(text: str) -> str:
    """Return a region in capital letters, or raise UsageError."""
    if not re.fullmatch("[A-Za-z]{2}", text):
        raise UsageError(f"{text!r} is no country: write its two letters, such as DE")
    return text.upper()


def check_ssid(text: str) -> str:
    """Return the name of a network, or raise UsageError."""
    if not (text and text.isprintable() and len(text.encode()) <= _MAX_SSID_BYTES):
        raise UsageError(f"{text!r} is no network's name: it has 1 to {_MAX_SSID_BYTES} bytes")
    return text


def check_password(text: str) -> str:
    """Return the password of a network, "" for an open one, or raise UsageError: without it."""
    if text and not (text.isprintable() and len(text.encode()) in _PASSWORD_BYTES):
        raise UsageError("a Wi-Fi password has 8 to 63 characters: type it as it is")
    return text


def check_mode(text: str) -> Mode:
    """Return how power is saved, or raise UsageError."""
    if text not in _MODES:
        raise UsageError(f"{text!r} is no way to save power: write reachable or stored")
    return _MODES[text]


def check_interval(text: str) -> int:
    """Return "90s", "15m" or "24h" in seconds, or raise UsageError."""
    found = re.fullmatch(r"(\d{1,5})([smh])", text)
    seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if seconds not in _INTERVAL_S:
        raise UsageError(f"{text!r} is no time to sleep: write 15m or 2h, from 1m to 24h")
    return seconds


def check_voltage(volts: float) -> int:
    """Return volts as millivolts, or raise UsageError."""
    millivolts = round(volts * 1000)
    if millivolts not in _LOW_MV:
        raise UsageError(f"{volts:g} V is out of range: write 9 to 16, such as 12.2")
    return millivolts


def _decode(answer: aiocoap.Message) -> tuple[BoardSettings, bool]:
    """Return the settings, and whether the board restarts for them."""
    try:
        told = cbor2.loads(answer.payload)
        settings = BoardSettings(told["name"], told.get("region"), told.get("home"))
        for network in ("wifi", "ap"):
            if network in told:
                settings = replace(settings, **{network: told[network]["ssid"]})
        if "power" in told:
            settings = replace(settings, power=Power(**told["power"]))
        return settings, "restarts" in told
    except (cbor2.CBORDecodeError, LookupError, TypeError) as error:
        raise UnreadableError("the gateway's answer") from error


def _now() -> float:
    return asyncio.get_running_loop().time()
