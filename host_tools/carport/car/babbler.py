"""A broken node that sends on the gateway's own ID, in bursts that collide with its commands.

Ten frames each 10 ms take about a fifth of a bus of 500 kbit/s. It is a node of its own, with its
own place on the bus, so that the errors it makes drive it and the gateway to bus-off, not the car.
"""

import can

_PERIOD_S = 0.01
_BURST = 10


class Babbler:
    """Sends on an ID of the gateway's, on a bus of the gateway's, while it is on."""

    def __init__(self, arbitration_id: int, bus: str) -> None:
        self._arbitration_id = arbitration_id
        self.bus = bus
        self.is_on = False
        self._due_s = 0.0

    def next_s(self) -> float | None:
        """Return when the next burst is due, None while it is off."""
        return self._due_s if self.is_on else None

    def step(self, now_s: float) -> list[can.Message]:
        """Return the burst that is due, without a right checksum or a command in it."""
        if not self.is_on or now_s < self._due_s:
            return []
        self._due_s = now_s + _PERIOD_S
        return [
            can.Message(
                arbitration_id=self._arbitration_id,
                is_extended_id=False,
                data=bytes(8),
                channel=self.bus,
            )
        ] * _BURST
