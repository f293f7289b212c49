"""The drivetrain: gear, speed, odometer, and a drive out of Park and back into it.

A drive speeds up at 2.5 m/s2, holds its speed, and brakes at 3 m/s2 to stand after its time:

    speed ^      ________
          |     /        \\           v(t) = min(v, 2.5 t, 3 (end - t))
          |____/          \\____> t
          Park    Drive    Park

The power is that of 1,800 kg against rolling resistance and air; braking gives 60 % of it back.
"""

from dataclasses import dataclass

from carport.car.ecu import Ecu
from carport.car.profile import CarError, Profile, SignalValue

_ACCELERATION = 2.5
_BRAKING = 3.0
_KPH_PER_MPS = 3.6
_MASS_KG = 1800
_ROLLING_N = 170
_DRAG_N_PER_MPS2 = 0.4
_RECUPERATION = 0.6


@dataclass
class Drive:
    """A drive that began at begin_s; it cruises at `mps` and stands again at end_s."""

    mps: float
    begin_s: float
    end_s: float

    def speed_mps(self, now_s: float) -> float:
        """Return the speed at this time."""
        rising = _ACCELERATION * (now_s - self.begin_s)
        return max(0.0, min(self.mps, rising, _BRAKING * (self.end_s - now_s)))


class Drivetrain(Ecu):
    """Motor, gear selector, ignition."""

    node = "Drivetrain"

    def __init__(self, profile: Profile, seed: int) -> None:
        super().__init__(profile, seed)
        self.drawn_w = 0.0
        self._gear: SignalValue = "Park"
        self._power: SignalValue = "Off"
        self._mps = 0.0
        self._odometer_km = self.random.uniform(10_000, 60_000)
        self._drive: Drive | None = None

    @property
    def is_on(self) -> bool:
        """Whether the ignition is on, or in accessory."""
        return self._power != "Off"

    @property
    def is_in_use(self) -> bool:
        """Whether there is somebody in the car who drives, or could."""
        return self.is_on or self._mps > 0

    @property
    def odometer_km(self) -> float:
        """How far the car has been driven."""
        return self._odometer_km

    def drive(self, kph: float, seconds: float, now_s: float) -> None:
        """Leave Park now, and be back in it, ignition off, after so many seconds.

        Raises:
            CarError: the car is moving.
        """
        if self._mps > 0:
            raise CarError("the car is moving: `carport sim drive stop`, or set Vehicle.Speed=0")
        self._drive = Drive(kph / _KPH_PER_MPS, now_s, now_s + seconds)
        self._gear = "Drive"
        self._power = "On"

    def brake(self, now_s: float) -> None:
        """Brake now, then end the drive; nothing if there is none."""
        if self._drive is not None:
            self._drive.end_s = min(self._drive.end_s, now_s + self._mps / _BRAKING)

    def advance(self, elapsed_s: float, now_s: float) -> None:
        """Let elapsed_s pass, up to now_s."""
        before_mps = self._mps
        if self._drive is not None:
            self._mps = self._drive.speed_mps(now_s)
            if now_s >= self._drive.end_s:
                self._drive = None
                self._gear = "Park"
                self._power = "Off"
        mean_mps = (before_mps + self._mps) / 2
        self._odometer_km += mean_mps * elapsed_s / 1000
        resistance_n = (_ROLLING_N if mean_mps else 0) + _DRAG_N_PER_MPS2 * mean_mps**2
        force_n = resistance_n + _MASS_KG * (self._mps - before_mps) / elapsed_s
        self.drawn_w = force_n * mean_mps * (1 if force_n > 0 else _RECUPERATION)

    def signals(self) -> dict[str, SignalValue]:
        return {
            "Gear": self._gear,
            "Speed": self._mps * _KPH_PER_MPS,
            "PowerState": self._power,
            "Odometer": self._odometer_km,
        }

    def set(self, signal: str, value: SignalValue, now_s: float) -> None:
        """Take over from a drive: gear, speed and ignition stay as they are set."""
        if signal == "Odometer":
            self._odometer_km = float(value)
            return
        self._drive = None
        if signal == "Gear":
            self._gear = value
        elif signal == "PowerState":
            self._power = value
        else:
            self._mps = float(value) / _KPH_PER_MPS
