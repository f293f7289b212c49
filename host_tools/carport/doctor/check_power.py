"""The 12 V battery, and how the board saves it.

The thresholds are those of a lead-acid battery at rest, without anything that charges it.
"""

from collections.abc import Iterator

from carport.doctor.finding import Finding, note, ok, problem, warning
from carport.doctor.gathered import Gathered
from carport.duration import duration

_EMPTY_V = 11.5
_HALF_V = 12.2
_TOO_HIGH_V = 15.0

_CHARGE = "drive or charge it; a board that sleeps takes less: `carport provision --power stored`"


def check_supply(gathered: Gathered) -> Iterator[Finding]:
    """Yield how the 12 V battery is, as the board or else the car says."""
    measured = gathered.system.get("power", {}).get("supply_mv")
    if measured is not None:
        yield _judge(measured / 1000, "the board")
    elif gathered.supply_volts is not None:
        yield _judge(gathered.supply_volts, "the car")
    else:
        yield note("12 V", "neither board nor car say how the 12 V battery is")


def check_power(gathered: Gathered) -> Iterator[Finding]:
    """Yield in which mode it is, if it may sleep."""
    power = gathered.system.get("power")
    if power is None:
        return
    if power.get("forced"):
        text = "the 12 V battery is low, so the board sleeps whatever is set"
        yield warning("power", text, _CHARGE)
    elif power["state"] == "stored":
        every = duration(1000 * power["interval_s"]) if "interval_s" in power else "a while"
        yield note("power", f"stored: it sleeps, and wakes each {every} or when the car does")
    else:
        yield ok("power", "reachable: it is always awake")


def _judge(volts: float, who: str) -> Finding:
    text = f"{volts:.1f} V, says {who}"
    if volts < _EMPTY_V:
        return problem("12 V", f"{text}: nearly empty", _CHARGE)
    if volts < _HALF_V:
        return warning("12 V", f"{text}: less than half full", _CHARGE)
    if volts > _TOO_HIGH_V:
        return warning("12 V", f"{text}: too high", "let the car's charging be checked")
    return ok("12 V", text)
