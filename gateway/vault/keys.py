"""Keys: who may talk to the gateway, with which OSCORE contexts, in which role.

A principal (a person or a program, with a name and a role) owns several contexts: one for each
process that talks, each with a master secret of its own, so that none is ever copied. A context's
kid, the host's OSCORE sender id, counts up and is never given out twice, not even after the record
of the keys was lost: receipts belong to a kid.

Master secret: HKDF-SHA-256 over 32 bytes of the host and 32 of the board, so that neither's random
generator alone decides it.

    pairing      the cable, in plain text, while it is open: unpaired, or 60 s after a 3 s press of
    the
                 button. The new owner's context is provisional: it lives in memory, for 60 s, and
                 becomes durable with the first request that it authenticates.
    enrolment    a context that is already known asks for one more: durable at once.

Durable form: record "keys" = [next kid, [[name, role], ...], [[kid, principal, secret], ...]], and
for each context a record "sequence-<kid>", the limit of its sender sequence numbers.
"""

from binascii import hexlify

from gateway import cbor
from gateway.const import const
from gateway.oscore.context import Context
from gateway.oscore.hkdf import expand, extract
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.vault.records import Records

VIEWER = 1
DRIVER = 2
OWNER = 3
ROLES = {"viewer": VIEWER, "driver": DRIVER, "owner": OWNER}

RANDOM_BYTES = 32
MAX_CONTEXTS = 24
MAX_CONTEXTS_EACH = 8
MAX_NAME_BYTES = 32
BOARD_ID = b"\x00"

_SECRET_BYTES = const(16)
_ECHO_BYTES = const(8)
_ECHO_FRESH_MS = const(5000)
_ECHO_SHARED_MS = const(2000)
_PAIRING_OPEN_MS = const(60000)
_PROVISIONAL_MS = const(60000)


class Principal:
    """Who asks: a name for receipts and logs, and what they may do."""

    __slots__ = ("name", "role")

    def __init__(self, name: str, role: int) -> None:
        self.name = name
        self.role = role

    def may(self, segment: bytes, code: int, least_role: int, now_ms: int) -> bool:
        """Tell whether this principal may use a method of a resource now."""
        return self.role >= least_role

    def why_not(self, now_ms: int) -> str:
        """Return the sentence for whoever may not."""
        return "this key may not do that"


class Key:
    """One OSCORE context of a principal, and the Echo value it was last challenged with.

    Attributes:
        kid: the host's sender id.
        oscore: the security context, derived at its first use.
        is_verified: a request was verified with it since boot. One that was not may be derived
            again at any time, so of those only the newest is kept: whoever names keys at random
            does not fill the heap.
        source: where its host has proven to be, by an Echo value that was sent there.
        challenged: the numbers that were challenged while the replay window is unknown.
        due_ms, wait_ms: how many requests it may make yet (gateway/limits.py).
    """

    is_verified = False
    source: "Hashable" = None
    challenged: "ReplayWindow | None" = None
    due_ms = 0
    wait_ms = 0

    def __init__(self, kid: bytes, principal: Principal, secret: bytes, is_new: bool) -> None:
        self.kid = kid
        self.principal = principal
        self.secret = secret
        self.is_new = is_new
        self.oscore: Context | None = None
        self._echo = b""
        self._echo_ms = 0

    def __repr__(self) -> str:
        kid = hexlify(self.kid).decode()
        return f"Key(kid={kid}, principal={self.principal.name}, secret=[redacted])"

    def challenge(self, random: "Callable[[int], bytes]", now_ms: int) -> bytes:
        """Return the Echo value to challenge with: the last one while it is very young.

        Two requests that are challenged at the same moment can so both be answered.
        """
        if not self._echo or now_ms - self._echo_ms > _ECHO_SHARED_MS:
            self._echo = random(_ECHO_BYTES)
            self._echo_ms = now_ms
        return self._echo

    def is_fresh(self, echo: "bytes | None", now_ms: int) -> bool:
        """Tell whether a verified request that carries `echo` was made within the last 5 s."""
        return (
            echo is not None
            and echo == self._echo
            and echo != b""
            and now_ms - self._echo_ms <= _ECHO_FRESH_MS
        )


