"""Ports, the rights to them, who has them open, and what answers."""

from collections.abc import Iterator

from carport.doctor.finding import Finding, note, ok, problem, warning
from carport.doctor.gathered import Gathered, Port

_CABLE = "cable"
_NO_PORT = (
    "no board is on USB: take a cable that carries data, not only power, and another socket; a "
    "CP210x or CH34x converter needs its driver on Windows and older macOS"
)


def check_cable(gathered: Gathered) -> Iterator[Finding]:
    """Yield what there is to say of each port, and of there being none."""
    if not gathered.ports:
        found = note if gathered.way == "network" else problem
        yield found(_CABLE, "there is no serial port where a board may be", _NO_PORT)
    answering = any(port.said == "gateway" for port in gathered.ports)
    for port in gathered.ports:
        yield _check(port, is_needed=not answering and gathered.way is None)


def _check(port: Port, is_needed: bool) -> Finding:
    """Return the finding about a port; one that is not needed is no problem."""
    bad = problem if is_needed else note
    what = f"{port.name} ({port.description})" if port.description else port.name
    match port.trouble:
        case "no rights":
            return bad(_CABLE, f"you may not open {what}", _rights(port))
        case "busy":
            who = " and ".join(port.users) or "another program"
            return bad(_CABLE, f"{who} has {what} open", f"end {who}, then run this again")
        case "gone":
            cure = "unplug it, plug it in again, and try another USB socket"
            return bad(_CABLE, f"{what} cannot be opened", cure)
    match port.said:
        case "gateway":
            return ok(_CABLE, f"a gateway answers at {what}")
        case "no gateway":
            cure = "do what it says; if it says nothing to do, run `carport flash` again"
            return problem(_CABLE, f"the board at {what} has no gateway: {port.words}", cure)
        case "bootloader":
            cure = "press its reset button without holding BOOT; if it stays, run `carport flash`"
            return bad(_CABLE, f"the board at {what} is in its bootloader", cure)
        case "repl":
            cure = "press its reset button; if it stays, run `carport flash`"
            return bad(_CABLE, f"MicroPython's prompt answers at {what}, not a gateway", cure)
    cure = "press the board's reset button and run this again; if it is new, run `carport flash`"
    return (warning if is_needed else note)(_CABLE, f"nothing answers at {what}", cure)


def _rights(port: Port) -> str:
    if port.group is None:
        return "ask whoever runs this computer for the right to use serial ports"
    if port.is_member:
        return f"you are in the group {port.group} since you logged in: log out, and in again"
    return f"sudo usermod -aG {port.group} $USER, then log out and in again"
