"""What a board does after a power cut, held against what it had promised before."""

from gateway import cbor
from gateway.coap.numbers import (
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
from tests.models.host import Response, plain
from tests.power.board import VmBoard
from tests.power.promises import Command, HeldKey, Mark
from tests.power.session import LOCK, History

KEPT = 2  # so many of a context's outcomes survive
LATER_MS = 15_000


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
        self._cut = cut
        self._earlier = earlier

    def check(self) -> None:
        """Hold the board to each promise.

        Raises:
            BrokenPromiseError, NonceReusedError: one is broken.
        """
        is_lost = self._board.is_formatted and self._cut >= self._history.formatted
        self._expect(not is_lost, "its file system is lost")
        held = [key for key in self._history.promises.keys if key.made.is_told(self._cut)]
        for key in held:
            self._check_key(key)
        if held:
            self._check_arming(held[0])
            self._check_pairing()
        self._board.advance(LATER_MS)
        self._expect(not self._board.frames, "it acts again")

    def check_new_command(self) -> None:
        """See that the first owner can still lock the car, if the board is armed."""
        key = self._history.promises.keys[0]
        if not key.made.is_told(self._cut):
            return
        car = Car(self._board)  # type: ignore[arg-type]
        car.send()
        path, fields = LOCK
        payload = {"id": key.host.next_id, **fields}
        key.host.next_id += 1
        answers = key.host.post(path, payload)
        car.lock(True)
        self._board.advance(100)
        car.send()
        answers = [answer for answer in answers + key.host.responses() if answer.code != EMPTY]
        is_armed = self._armings() == {True}
        self._expect(not is_armed or answers[-1].code == CHANGED, "a new command is not done")

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
            code = self._ask(key, GET, ["arm"]).code
            self._expect(code == CONTENT, f"{key.host.peer} is answered {code}")

    def _check_command(self, key: HeldKey, command: Command, is_kept: bool) -> None:
        """See that a command's receipt is true and stays, and that it does not act again."""
        what = f"{key.host.peer}, {command.payload['command']} {command.id}"
        promised = self._promised(key, command)
        if promised is None and not self._is_found(key, command):
            acted = self._history.has_acted(key, command, self._cut)
            self._expect(not acted, f"{what}: acted, and nothing is known of it")
            return
        answer = self._ask(key, POST, [command.path], command.payload)
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
        return self._ask(key, GET, ["receipts", str(command.id)]).code == CONTENT

    def _check_arming(self, key: HeldKey) -> None:
        """See that the board is armed, or not, as it was told last."""
        is_armed = self._ask(key, GET, ["arm"]).value["armed"]
        self._expect(is_armed in self._armings(), f"armed is {is_armed}")

    def _armings(self) -> set[bool]:
        """Return what may be: what was told, and what was asked for since."""
        possible = {False}
        for arming in self._history.promises.armings:
            if arming.asked.is_told(self._cut):
                possible = {arming.is_armed}
            elif arming.asked.is_begun(self._cut):
                possible.add(arming.is_armed)
        return possible

    def _check_pairing(self) -> None:
        """See that nobody else can become the owner of a board that has one."""
        request = cbor.encode({"random": bytes(32), "name": "eve"})
        code, _ = plain(self._board, POST, ["pair"], request, cable=True)  # type: ignore[arg-type]
        self._expect(code == FORBIDDEN, "pairing is open")

    def _replay(self, key: HeldKey) -> None:
        """Send a host's last request before the cut once more: it must lend no nonce."""
        for mark, peer, data in reversed(self._history.requests):
            if peer == key.host.peer and mark <= self._cut:
                self._board.receive_datagram(data, peer)
                self._board.datagrams.clear()
                return

    def _ask(self, key: HeldKey, code: int, path: list[str], payload: object = None) -> Response:
        """Return the answer to a request; a challenge is answered with its Echo value."""
        host = key.host
        host.send(host.protect(code, path, payload))
        answers = host.responses()
        echo = answers[-1].option(ECHO) if answers else None
        if echo is not None and answers[-1].code == UNAUTHORIZED:
            host.send(host.protect(code, path, payload, [(ECHO, echo)]))
            answers = host.responses()
        self._expect(bool(answers), f"{host.peer} is not answered")
        return answers[-1]

    def _expect(self, is_kept: bool, promise: str) -> None:
        if not is_kept:
            raise BrokenPromiseError(f"cut after operation {self._cut}: {promise}")
