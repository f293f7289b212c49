"""The core's shell and the simulated car of a profile on their buses, in steps of 5 ms."""

from collections import Counter

import can

from carport.car.cars import make_car
from gateway.vehicle.command import Transmission
from tests.models.shell import PROFILES, Shell

STEP_MS = 5


class Together:
    """A gateway and a car that hear each other; `heard` is what the car heard, with the time."""

    def __init__(self, name: str, **options: float) -> None:
        self.shell = Shell(car=name)
        self.shell.on_sent = self._hear
        self.car = make_car(PROFILES / name, seed=1, **options)
        self.heard: list[tuple[int, int, bytes]] = []

    def run(self, duration_ms: int) -> None:
        """Let time pass for both."""
        for _ in range(duration_ms // STEP_MS):
            self.shell.advance(STEP_MS)
            for message in self.car.step(self.shell.now_ms / 1000):
                bus = self.car.buses.index(str(message.channel))
                self.shell.receive_frame(message.arbitration_id, bytes(message.data), bus)

    def sleep(self) -> None:
        """Leave the car alone until it sleeps and the bus has been silent for a while."""
        while self.car.sleep.is_awake:
            self.run(1000)
        self.run(20_000)
        self.heard.clear()

    def payloads(self) -> Counter[tuple[int, str]]:
        """Return how often the car heard each frame."""
        return Counter((arbitration_id, data.hex()) for _, arbitration_id, data in self.heard)

    def _hear(self, transmission: Transmission) -> None:
        now_ms = self.shell.now_ms
        self.heard.append((now_ms, transmission.arbitration_id, transmission.data))
        message = can.Message(
            arbitration_id=transmission.arbitration_id,
            is_extended_id=False,
            data=transmission.data,
            channel=self.car.buses[transmission.bus],
        )
        self.car.receive(message, now_ms / 1000)
