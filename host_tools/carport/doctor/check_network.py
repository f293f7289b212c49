"""Whether the gateway can be reached without its cable."""

from collections.abc import Iterator
from typing import Any

from carport.doctor.finding import Finding, note, ok, problem, warning
from carport.doctor.gathered import Gathered

_FAIR_DBM = -75
_WEAK_DBM = -85

_ABOUT = "Wi-Fi"
_NEARER = "move the board or its antenna out of metal, or the access point nearer"


def check_network(gathered: Gathered) -> Iterator[Finding]:
    """Yield how Wi-Fi is, and whether the network leads to the gateway."""
    wifi = gathered.system.get("platform", {}).get("wifi")
    answers = gathered.way == "network" or gathered.lan
    if wifi is not None:
        yield _joined(wifi)
    elif gathered.owned is not None and not (gathered.owned.has_wifi or answers):
        if gathered.owned.has_access_point:
            yield ok(_ABOUT, "it joins none, and opens a network of its own")
        else:
            cure = "run `carport provision --wifi NAME`, or leave it so"
            yield note(_ABOUT, "none is set: only the cable leads to the gateway", cure)
            return
    if answers:
        yield ok("network", "the gateway answers on the network")
    elif gathered.lan is False:
        cure = (
            "join the same network with this computer; an access point may keep its guests apart "
            "(client isolation), and a firewall UDP port 5683"
        )
        yield warning("network", "the gateway does not answer on the network", cure)


def _joined(wifi: dict[str, Any]) -> Finding:
    state, rssi = wifi.get("state"), wifi.get("rssi")
    if state == "wrong password":
        cure = "run `carport provision --wifi NAME`, and type its password again"
        return problem(_ABOUT, "its password is wrong", cure)
    if state == "no such network":
        cure = "check its name with `carport provision --show`, and that it is one of 2.4 GHz"
        return problem(_ABOUT, "its network is not there", cure)
    if state != "connected":
        return warning(
            _ABOUT, "it is not joined yet", f"wait a minute and run this again; {_NEARER}"
        )
    if rssi is None:
        return ok(_ABOUT, "it is joined")
    if rssi < _WEAK_DBM:
        return warning(_ABOUT, f"it is joined, but too weak: {rssi} dBm", _NEARER)
    if rssi < _FAIR_DBM:
        return note(_ABOUT, f"it is joined, and rather weak: {rssi} dBm", _NEARER)
    return ok(_ABOUT, f"it is joined, {rssi} dBm")