class Keys:
    """Every key, the pairing, and their durable form."""

    def __init__(
        self, records: "Records", aes: "BlockCipherFactory", random: "Callable[[int], bytes]"
    ) -> None:
        self._records = records
        self._aes = aes
        self._random = random
        self._next_kid = 1
        self._by_kid: dict[bytes, Key] = {}
        self._provisional: Key | None = None
        self._provisional_until_ms = 0
        self._open_until_ms = 0
        self._reservations: list[tuple[int, Key, int]] = []
        self._derived: Key | None = None
        for name in records.names("sequence-"):
            self._next_kid = max(self._next_kid, int(name[len("sequence-") :], 16) + 1)
        stored = records.get("keys")
        if stored is not None:
            self._load(stored)

    def is_pairing_open(self, now_ms: int) -> bool:
        """Tell whether the cable may make a new owner now."""
        return not self._by_kid or now_ms < self._open_until_ms

    def open_pairing(self, now_ms: int) -> None:
        """Open pairing for 60 s."""
        self._open_until_ms = now_ms + _PAIRING_OPEN_MS

    def find(self, kid: bytes, kid_context: "bytes | None", now_ms: int) -> "Key | None":
        """Return the key with this kid, its context ready to use."""
        if kid_context is not None:
            return None
        key = self._by_kid.get(kid)
        if key is None:
            key = self._provisional
            if key is None or key.kid != kid or now_ms >= self._provisional_until_ms:
                return None
        if key.oscore is None:
            self._derive(key)
        return key

    def pair(self, name: str, host_random: bytes, now_ms: int) -> "tuple[Key, bytes]":
        """Return a provisional key for a new owner, and the board's 32 random bytes."""
        board_random = self._random(RANDOM_BYTES)
        secret = master_secret(host_random, board_random, b"carport pair")
        self._provisional = Key(self._take_kid(), Principal(name, OWNER), secret, True)
        self._provisional_until_ms = now_ms + _PROVISIONAL_MS
        return self._provisional, board_random

    def confirm(self, key: Key, now_ms: int) -> int:
        """Make a provisional key durable, once a request has proved that the host has it too.

        Returns:
            The number of the change that this waits for, 0 if the key was durable.
        """
        if key is not self._provisional:
            return 0
        self._provisional = None
        self._open_until_ms = 0
        return self._add(key)

    def enrol(self, principal: Principal, host_random: bytes) -> "tuple[Key, bytes, int] | None":
        """Return a further key of a principal, the board's random bytes and the change's number.

        None when there are as many keys as the gateway keeps, or as many as one principal may
        have; an owner may have all.
        """
        own = [key for key in self._by_kid.values() if key.principal is principal]
        is_full = principal.role < OWNER and len(own) >= MAX_CONTEXTS_EACH
        if is_full or len(self._by_kid) >= MAX_CONTEXTS:
            return None
        board_random = self._random(RANDOM_BYTES)
        secret = master_secret(host_random, board_random, b"carport enrol")
        key = Key(self._take_kid(), principal, secret, True)
        return key, board_random, self._add(key)

    def reserve(self, key: Key) -> int:
        """Ask for more sender sequence numbers if few are left.

        Returns:
            The number of the change that brings them, 0 if enough are left.
        """
        assert key.oscore is not None
        limit = key.oscore.sender_sequence.reservation
        if limit is None:
            return 0
        for number, reserving, _ in self._reservations:
            if reserving is key:
                return number
        number = self._records.put(_sequence_name(key.kid), cbor.encode(limit))
        self._reservations.append((number, key, limit))
        return number

    def saved(self) -> None:
        """Hand out the numbers whose reservation has become durable."""
        acknowledged = self._records.acknowledged
        while self._reservations and self._reservations[0][0] <= acknowledged:
            _, key, limit = self._reservations.pop(0)
            assert key.oscore is not None
            key.oscore.sender_sequence.reserved(limit)

    def _take_kid(self) -> bytes:
        kid = self._next_kid
        self._next_kid += 1
        return kid.to_bytes(1 if kid < 0x100 else 2, "big")

    def _add(self, key: Key) -> int:
        """Keep a key; its sequence record comes first, for without it no key is loaded."""
        self._records.put(_sequence_name(key.kid), cbor.encode(0))
        self._by_kid[key.kid] = key
        return self._store()

    def _store(self) -> int:
        principals: list[Principal] = []
        contexts = []
        for kid in sorted(self._by_kid):
            key = self._by_kid[kid]
            if key.principal not in principals:
                principals.append(key.principal)
            contexts.append([kid, principals.index(key.principal), key.secret])
        people = [[principal.name, principal.role] for principal in principals]
        return self._records.put("keys", cbor.encode([self._next_kid, people, contexts]))

    def _load(self, stored: bytes) -> None:
        next_kid, people, contexts = cbor.decode(stored)
        self._next_kid = max(self._next_kid, next_kid)
        principals = [Principal(name, role) for name, role in people]
        for kid, index, secret in contexts:
            if self._records.get(_sequence_name(kid)) is not None:  # else a nonce could come twice
                self._by_kid[kid] = Key(kid, principals[index], secret, False)

    def _derive(self, key: Key) -> None:
        """Make the key's context: a new key's replay window is known, a loaded one's is not."""
        idle = self._derived
        if idle is not None and not idle.is_verified:
            idle.oscore = None
        self._derived = key
        limit = 0
        stored = None if key.is_new else self._records.get(_sequence_name(key.kid))
        if stored is not None:
            limit = cbor.decode(stored)
        key.oscore = Context(
            self._aes,
            key.secret,
            b"",
            BOARD_ID,
            key.kid,
            None,
            SenderSequence(limit),
            ReplayWindow(key.is_new),
        )


def master_secret(host_random: bytes, board_random: bytes, info: bytes) -> bytes:
    """Return the master secret of a new context."""
    return expand(extract(b"", host_random + board_random), info, _SECRET_BYTES)


def _sequence_name(kid: bytes) -> str:
    return "sequence-" + hexlify(kid).decode()
