"""`/keys`: who has keys (GET), a new one (POST), and the end of some (DELETE).

    POST {random}                               one more context for whoever asks
    POST {random, dormant}                      a backup of the owner who asks
    POST {random, name, role, limits}           somebody new, with a first context
    POST {random, name, role, limits, dormant}  somebody new, with an invitation
    DELETE ?name=NAME                           all keys of somebody, invitations and backups too
    DELETE ?name=NAME&others                    all contexts of the owner who asks but the one used
    DELETE ?name=NAME&backups                   somebody's backups

With a dormant credential nothing but the first is possible. Whatever changes somebody else's keys
takes an owner and a fresh Echo.
"""

from gateway import cbor
from gateway.coap.numbers import (
    BAD_REQUEST,
    CHANGED,
    CONFLICT,
    CONTENT,
    DELETE,
    DELETED,
    FORBIDDEN,
    GET,
    NOT_FOUND,
    POST,
    SERVICE_UNAVAILABLE,
)
from gateway.endpoint import CHALLENGE
from gateway.errors import DecodeError
from gateway.request import CBOR_FORMAT, MAX_BLOCK_BYTES, diagnostic
from gateway.resources.key_request import check_grant, decode, encode_answer
from gateway.vault.principals import LIMITS, OWNER, VIEWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from typing import Any

    from gateway.request import Answer, Request
    from gateway.vault.keys import Keys
    from gateway.vault.principals import Principal

_FIELDS = ("random", "name", "role", "region", "dormant") + LIMITS
_NAME = b"name="


class KeysResource:
    """The keys; `forget(kid, now_ms)` ends all else that a revoked key has, and returns a change.

    segments: the first segments of the paths that a scope may name.
    """

    segments = 1
    roles = {GET: OWNER, POST: VIEWER, DELETE: OWNER}

    def __init__(
        self,
        keys: "Keys",
        gateway_name: str,
        scopes: "Container[bytes]",
        forget: "Callable[[bytes, int], int]",
    ) -> None:
        self._keys = keys
        self._gateway_name = gateway_name
        self._scopes = scopes
        self._forget = forget

    def handle(self, request: "Request") -> "Answer | None":
        """List, make or revoke, as the method says.

        Raises:
            DecodeError: the payload is no enrol-request, or the query names nobody.
        """
        if request.code == GET:
            return CONTENT, CBOR_FORMAT, self._list(request.known_key.principal, request.now_ms)
        if request.code == DELETE:
            return self._revoke(request)
        return self._make(request)

    def _make(self, request: "Request") -> "Answer":
        """Return what the host needs to derive the new key, once it is durable."""
        keys = self._keys
        ring = keys.ring
        fields = decode(request.payload, _FIELDS)
        random = fields["random"]
        asker = request.known_key
        principal = asker.principal
        made: Any
        if len(fields) == 1:
            if asker.credential is not None:
                made = keys.wake(asker.credential, asker.id_context, random)
            else:
                made = keys.enrol(principal, random)
        elif principal.rank < OWNER:
            return diagnostic(FORBIDDEN, "only an owner makes backups, and keys for others")
        elif len(fields) == 2 and "dormant" in fields:
            made = keys.make_dormant(principal, random, False)
        else:
            check_grant(fields, self._scopes)
            if not request.is_fresh:
                return CHALLENGE
            if ring.principal(fields["name"]) is not None:
                return diagnostic(CONFLICT, "somebody has this name: choose another, or revoke it")
            principal = ring.new_principal(fields)
            if "dormant" in fields:
                made = keys.make_dormant(principal, random, True)
            else:
                made = keys.enrol(principal, random)
        if made is None:
            return diagnostic(SERVICE_UNAVAILABLE, "the gateway keeps no more keys")
        key, board_random, change = made
        request.after = max(request.after, change)
        return CHANGED, CBOR_FORMAT, encode_answer(key.kid, board_random, self._gateway_name)

    def _list(self, asker: "Principal", now_ms: int) -> "bytes | list[bytes]":
        """Return everybody with keys, in the order in which they came; in blocks if too long."""
        ring = self._keys.ring
        pieces = []
        buffer = bytearray()
        cbor.append_head(buffer, cbor.ARRAY, len(ring.principals))
        for principal in ring.principals:
            cbor.append_item(buffer, ring.describe(principal, asker))
            while len(buffer) > MAX_BLOCK_BYTES:
                pieces.append(bytes(buffer[:MAX_BLOCK_BYTES]))
                buffer = buffer[MAX_BLOCK_BYTES:]
        pieces.append(bytes(buffer))
        return pieces if len(pieces) > 1 else pieces[0]

    def _revoke(self, request: "Request") -> "Answer":
        """Forget keys, durably before that is said."""
        if not request.is_fresh:
            return CHALLENGE
        ring = self._keys.ring
        name, what = _asked(request.queries)
        principal = ring.principal(name)
        if principal is None:
            return diagnostic(NOT_FOUND, "nobody has this name")
        own = request.known_key
        kids = ring.kids(principal)
        credentials = ring.credentials(principal)
        if what == b"backups":
            kids = []
            credentials = [one for one in credentials if not one.is_invitation]
        elif what == b"others":
            if principal is not own.principal:
                return diagnostic(BAD_REQUEST, "others goes with your own name")
            kids = [kid for kid in kids if kid != own.kid]
            credentials = []
        elif ring.is_last_owner(principal):
            return diagnostic(CONFLICT, "the last owner cannot be revoked")
        change = self._keys.revoke(kids, credentials)
        for kid in kids + [credential.kid for credential in credentials]:
            change = max(change, self._forget(kid, request.now_ms))
        request.after = max(request.after, change)
        return DELETED, [], b""


def _asked(queries: "tuple[bytes, ...]") -> "tuple[str, bytes]":
    """Return whose keys are to be revoked, and which of them: b"" for all.

    Raises:
        DecodeError: the query is another one.
    """
    name = ""
    what = b""
    for query in queries:
        if query.startswith(_NAME) and not name:
            try:
                name = str(query[len(_NAME) :], "utf-8")
            except UnicodeError:
                raise DecodeError("name is text")
        elif query in (b"others", b"backups") and not what:
            what = query
        else:
            raise DecodeError("the query is name=NAME, with others or backups or without")
    if not name:
        raise DecodeError("whose keys? The query name=NAME is missing")
    return name, what
