"""Wi-Fi as the owner has set it: a network to join, an access point of the board's own, or both.

The chip connects, and connects again, by itself. Not run on a board yet.
"""

import network

from firmware.udp import ipv4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.vault.settings import Settings

_NO_ADDRESS = "0.0.0.0"
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_NOT_ITS_PASSWORD = (
    network.STAT_WRONG_PASSWORD,
    network.STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD,  # it is open, and a password is set
    network.STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY,
)


class Wireless:
    """The two interfaces, which are on as far as they are set."""

    def __init__(self, settings: "Settings") -> None:
        network.hostname(hostname(settings.name))
        self._station = self._access_point = None
        wifi, ap = settings.wifi, settings.ap
        if ap is not None:
            self._access_point = network.WLAN(network.WLAN.IF_AP)
            self._access_point.active(True)
            self._access_point.config(
                ssid=settings.name, security=network.WLAN.SEC_WPA2, key=ap["password"]
            )
        if wifi is not None:
            self._station = network.WLAN(network.WLAN.IF_STA)
            self._station.active(True)
            # The radio rests between the beacons of the network's access point.
            self._station.config(pm=network.WLAN.PM_PERFORMANCE)
            self._station.connect(wifi["ssid"], wifi["password"])

    @property
    def is_on(self) -> bool:
        """Whether there is any interface."""
        return self._station is not None or self._access_point is not None

    def turn_off(self) -> None:
        """Turn the radio off, as ESP-IDF wants it before a deep sleep."""
        for interface in (self._station, self._access_point):
            if interface is not None:
                interface.active(False)

    def subnets(self) -> "list[tuple[bytes, bytes]]":
        """Return the address and the netmask of each interface that has them."""
        subnets = []
        for interface in (self._station, self._access_point):
            if interface is not None and (
                interface is self._access_point or interface.isconnected()
            ):
                address, mask = interface.ipconfig("addr4")
                if address != _NO_ADDRESS:  # whose netmask would take in everybody
                    subnets.append((ipv4(address), ipv4(mask)))
        return subnets

    def describe(self) -> "dict[str, int | str] | None":
        """Return what `carport.cddl` says of Wi-Fi, None if there is no network to join.

        With a wrong password MicroPython says by turns so and that it is connecting, for it tries
        again (ports/esp32/network_wlan.c).
        """
        station = self._station
        if station is None:
            return None
        if station.isconnected():
            try:
                return {"state": "connected", "rssi": station.status("rssi")}
            except OSError:  # not any more
                pass
        status = station.status()
        if status in _NOT_ITS_PASSWORD:
            return {"state": "wrong password"}
        is_absent = status == network.STAT_NO_AP_FOUND
        return {"state": "no such network" if is_absent else "connecting"}


def hostname(name: str) -> str:
    """Return what the board calls itself on the network: letters, digits and hyphens."""
    allowed = ""
    for character in name.lower():
        allowed += character if character in _NAME_CHARACTERS else "-"
    return allowed.strip("-")[:32] or "carport"
