"""The navigation unit: where the car is, by how far it has driven along a winding road.

The road turns to either side as a sine of the distance, so that a drive goes somewhere and looks
like one on a map.
"""

from math import cos, pi, radians, sin
from typing import ClassVar

from carport.car.ecu import Ecu
from carport.car.profile import Profile, SignalValue
from carport.car.reference.buses import BODY_BUS

_M_PER_DEGREE = 111_320.0
_WINDING_M = 900.0
_WINDING_RAD = 1.1
_DIGITS = 7


class Navigation(Ecu):
    """Tells latitude and longitude."""

    node = "Navigation"
    periods_s: ClassVar = {"NAV_Latitude": 0.5, "NAV_Longitude": 0.5}
    buses = (BODY_BUS,)

    def __init__(self, profile: Profile, seed: int) -> None:
        super().__init__(profile, seed)
        self._degrees: dict[str, float] = {
            "Latitude": self.random.uniform(47.0, 49.0),
            "Longitude": self.random.uniform(8.0, 12.0),
        }
        self._heading = self.random.uniform(0, 2 * pi)
        self._driven_m = 0.0

    def advance(self, metres: float) -> None:
        """Go so far along the road."""
        self._driven_m += metres
        turn = _WINDING_RAD * sin(2 * pi * self._driven_m / _WINDING_M)
        heading = self._heading + turn
        latitude = self._degrees["Latitude"]
        degrees = metres / _M_PER_DEGREE
        self._degrees["Latitude"] += degrees * cos(heading)
        self._degrees["Longitude"] += degrees * sin(heading) / cos(radians(latitude))

    def signals(self) -> dict[str, SignalValue]:
        return {name: round(degrees, _DIGITS) for name, degrees in self._degrees.items()}

    def set(self, signal: str, value: SignalValue, now_s: float) -> None:
        self._degrees[signal] = float(value)
