"""A gateway that records, on the interpreter at hand: what it stores, byte by byte."""

import sys

from gateway import cbor
from gateway.core import Gateway
from tests.differential.frames import reference_frame

if sys.implementation.name == "cpython":
    from tests.aes import AES
else:
    from firmware.aes import AES  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.vault.records import Data


class Random:
    """Bytes that are the same on both."""

    def __init__(self, seed: int) -> None:
        self._count = seed

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return bytes([(self._count * 31 + i * 7) & 0xFF for i in range(size)])


def joined(data: "Data | None") -> "bytes | None":
    return b"".join([bytes(piece) for piece in data]) if isinstance(data, list) else data


def record(profile: bytes, seconds: int) -> "list[list[object]]":
    """Record all groups over a restart and an erasure; return [name, record] of every save."""
    stored: dict[str, bytes] = {}
    saves: list[list[object]] = []
    gateway = started(profile, stored)
    gateway._clock.tell(1_800_000_000, 0, True)
    gateway._home.settings.change({"region": "DE"})
    keeper = gateway._home.keeper(0)
    keeper.create_chain(bytes(32), 0)
    for group in sorted(keeper.groups):
        grant = {"purpose": "p", "interval_s": 1, "keep_days": 9, "until": 1_900_000_000}
        keeper.consents.grant(group, grant)
    keeper.restart(0)
    drive(gateway, stored, saves, seconds)
    gateway = started(profile, stored)
    drive(gateway, stored, saves, seconds)
    now_ms = seconds * 1000
    gateway._home.keeper(now_ms).erase_before(1_800_000_000 + seconds // 2, now_ms)
    said = {"command": "lock", "state": "confirmed"}
    gateway._home.ledger.add("command", "ann", said, now_ms)
    drain(gateway, stored, saves, now_ms)
    return saves


def started(profile: bytes, stored: "dict[str, bytes]") -> Gateway:
    """Return the gateway of a board with this storage."""
    records = {name: stored[name] for name in stored if not name.startswith("block-")}
    random = Random(len(stored))
    return Gateway(
        cbor.decode(profile), records, AES, random, 0, "test", dict, True, read_block=stored.get
    )


def drive(
    gateway: Gateway, stored: "dict[str, bytes]", saves: "list[list[object]]", seconds: int
) -> None:
    """Let the car send frames each second."""
    drain(gateway, stored, saves, 0)
    for second in range(1, seconds):
        data = bytes([0, 0, 0, second % 4, second & 0xFF, second >> 8, 0, 0])
        for arbitration_id in (0x120, 0x130, 0x131, 0x140, 0x141, 0x110, 0x111):
            frame = reference_frame(arbitration_id, second & 15, data)
            gateway.receive_frame(0, [arbitration_id, memoryview(frame), 0, 0], second * 1000)
        gateway.handle_timer(second * 1000)
        drain(gateway, stored, saves, second * 1000)


def drain(
    gateway: Gateway, stored: "dict[str, bytes]", saves: "list[list[object]]", now_ms: int
) -> None:
    """Do what a shell does with saves."""
    for number, name, data in gateway.saves():
        record = joined(data)
        saves.append([name, record])
        if record is None:
            stored.pop(name, None)
        else:
            stored[name] = record
        gateway.saved(number, now_ms)
