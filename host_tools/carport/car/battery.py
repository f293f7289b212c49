"""The batteries: the traction battery's charge follows from the power drawn, in real time."""

from carport.car.ecu import Ecu
from carport.car.profile import Profile, SignalValue

CAPACITY_WH = 60_000
LOW_PERCENT = 4.0
LOW_VOLTS = 11.4

_EMPTY_V = 320
_V_PER_PERCENT = 0.8
_CONVERTER_V = 14.1
_CONVERTER_W = 200
_S_PER_H = 3600


class Battery(Ecu):
    """The traction battery, and the 12 V battery that it feeds while the high voltage is on.

    The current is positive into the traction battery, as in VSS. A low battery, the fault, reports
    no more than LOW_PERCENT and LOW_VOLTS until it is cleared.
    """

    node = "Battery"
    computed = frozenset({"Current"})

    def __init__(self, profile: Profile, seed: int) -> None:
        super().__init__(profile, seed)
        self.is_low = False
        self._charge_percent = self.random.uniform(55, 85)
        self._resting_v = self.random.uniform(12.4, 12.8)
        self._is_converting = False
        self._current_a = 0.0

    @property
    def charge_percent(self) -> float:
        """The state of charge as the car sees it."""
        return min(self._charge_percent, LOW_PERCENT) if self.is_low else self._charge_percent

    def advance(self, elapsed_s: float, drawn_w: float, is_high_voltage_on: bool) -> None:
        """Let elapsed_s pass while the car draws this power; negative is recuperation."""
        if is_high_voltage_on:
            drawn_w += _CONVERTER_W
        self._is_converting = is_high_voltage_on
        drawn_wh = drawn_w * elapsed_s / _S_PER_H
        charge = self._charge_percent - 100 * drawn_wh / CAPACITY_WH
        self._charge_percent = min(max(charge, 0.0), 100.0)
        self._current_a = 0.0 - drawn_w / (_EMPTY_V + _V_PER_PERCENT * self._charge_percent)

    def signals(self) -> dict[str, SignalValue]:
        volts = _CONVERTER_V if self._is_converting else self._resting_v
        return {
            "StateOfCharge": self.charge_percent,
            "Current": self._current_a,
            "LowVoltage": min(volts, LOW_VOLTS) if self.is_low else volts,
        }

    def set(self, signal: str, value: SignalValue, now_s: float) -> None:
        if signal == "StateOfCharge":
            self._charge_percent = float(value)
        else:
            self._resting_v = float(value)
