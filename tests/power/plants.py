"""Defects to plant in the VM, each of which loses, doubles or betrays something at a power cut."""

from hashlib import sha256

from firmware.key_partition import KeyPartition
from firmware.slots import Slots
from firmware.storage import Storage
from gateway.data.archive import Archive
from gateway.data.chain import Chain
from gateway.data.consent import Consents
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from gateway.vault.records import Records
from gateway.vault.root import NAME as ROOT

CHUNK = 1024  # numbers that the board reserves at once

save_now = Storage.save
save_root_now = KeyPartition.save
save_slots_now = Slots.save
make_sequence = SenderSequence.__init__
make_window = ReplayWindow.__init__
make_records = Records.__init__


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


def seal_records_of_each_boot_alike() -> None:
    """Let the nonces of records depend on a counter alone."""

    def make(records, loaded, aes, random):  # type: ignore[no-untyped-def]
        make_records(records, loaded, aes, random)
        records._boot = bytes(8)

    Records.__init__ = make  # type: ignore[method-assign]


def forget_what_was_withdrawn() -> None:
    """Withdraw a consent until the next boot."""

    def withdraw_for_now(consents, group):  # type: ignore[no-untyped-def]
        consents._ends.pop(group, None)
        return 0

    Consents.withdraw = withdraw_for_now  # type: ignore[method-assign]


def erase_without_the_key() -> None:
    """Begin a new chain at the next key, but leave the old one where it is."""

    def destroy(chain):  # type: ignore[no-untyped-def]
        chain.id = b""
        return 0

    Chain.destroy = destroy  # type: ignore[method-assign]


def name_a_schema_that_is_not_stored() -> None:
    """Store a schema's number before the schema."""

    def use_schema(archive, encode):  # type: ignore[no-untyped-def]
        digest = sha256(b"".join([bytes(piece) for piece in encode(0)])).digest()[:8]
        if digest != archive._schema_digest:
            archive.schema += 1
            archive._schema_digest = digest
            archive._store()
            archive._records.put_block(f"block-s{archive.schema}", encode(archive.schema))
        return archive.schema

    Archive.use_schema = use_schema  # type: ignore[method-assign]


def count_blocks_from_boot_to_boot() -> None:
    """Store no number of a block, but go on behind the last one that was stored."""

    def begin_block(archive, kid):  # type: ignore[no-untyped-def]
        archive.kid = kid
        archive.next += 1
        return archive.next - 1

    Archive.begin_block = begin_block  # type: ignore[method-assign]


def take_no_try() -> None:
    """Start what is on trial without making durable first that it has one try less."""

    def save(slots):  # type: ignore[no-untyped-def]
        if slots.tries not in (0, 1):
            save_slots_now(slots)

    Slots.save = save  # type: ignore[method-assign]


def believe_the_head() -> None:
    """Take a package for whole as soon as it has a head."""

    def is_whole(slots, slot, head):  # type: ignore[no-untyped-def]
        return True

    Slots.is_whole = is_whole  # type: ignore[method-assign]
