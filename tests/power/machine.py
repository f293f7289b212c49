"""A board in the VM, driven from CPython: the firmware's own runner and storage on a chip in RAM.

Time is set by the caller. What leaves by its links and controllers (see ports.py) is told with a
mark: how many operations the chip had done by then.
"""

import hashlib
import os

import firmware.runner
from firmware.aes import AES
from firmware.crash_log import CrashLog
from firmware.health import Health
from firmware.runner import Runner
from firmware.slot_writer import SlotWriter
from firmware.start import open_storage
from firmware.storage import Storage
from firmware.trial import Trial
from gateway import cbor
from gateway.core import Gateway
from gateway.vault.root import NAME as ROOT
from tests.power.chip import BLOCK_BYTES, Chip
from tests.power.ports import KEY_BLOCKS, MOUNT, Bus, Clock, Flash, Link, Source
from tests.power.slots import BOOT_BLOCKS, SLOT_BLOCKS, Port, choose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Told = tuple[Any, ...]  # what happened: its kind, the mark, and what belongs to it

BOARD = "emulator"
MOST_TURNS = 100
MOST_DEADLINES = 10_000


class RestartError(BaseException):
    """The board restarts itself, which the test has to do."""


class Machine:
    """One board. Each call takes the time in ms and returns what happened, as a list of Told.

    Slots hold images of the chip, from which it can be powered on again.
    """

    gateway: Gateway
    runner: Runner
    blocks: int  # of the file system, at the chip's begin

    def __init__(self) -> None:
        self.clock = Clock()
        self._told: list[Told] = []
        self._slots: dict[int, bytearray] = {}

    def make(self, profile: bytes, blocks: int, is_bench: bool) -> None:
        """Take a chip fresh from the factory, with so many blocks for the file system."""
        self._profile = cbor.decode(profile)
        self._is_bench = is_bench
        self.blocks = blocks
        self.chip = Chip(blocks + KEY_BLOCKS + BOOT_BLOCKS + 2 * SLOT_BLOCKS)

    def power_on(self, now_ms: int, seed: int, is_reset: bool) -> "list[Told]":
        """Boot from the chip, whatever ran on it before.

        seed: what its random bytes are. is_reset: the button is held, so all is destroyed first.
        """
        self.clock.time_ms = now_ms
        port = Port(self.chip, self.blocks + KEY_BLOCKS)
        slot, is_trial = choose(port)
        self.tell("started", slot, is_trial)
        storage = open_storage(Flash(self, is_reset))  # type: ignore[arg-type]
        self._listen(storage)
        crashes = CrashLog()
        crashes.open(storage, "")
        if is_trial:
            crashes.end_row()
        records = storage.load()
        self._storage = storage
        self.tell("booted")
        self.gateway = Gateway(
            self._profile,
            records,
            AES,
            _random(seed),
            now_ms,
            "board",
            _platform,
            self._is_bench,
            read_block=storage.read_block,
        )
        slots = port.open_slots() if is_trial else None
        self.gateway.attach_updates(
            lambda: SlotWriter(slots or port.open_slots(), BOARD, crashes, slot)
        )
        self._udp = Link(self, False)
        self._cable = Link(self, True)
        self._buses = [Bus(self, index) for index in range(len(self._profile["buses"]))]
        self._sources: list[Source] = [self._udp, self._cable]
        self._sources.extend(self._buses)
        health = Health(crashes, lambda: None, self._reset, False)
        if slots is not None:
            health.trial = Trial(slots, self.gateway, crashes, self._log, self._reset)
        self.runner = Runner(
            self.gateway,
            self.clock,  # type: ignore[arg-type]
            storage,
            self._log,
            self._reset,
            self._udp,  # type: ignore[arg-type]
            self._cable,  # type: ignore[arg-type]
            self._buses,  # type: ignore[arg-type]
            health,
        )
        for bus in self._buses:
            bus.start(now_ms)
        return self._settle()

    def receive_datagram(
        self, now_ms: int, data: bytes, peer: str, on_cable: bool
    ) -> "list[Told]":
        """Bring a datagram."""
        self.clock.time_ms = now_ms
        (self._cable if on_cable else self._udp).inputs.append((data, peer))
        return self._settle()

    def receive_frame(
        self, now_ms: int, bus: int, arbitration_id: int, data: bytes
    ) -> "list[Told]":
        """Bring a frame."""
        self.clock.time_ms = now_ms
        self._buses[bus].inputs.append((arbitration_id, data))
        return self._settle()

    def press_button(self, now_ms: int, duration_ms: int) -> "list[Told]":
        """Press the button for so long."""
        self.clock.time_ms = now_ms
        self.gateway.press_button(duration_ms, now_ms)
        return self._settle()

    def renew_root(self) -> None:
        """Store the root once more, as if something in it had changed."""
        self._storage.save(ROOT, self._storage.load()[ROOT])

    def stored(self) -> "list[tuple[str, bytes]]":
        """Return each file that is not empty, and the SHA-256 of what is in it."""
        found = []
        for folder in ("/records/", "/blocks/"):
            for name in os.listdir(MOUNT + folder):
                with open(MOUNT + folder + name, "rb") as file:
                    data = file.read()
                if data:
                    found.append((name, hashlib.sha256(data).digest()))
        return found

    def key_sectors(self) -> bytes:
        """Return the content of the key partition."""
        begin = self.blocks * BLOCK_BYTES
        return bytes(self.chip.image[begin : begin + KEY_BLOCKS * BLOCK_BYTES])

    def slot(self, number: int) -> bytes:
        """Return the content of slot 1 or 2."""
        begin = self.blocks + KEY_BLOCKS + BOOT_BLOCKS + (number - 1) * SLOT_BLOCKS
        return bytes(self.chip.image[begin * BLOCK_BYTES : (begin + SLOT_BLOCKS) * BLOCK_BYTES])

    def flush_ms(self) -> int:
        """Return when the recorder stores its rows next."""
        return self.gateway._home.keeper(0).recorder._flush_ms

    def block_writes(self) -> int:
        """Return how often blocks were stored since boot."""
        return self.gateway._home.keeper(0).archive.writes

    def fill(self, free_bytes: int) -> None:
        """Fill the flash with a file of somebody else's until so little is free."""
        with open(MOUNT + "/other", "wb") as file:
            while _platform()["storage_free"] > free_bytes:
                file.write(bytes(BLOCK_BYTES))
                file.flush()

    def free_bytes(self) -> int:
        """Return how much room the flash has."""
        free: int = _platform()["storage_free"]
        return free

    def set_deaf(self, is_deaf: bool) -> None:
        """Let no node acknowledge frames, or all of them again."""
        for bus in self._buses:
            bus.is_deaf = is_deaf

    def advance(self, end_ms: int) -> "list[Told]":
        """Let time pass until end_ms."""
        told: list[Told] = []
        for _ in range(MOST_DEADLINES):
            due_ms = self.gateway.next_timeout()
            if due_ms is None or due_ms > end_ms:
                self.clock.time_ms = end_ms
                return told
            self.clock.time_ms = max(self.clock.time_ms, due_ms)
            told += self._settle()
        raise AssertionError("the core's deadlines do not move on")

    def journal(self, since: int) -> "list[tuple[int, bytes | None]]":
        """Return the chip's operations since a mark."""
        return self.chip.journal[since:]

    def size(self) -> int:
        """Return how many bytes the chip has."""
        return len(self.chip.image)

    def keep(self, slot: int) -> None:
        """Keep the chip's image in a slot."""
        self._slots[slot] = bytearray(self.chip.image)

    def patch(self, slot: int, address: int, data: bytes) -> None:
        """Change some bytes of a slot's image."""
        self._slots[slot][address : address + len(data)] = data

    def insert(self, slot: int, address: int = 0, data: bytes = b"") -> None:
        """Put in a chip with a slot's image, some bytes of it changed; its journal is empty."""
        self.chip = Chip(self.chip.blocks)
        self.chip.image[:] = self._slots[slot]
        self.chip.image[address : address + len(data)] = data

    def tell(self, kind: str, *details: object) -> None:
        """Take note of what happened."""
        self._told.append((kind, len(self.chip.journal)) + details)  # noqa: RUF005

    def _settle(self) -> "list[Told]":
        """Let the runner take turns until nothing more happens."""
        for _ in range(MOST_TURNS):
            told = len(self._told)
            operations = len(self.chip.journal)
            try:
                self.runner.turn()
            except RestartError:
                self.tell("restart")
                happened = self._told
                self._told = []
                return happened
            is_busy = any(source.inputs for source in self._sources)
            if not is_busy and told == len(self._told) and operations == len(self.chip.journal):
                self.tell("rest")
                happened = self._told
                self._told = []
                return happened
        raise AssertionError("the runner does not come to rest")

    def _listen(self, storage: Storage) -> None:
        """Tell what is saved from now on: the mark before it, the name, and the bytes."""

        def save(name: str, data: "Any") -> None:
            begun = len(self.chip.journal)
            Storage.save(storage, name, data)
            if type(data) is list:
                data = b"".join([bytes(piece) for piece in data])
            self.tell("saved", begun, name, data)

        storage.save = save  # type: ignore[method-assign]

    def _log(self, line: str) -> None:
        pass  # the cable has it too

    def _reset(self) -> None:
        raise RestartError


def _platform() -> "dict[str, Any]":
    _, block_bytes, _, _, free_blocks, *_ = os.statvfs(MOUNT)
    return {"storage_free": block_bytes * free_blocks}


def _random(seed: int):  # type: ignore[no-untyped-def]
    """Return a source of random bytes, the same each time for a seed."""
    drawn = [0]

    def draw(count: int) -> bytes:
        data = b""
        while len(data) < count:
            drawn[0] += 1
            data += hashlib.sha256(b"%d %d" % (seed, drawn[0])).digest()
        return data[:count]

    return draw


class NoCollector:
    """In the place of gc: this heap is larger than a board's, and to collect it often is slow."""

    def mem_free(self) -> int:
        """Return much."""
        return 1 << 20

    def collect(self) -> None:
        pass


firmware.runner.gc = NoCollector()  # type: ignore[assignment,attr-defined]
machine = Machine()
