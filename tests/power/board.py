"""The board in the VM as CPython sees it; it stands in for `tests.models.shell.Shell`."""

from collections.abc import Hashable
from typing import Any, NamedTuple

from gateway import cbor
from tests.models.shell import profile
from tests.power.nonces import Nonces
from tests.power.saves import Save, Saves
from tests.vm import VM

BLOCKS = 32  # of the file system

Operation = tuple[int, bytes | None]


class Frame(NamedTuple):
    """A frame that a controller was given, of a command; `mark` says when."""

    mark: int
    arbitration_id: int
    data: bytes
    kid: bytes
    command_id: int


class Start(NamedTuple):
    """Which slot the loader has started, 0 for what was flashed; `mark`: when it had."""

    mark: int
    slot: int
    is_trial: bool


class VmBoard:
    """A board, its links and its buses.

    Attributes:
        mark: how many operations its chip has done.
        booted: the mark before the last boot's own operations, after those of a reset.
        left_at: the mark at which the last datagram left for each peer.
        requests: what came: (mark, peer, datagram).
        saves: what its storage was given.
        started: what the last boot has started.
        wants_restart: it has restarted itself, which it may if may_restart; power it on.
    """

    may_restart = False

    def __init__(self, vm: VM, nonces: Nonces, saves: Saves | None = None) -> None:
        self.now_ms = 0
        self.mark = 0
        self.booted = 0
        self.datagrams: list[tuple[bytes, Hashable]] = []
        self.left_at: dict[Hashable, int] = {}
        self.requests: list[tuple[int, str, bytes]] = []
        self.frames: list[Frame] = []
        self.logs: list[str] = []
        self.is_formatted = False
        self.started = Start(0, 0, False)
        self.wants_restart = False
        self.nonces = nonces
        self.saves = saves or Saves()
        self._vm = vm

    def make(self, is_bench: bool, blocks: int = BLOCKS) -> None:
        """Take a chip fresh from the factory, with so many blocks for its file system."""
        self.call("make", cbor.encode(profile()), blocks, is_bench)

    def power_on(self, seed: int, is_reset: bool = False) -> None:
        """Boot from the chip, whatever ran on it before; is_reset: all is destroyed first."""
        self.now_ms = 0
        self.wants_restart = False
        self.note(self.call("power_on", 0, seed, is_reset))

    def renew_root(self) -> None:
        """Let the board store its root once more."""
        self.call("renew_root")

    def receive_datagram(self, data: bytes, peer: Hashable, on_cable: bool = False) -> None:
        """Bring a datagram."""
        assert isinstance(peer, str)
        self.nonces.request(data, peer)
        self.requests.append((self.mark, peer, data))
        self.note(self.call("receive_datagram", self.now_ms, data, peer, on_cable))

    def receive_frame(self, arbitration_id: int, data: bytes, bus: int = 0) -> None:
        """Bring a frame."""
        self.note(self.call("receive_frame", self.now_ms, bus, arbitration_id, data))

    def press_button(self, duration_ms: int) -> None:
        """Press the button for so long."""
        self.note(self.call("press_button", self.now_ms, duration_ms))

    def set_deaf(self, is_deaf: bool) -> None:
        """Let no node acknowledge frames, or all of them again."""
        self.call("set_deaf", is_deaf)

    def advance(self, duration_ms: int) -> None:
        """Let time pass."""
        self.now_ms += duration_ms
        self.note(self.call("advance", self.now_ms))

    def erased(self) -> bytes:
        """Return the content of a chip that is fresh from the factory."""
        size: int = self.call("size")
        return b"\xff" * size

    def journal(self) -> list[Operation]:
        """Return all that the chip has done."""
        operations: list[Operation] = self.call("journal", 0)
        return operations

    def call(self, function: str, *arguments: object) -> Any:
        """Call the board's own method of that name, in the VM."""
        return self._vm.call("tests.power.machine", "machine." + function, *arguments)

    def note(self, told: list[tuple[Any, ...]]) -> None:
        """Keep what happened."""
        for kind, mark, *details in told:
            self.mark = mark
            if kind == "datagram":
                data, peer = details
                self.nonces.response(data, peer, mark)
                self.left_at[peer] = mark
                self.datagrams.append((data, peer))
            elif kind == "frame":
                self.frames.append(Frame(mark, *details))
            elif kind == "saved":
                self.saves.note(Save(details[0], mark, *details[1:]))
            elif kind == "log":
                self.logs.append(details[0])
            elif kind == "booted":
                self.booted = mark
            elif kind == "formatted":
                self.is_formatted = True
            elif kind == "started":
                self.started = Start(mark, *details)
            elif kind == "restart":
                assert self.may_restart, "the board restarts itself: " + "\n".join(self.logs[-20:])
                self.wants_restart = True
