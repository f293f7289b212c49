"""Defects to plant in the VM, each of which loses, doubles or betrays something at a power cut."""

from firmware.key_partition import KeyPartition
from firmware.storage import Storage
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from gateway.vault.root import NAME as ROOT

CHUNK = 1024  # numbers that the board reserves at once

save_now = Storage.save
save_root_now = KeyPartition.save
make_sequence = SenderSequence.__init__
make_window = ReplayWindow.__init__


def call_intents_durable_too_early() -> None:
    """Write an intent with the record after it, when its frame has been sent."""

    def save(storage, name, data):  # type: ignore[no-untyped-def]
        late = storage.__dict__.get("late")
        storage.late = None
        if late is not None:
            save_now(storage, *late)
        if name.startswith("intents-"):
            storage.late = (name, data)
        else:
            save_now(storage, name, data)

    Storage.save = save  # type: ignore[method-assign]


def write_records_in_place() -> None:
    """Remove a record before the new one is written."""

    def save(storage, name, data):  # type: ignore[no-untyped-def]
        if data is not None and name != ROOT:
            save_now(storage, name, None)
        save_now(storage, name, data)

    Storage.save = save  # type: ignore[method-assign]


def write_the_root_in_place() -> None:
    """Erase the sector of the root and write the new one there."""

    def save(partition, payload):  # type: ignore[no-untyped-def]
        if partition._generation:
            partition._erase(partition._current)
        save_root_now(partition, payload)

    KeyPartition.save = save  # type: ignore[method-assign]


def resume_at_the_last_chunk() -> None:
    """Go on after a reboot where the last reservation began, not where it ends."""

    def make(sequence, limit):  # type: ignore[no-untyped-def]
        make_sequence(sequence, limit)
        sequence._next = max(0, limit - CHUNK)

    SenderSequence.__init__ = make  # type: ignore[method-assign]


def know_every_window() -> None:
    """Take it for granted after a reboot that no request was seen before."""

    def make(window, is_known):  # type: ignore[no-untyped-def]
        make_window(window, True)

    ReplayWindow.__init__ = make  # type: ignore[method-assign]
