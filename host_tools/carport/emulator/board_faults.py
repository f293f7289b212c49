"""The faults around an emulated board, beside those of its car: its wires, and its Wi-Fi."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from carport.car.faults import Fault
from carport.emulator.control import Handle

if TYPE_CHECKING:
    from carport.hub import Hub

_CHANNELS = ("can0", "can1")
_BREAKS_EVERY = 12  # so that nodes stay error active

BOARD_FAULTS = {
    fault.name: fault
    for fault in (
        Fault("cut-wire", "The board's wires to a bus are cut.", _CHANNELS),
        Fault("wrong-bit-rate", "The board is set to another bit rate than its bus.", _CHANNELS),
        Fault("no-terminator", "A bus lacks a terminator: one frame in 12 breaks.", _CHANNELS),
        Fault("wifi-password", "From the board's next start on its Wi-Fi password is wrong."),
    )
}


class BoardFaults:
    """Answers what carport/car/requests.py says, and knows the faults above too.

    handle: answers for the rest of the world. set_wifi: is told how joining Wi-Fi ends, None for
    well.
    """

    def __init__(self, handle: Handle, hub: "Hub", set_wifi: Callable[[str | None], None]) -> None:
        self._handle = handle
        self._hub = hub
        self._set_wifi = set_wifi
        self._active: dict[str, str] = {}  # the place of each

    def handle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request."""
        name, does = request.get("name"), request.get("do")
        if name in BOARD_FAULTS and does == "fault":
            return self._begin(BOARD_FAULTS[name], request.get("place"))
        if does == "clear":
            self._end(name)
            if name in BOARD_FAULTS:
                return {
                    "ok": True,
                    "faults": self._handle({"do": "state"})["faults"] + self._all(),
                }
        answer = self._handle(dict(request))
        if "faults" in answer:
            answer["faults"] += self._all()
        return answer

    def _begin(self, fault: Fault, place: object) -> dict[str, Any]:
        place = place or next(iter(fault.places), "")
        if place and place not in fault.places:
            return {"ok": False, "error": f"{fault.name} has no place {place}"}
        self._end(fault.name)
        self._active[fault.name] = channel = str(place)
        match fault.name:
            case "cut-wire":
                self._hub.set_connected(channel, False)
            case "wrong-bit-rate":
                self._hub.set_wrong_bitrate(channel)
            case "no-terminator":
                self._hub.set_breaks(channel, _BREAKS_EVERY)
            case "wifi-password":
                self._set_wifi("wrong password")
        return {"ok": True, "name": fault.name, "place": channel}

    def _end(self, name: str | None) -> None:
        """End the fault of that name, or all."""
        for each in [each for each in self._active if name in (None, each)]:
            channel = self._active.pop(each)
            match each:
                case "cut-wire" | "wrong-bit-rate":
                    self._hub.set_connected(channel, True)
                case "no-terminator":
                    self._hub.set_breaks(channel, 0)
                case "wifi-password":
                    self._set_wifi(None)

    def _all(self) -> list[dict[str, str]]:
        return [{"name": name, "place": place} for name, place in sorted(self._active.items())]
