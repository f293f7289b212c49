"""The ring of keys: who has which, and its durable form.

Durable form: [next kid, [principal, ...], [[kid, principal, secret], ...], [[kid, principal,
secret, whether an invitation], ...]], the second list the dormant credentials. See
`gateway.vault.stored_keys`, and `gateway.vault.sequences`.
"""

from gateway.vault import stored_keys
from gateway.vault.key import Key, kid_of
from gateway.vault.principals import MAX_NAME_BYTES, OWNER, Principal, principal_of
from gateway.vault.sequences import Sequences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.vault.dormant import Credential
    from gateway.vault.records import Records
    from gateway.vault.wall_clock import WallClock


class KeyRing:
    """Every principal, key and credential.

    Attributes:
        is_new: at boot no keys were stored.
        by_kid: the keys; replaced as a whole when one comes or goes, as are the other two.
        dormant: the credentials.
        principals: in the order in which they came.
    """

    def __init__(self, records: "Records", sequences: Sequences, clock: "WallClock") -> None:
        self._records = records
        self._sequences = sequences
        self._clock = clock
        self.by_kid: dict[bytes, Key] = {}
        self.dormant: list[Credential] = []
        self.principals: list[Principal] = []
        self._next_kid = stored_keys.highest_kid(records) + 1
        stored = stored_keys.load(records)
        self.is_new = stored is None
        if stored is not None:
            self._load(stored)

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
        return [one for one in self.dormant if one.principal is principal]

    def is_last_owner(self, principal: Principal) -> bool:
        """Tell whether nobody else is an owner who has a context."""
        for key in self.by_kid.values():
            if key.principal.rank == OWNER and key.principal is not principal:
                return False
        return principal.rank == OWNER

    def free_name(self, name: str) -> str:
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

    def take_kid(self) -> bytes:
        """Return a kid that nobody ever had."""
        kid = kid_of(self._next_kid)
        self._next_kid += 1
        return kid

    def become(
        self,
        by_kid: "dict[bytes, Key]",
        credentials: "list[Credential]",
        newest: "Principal | None" = None,
    ) -> int:
        """Have these keys and credentials from now on, and the principals that they belong to.

        If the heap is full, nothing has changed.
        """
        before = self.by_kid, self.dormant, self.principals
        having = [key.principal for key in by_kid.values()]
        having += [credential.principal for credential in credentials]
        principals = [one for one in self.principals if one in having]
        if newest is not None and newest not in principals:
            principals.append(newest)
        self.by_kid, self.dormant, self.principals = by_kid, credentials, principals
        try:
            return self.store()
        except MemoryError:
            self.by_kid, self.dormant, self.principals = before
            raise

    def store(self) -> int:
        """Make all this durable, with when each was last used; return the change's number."""
        people = []
        for principal in self.principals:
            principal.note_use(self._clock)
            people.append(principal.describe(self._clock))
        index = self.principals.index
        contexts = [[key.kid, index(key.principal), key.secret] for key in self._keys()]
        dormant = [
            [one.kid, index(one.principal), one.secret, one.is_invitation] for one in self.dormant
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
        return [self.by_kid[kid] for kid in sorted(self.by_kid, key=_number_of)]

    def _load(self, stored: "list[Any]") -> None:
        next_kid, people, contexts, dormant = stored
        self._next_kid = max(self._next_kid, next_kid)
        self.principals = [self.new_principal(described) for described in people]
        kids = []
        for kid, index, secret in contexts:
            if self._sequences.limit(kid) is not None:  # else a nonce could come twice
                self.by_kid[kid] = Key(kid, self.principals[index], secret, False)
                kids.append(kid)
        for kid, index, secret, is_invitation in dormant:
            limit = self._sequences.limit(kid)
            if limit is not None:
                from gateway.vault.dormant import Credential

                principal = self.principals[index]
                credential = Credential(kid, principal, secret, is_invitation, limit)
                self.dormant.append(credential)
                kids.append(kid)
        stored_keys.remove_orphans(self._records, kids)


def _number_of(kid: bytes) -> int:
    return int.from_bytes(kid, "big")
