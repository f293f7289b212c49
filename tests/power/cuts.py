"""Every cut of the power in a session: before each operation of the flash, and within it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from tests.power.board import Operation, VmBoard
from tests.power.chip import BLOCK_BYTES
from tests.power.nonces import Nonces
from tests.power.promises import Mark
from tests.power.recovery import Recovery
from tests.power.saves import Saves
from tests.power.session import History
from tests.power.torn import after, torn
from tests.vm import VM

SESSION, RECOVERED = 0, 1  # slots of the machine
GO_ON_EVERY = 4
FIRST_SEED = 1000  # of the boots after a cut; those of the session have smaller ones


class Cut(NamedTuple):
    """A cut after so many operations, within the next one; `content` is what that left there."""

    done: Mark
    how: str
    address: int = 0
    content: bytes = b""


class Image:
    """A chip's content, operation by operation."""

    def __init__(self, content: bytes | bytearray) -> None:
        self.content = bytearray(content)

    def cuts(self, done: Mark, operation: Operation, random: Random) -> Iterator[Cut]:
        """Yield the cuts before an operation and within it."""
        address, data = operation
        kind = "erase" if data is None else "program"
        old, new = self._old_and_new(operation)
        yield Cut(done, f"before {kind}")
        for how, content in torn(old, new, random):
            yield Cut(done, f"{kind}: {how}", address, content)

    def apply(self, operation: Operation) -> tuple[int, bytes]:
        """Do an operation; return where, and what is there now."""
        address = operation[0]
        _, new = self._old_and_new(operation)
        self.content[address : address + len(new)] = new
        return address, new

    def _old_and_new(self, operation: Operation) -> tuple[bytes, bytes]:
        address, data = operation
        size = BLOCK_BYTES if data is None else len(data)
        old = bytes(self.content[address : address + size])
        return old, after(old, data)


@dataclass
class Tally:
    """How many cuts were tried, by what they interrupted."""

    cuts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = [f"{count:6} {kind}" for kind, count in sorted(self.cuts.items())]
        return "\n".join([*lines, f"{self.cuts.total():6} in all"])


class Trial:
    """A session whose power is cut everywhere, and what was tried by now.

    look: what asks the board, after each cut, for what was promised.
    """

    def __init__(self, vm: VM, history: History, look: type[Recovery] = Recovery) -> None:
        self.tally = Tally()
        self._vm = vm
        self._history = history
        self._look = look
        self._machine = VmBoard(vm, Nonces())

    def run(
        self,
        every: int = 1,
        nested_every: int = 50,
        wanted: Callable[[Operation], bool] = lambda operation: True,
        since: Mark = 0,
    ) -> Tally:
        """Cut the session's power at each place, or at one of `every`, and see what is left.

        Of `nested_every` recoveries one is cut as well, at each of its own operations.
        wanted: of which operations. since: from which mark on.

        Raises:
            AssertionError: a promise was broken.
        """
        machine = self._machine
        machine.make(False, self._history.blocks)
        machine.call("keep", SESSION)
        image = Image(machine.erased())
        count = 0
        for done, operation in enumerate(self._history.operations):
            for cut in (
                image.cuts(done, operation, Random(done))
                if (done >= since and wanted(operation))
                else ()
            ):
                count += 1
                if count % every == 0:
                    self.tally.cuts[cut.how] += 1
                    machine.call("insert", SESSION, cut.address, cut.content)
                    _, recovery = self._recover(cut)
                    if cut.done % GO_ON_EVERY == 0:
                        recovery.go_on()
                if count % (every * nested_every) == 0:
                    self._cut_recovery(cut, image)
            machine.call("patch", SESSION, *image.apply(operation))
        self.tally.cuts["after all"] += 1
        machine.call("insert", SESSION)
        self._recover(Cut(len(self._history.operations), "after all"))
        return self.tally

    def _recover(self, cut: Cut) -> tuple[VmBoard, Recovery]:
        """Power on with the chip that is in, and see that nothing is lost."""
        saves = Saves((self._history.saves, cut.done))
        board = self._power_on(self._history.nonces(cut.done), saves)
        recovery = self._look(board, self._history, cut.done)
        recovery.check()
        return board, recovery

    def _cut_recovery(self, cut: Cut, image: Image) -> None:
        """Cut the power again, at each operation of the recovery from a cut."""
        machine = self._machine
        machine.call("insert", SESSION, cut.address, cut.content)
        machine.call("keep", RECOVERED)
        board, recovery = self._recover(cut)
        left = Image(image.content)
        left.content[cut.address : cut.address + len(cut.content)] = cut.content
        for done, operation in enumerate(board.journal()):
            cuts = list(left.cuts(done, operation, Random(done)))
            for second in (cuts[0], *cuts[1 + done % 5 :][:1]):
                machine.call("insert", RECOVERED, second.address, second.content)
                self.tally.cuts["recovery, " + second.how] += 1
                saves = Saves((board.saves, done))
                again = self._power_on(Nonces((board.nonces, done)), saves)
                self._look(again, self._history, cut.done, (recovery, done)).check()
            machine.call("patch", RECOVERED, *left.apply(operation))

    def _power_on(self, nonces: Nonces, saves: Saves) -> VmBoard:
        board = VmBoard(self._vm, nonces, saves)
        board.power_on(FIRST_SEED + self.tally.cuts.total())
        return board
