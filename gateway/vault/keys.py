"""Keys: who may talk to the gateway, with which OSCORE contexts.

A principal owns several contexts: one for each process that talks, each with a master secret of
its own, so that none is ever copied. A context's kid, the host's OSCORE sender id, counts up and
is never given out twice, not even after the record of the keys was lost: receipts belong to a kid.

Rules:

1. A key enters in this order: its sequence record, without which no key is loaded, then the keys.
   It leaves in the opposite one.
2. Of 24 contexts the last is for a pairing or a backup: a lost laptop must not be a lost car.
3. The last owner who has a context cannot be revoked.

Durable form: [next kid, [principal, ...], [[kid, principal, secret], ...], [[kid, principal,
secret, whether an invitation], ...]], the second list the dormant credentials. See
`gateway.vault.stored_keys`, and `gateway.vault.sequences`.
"""

from gateway.oscore.context import Context
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from gateway.vault import stored_keys
from gateway.vault.key import BOARD_ID, RANDOM_BYTES, Key, kid_of, master_secret
from gateway.vault.pairing import Pairing
from gateway.vault.principals import MAX_NAME_BYTES, OWNER, Principal, principal_of
from gateway.vault.sequences import Sequences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.vault.dormant import Credential
    from gateway.vault.records import Records
    from gateway.vault.wall_clock import WallClock

MAX_CONTEXTS = 24
MAX_CONTEXTS_EACH = 8
MAX_CREDENTIALS = 8


