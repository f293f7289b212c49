"""Keys: who may talk to the gateway, with which OSCORE contexts.

A principal owns several contexts: one for each process that talks, each with a master secret of
its own, so that none is ever copied. A context's kid, the host's OSCORE sender id, counts up and
is never given out twice, not even after the record of the keys was lost: receipts belong to a kid.

Rules:

1. A key enters in this order: its sequence record, without which no key is loaded, then the keys.
   It leaves in the opposite one.
2. Of 24 contexts the last is for a pairing or a backup: a lost laptop must not be a lost car.
3. The last owner who has a context cannot be revoked.
"""

from gateway.oscore.context import Context
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from gateway.vault import stored_keys
from gateway.vault.key import BOARD_ID, RANDOM_BYTES, Key, master_secret
from gateway.vault.key_ring import KeyRing
from gateway.vault.pairing import Pairing
from gateway.vault.principals import OWNER, Principal
from gateway.vault.sequences import Sequences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.vault.dormant import Credential
    from gateway.vault.records import Records
    from gateway.vault.wall_clock import WallClock

MAX_CONTEXTS = 24
MAX_CONTEXTS_EACH = 8
MAX_CREDENTIALS = 8


class Keys:
    """Finds keys, makes them and ends them; `ring` knows who has which.

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
        self._aes = aes
        self._random = random
        self._sequences = Sequences(records)
        self.reserve = self._sequences.reserve
        self.saved = self._sequences.saved
        self.ring = KeyRing(records, self._sequences, clock)
        self.are_lost = self.ring.is_new and stored_keys.was_paired(records)
        self.pairing = Pairing(self.ring.is_new and not self.are_lost)
        self.note_pairing: Callable[[str, int], None] = _ignore
        self._derived: Key | None = None

    def find(self, kid: bytes, kid_context: "bytes | None", now_ms: int) -> "Key | None":
        """Return the key with this kid, its context ready to use; `kid_context` if dormant."""
        if kid_context is not None:
            for credential in self.ring.dormant:
                if credential.kid == kid:
                    return credential.key(self._aes, kid_context)
            return None
        key = self.ring.by_kid.get(kid)
        if key is None:
            key = self.pairing.find(kid, now_ms)
            if key is None:
                return None
        if key.oscore is None:
            self._derive(key)
        return key

    def peek(self, kid: bytes) -> "Key | None":
        """Return the key with this kid, without making its context ready."""
        return self.ring.by_kid.get(kid)

    @property
    def owner_asked_ms(self) -> "int | None":
        """When an owner last made a request, None if none has since the start."""
        asked_ms = None
        for principal in self.ring.principals:
            used_ms = principal.used_ms
            if principal.rank == OWNER and used_ms is not None:
                asked_ms = used_ms if asked_ms is None else max(asked_ms, used_ms)
        return asked_ms

    def pair(self, name: str, host_random: bytes, now_ms: int) -> "tuple[Key, bytes] | None":
        """Return a provisional key for a new owner, and the board's 32 random bytes.

        Whoever has that name already keeps it; the new one gets a number behind it. None when
        there are as many keys as the gateway keeps.
        """
        if len(self.ring.by_kid) >= MAX_CONTEXTS:
            return None
        board_random = self._random(RANDOM_BYTES)
        secret = master_secret(host_random, board_random, b"carport pair")
        owner = Principal(self.ring.free_name(name), "owner")
        key = Key(self.pairing.kid or self.ring.take_kid(), owner, secret, True)
        self.pairing.offer(key, now_ms)
        return key, board_random

    def confirm(self, key: Key, now_ms: int) -> int:
        """Take note that a request has proved that the host has its key: make it durable.

        Returns:
            The number of the change that this waits for, 0 if the key was durable.
        """
        principal = key.principal
        principal.used_ms = now_ms
        if not self.pairing.is_offered(key):
            return 0
        principal.name = self.ring.free_name(principal.name)
        number = self._add(key, self.ring.dormant)
        self.pairing.close()
        self.note_pairing(principal.name, now_ms)
        return number

    def enrol(
        self,
        principal: Principal,
        host_random: bytes,
        with_last: bool = False,
        spent: "Credential | None" = None,
    ) -> "tuple[Key, bytes, int] | None":
        """Return a further key of a principal, the board's random bytes and the change's number.

        None when there are as many keys as the gateway keeps, or as many as one principal may
        have; an owner may have all but the last, which takes `with_last`. What is `spent` goes.
        """
        own = [key for key in self.ring.by_kid.values() if key.principal is principal]
        is_full = principal.rank < OWNER and len(own) >= MAX_CONTEXTS_EACH
        if is_full or len(self.ring.by_kid) >= MAX_CONTEXTS - (not with_last):
            return None
        secret, board_random = self._agree(host_random)
        key = Key(self.ring.take_kid(), principal, secret, True)
        credentials = [one for one in self.ring.dormant if one is not spent]
        return key, board_random, self._add(key, credentials)

    def make_dormant(
        self, principal: Principal, host_random: bytes, is_invitation: bool
    ) -> "tuple[Credential, bytes, int] | None":
        """Return a dormant credential of a principal, the random bytes and the change's number.

        None when there are as many as the gateway keeps.
        """
        from gateway.vault.dormant import Credential

        if len(self.ring.dormant) >= MAX_CREDENTIALS:
            return None
        secret, board_random = self._agree(host_random)
        credential = Credential(self.ring.take_kid(), principal, secret, is_invitation, 0)
        self._sequences.begin(credential.kid)
        credentials = self.ring.dormant + [credential]
        return credential, board_random, self.ring.become(self.ring.by_kid, credentials, principal)

    def wake(
        self, credential: "Credential", id_context: bytes, host_random: bytes
    ) -> "tuple[Key, bytes, int] | None":
        """Return what `enrol` does, for one use of a credential; it spends an invitation."""
        spent = credential if credential.is_invitation else None
        enrolled = self.enrol(credential.principal, host_random, spent is None, spent)
        if enrolled is None:
            return None
        credential.has_served(id_context)
        if spent is None:
            return enrolled
        return enrolled[0], enrolled[1], self._sequences.end(credential.kid)

    def revoke(self, kids: "list[bytes]", credentials: "list[Credential]") -> int:
        """Forget these keys and credentials, and the principals who have none left.

        Returns:
            The number of the change that makes it durable.
        """
        by_kid = {kid: self.ring.by_kid[kid] for kid in self.ring.by_kid if kid not in kids}
        left = [one for one in self.ring.dormant if one not in credentials]
        number = self.ring.become(by_kid, left)
        for kid in kids + [credential.kid for credential in credentials]:
            number = self._sequences.end(kid)
        return number

    def _agree(self, host_random: bytes) -> "tuple[bytes, bytes]":
        """Return a new master secret, and the board's part in it."""
        board_random = self._random(RANDOM_BYTES)
        return master_secret(host_random, board_random, b"carport enrol"), board_random

    def _add(self, key: Key, credentials: "list[Credential]") -> int:
        self._sequences.begin(key.kid)
        by_kid = dict(self.ring.by_kid)
        by_kid[key.kid] = key
        return self.ring.become(by_kid, credentials, key.principal)

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
