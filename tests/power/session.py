"""A session with a board fresh from the factory: pairing, keys, commands and their troubles.

It ends with a history: each operation of the flash chip, and what had been promised by then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Any, TypeVar

from gateway.coap.numbers import CHANGED, CONTENT, DELETE, DELETED, EMPTY, GET, OBSERVE, POST
from tests.models.car import Car, decoded
from tests.models.host import Host, Response
from tests.power.board import BLOCKS, Frame, Operation, VmBoard
from tests.power.nonces import Nonces
from tests.power.promises import (
    Change,
    Command,
    Held,
    HeldCredential,
    HeldKey,
    Mark,
    Promises,
    Setting,
)
from tests.power.saves import Saves

Wish = tuple[str, dict[str, Any]]
LOCK: Wish = ("lock", {"command": "lock"})
UNLOCK: Wish = ("lock", {"command": "unlock"})
HEAT: Wish = ("climate", {"command": "climate", "arguments": {"on": True}})
COOL: Wish = ("climate", {"command": "climate", "arguments": {"on": False}})

MOST_WAITS = 100
NOTIFICATIONS = 600  # more than the numbers that a board reserves at once
MONDAY_S = 1_800_000_000
DAY_S = 86_400


@dataclass
class History:
    """What the chip did, what was promised, what went on the buses, and each request."""

    operations: list[Operation]
    formatted: Mark
    promises: Promises
    frames: list[Frame]
    requests: list[tuple[Mark, str, bytes]]
    eras: list[tuple[Mark, Nonces]]
    saves: Saves
    blocks: int = BLOCKS

    def has_acted(self, key: HeldKey, command: Command, cut: Mark) -> bool:
        """Tell whether a frame of a command that does more than wake the bus came before a cut."""
        return any(
            (frame.kid, frame.command_id) == (key.kid, command.id)
            and command.asked.begun <= frame.mark <= cut
            and decoded(frame)["name"] != "NM_Gateway"
            for frame in self.frames
        )

    def nonces(self, cut: Mark) -> Nonces:
        """Return what was sealed, for somebody who goes on after a cut."""
        era = [nonces for begun, nonces in self.eras if begun <= cut][-1]
        return Nonces((era, cut))


AnyHistory = TypeVar("AnyHistory", bound=History)


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
        self.tell_time(owner, MONDAY_S)
        self.use_keys(owner)
        self.meet_trouble(owner)
        self.hand_over(owner)
        self.reset()
        heir = self.pair("joe")
        self.arm(heir)
        for wish in (LOCK, HEAT):
            self.command(heir, wish, self.obey)
        return self.history(History, formatted)

    def history(self, kind: type[AnyHistory], formatted: Mark, **more: Any) -> AnyHistory:
        """Return the history so far, with what this kind of it has more."""
        board = self.board
        return kind(
            board.journal(),
            formatted,
            self.promises,
            board.frames,
            board.requests,
            self.eras,
            board.saves,
            **more,
        )

    def use_keys(self, owner: HeldKey) -> None:
        """Give keys to others, and let all of them command the car."""
        laptop = self.enrol(owner)
        driver = self.enrol(owner, name="bob", role="driver")
        viewer = self.enrol(owner, name="dashboard", role="viewer")
        guest = self.enrol(owner, name="guest", role="guest", uses=6)
        self.car.send()
        for wish in (UNLOCK, LOCK, HEAT, COOL):
            for key in (owner, laptop, driver, guest):
                self.command(key, wish, self.obey)
        self.renew_root()
        self.watch(viewer)
        self.car.send()
        for wish in (UNLOCK, LOCK):
            self.command(guest, wish, self.obey)
        self.revoke(owner, viewer.name)

    def meet_trouble(self, owner: HeldKey) -> None:
        """Let commands fail in each way that there is."""
        board = self.board
        worker = self.enrol(owner, name="worker", role="driver", uses=5)
        self.command(worker, LOCK, self.nothing)  # unconfirmed
        self.drive(30)
        self.command(worker, UNLOCK, self.nothing)  # refused: an interlock
        self.drive(0)
        board.set_deaf(True)
        self.command(worker, LOCK, self.nothing)  # expired
        board.set_deaf(False)
        self.command(worker, UNLOCK, self.reboot, self.obey)  # indeterminate
        self.command(worker, LOCK, self.obey)
        self.tell_time(owner, MONDAY_S + DAY_S)
        self.disarm(owner)
        self.arm(owner)
        for wish in (HEAT, UNLOCK, COOL, LOCK):
            self.command(owner, wish, self.obey)

    def hand_over(self, owner: HeldKey) -> None:
        """Lose a laptop and restore from a backup, invite somebody, and revoke keys."""
        backup = self.make_dormant(owner, "ann")
        invitation = self.make_dormant(owner, "eve", name="eve", role="driver")
        self.reboot()
        self.car.send()
        eve = self.accept(invitation)
        self.command(eve, UNLOCK, self.obey)
        self.renew_root()
        restored = self.wake(backup, "owner")
        self.command(restored, LOCK, self.obey)
        lost = [key for key in self.promises.keys if key.name == "ann" and key is not restored]
        self.revoke(restored, "ann", "others", among=lost)
        self.revoke(restored, "bob")
        self.command(eve, HEAT, self.obey)
        self.revoke(restored, "eve")
        self.enrol(restored, name="carl", role="driver")
        for wish in (COOL, UNLOCK, LOCK):
            self.command(restored, wish, self.obey)

    # ---- keys ----

    def pair(self, name: str) -> HeldKey:
        """Make the first owner."""
        made = Change(self.board.mark)
        host = Host.pair(self.board, name)  # type: ignore[arg-type]
        return self.keep(HeldKey(self.told(made, host), None, host, name, "owner"))

    def enrol(self, by: HeldKey, **fields: Any) -> HeldKey:
        """Make one more key, of the same principal or of the one that the fields tell."""
        made = Change(self.board.mark)
        host = by.host.enrol(**fields)
        role = fields.get("role", by.role)
        name = fields.get("name", by.name)
        made = self.told(made, by.host)
        return self.keep(HeldKey(made, None, host, name, role, fields.get("uses")))

    def keep(self, key: HeldKey) -> HeldKey:
        self.promises.keys.append(key)
        return key

    def make_dormant(self, by: HeldKey, principal: str, **fields: Any) -> HeldCredential:
        """Make a backup, or with fields an invitation."""
        made = Change(self.board.mark)
        credential = by.host.make_dormant(**fields)
        held = HeldCredential(self.told(made, by.host), None, credential, principal)
        self.promises.credentials.append(held)
        return held

    def wake(self, held: HeldCredential, role: str) -> HeldKey:
        """Make a key with a backup."""
        change = Change(self.board.mark)
        waking = held.credential.wake()
        host = waking.enrol()
        return self.keep(HeldKey(self.told(change, waking), None, host, held.name, role))

    def accept(self, invitation: HeldCredential) -> HeldKey:
        """Make a key with an invitation, which ends that."""
        key = self.wake(invitation, "driver")
        invitation.ended = key.made
        return key

    def revoke(
        self, by: HeldKey, name: str, *more: str, among: list[HeldKey] | None = None
    ) -> None:
        """Revoke all keys of somebody, or only those among these."""
        ended = Change(self.board.mark)
        assert by.host.revoke(name, *more).code == DELETED
        ended = self.told(ended, by.host)
        held: list[Held] = [key for key in self.promises.keys if key.name == name]
        if among is not None:
            held = [*among]
        self.end(ended, held)

    def end(self, ended: Change, held: list[Held]) -> None:
        for each in held:
            each.ended = each.ended or ended

    # ---- arming and time ----

    def arm(self, by: HeldKey) -> None:
        """Let an owner ask for it, and press the button."""
        change = Change(self.board.mark)
        assert by.host.request(POST, ["arm"]).code == CHANGED
        self.board.press_button(200)
        assert by.host.request(GET, ["arm"]).value["armed"]
        self.promises.armings.append(Setting(1, self.told(change, by.host)))

    def disarm(self, by: HeldKey) -> None:
        """Let an owner end it."""
        change = Change(self.board.mark)
        assert by.host.request(DELETE, ["arm"]).code == DELETED
        self.promises.armings.append(Setting(0, self.told(change, by.host)))

    def tell_time(self, by: HeldKey, unix_s: int) -> None:
        """Let an owner tell the time."""
        change = Change(self.board.mark)
        assert by.host.tell_time(unix_s).code == CHANGED
        self.promises.times.append(Setting(unix_s, self.told(change, by.host)))

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
        before = (self.eras[-1][1], self.board.mark) if self.eras else None
        self._power_on(Nonces(before), is_reset=False)

    def reset(self) -> None:
        """Bring the board back to how it left the factory, with all keys destroyed."""
        ended = Change(self.board.mark)
        self._power_on(Nonces(), is_reset=True)
        ended.told = self.eras[-1][0]
        self.promises.reset = ended
        self.promises.armings.append(Setting(0, ended))
        self.promises.times.append(Setting(0, ended))
        self.end(ended, self.promises.held())

    def renew_root(self) -> None:
        """Let the board store its root anew, as it does when it destroys a key in it."""
        self.board.renew_root()

    def _power_on(self, nonces: Nonces, is_reset: bool) -> None:
        board = self.board
        begun = board.mark
        board.nonces = nonces
        board.power_on(len(self.eras), is_reset)
        self.eras.append((board.booted if is_reset else begun, nonces))

    def told(self, change: Change, host: Host) -> Change:
        """Take note that a host has just been told that a change is done."""
        change.told = self.board.left_at[host.peer]
        return change