class Keys:
    """Every principal with its keys, the pairing, and their durable form.

    are_lost: at boot there were none, though there had been.
    note_pairing: called with the name of an owner who has paired, and the time.
    """

    def __init__(
        self,
        records: "Records",
        aes: "BlockCipherFactory",
        random: "Callable[[int], bytes]",
        clock: "WallClock",
    ) -> None:
        self._records = records
        self._aes = aes
        self._random = random
        self._clock = clock
        self._sequences = Sequences(records)
        self.reserve = self._sequences.reserve
        self.saved = self._sequences.saved
        self._by_kid: dict[bytes, Key] = {}
        self._credentials: list[Credential] = []
        self._derived: Key | None = None
        self.principals: list[Principal] = []
        self._next_kid = stored_keys.highest_kid(records) + 1
        stored = stored_keys.load(records)
        self.are_lost = stored is None and stored_keys.was_paired(records)
        self.note_pairing: Callable[[str, int], None] = _ignore
        self.pairing = Pairing(stored is None and not self.are_lost)
        if stored is not None:
            self._load(stored)

    def find(self, kid: bytes, kid_context: "bytes | None", now_ms: int) -> "Key | None":
        """Return the key with this kid, its context ready to use; `kid_context` if dormant."""
        if kid_context is not None:
            for credential in self._credentials:
                if credential.kid == kid:
                    return credential.key(self._aes, kid_context)
            return None
        key = self._by_kid.get(kid)
        if key is None:
            key = self.pairing.find(kid, now_ms)
            if key is None:
                return None
        if key.oscore is None:
            self._derive(key)
        return key

    def peek(self, kid: bytes) -> "Key | None":
        """Return the key with this kid, without making its context ready."""
        return self._by_kid.get(kid)

    def pair(self, name: str, host_random: bytes, now_ms: int) -> "tuple[Key, bytes] | None":
        """Return a provisional key for a new owner, and the board's 32 random bytes.

        Whoever has that name already keeps it; the new one gets a number behind it. None when
        there are as many keys as the gateway keeps.
        """
        if len(self._by_kid) >= MAX_CONTEXTS:
            return None
        board_random = self._random(RANDOM_BYTES)
        secret = master_secret(host_random, board_random, b"carport pair")
        owner = Principal(self._free_name(name), "owner")
        key = Key(self.pairing.kid or self._take_kid(), owner, secret, True)
        self.pairing.offer(key, now_ms)
        return key, board_random

    def confirm(self, key: Key, now_ms: int) -> int:
        """Take note that a request has proved that the host has its key: make it durable.

        Returns:
            The number of the change that this waits for, 0 if the key was durable.
        """
        principal = key.principal
        principal.used_ms = now_ms
        if not self.pairing.confirm(key):
            return 0
        principal.name = self._free_name(principal.name)
        number = self._add(key)
        self.note_pairing(principal.name, now_ms)
        return number

    def enrol(
        self, principal: Principal, host_random: bytes, with_last: bool = False
    ) -> "tuple[Key, bytes, int] | None":
        """Return a further key of a principal, the board's random bytes and the change's number.

        None when there are as many keys as the gateway keeps, or as many as one principal may
        have; an owner may have all but the last, which takes `with_last`.
        """
        own = [key for key in self._by_kid.values() if key.principal is principal]
        is_full = principal.rank < OWNER and len(own) >= MAX_CONTEXTS_EACH
        if is_full or len(self._by_kid) >= MAX_CONTEXTS - (not with_last):
            return None
        secret, board_random = self._agree(host_random)
        key = Key(self._take_kid(), principal, secret, True)
        return key, board_random, self._add(key)

    def make_dormant(
        self, principal: Principal, host_random: bytes, is_invitation: bool
    ) -> "tuple[Credential, bytes, int] | None":
        """Return a dormant credential of a principal, the random bytes and the change's number.

        None when there are as many as the gateway keeps.
        """
        from gateway.vault.dormant import Credential

        if len(self._credentials) >= MAX_CREDENTIALS:
            return None
        secret, board_random = self._agree(host_random)
        credential = Credential(self._take_kid(), principal, secret, is_invitation, 0)
        self._sequences.begin(credential.kid)
        self._credentials.append(credential)
        return credential, board_random, self._enter(principal)

    def wake(
        self, credential: "Credential", host_random: bytes
    ) -> "tuple[Key, bytes, int] | None":
        """Return what `enrol` does, with a credential; an invitation is spent by that."""
        if credential.is_invitation:
            self._credentials.remove(credential)
        enrolled = self.enrol(credential.principal, host_random, not credential.is_invitation)
        if not credential.is_invitation:
            return enrolled
        if enrolled is None:
            self._credentials.append(credential)
            return None
        return enrolled[0], enrolled[1], self._sequences.end(credential.kid)

    def principal(self, name: str) -> "Principal | None":
        """Return the principal of this name."""
        for principal in self.principals:
            if principal.name == name:
                return principal
        return None

    def new_principal(self, described: "dict[str, Any]") -> Principal:
        """Return a new principal, known once it has its first key or credential."""
        return principal_of(described, self._clock, self.store)

    def describe(self, principal: Principal, asker: Principal) -> "dict[str, Any]":
        """Return what `carport.cddl` calls principal, as `asker` is told."""
        described = principal.describe(self._clock)
        described["kids"] = kids = self.kids(principal)
        described["contexts"] = len(kids)
        credentials = self.credentials(principal)
        invitations = len([one for one in credentials if one.is_invitation])
        if invitations:
            described["invitations"] = invitations
        if len(credentials) > invitations:
            described["backups"] = len(credentials) - invitations
        if principal is asker:
            described["you"] = True
        return described

    def kids(self, principal: Principal) -> "list[bytes]":
        """Return the kids of a principal's contexts, in the order in which they were made."""
        return [key.kid for key in self._keys() if key.principal is principal]

    def credentials(self, principal: Principal) -> "list[Credential]":
        """Return a principal's dormant credentials."""
        return [one for one in self._credentials if one.principal is principal]

    def is_last_owner(self, principal: Principal) -> bool:
        """Tell whether nobody else is an owner who has a context."""
        for key in self._by_kid.values():
            if key.principal.rank == OWNER and key.principal is not principal:
                return False
        return principal.rank == OWNER

    def revoke(self, kids: "list[bytes]", credentials: "list[Credential]") -> int:
        """Forget these keys and credentials, and the principals who have none left.

        Returns:
            The number of the change that makes it durable.
        """
        gone = kids + [credential.kid for credential in credentials]
        for kid in kids:
            self._by_kid.pop(kid)
        self._credentials = [one for one in self._credentials if one not in credentials]
        having = [key.principal for key in self._by_kid.values()]
        having += [credential.principal for credential in self._credentials]
        self.principals = [one for one in self.principals if one in having]
        number = self.store()
        for kid in gone:
            number = self._sequences.end(kid)
        return number

    def store(self) -> int:
        """Make all this durable, with when each was last used; return the change's number."""
        people = []
        for principal in self.principals:
            principal.note_use(self._clock)
            people.append(principal.describe(self._clock))
        index = self.principals.index
        contexts = [[key.kid, index(key.principal), key.secret] for key in self._keys()]
        dormant = [
            [one.kid, index(one.principal), one.secret, one.is_invitation]
            for one in self._credentials
        ]
        fields = [self._next_kid, people, contexts, dormant]
        return stored_keys.store(self._records, fields)

    def store_uses(self) -> None:
        """Make durable when each was last used, if anybody was."""
        for principal in self.principals:
            if principal.used_ms is not None:
                self.store()
                return

    def _keys(self) -> "list[Key]":
        """Return the keys in the order in which they were made."""
        return [self._by_kid[kid] for kid in sorted(self._by_kid, key=_number_of)]

    def _agree(self, host_random: bytes) -> "tuple[bytes, bytes]":
        """Return a new master secret, and the board's part in it."""
        board_random = self._random(RANDOM_BYTES)
        return master_secret(host_random, board_random, b"carport enrol"), board_random

    def _free_name(self, name: str) -> str:
        """Return a name that nobody has: this one, or with a number behind it."""
        free = name
        number = 1
        while self.principal(free) is not None:
            number += 1
            behind = f" {number}"
            while len((name + behind).encode()) > MAX_NAME_BYTES:
                name = name[:-1]
            free = name + behind
        return free

    def _take_kid(self) -> bytes:
        kid = kid_of(self._next_kid)
        self._next_kid += 1
        return kid

    def _add(self, key: Key) -> int:
        self._sequences.begin(key.kid)
        self._by_kid[key.kid] = key
        return self._enter(key.principal)

    def _enter(self, principal: Principal) -> int:
        """Keep a principal who may be new, and has a new key or credential."""
        if principal not in self.principals:
            self.principals.append(principal)
        return self.store()

    def _load(self, stored: "list[Any]") -> None:
        next_kid, people, contexts, dormant = stored
        self._next_kid = max(self._next_kid, next_kid)
        self.principals = [self.new_principal(described) for described in people]
        kids = []
        for kid, index, secret in contexts:
            if self._sequences.limit(kid) is not None:  # else a nonce could come twice
                self._by_kid[kid] = Key(kid, self.principals[index], secret, False)
                kids.append(kid)
        for kid, index, secret, is_invitation in dormant:
            limit = self._sequences.limit(kid)
            if limit is not None:
                from gateway.vault.dormant import Credential

                principal = self.principals[index]
                credential = Credential(kid, principal, secret, is_invitation, limit)
                self._credentials.append(credential)
                kids.append(kid)
        stored_keys.remove_orphans(self._records, kids)

    def _derive(self, key: Key) -> None:
        """Make the key's context: a new key's replay window is known, a loaded one's is not.

        One with which nothing was verified may be derived again at any time, so only the newest of
        those is kept: whoever names keys at random does not fill the heap.
        """
        idle = self._derived
        if idle is not None and not idle.is_verified:
            idle.oscore = None
        self._derived = key
        limit = 0 if key.is_new else self._sequences.limit(key.kid)
        key.oscore = Context(
            self._aes,
            key.secret,
            b"",
            BOARD_ID,
            key.kid,
            None,
            SenderSequence(limit or 0),
            ReplayWindow(key.is_new),
        )


def _ignore(name: str, now_ms: int) -> None:
    """Take note of no pairing."""


def _number_of(kid: bytes) -> int:
    return int.from_bytes(kid, "big")
