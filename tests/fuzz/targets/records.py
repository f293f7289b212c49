"""What storage holds at boot: bits flipped, records cut, lost, exchanged, renamed or strange.

The gateway boots all the same, unless its root is damaged, and says so. Whoever's records are
whole is still known; nobody gets in; no nonce comes twice.
"""

from functools import cache

from gateway import cbor
from gateway.coap.numbers import CONTENT, FORBIDDEN, GET, URI_PATH
from gateway.errors import DecodeError
from gateway.oscore.protection import encode_inner
from gateway.oscore.sender_sequence import SenderSequence
from tests.aes import RecordingAES
from tests.fuzz.choices import Choices, chunk
from tests.fuzz.party import ECHO_FLAG, Party
from tests.fuzz.world import Enrolled, World, board_key, prepared

MODULES = (
    "gateway/vault/key_ring.py",
    "gateway/vault/records.py",
    "gateway/vault/root.py",
    "gateway/vault/sequences.py",
    "gateway/vault/stored_keys.py",
)

MAX_CHANGES = 8
FLIP, CUT, LOSE, EXCHANGE, RENAME, REPLACE = range(6)
ROOT = "root"
SIGNS = ("keys", "paired", "armed", "time", "intents-", "receipts-")  # that it had an owner
QUESTION = bytes(encode_inner(GET, [(URI_PATH, b"lock")], b""))

Storage = dict[str, bytes]


def run(data: bytes) -> None:
    """Damage the storage, boot, and see who is known."""
    before, enrolled, nonces = lived()
    storage = dict(before)
    choices = Choices(data)
    for _ in range(MAX_CHANGES):
        if not choices.is_over:
            damage(storage, choices)
    try:
        world = World(storage, enrolled)
    except DecodeError:
        assert storage.get(ROOT, before[ROOT]) != before[ROOT], "a whole root is refused"
        return
    has_key = ROOT in storage and storage_key(storage) == storage_key(before)
    whole = {name for name in storage if has_key and storage[name] == before.get(name)}
    check_pairing(world, storage)
    for party in world.parties:
        key = board_key(party)
        world.ciphers[key] = RecordingAES(key)
        world.ciphers[key].nonces = list(nonces[key])
        party.context.sender_sequence = SenderSequence(1 << 20)
        party.context.sender_sequence.reserved(1 << 30)
        has_all = f"sequence-{party.kid.hex()}" in whole and not whole.isdisjoint(
            ("keys", "keys-copy")
        )
        assert is_known(world, party) == has_all, "the wrong people are known"
    assert not world.shell.sent, "a frame on the bus"
    world.look_back()


def damage(storage: Storage, choices: Choices) -> None:
    """Change what storage holds."""
    names = sorted(storage)
    how = choices.byte() % 6
    name = names[choices.byte() % len(names)] if names else "keys"
    record = storage.get(name, b"")
    if how == FLIP and record:
        bit = choices.number(2) % (8 * len(record))
        garbled = bytearray(record)
        garbled[bit // 8] ^= 1 << bit % 8
        storage[name] = bytes(garbled)
    elif how == CUT:
        storage[name] = record[: choices.byte()]
    elif how == LOSE:
        storage.pop(name, None)
    elif how == EXCHANGE and names:
        other = names[choices.byte() % len(names)]
        storage[name], storage[other] = storage[other], record
    elif how == RENAME:
        kind = name.partition("-")[0]
        storage[f"{kind}-{choices.chunk().decode('latin-1')}"] = record
    elif how == REPLACE and name == ROOT:  # its other entries are behind a checksum of its own
        storage[name] = cbor.encode({0: choices.byte(), 1: choices.chunk()})
    elif how == REPLACE:
        storage[name] = choices.chunk()


def storage_key(storage: Storage) -> bytes:
    """Return what seals the records."""
    key: bytes = cbor.decode(storage[ROOT])[1]
    return key


def check_pairing(world: World, storage: Storage) -> None:
    """Only a gateway without a trace of an owner lets itself be paired."""
    has_owner = any(name.startswith(SIGNS) for name in storage)
    assert (world.pair() is None) == has_owner, "pairing is open, or closed, wrongly"


def is_known(world: World, party: Party) -> bool:
    """Tell whether a host is still served, after a challenge; a guest needs the time for it."""
    for _ in range(2):
        answers = world.deliver(party.sealed(QUESTION, ECHO_FLAG), party.peer)
    return bool(answers) and answers[-1].code in (CONTENT, FORBIDDEN)


@cache
def lived() -> tuple[Storage, list[Enrolled], dict[bytes, list[bytes]]]:
    """Return the storage of a gateway that was used, who is enrolled, and the nonces used."""
    storage, enrolled = prepared()
    world = World(storage, enrolled)
    world.car.send()
    for party in world.parties[:2]:
        world.ask(party, "lock", {"id": 1, "command": "lock"})
        world.shell.advance(10_000)
        world.everybody_hears()
    world.ask(world.parties[0], "time", {"unix_s": 1_800_000_000})
    is_known(world, world.parties[3])
    ciphers = {board_key(party): world.ciphers.get(board_key(party)) for party in world.parties}
    nonces = {key: cipher.nonces if cipher else [] for key, cipher in ciphers.items()}
    return world.storage, enrolled, nonces


def seeds() -> list[bytes]:
    """Return each kind of damage to each record."""
    flips = [bytes((FLIP, which, 0, 9)) for which in range(12)]
    cuts = [bytes((CUT, which, 20)) for which in range(12)]
    losses = [bytes((LOSE, 0)) * 4, bytes((LOSE, 1)) * 8]
    others = [bytes((EXCHANGE, 3, 4)), bytes((RENAME, 9)) + chunk(b"0"), bytes((REPLACE, 2, 0))]
    root = bytes((REPLACE, sorted(lived()[0]).index(ROOT), 1)) + chunk(bytes(16))
    others += [root, root[:-1]]
    return [b"", *flips, *cuts, *losses, *others, flips[2] + cuts[3]]
