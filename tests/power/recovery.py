"""What a board does after a power cut, held against what it had promised before."""

from gateway import cbor
from gateway.coap.numbers import (
    BAD_REQUEST,
    CHANGED,
    CONFLICT,
    CONTENT,
    ECHO,
    EMPTY,
    FORBIDDEN,
    GET,
    POST,
    UNAUTHORIZED,
)
from tests.models.car import Car
from tests.models.host import Host, Response, plain
from tests.power.board import VmBoard
from tests.power.promises import Command, HeldCredential, HeldKey, Mark, Setting
from tests.power.session import LOCK, History

KEPT = 2  # so many of a context's outcomes survive
LATER_MS = 15_000
PAUSE_MS = 1000  # between two hosts, so that no budget is spent


class BrokenPromiseError(AssertionError):
    """Something that was promised did not hold."""


class Recovery:
    """Asks a board that was powered on after a cut what it knows.

    Args:
        cut: how many operations of the session were done.
        earlier: a recovery that was itself cut, after so many operations.

    `outcomes` are the receipts that were told here, each with the mark.
    """

    def __init__(
        self,
        board: VmBoard,
        history: History,
        cut: Mark,
        earlier: "tuple[Recovery, Mark] | None" = None,
    ) -> None:
        self.outcomes: dict[tuple[bytes, int], tuple[Mark, bytes]] = {}
        self._board = board
        self._history = history
        self._promises = history.promises
        self._cut = cut
        self._earlier = earlier
        for held in self._promises.keys:
            held.host.shell = board  # type: ignore[assignment]
        self._owner = next(
            (key for key in self._promises.keys if key.role == "owner" and key.works(cut)), None
        )

    def check(self) -> None:
        """Hold the board to each promise.

        Raises:
            BrokenPromiseError, NonceReusedError: one is broken.
        """
        is_lost = self._board.is_formatted and self._cut >= self._history.formatted
        self._expect(not is_lost, "its file system is lost")
        for key in self._promises.keys:
            if key.works(self._cut):
                self._board.advance(PAUSE_MS)
                self._check_key(key)
            elif key.is_over(self._cut):
                self._board.advance(PAUSE_MS)
                self._check_is_unknown(key.host)
        if self._owner is not None:
            self._check_arming(self._owner)
            self._check_uses(self._owner)
        self._check_pairing()
        self._board.advance(LATER_MS)
        self._expect(not self._board.frames, "it acts again")

    def go_on(self) -> None:
        """See that the board can still do what changes it."""
        owner = self._owner
        if owner is None:
            return
        self._lock(owner)
        self._check_time(owner)
        for held in self._promises.credentials:
            self._check_credential(held)

    # ---- keys ----

    def _check_key(self, key: HeldKey) -> None:
        """See that a key still works, and that its receipts are true."""
        self._replay(key)
        begun = [
            command
            for command in key.commands
            if command.asked.is_begun(self._cut) and command.state != "refused"
        ]
        for command in begun[-KEPT - 1 :]:
            self._check_command(key, command, command in begun[-KEPT:])
        if not begun:
            self._ask(key.host, GET, ["time"])

    def _check_is_unknown(self, host: Host) -> None:
        """See that the board does not know a key."""
        host.send(host.protect(GET, ["time"]))
        for answer in host.responses():
            is_refused = answer.code in (UNAUTHORIZED, BAD_REQUEST) and answer.option(ECHO) is None
            self._expect(is_refused, f"{host.peer} is known, and was revoked")

    def _check_credential(self, held: HeldCredential) -> None:
        """See that a backup or an invitation makes a key, unless it is spent or revoked."""
        held.credential.shell = self._board  # type: ignore[assignment]
        waking = held.credential.wake()
        if held.works(self._cut):
            waking.enrol()
        elif held.is_over(self._cut):
            self._check_is_unknown(waking)

    def _check_uses(self, owner: HeldKey) -> None:
        """See that nobody has got back a use, nor lost one without a command."""
        limited = [key for key in self._promises.keys if key.uses and key.works(self._cut)]
        listed = owner.host.principals() if limited else {}
        for key in limited:
            assert key.uses is not None
            given = [one for one in key.commands if one.state != "refused"]
            begun = [one for one in given if one.asked.is_begun(self._cut)]
            acted = [one for one in begun if self._history.has_acted(key, one, self._cut)]
            left = listed[key.name]["uses"]
            is_true = key.uses - len(begun) <= left <= key.uses - len(acted)
            self._expect(is_true, f"{key.name} has {left} of {key.uses} uses, {len(acted)} acted")

    def _check_pairing(self) -> None:
        """See that nobody else becomes the owner of a board that has one, and of a new one all."""
        request = cbor.encode({"random": bytes(32), "name": "mallory"})
        if self._owner is not None:
            code, _ = plain(self._board, POST, ["pair"], request, cable=True)  # type: ignore[arg-type]
            self._expect(code == FORBIDDEN, "pairing is open")
        elif self._is_new():
            code, _ = plain(self._board, POST, ["pair"], request, cable=True)  # type: ignore[arg-type]
            self._expect(code == CHANGED, "nobody can pair")

    def _is_new(self) -> bool:
        """Tell whether a reset was done, and nobody has paired since."""
        reset = self._promises.reset
        return (
            reset is not None
            and reset.is_told(self._cut)
            and all(
                key.is_over(self._cut)
                for key in self._promises.keys
                if key.made.is_begun(self._cut)
            )
        )

    # ---- commands ----

    def _check_command(self, key: HeldKey, command: Command, is_kept: bool) -> None:
        """See that a command's receipt is true and stays, and that it does not act again."""
        what = f"{key.host.peer}, {command.payload['command']} {command.id}"
        promised = self._promised(key, command)
        if promised is None and not self._is_found(key, command):
            acted = self._history.has_acted(key, command, self._cut)
            self._expect(not acted, f"{what}: acted, and nothing is known of it")
            return
        answer = self._ask(key.host, POST, [command.path], command.payload)
        if answer.code == CONFLICT and not is_kept:
            return  # too old: it does not act again, and was told
        if promised is not None:
            self._expect(answer.payload == promised, f"{what}: another outcome was told before")
            return
        state = answer.value["state"]
        is_true = state == "indeterminate" or answer.payload == command.receipt
        self._expect(is_true, f"{what}: it was not {state}")
        self.outcomes[key.kid, command.id] = self._board.left_at[key.host.peer], answer.payload

    def _promised(self, key: HeldKey, command: Command) -> bytes | None:
        """Return the receipt that was told before the cut, None if none was."""
        if command.asked.is_told(self._cut):
            return command.receipt
        if self._earlier is not None:
            earlier, cut = self._earlier
            mark, receipt = earlier.outcomes.get((key.kid, command.id), (0, None))
            return receipt if mark <= cut else None
        return None

    def _is_found(self, key: HeldKey, command: Command) -> bool:
        """Tell whether anything is known of a command."""
        return self._ask(key.host, GET, ["receipts", str(command.id)]).code == CONTENT

    def _lock(self, owner: HeldKey) -> None:
        """See that an owner can still lock the car, if the board is armed."""
        car = Car(self._board)  # type: ignore[arg-type]
        car.send()
        path, fields = LOCK
        payload = {"id": owner.host.next_id, **fields}
        owner.host.next_id += 1
        answers = owner.host.post(path, payload)
        car.lock(True)
        self._board.advance(100)
        car.send()
        answers = [answer for answer in answers + owner.host.responses() if answer.code != EMPTY]
        is_armed = self._possible(self._promises.armings, 0) == {1}
        self._expect(not is_armed or answers[-1].code == CHANGED, "a new command is not done")

    # ---- arming and time ----

    def _check_arming(self, owner: HeldKey) -> None:
        """See that the board is armed, or not, as it was told last."""
        is_armed = self._ask(owner.host, GET, ["arm"]).value["armed"]
        self._expect(is_armed in self._possible(self._promises.armings, 0), f"armed: {is_armed}")

    def _check_time(self, owner: HeldKey) -> None:
        """See that the time does not go back behind what was told."""
        told = self._possible(self._promises.times, 0)
        if min(told):
            code = owner.host.tell_time(min(told) - 1).code
            self._expect(code == CONFLICT, "the time goes back")
            code = owner.host.tell_time(max(told) + 60).code
            self._expect(code == CHANGED, "the time cannot be told")

    def _possible(self, settings: list[Setting], at_first: int) -> set[int]:
        """Return what a setting may be: what was told last, and what was asked for since."""
        possible = {at_first}
        for setting in settings:
            if setting.asked.is_told(self._cut):
                possible = {setting.value}
            elif setting.asked.is_begun(self._cut):
                possible.add(setting.value)
        return possible

    # ---- how ----

    def _replay(self, key: HeldKey) -> None:
        """Send a host's last request before the cut once more: it must lend no nonce."""
        for mark, peer, data in reversed(self._history.requests):
            if peer == key.host.peer and key.made.begun <= mark <= self._cut:
                self._board.receive_datagram(data, peer)
                self._board.datagrams.clear()
                return

    def _ask(self, host: Host, code: int, path: list[str], payload: object = None) -> Response:
        """Return the answer to a request; a challenge is answered with its Echo value."""
        host.send(host.protect(code, path, payload))
        answers = host.responses()
        echo = answers[-1].option(ECHO) if answers else None
        if echo is not None and answers[-1].code == UNAUTHORIZED:
            host.send(host.protect(code, path, payload, [(ECHO, echo)]))
            answers = host.responses()
        self._expect(bool(answers), f"{host.peer} is not answered")
        self._expect(answers[-1].code != UNAUTHORIZED, f"{host.peer} is not known")
        return answers[-1]

    def _expect(self, is_kept: bool, promise: str) -> None:
        if not is_kept:
            raise BrokenPromiseError(f"cut after operation {self._cut}: {promise}")
