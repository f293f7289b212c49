"""A thousand commands through a network that loses, doubles and delays 30 % of what it carries.

Each ends with a receipt that is true of what the car did, and no id acts twice on the bus.
"""

from collections import Counter
from random import Random
from typing import Any

import pytest

from gateway.vehicle import interlocks
from gateway.vehicle.command import Command, Transmission
from gateway.vehicle.receipts import CONFIRMED, EXPIRED, REFUSED, UNCONFIRMED, Receipts
from tests.models.car import Car, decoded
from tests.models.host import Host
from tests.models.lossy_network import LossyNetwork, Timeline
from tests.models.patient_host import PatientHost
from tests.models.shell import Shell

SEED = 7252
RATE = 0.3
PATIENCE_MS = [1000, 3000, 6000, 15_000]  # of each host
COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("lock", {"command": "lock"}),
    ("lock", {"command": "unlock"}),
    ("climate", {"command": "climate", "arguments": {"on": True}}),
    ("climate", {"command": "climate", "arguments": {"on": False}}),
]
LIMIT_MS = 24 * 3600 * 1000
FRAMES = ["BODY_DoorStatus", "CLIM_Status", "BATT_Status", "DRV_Status"]
PERIOD_MS = 200
AWAKE_MS = 1000
STUBBORN = 0.15
OPEN = 0.05

Name = tuple[bytes, int]  # kid and id of a command


class WilfulCar:
    """A car that sleeps until it is woken, and does not do all that it is asked to.

    Attributes:
        sequences: who sent frames for a command; one, if nothing acts twice.
        shown: (when, locked, on) of each state that it sent.
    """

    def __init__(self, shell: Shell, timeline: Timeline, random: Random) -> None:
        self.shell = shell
        self.car = Car(shell)
        self.sequences: dict[Name, list[Command]] = {}
        self.frames: Counter[Name] = Counter()
        self.shown: list[tuple[int, bool, bool]] = []
        self._timeline = timeline
        self._random = random
        self._awake_until_ms = 0
        self._is_talking = False
        shell.on_sent = self._hear

    def show(self) -> None:
        """Send all that it tells about itself."""
        signals = self.car.signals
        is_locked = signals["BODY_DoorStatus"]["LockTrunk"] == 1
        is_on = signals["CLIM_Status"]["Power"] == 1
        self.shown.append((self.shell.now_ms, is_locked, is_on))
        self.car.send(*FRAMES)

    def _hear(self, transmission: Transmission) -> None:
        self._awake_until_ms = self.shell.now_ms + AWAKE_MS
        if not self._is_talking:
            self._is_talking = True
            self._timeline.after(PERIOD_MS, self._talk)
        frame = decoded(transmission)
        if frame["name"] == "NM_Gateway":
            return
        command = transmission.command
        name = command.receipt.kid, command.receipt.id
        self.frames[name] += 1
        commands = self.sequences.setdefault(name, [])
        if command not in commands:
            commands.append(command)
            if self._random.random() >= STUBBORN:
                delay_ms = self._random.randrange(50, 2000)
                self._timeline.after(delay_ms, lambda: self._obey(frame))

    def _obey(self, frame: dict[str, Any]) -> None:
        if frame["name"] == "GW_BodyCommand":
            self.car.lock(str(frame["LockRequest"]) == "Lock")
        else:
            self.car.signals["CLIM_Status"]["Power"] = int(str(frame["PowerRequest"]) == "On")
        self.show()

    def _talk(self) -> None:
        doors = self.car.signals["BODY_DoorStatus"]
        doors["DoorRearLeftOpen"] = int(self._random.random() < OPEN)
        self.show()
        self._is_talking = self.shell.now_ms < self._awake_until_ms
        if self._is_talking:
            self._timeline.after(PERIOD_MS, self._talk)


