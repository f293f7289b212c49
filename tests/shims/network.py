"""`network`, as far as the firmware uses it; see tests/shims."""

from tests.shims import chip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY = 210
STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD = 211


def hostname(__name: "str | None" = None) -> "Any":
    if __name is None:
        return chip.hostname
    assert len(__name) <= 32
    chip.hostname = __name
    return None


class WLAN:
    """One of the two interfaces of the radio."""

    IF_STA = 0
    IF_AP = 1
    SEC_WPA2 = 3
    PM_PERFORMANCE = 1

    def __init__(self, __interface_id: int = 0) -> None:
        self._is_station = __interface_id == self.IF_STA
        self._is_active = False

    def active(self, __is_active: "bool | None" = None) -> "Any":
        if __is_active is None:
            return self._is_active
        self._is_active = __is_active
        return None

    def config(self, *, ssid: str = "", security: int = 0, key: str = "", pm: int = 0) -> "Any":
        assert self._is_active
        chip.wifi_calls.append(("config", ssid, security, key, pm))

    def connect(self, __ssid: "str | None" = None, __password: "str | None" = None) -> None:
        assert self._is_active
        chip.wifi_calls.append(("connect", __ssid, __password))

    def isconnected(self) -> bool:
        return chip.wifi_status == STAT_GOT_IP

    def status(self, __param: str = "") -> "Any":
        if __param == "rssi":
            return -61
        assert not __param
        return chip.wifi_status

    def ipconfig(self, __param: str) -> "Any":
        assert __param == "addr4"
        return chip.wifi_address if self._is_station else ("192.168.4.1", "255.255.255.0")
