"""Principals: who asks, and what they may do.

    role      rank      what it is for
    owner     owner     everything; nothing limits an owner
    driver    driver    looking and commanding
    guest     driver    the same within a time window, a number of times, or both
    service   driver    a program: exactly what its scopes say
    viewer    viewer    looking

Rules:

1. A resource names the least rank for each method. Scopes narrow that: "lock" grants all that the
   rank allows at /lock, "lock:read" looking alone. Without scopes the rank decides; a guest is
   given "lock" and "climate" then, a service must have some.
2. Whatever the scopes, everybody may read their own receipts and the time, and enrol further
   contexts for themselves.
3. Outside of its time window, or with its uses spent, a key sees nothing any more. While the
   gateway does not know the time, the same holds for every guest. A command is judged so by its
   resource (least rank COMMAND), which first looks whether it was given before.
4. A use is reserved when a command begins, counted durably before its intent, and given back if
   the command was refused after all. A power cut may lose one, and never grants one.
"""

from gateway.coap.numbers import FETCH, GET, POST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.vault.wall_clock import WallClock

VIEWER = 1
DRIVER = 2
COMMAND = 3  # a driver's too
OWNER = 4
RANKS = {
    "viewer": VIEWER,
    "driver": COMMAND,
    "guest": COMMAND,
    "service": COMMAND,
    "owner": OWNER,
}

MAX_NAME_BYTES = 32
READ = ":read"
LIMITS = ("scopes", "not_before", "not_after", "uses")

_GUEST_SCOPES = (b"lock", b"climate")
_MAY_NOT = "this key may not do that"


class Uses:
    """How many commands a principal has left; `store` makes the number durable."""

    __slots__ = ("_reserved", "_store", "left")

    def __init__(self, left: int, store: "Callable[[], int]") -> None:
        self.left = left
        self._reserved = 0
        self._store = store

    @property
    def is_spent(self) -> bool:
        """Whether no command may begin any more."""
        return self.left <= self._reserved

    def reserve(self) -> None:
        """Set one aside for a command that begins."""
        self._reserved += 1

    def release(self) -> None:
        """Give back the one of a command that ended before its intent."""
        self._reserved -= 1

    def spend(self) -> None:
        """Count the one of a command whose intent is about to be stored."""
        self.left -= 1
        try:
            self._store()
        except MemoryError:
            self.left += 1
            raise
        self._reserved -= 1

    def give_back(self) -> None:
        """Count the one of a command that was refused after its intent no longer."""
        self.left += 1
        self._store()


class Limits:
    """What narrows a principal's role; None stands for what does not."""

    __slots__ = ("_clock", "_needs_time", "not_after", "not_before", "scopes", "uses")

    def __init__(
        self,
        scopes: "tuple[bytes, ...] | None",
        not_before: "int | None",
        not_after: "int | None",
        uses: "Uses | None",
        needs_time: bool,
        clock: "WallClock",
    ) -> None:
        self.scopes = scopes
        self.not_before = not_before
        self.not_after = not_after
        self.uses = uses
        self._needs_time = needs_time
        self._clock = clock

    def refusal(self, now_ms: int) -> str:
        """Return why this principal may do nothing now, "" if it may."""
        if self._needs_time:
            unix_s = self._clock.unix_s(now_ms)
            if unix_s is None:
                return "the gateway does not know the time: an owner's tool tells it"
            if self.not_before is not None and unix_s < self.not_before:
                return "this key is not valid yet"
            if self.not_after is not None and unix_s > self.not_after:
                return "this key is not valid any more"
        if self.uses is not None and self.uses.is_spent:
            return "this key is used up"
        return ""

    def allow(self, segment: bytes, code: int, least_rank: int, now_ms: int) -> bool:
        """Tell whether a method of a resource is within these limits; a command, in scope."""
        if code == GET and (segment == b"receipts" or segment == b"time"):
            return True
        if code == POST and segment == b"keys":
            return True
        scopes = self.scopes
        if scopes is not None and segment not in scopes:
            is_read = code in (GET, FETCH)
            if not is_read or segment + READ.encode() not in scopes:
                return False
        return least_rank == COMMAND or not self.refusal(now_ms)


class Principal:
    """Somebody, or a program, with keys: a name for receipts and logs, and what it may do.

    Attributes:
        role: "owner", "driver", "guest", "service" or "viewer".
        rank: what is compared with the least rank of a resource.
        region: the ISO 3166-1 country whose records it may have, None if none was said.
        used_ms: when it was last heard of, since that was stored; None if not since then.
        last_used_s: the same in unix seconds, as it is stored.
    """

    __slots__ = ("last_used_s", "limits", "name", "rank", "region", "role", "used_ms")

    def __init__(self, name: str, role: str) -> None:
        self.name = name
        self.role = role
        self.rank = RANKS[role]
        self.region: str | None = None
        self.limits: Limits | None = None
        self.used_ms: int | None = None
        self.last_used_s: int | None = None

    def may(self, segment: bytes, code: int, least_rank: int, now_ms: int) -> bool:
        """Tell whether it may use a method of the resource whose path begins with `segment`."""
        if self.rank < least_rank:
            return False
        return self.limits is None or self.limits.allow(segment, code, least_rank, now_ms)

    def why_not(self, now_ms: int) -> str:
        """Return the sentence for somebody who may not."""
        return (self.limits is not None and self.limits.refusal(now_ms)) or _MAY_NOT

    def last_used(self, clock: "WallClock") -> "int | None":
        """Return when it was last heard of, in unix seconds; None if that is not known."""
        unix_s = None if self.used_ms is None else clock.unix_s(self.used_ms)
        return self.last_used_s if unix_s is None else unix_s

    def note_use(self, clock: "WallClock") -> None:
        """Make the last use one that is stored, if the time is known."""
        last_s = self.last_used(clock)
        if last_s != self.last_used_s:
            self.last_used_s = last_s
            self.used_ms = None

    def describe(self, clock: "WallClock") -> "dict[str, Any]":
        """Return what `carport.cddl` calls principal, without its keys; it is stored so."""
        described: dict[str, Any] = {"name": self.name, "role": self.role}
        values: list[tuple[str, Any]] = [
            ("region", self.region),
            ("last_used", self.last_used(clock)),
        ]
        limits = self.limits
        if limits is not None:
            if limits.scopes is not None:
                described["scopes"] = [str(scope, "utf-8") for scope in limits.scopes]
            values.append(("not_before", limits.not_before))
            values.append(("not_after", limits.not_after))
            values.append(("uses", None if limits.uses is None else limits.uses.left))
        for name, value in values:
            if value is not None:
                described[name] = value
        return described


def principal_of(
    described: "dict[str, Any]", clock: "WallClock", store: "Callable[[], int]"
) -> Principal:
    """Return the principal of what `describe` returned, or of an owner's request for a new one."""
    principal = Principal(described["name"], described["role"])
    principal.region = described.get("region")
    principal.last_used_s = described.get("last_used")
    is_guest = principal.role == "guest"
    scopes = _GUEST_SCOPES if is_guest else None
    if "scopes" in described:
        scopes = tuple([scope.encode() for scope in described["scopes"]])
        if scopes == _GUEST_SCOPES:
            scopes = _GUEST_SCOPES  # most guests share it
    not_before = described.get("not_before")
    not_after = described.get("not_after")
    left = described.get("uses")
    needs_time = is_guest or not_before is not None or not_after is not None
    if needs_time or scopes is not None or left is not None:
        principal.limits = Limits(
            scopes,
            not_before,
            not_after,
            None if left is None else Uses(left, store),
            needs_time,
            clock,
        )
    return principal
