"""The wires to the car, by listening: what arrives, what breaks, who acknowledges.

    arrives  breaks
    yes      no       well
    yes      yes      a missing terminator, a loose wire, or somebody at another bit rate
    no       yes      the wrong bit rate, or CAN-H and CAN-L swapped
    no       no       the car sleeps, or no wire is connected; or, if ours wait to be acknowledged,
                      nobody is there

What breaks is told by `broken` where a controller counts it, else by REC, which only moves while
the controller takes part in the bus.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from carport.doctor.finding import Finding, note, ok, problem, warning
from carport.doctor.gathered import Gathered

_WARNING = 96  # of an error counter; ISO 11898-1:2015, 12.1

_TERMINATORS = (
    "switch everything off and measure between CAN-H and CAN-L: 60 ohm is right, 120 ohm means "
    "that a terminator is missing, 40 that there is one too many; then look for a loose wire"
)
_BIT_RATE = (
    "see that CAN-H and CAN-L are not swapped, and that the crystal stamped on an MCP2515 module "
    "is what the board's file says (8 MHz taken for 16 halves the rate); the bus's own rate is in "
    "the car's papers, or found with an slcan adapter, which only listens: `carport can dump "
    "--interface slcan --channel PORT --bitrate 500000`, 250000 or 125000, until it shows frames. "
    "Do not arm the board before it is right"
)
_WAKE = (
    "wake the car (open a door) and run this again; if it stays silent, check CAN-H, CAN-L and "
    "ground, and that the transceiver has its supply"
)


@dataclass(frozen=True)
class Bus:
    """How a bus did while it was listened to.

    breaks: of the times between two looks, the share in which frames broke; None if it cannot be
    told. is_unacknowledged: frames of ours wait for an acknowledge that does not come.
    """

    name: str
    state: str
    frames_per_second: int
    load_percent: int
    breaks: float | None
    is_unacknowledged: bool
    bus_offs: int
    new_bus_offs: int
    new_overruns: int
    bitrate: int | None


def buses_of(gathered: Gathered) -> list[Bus]:
    """Return the buses of what was gathered, which is at least one sample."""
    looks = [sample.system["can"] for sample in gathered.samples]
    return [
        _bus([look[index] for look in looks], gathered.bitrates) for index in range(len(looks[-1]))
    ]


def check_can(gathered: Gathered) -> Iterator[Finding]:
    """Yield what there is to say of each bus."""
    for bus in buses_of(gathered):
        yield from check_bus(bus)


def check_bus(bus: Bus) -> Iterator[Finding]:
    """Yield what there is to say of a bus."""
    about = f"CAN {bus.name}"
    rate = f" at {bus.bitrate // 1000} kbit/s" if bus.bitrate else ""
    if bus.new_bus_offs or bus.state == "bus-off":
        text = f"the gateway is forced off the bus again and again, {bus.bus_offs} times by now"
        yield problem(about, text, _TERMINATORS)
    elif bus.bus_offs:
        text = f"the gateway was forced off the bus {bus.bus_offs} times since it started"
        yield warning(about, text, _TERMINATORS)
    yield _heard(bus, about, rate)
    if bus.new_overruns:
        cure = "report it with `carport doctor --json`: the profile's filters let too much through"
        yield warning(about, "frames come faster than the board takes them, and are lost", cure)


def _heard(bus: Bus, about: str, rate: str) -> Finding:
    """Return what the table at the top of this file says."""
    if bus.frames_per_second:
        if bus.breaks == 1:
            return warning(about, "frames arrive, and others break all the time", _TERMINATORS)
        if bus.state in ("warning", "passive"):
            text = f"frames arrive, but so many broke before that it is error {bus.state}"
            return warning(about, text, _TERMINATORS)
        if bus.breaks:
            text = "frames arrive, and one broke meanwhile, which happens: run this again"
            return note(about, text)
        load = f"{bus.load_percent}" if bus.load_percent else "less than 1"
        text = f"{bus.frames_per_second} frames/s for us, {load} % of the bus"
        silent = ", it only listens" if bus.state == "listen-only" else ""
        return ok(about, f"{text}{silent}")
    if bus.breaks:
        return problem(about, f"nothing but broken frames is heard{rate}", _BIT_RATE)
    if bus.is_unacknowledged:
        text = "nobody acknowledges what the gateway sends, and nothing is heard"
        return problem(about, text, _WAKE)
    if bus.breaks is None:
        text = "nothing is heard, and this controller cannot tell what breaks"
        return note(about, text, f"{_WAKE}. A wrong bit rate looks alike")
    return note(about, "nothing is heard, and nothing breaks", _WAKE)


def _bus(looks: list[dict[str, Any]], bitrates: dict[str, int]) -> Bus:
    first, last = looks[0], looks[-1]
    is_listening = last["state"] == "listen-only"
    return Bus(
        name=last["bus"],
        state=last["state"],
        frames_per_second=last.get("frames_per_second", 0),  # what came before is forgotten
        load_percent=last.get("load_percent", 0),
        breaks=_breaks(looks, is_listening),
        is_unacknowledged=last.get("tx_pending", 0) > 0 and last.get("tec", 0) >= _WARNING,
        bus_offs=last.get("bus_offs", 0),
        new_bus_offs=last.get("bus_offs", 0) - first.get("bus_offs", 0),
        new_overruns=last.get("overruns", 0) - first.get("overruns", 0),
        bitrate=bitrates.get(last["bus"]),
    )


def _breaks(looks: list[dict[str, Any]], is_listening: bool) -> float | None:
    """Return in which share of the times between looks frames of others broke."""
    pairs = list(pairwise(looks))
    if all("broken" in look for look in looks):
        broken = [after["broken"] > before["broken"] for before, after in pairs]
    elif is_listening or "rec" not in looks[-1]:
        return None
    else:
        broken = [
            after["rec"] > before["rec"] or after["rec"] >= _WARNING for before, after in pairs
        ]
    return sum(broken) / len(broken) if broken else 0.0