class World:
    """Hosts that send their commands one by one, a network, a gateway and a car."""

    def __init__(self, each: int) -> None:
        random = Random(SEED)
        self.shell = Shell(random=random.randbytes)
        self.timeline = Timeline(self.shell)
        owner = Host.pair(self.shell)
        hosts = [owner, *[owner.enrol() for _ in PATIENCE_MS[1:]]]
        self.network = LossyNetwork(self.timeline, random, RATE)
        self.car = WilfulCar(self.shell, self.timeline, random)
        self.wanted: dict[Name, dict[str, Any]] = {}
        self.receipts: dict[Name, dict[str, Any]] = {}
        self.hosts = [
            PatientHost(host, self.timeline, self.network, random, patience_ms, self.keep)
            for host, patience_ms in zip(hosts, PATIENCE_MS, strict=True)
        ]
        self._each = each
        self._random = random

    def run(self) -> None:
        for host in self.hosts:
            self.begin(host, 1)
        total = self._each * len(self.hosts)
        self.timeline.run(lambda: len(self.receipts) == total, LIMIT_MS)

    def begin(self, host: PatientHost, command_id: int) -> None:
        path, fields = self._random.choice(COMMANDS)
        payload = {"id": command_id, **fields}
        self.wanted[host.kid, command_id] = payload
        host.begin(path, payload)

    def keep(self, host: PatientHost, receipt: dict[str, Any]) -> None:
        """Keep a receipt, and let its host go on."""
        self.receipts[host.kid, receipt["id"]] = receipt
        if receipt["id"] < self._each:
            self.begin(host, receipt["id"] + 1)

    def check(self) -> None:
        """Compare each receipt with what happened.

        Raises:
            AssertionError: one is not true, or an id acted twice.
        """
        for name, wanted in self.wanted.items():
            receipt = self.receipts[name]
            assert receipt["command"] == wanted["command"]
            assert receipt.get("arguments") == wanted.get("arguments")
            commands = self.car.sequences.get(name, [])
            assert len(commands) <= 1, f"acted twice: {receipt}"
            if receipt["state"] in (CONFIRMED, UNCONFIRMED):
                assert len(commands) == 1, f"never acted: {receipt}"
                assert self.car.frames[name] <= commands[0].spec["count"]
                began_ms = commands[0].receipt.accepted_ms
                is_shown = self.is_shown(wanted, receipt, began_ms)
                assert is_shown == (receipt["state"] == CONFIRMED), f"not true: {receipt}"
            else:
                assert receipt["state"] in (REFUSED, EXPIRED)
                assert commands == [], f"acted: {receipt}"

    def is_shown(self, wanted: dict[str, Any], receipt: dict[str, Any], began_ms: int) -> bool:
        """Tell whether the car showed what was wanted, after it was sent and until the end."""
        first_ms = began_ms + receipt["at_ms"]["sent"]
        last_ms = began_ms + receipt["elapsed_ms"]
        shown = [state for state in self.car.shown if first_ms < state[0] <= last_ms]
        if wanted["command"] == "climate":
            return any(is_on == wanted["arguments"]["on"] for _, _, is_on in shown)
        return any(is_locked == (wanted["command"] == "lock") for _, is_locked, _ in shown)


def test_a_thousand_commands_end_truly() -> None:
    world = World(1000 // len(PATIENCE_MS))
    world.run()
    world.check()
    states = Counter(receipt["state"] for receipt in world.receipts.values())
    assert states[CONFIRMED] > 500
    assert min(states[UNCONFIRMED], states[REFUSED]) > 3
    assert min(world.network.counts.values()) > 1000
    assert sum(host.repeats for host in world.hosts) > 50


def test_an_id_that_acts_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Receipts, "last_id", lambda receipts, kid: -1)
    monkeypatch.setattr(Receipts, "final", lambda receipts, kid, command_id: None)
    world = World(30)
    world.run()
    with pytest.raises(AssertionError, match="acted twice"):
        world.check()


def test_a_receipt_that_takes_any_answer_for_a_yes_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interlocks, "holds", lambda value, operation, limit: True)
    world = World(30)
    world.run()
    with pytest.raises(AssertionError, match="not true"):
        world.check()
