"""Who may talk to a gateway: what a key allows, and the gateway's list of those who have one.

gateway/carport.cddl has the payloads.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import cbor2

from carport.errors import UnreadableError

Role = Literal["owner", "driver", "guest", "service", "viewer"]

ROLES: tuple[Role, ...] = get_args(Role)

_MAX_NAME_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a principal may do.

    scopes: "lock" or "lock:read"; none if the role alone decides. not_before and not_after: unix
    seconds. uses: how many commands are left. region: the only one it may have records in.
    """

    name: str
    role: Role
    scopes: tuple[str, ...] = ()
    not_before: int | None = None
    not_after: int | None = None
    uses: int | None = None
    region: str | None = None

    def as_fields(self) -> dict[str, Any]:
        """Return it as the gateway takes it: without what is not limited."""
        fields: dict[str, Any] = {"name": cut_name(self.name), "role": self.role}
        if self.scopes:
            fields["scopes"] = list(self.scopes)
        for limit in ("not_before", "not_after", "uses", "region"):
            value = getattr(self, limit)
            if value is not None:
                fields[limit] = value
        return fields


@dataclass(frozen=True, kw_only=True)
class Principal(Grant):
    """Somebody with a key.

    contexts: how many processes of theirs can talk at once. invitations and backups: credentials
    that wait for their use. last_used: unix seconds, None if never. is_you: it is who asks.
    """

    contexts: int = 0
    invitations: int = 0
    backups: int = 0
    last_used: int | None = None
    is_you: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as `carport keys list --json` prints it."""
        return {
            **dict.fromkeys(("scopes", "not_before", "not_after", "uses", "region")),
            **self.as_fields(),
            "contexts": self.contexts,
            "invitations": self.invitations,
            "backups": self.backups,
            "last_used": self.last_used,
            "you": self.is_you,
        }


def decode_grant(fields: dict[str, Any]) -> Grant:
    """Return the grant in the fields, which may have others.

    Raises:
        LookupError, TypeError, ValueError: they are none.
    """
    return Grant(**_grant_fields(fields))


def decode_principals(payload: bytes) -> list[Principal]:
    """Return everybody in the gateway's list.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """
    try:
        return [
            Principal(
                **_grant_fields(fields),
                contexts=int(fields["contexts"]),
                invitations=int(fields.get("invitations", 0)),
                backups=int(fields.get("backups", 0)),
                last_used=fields.get("last_used"),
                is_you=bool(fields.get("you", False)),
            )
            for fields in cbor2.loads(payload)
        ]
    except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableError("the gateway's list of keys") from error


def cut_name(name: str) -> str:
    """Return as much of name as a gateway takes."""
    return name.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")


def _grant_fields(fields: dict[str, Any]) -> dict[str, Any]:
    role = fields["role"]
    if role not in ROLES:
        raise ValueError(f"no role is called {role!r}")
    limits = {name: fields.get(name) for name in ("not_before", "not_after", "uses", "region")}
    scopes = tuple(str(scope) for scope in fields.get("scopes", ()))
    return {"name": str(fields["name"]), "role": role, "scopes": scopes, **limits}
