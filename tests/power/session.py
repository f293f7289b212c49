"""A session with a board fresh from the factory: pairing, keys, commands and their troubles.

It ends with a history: each operation of the flash chip, and what had been promised by then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Any

from gateway.coap.numbers import CHANGED, CONTENT, DELETE, DELETED, EMPTY, GET, OBSERVE, POST
from tests.models.car import Car, decoded
from tests.models.host import Host, Response
from tests.power.board import Frame, Operation, VmBoard
from tests.power.nonces import Nonces
from tests.power.promises import Arming, Change, Command, HeldKey, Mark, Promises

LOCK: tuple[str, dict[str, Any]] = ("lock", {"command": "lock"})
UNLOCK: tuple[str, dict[str, Any]] = ("lock", {"command": "unlock"})
HEAT: tuple[str, dict[str, Any]] = ("climate", {"command": "climate", "arguments": {"on": True}})
COOL: tuple[str, dict[str, Any]] = ("climate", {"command": "climate", "arguments": {"on": False}})
Wish = tuple[str, dict[str, Any]]

MOST_WAITS = 100
NOTIFICATIONS = 600  # more than the numbers that a board reserves at once


@dataclass
class History:
    """What the chip did, what was promised, what went on the buses, and each request."""

    operations: list[Operation]
    formatted: Mark
    promises: Promises
    frames: list[Frame]
    requests: list[tuple[Mark, str, bytes]]
    eras: list[tuple[Mark, Nonces]]

    def has_acted(self, key: HeldKey, command: Command, cut: Mark) -> bool:
        """Tell whether a frame of a command that does more than wake the bus came before a cut."""
        return any(
            (frame.kid, frame.command_id) == (key.kid, command.id)
            and frame.mark <= cut
            and decoded(frame)["name"] != "NM_Gateway"
            for frame in self.frames
        )

    def nonces(self, cut: Mark) -> Nonces:
        """Return what was sealed, for somebody who goes on after a cut."""
        era = [nonces for begun, nonces in self.eras if begun <= cut][-1]
        return Nonces((era, cut))


class Session:
    """Plays the hosts and the car."""

    def __init__(self, board: VmBoard) -> None:
        self.board = board
        self.promises = Promises()
        self.eras: list[tuple[Mark, Nonces]] = []
        self.car = Car(board)  # type: ignore[arg-type]

    def play(self) -> History:
        """Live through the session."""
        board = self.board
        board.make(False)
        self.reboot()
        formatted = board.mark
        owner = self.pair("ann")
        self.command(owner, LOCK, self.nothing)  # refused: not armed
        self.arm(owner)
        laptop = self.enrol(owner)
        driver = self.enrol(owner, name="bob", role="driver")
        viewer = self.enrol(owner, name="dashboard", role="viewer")
        self.car.send()
        for wish in (UNLOCK, LOCK, HEAT, COOL, LOCK):
            self.command(owner, wish, self.obey)
        self.command(driver, UNLOCK, self.obey)
        self.command(driver, LOCK, self.nothing)  # unconfirmed
        self.drive(30)
        self.command(laptop, UNLOCK, self.nothing)  # refused: an interlock
        self.drive(0)
        board.set_deaf(True)
        self.command(laptop, LOCK, self.nothing)  # expired
        board.set_deaf(False)
        self.command(laptop, UNLOCK, self.reboot, self.obey)  # indeterminate
        self.command(laptop, LOCK, self.obey)
        self.watch(viewer)
        self.car.send()
        self.disarm(owner)
        self.arm(owner)
        for wish in (HEAT, UNLOCK, COOL, LOCK):
            self.command(driver, wish, self.obey)
            self.command(laptop, wish, self.obey)
        self.reboot()
        self.car.send()
        self.command(owner, UNLOCK, self.obey)
        self.enrol(laptop)
        for wish in (LOCK, HEAT, COOL) * 6:
            self.command(owner, wish, self.obey)
        return History(
            board.journal(), formatted, self.promises, board.frames, board.requests, self.eras
        )

    # ---- keys ----

    def pair(self, name: str) -> HeldKey:
        """Make the first owner."""
        made = Change(self.board.mark)
        host = Host.pair(self.board, name)  # type: ignore[arg-type]
        return self.keep(HeldKey(host, "owner", self.told(made, host)))

    def enrol(self, by: HeldKey, **fields: Any) -> HeldKey:
        """Make one more key, of the same principal or of the one that the fields tell."""
        made = Change(self.board.mark)
        host = by.host.enrol(**fields)
        return self.keep(HeldKey(host, fields.get("role", by.role), self.told(made, by.host)))

    def keep(self, key: HeldKey) -> HeldKey:
        self.promises.keys.append(key)
        return key

    # ---- arming ----

    def arm(self, by: HeldKey) -> None:
        """Let an owner ask for it, and press the button."""
        change = Change(self.board.mark)
        assert by.host.request(POST, ["arm"]).code == CHANGED
        self.board.press_button(200)
        assert by.host.request(GET, ["arm"]).value["armed"]
        self.promises.armings.append(Arming(True, self.told(change, by.host)))

    def disarm(self, by: HeldKey) -> None:
        """Let an owner end it."""
        change = Change(self.board.mark)
        assert by.host.request(DELETE, ["arm"]).code == DELETED
        self.promises.armings.append(Arming(False, self.told(change, by.host)))

    # ---- commands ----

    def command(self, by: HeldKey, wish: Wish, *then: Callable[[], None]) -> Command:
        """Send a command; then: what happens, the last of it again and again, until it is over."""
        path, fields = wish
        payload = {"id": by.host.next_id, **fields}
        by.host.next_id += 1
        command = Command(path, payload, Change(self.board.mark))
        by.commands.append(command)
        self.ask(by, command)
        for happens in islice(chain(then, repeat(then[-1])), MOST_WAITS):
            if command.state:
                return command
            happens()
            if happens == self.reboot:
                self.ask(by, command)
            self.hear(by, command, by.host.responses())
        raise AssertionError("nobody is told what became of a command")

    def ask(self, by: HeldKey, command: Command) -> None:
        """Send a command, for the first time or again."""
        self.hear(by, command, by.host.post(command.path, command.payload))

    def hear(self, by: HeldKey, command: Command, answers: list[Response]) -> None:
        for answer in answers:
            by.host.acknowledge(answer)
            if answer.code != EMPTY:
                self.told(command.asked, by.host)
                command.receipt = answer.payload
                command.state = answer.value["state"]

    def obey(self) -> None:
        """Let the car do what it was asked last, and say so."""
        asked = {frame["name"]: frame for frame in map(decoded, self.board.frames[-2:])}
        if "GW_BodyCommand" in asked:
            self.car.lock(str(asked["GW_BodyCommand"]["LockRequest"]) == "Lock")
        if "GW_ClimateCommand" in asked:
            is_on = str(asked["GW_ClimateCommand"]["PowerRequest"]) == "On"
            self.car.signals["CLIM_Status"]["Power"] = int(is_on)
        self.board.advance(50)
        self.car.send("BODY_DoorStatus", "CLIM_Status", "DRV_Status")

    def nothing(self) -> None:
        """Let the car do nothing."""
        self.car.run(100)

    def drive(self, speed: int) -> None:
        """Let the car drive, or stand in Park."""
        self.car.signals["DRV_Status"].update({"Gear": 3 if speed else 0, "Speed": speed})
        self.car.run(500)

    def watch(self, by: HeldKey) -> None:
        """Let a host observe the locks until the board must reserve more numbers."""
        assert by.host.request(GET, ["lock"], options=[(OBSERVE, b"")]).code == CONTENT
        for count in range(NOTIFICATIONS):
            self.car.lock(count % 2 == 0)
            self.car.send("BODY_DoorStatus")
            self.board.advance(250)
            for notification in by.host.responses():
                by.host.acknowledge(notification)
        assert by.host.request(GET, ["lock"], options=[(OBSERVE, b"\x01")]).code == CONTENT

    # ---- the board ----

    def reboot(self) -> None:
        """Cut the power, and boot."""
        board = self.board
        before = (self.eras[-1][1], board.mark) if self.eras else None
        board.nonces = Nonces(before)
        self.eras.append((board.mark, board.nonces))
        board.power_on(len(self.eras))

    def told(self, change: Change, host: Host) -> Change:
        """Take note that a host has just been told that a change is done."""
        change.told = self.board.left_at[host.peer]
        return change
