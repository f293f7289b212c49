"""Asks the ports and the gateway for all that the checks look at; judges nothing."""

import asyncio
import time
import tomllib
from dataclasses import replace
from typing import Any

import aiocoap
import cbor2

import carport
from carport.client.client import Client, successful
from carport.client.known_gateways import KnownGateway
from carport.client.lan import first_to_answer
from carport.client.route import Via
from carport.client.settings import read_settings
from carport.doctor.gathered import Gathered, Owned, Sample, Time
from carport.doctor.ports import look_at_ports
from carport.errors import CarportError, NotAuthorisedError
from carport.paths import device_source_root

LOOKS = 3
LOOK_S = 1.2  # the firmware counts frames over a second

_PING_S = 1.5
_VOLTAGE = "Vehicle.LowVoltageBattery.CurrentVoltage"
_NEWS_MS = 60_000
_SPARE_BYTES = 16 * 1024  # to ask about updates lets the board load what answers


async def gather(
    gateway: KnownGateway | None, via: Via, port: str | None, timeout_s: float
) -> Gathered:
    """Return what there is to know of the ports, and of the gateway that is meant if there is one.

    It takes some seconds: the buses are listened to.
    """
    known = gateway.serial_port if gateway is not None else None
    ports = await look_at_ports(port, known) if via != "lan" else []
    gathered = Gathered(ports, carport.__version__)
    if gateway is None:
        return gathered
    gathered = replace(gathered, gateway=gateway.name, asleep=gateway.asleep)
    if any(each.said == "no gateway" and each.name in (port, known) for each in ports):
        return replace(gathered, failure="its board has no gateway now: mend that first")
    refusals: list[str] = []
    answering = [each.name for each in ports if each.said == "gateway"]
    if via == "auto" and known in answering:
        via = "serial"
    client = Client(gateway, via=via, port=port, timeout_s=timeout_s, on_log=refusals.append)
    async with client:
        try:
            return await _ask(client, gathered, refusals)
        except CarportError as error:
            return replace(gathered, failure=str(error))


async def _ask(client: Client, gathered: Gathered, log: list[str]) -> Gathered:
    loop = asyncio.get_running_loop()
    samples: list[Sample] = []
    for look in range(LOOKS):
        if look:
            await asyncio.sleep(LOOK_S)
        samples.append(Sample(loop.time(), await _map(client, "system")))
    system = samples[-1].system
    assert client.route is not None
    is_cable = client.route.port is not None
    has_room = system["platform"].get("heap_free", _SPARE_BYTES) >= _SPARE_BYTES
    owned = await _ask_as_owner(client, has_room)
    return replace(
        gathered,
        way="cable" if is_cable else "network",
        samples=samples,
        lan=await _answers_on_lan(client, system) if is_cable else None,
        is_armed=(await client.arming()).is_armed,
        time=await _time(client, log),
        owned=owned,
        bitrates=_bitrates(system["profile"]),
        supply_volts=await _supply(client),
    )


async def _ask_as_owner(client: Client, has_room: bool) -> Owned | None:
    """Return what an owner is told, None to anybody else."""
    try:
        settings, principals = await read_settings(client), await client.principals()
    except NotAuthorisedError:
        return None
    update = None
    if has_room:
        answer = await client.request(aiocoap.GET, "update")
        update = cbor2.loads(answer.payload) if answer.code.is_successful() else None
    return Owned(principals, settings.wifi is not None, settings.ap is not None, update)


async def _time(client: Client, log: list[str]) -> Time:
    """Return the board's time, once this program has given it ours, or tried to."""
    await client.settle()
    unix_s = (await _map(client, "time")).get("unix_s")
    refusal = next((line for line in log if line.startswith("the time was not")), "")
    return Time(unix_s, time.time(), refusal)


async def _answers_on_lan(client: Client, system: dict[str, Any]) -> bool | None:
    """Return whether it can be reached without the cable, None if it is not to be."""
    addresses = list(client.gateway.addresses)
    told = system["platform"].get("address")
    if isinstance(told, str):
        addresses.insert(0, told)
    if not addresses:
        return False if "wifi" in system["platform"] else None
    return await first_to_answer(addresses, _PING_S) is not None


async def _supply(client: Client) -> float | None:
    """Return the voltage of the 12 V battery, if the car has told it of late."""
    try:
        signal = (await client.signals()).get(_VOLTAGE)
    except CarportError:
        return None
    if signal is None or signal.age_ms > _NEWS_MS or isinstance(signal.value, str):
        return None
    return float(signal.value)


async def _map(client: Client, path: str) -> dict[str, Any]:
    answer = successful(await client.request(aiocoap.GET, path))
    told = cbor2.loads(answer.payload)
    assert isinstance(told, dict)
    return told


def _bitrates(profile: str) -> dict[str, int]:
    """Return the bit rate of each bus of a profile; none if it is not installed here."""
    path = device_source_root() / "gateway" / "profiles" / profile / "profile.toml"
    if not path.exists():
        return {}
    described = tomllib.loads(path.read_text(encoding="utf-8"))
    return {bus["name"]: bus["bitrate"] for bus in described["buses"]}
