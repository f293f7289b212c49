"""Dormant credentials: they can enrol fresh contexts, and nothing else.

    backup       of an owner, in a drawer: enrols contexts of that owner as often as it is used
    invitation   of somebody new, on its way to them: spent by the first context that it enrols

A file lies about, is copied and restored, and whoever uses it cannot know which numbers another
copy has used. So each use chooses 8 random bytes as the OSCORE ID Context, and with it keys that
nobody ever had. The board's own numbers go on across all of them, and are durable as those of any
key: a use that the board forgot and meets again finds none of its nonces used twice.

What a stranger sends under a credential's kid is derived, does not verify, and is forgotten. A
context is kept from its first challenge on, which only the secret's holder gets; one for each
credential, the newest. A use enrols once: whoever replays two uses at the same time, so that each
pushes the other out, finds that the newer one has served.
"""

from gateway.coap.numbers import POST
from gateway.const import const
from gateway.oscore.context import Context
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from gateway.vault.key import BOARD_ID, Key
from gateway.vault.principals import VIEWER, Principal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.echoes import Echoes
    from gateway.oscore.ccm import BlockCipherFactory

ID_CONTEXT_BYTES = const(8)

_SERVED = const(4)  # more than one holder begins within the time that an Echo value is good for


class Credential:
    """A secret that was handed over, and the principal whose contexts it enrols."""

    def __init__(
        self, kid: bytes, principal: Principal, secret: bytes, is_invitation: bool, limit: int
    ) -> None:
        self.kid = kid
        self.principal = principal
        self.secret = secret
        self.is_invitation = is_invitation
        self.kept: DormantKey | None = None
        self._served: list[bytes] = []
        self._numbers = SenderSequence(limit)

    def __repr__(self) -> str:
        return f"Credential(principal={self.principal.name}, secret=[redacted])"

    def key(self, aes: "BlockCipherFactory", id_context: bytes) -> "DormantKey | None":
        """Return the key of one use, None if this can be none, or has served."""
        if len(id_context) != ID_CONTEXT_BYTES or id_context in self._served:
            return None
        kept = self.kept
        if kept is not None and kept.id_context == id_context:
            return kept
        key = DormantKey(self, id_context)
        key.oscore = Context(
            aes,
            self.secret,
            b"",
            BOARD_ID,
            self.kid,
            id_context,
            self._numbers,
            ReplayWindow(False),
        )
        return key

    def has_served(self, id_context: bytes) -> None:
        """Take note that a use has enrolled what it may."""
        self._served = self._served[1 - _SERVED :] + [id_context]


class DormantKey(Key):
    """The context of one use of a credential."""

    def __init__(self, credential: Credential, id_context: bytes) -> None:
        Key.__init__(self, credential.kid, Enroller(credential.principal), b"", False)
        self.credential = credential
        self.id_context = id_context

    def challenge(self, echoes: "Echoes", source: "bytes | str | None", now_ms: int) -> bytes:
        """Return the Echo value to challenge with; whoever is challenged has the secret."""
        assert self.credential is not None
        self.credential.kept = self
        return Key.challenge(self, echoes, source, now_ms)


class Enroller(Principal):
    """Whoever uses a dormant credential: may enrol, and do nothing else."""

    def __init__(self, principal: Principal) -> None:
        Principal.__init__(self, principal.name, "viewer")

    def may(self, segment: bytes, code: int, least_rank: int, now_ms: int) -> bool:
        """Tell whether this is an enrolment."""
        return least_rank <= VIEWER and segment == b"keys" and code == POST
