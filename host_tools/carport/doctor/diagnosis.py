"""All checks of what was gathered, in the order in which a board is put to work."""

from collections.abc import Callable, Iterator

from carport.doctor.check_board import check_firmware, check_health, check_memory
from carport.doctor.check_cable import check_cable
from carport.doctor.check_can import check_can
from carport.doctor.check_keys import check_arming, check_keys, check_time
from carport.doctor.check_network import check_network
from carport.doctor.check_power import check_power, check_supply
from carport.doctor.finding import Finding, Level, note, ok, problem, warning
from carport.doctor.gathered import Gathered

Check = Callable[[Gathered], Iterator[Finding]]

_OF_A_GATEWAY: tuple[Check, ...] = (
    check_network,
    check_firmware,
    check_health,
    check_memory,
    check_can,
    check_arming,
    check_keys,
    check_time,
    check_supply,
    check_power,
)


def diagnose(gathered: Gathered) -> list[Finding]:
    """Return every finding."""
    found = [*check_cable(gathered), *_check_contact(gathered)]
    if gathered.samples:
        for check in _OF_A_GATEWAY:
            found.extend(check(gathered))
    return found


def is_healthy(findings: list[Finding]) -> bool:
    """Tell whether none of them is a problem."""
    return all(finding.level != Level.PROBLEM for finding in findings)


def _check_contact(gathered: Gathered) -> Iterator[Finding]:
    """Yield whether a gateway of ours was reached."""
    about = "gateway"
    if gathered.gateway is None:
        yield note(about, "none is paired with this computer", "run `carport pair`")
    elif gathered.way is None and gathered.asleep:
        cure = "open a door of the car, or give `--timeout` a minute more than that"
        yield warning(about, f"{gathered.gateway} does not answer: {gathered.asleep}", cure)
    elif gathered.way is None:
        text, _, cure = gathered.failure.partition(": ")
        yield problem(about, f"{gathered.gateway} cannot be asked: {text}", cure)
    else:
        yield ok(about, f"{gathered.gateway} answers by {gathered.way}")
