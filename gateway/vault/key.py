"""A key: one OSCORE context of a principal, and how its master secret is made.

Master secret: HKDF-SHA-256 over 32 bytes of the host and 32 of the board, so that neither's random
generator alone decides it.
"""

from binascii import hexlify

from gateway.const import const
from gateway.oscore.hkdf import expand, extract

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.echoes import Echoes
    from gateway.limits import Budget
    from gateway.oscore.context import Context
    from gateway.oscore.replay_window import ReplayWindow
    from gateway.vault.dormant import Credential
    from gateway.vault.principals import Principal

RANDOM_BYTES = 32
BOARD_ID = b"\x00"

_SECRET_BYTES = const(16)


class Key:
    """One OSCORE context of a principal, and what the endpoint has learned of it since boot.

    Attributes:
        kid: the host's sender id.
        oscore: the security context, derived at its first use.
        credential: what it belongs to if it can do nothing but enrol, else None.
        id_context: OSCORE's ID Context, of one use of a credential.
        is_verified: a request was verified with it.
        source: where its host has proven to be, by an Echo value that was sent there.
        challenged: the numbers that were challenged while the replay window is unknown.
        budget: of requests, made when it is first needed; see `gateway.limits`.
    """

    credential: "Credential | None" = None
    id_context = b""
    is_verified = False
    source: "bytes | str | None" = None
    challenged: "ReplayWindow | None" = None
    budget: "Budget | None" = None

    def __init__(self, kid: bytes, principal: "Principal", secret: bytes, is_new: bool) -> None:
        self.kid = kid
        self.principal = principal
        self.secret = secret
        self.is_new = is_new
        self.oscore: Context | None = None

    def __repr__(self) -> str:
        kid = hexlify(self.kid).decode()
        return f"Key(kid={kid}, principal={self.principal.name}, secret=[redacted])"

    def challenge(self, echoes: "Echoes", source: "bytes | str | None", now_ms: int) -> bytes:
        """Return the Echo value to challenge a host with, which has proved that it has the key."""
        return echoes.value(self.kid, source, now_ms)


def master_secret(host_random: bytes, board_random: bytes, info: bytes) -> bytes:
    """Return the master secret of a new context."""
    return expand(extract(b"", host_random + board_random), info, _SECRET_BYTES)


def kid_of(number: int) -> bytes:
    """Return a number as a kid, in as few bytes as it needs."""
    return number.to_bytes(1 if number < 0x100 else 2 if number < 0x10000 else 4, "big")
