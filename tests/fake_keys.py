"""The keys of the fake gateway: contexts, principals, dormant credentials, and its time.

It differs from the real one: roles count at /keys alone, uses and time windows not at all.
"""

import secrets
import time
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
from aiocoap import oscore
from aiocoap.credentials import CredentialsMap
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carport.client.contexts import write_context
from carport.client.dormant import DormantContext

BOARD_ID = b"\0"


class _DormantCredential:
    """A credential as aiocoap's server asks for it: a context of its own for each ID Context."""

    def __init__(self, kid: bytes, secret: bytes) -> None:
        self.kid = kid
        self.contexts: dict[bytes, DormantContext] = {}
        self._secret = secret

    def get_oscore_context_for(self, unprotected: dict[Any, Any]) -> DormantContext | None:
        """Return the context for a request, if it is for us."""
        id_context = unprotected.get(oscore.COSE_KID_CONTEXT)
        if unprotected.get(oscore.COSE_KID) != self.kid or id_context is None:
            return None
        if id_context not in self.contexts:
            context = DormantContext(BOARD_ID, self.kid, self._secret, id_context)
            context.authenticated_claims = [_claim(self.kid)]
            self.contexts[id_context] = context
        return self.contexts[id_context]


class FakeKeys:
    """What the gateway knows of everybody.

    Attributes:
        people: {name: what an owner was told of them}, in the order in which they came.
        contexts: {kid: name}.
        dormant: {kid: (name, whether it is an invitation)}.
        secrets: every master secret there ever was.
        id_contexts: those that dormant credentials were used with.
        limit: how many contexts there are at most.
    """

    def __init__(self, folder: Path) -> None:
        self.credentials = CredentialsMap()
        self.people: dict[str, dict[str, Any]] = {}
        self.contexts: dict[bytes, str] = {}
        self.dormant: dict[bytes, tuple[str, bool]] = {}
        self.secrets: list[bytes] = []
        self.id_contexts: list[bytes] = []
        self.limit = 24
        self._folder = folder
        self._next_kid = 1

    def pair(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the answer for a new owner."""
        self.people.setdefault(fields["name"], {"name": fields["name"], "role": "owner"})
        return self._new_context(fields["name"], fields["random"], b"carport pair")

    def post(self, request: aiocoap.Message) -> dict[str, Any] | aiocoap.Message:
        """Return the answer to POST /keys."""
        asker = self._asker(request)
        fields = cbor2.loads(request.payload)
        random, is_dormant = fields.pop("random"), fields.pop("dormant", False)
        if not self._is_awake(request):
            return self._wake(request, random)
        if ("name" in fields or is_dormant) and self.people[asker]["role"] != "owner":
            return _refusal("only an owner makes keys for others")
        if "name" in fields:
            if fields["name"] in self.people:
                return aiocoap.Message(code=aiocoap.CONFLICT, payload=b"this name is taken")
            self.people[fields["name"]] = fields
        name = fields.get("name", asker)
        if is_dormant:
            return self._new_dormant(name, random, "name" in fields)
        if len(self.contexts) >= self.limit:
            return _full()
        return self._new_context(name, random, b"carport enrol")

    def get(self, request: aiocoap.Message) -> list[dict[str, Any]] | aiocoap.Message:
        """Return the answer to GET /keys."""
        asker = self._asker(request)
        if not self._is_awake(request) or self.people[asker]["role"] != "owner":
            return _refusal("this key may not do that")
        return [self._listed(name, name == asker) for name in self.people]

    def delete(self, request: aiocoap.Message) -> aiocoap.Message:
        """Return the answer to DELETE /keys."""
        asker = self._asker(request)
        name, *which = request.opt.uri_query
        name = name.removeprefix("name=")
        if not self._is_awake(request) or self.people[asker]["role"] != "owner":
            return _refusal("this key may not do that")
        if name not in self.people:
            return aiocoap.Message(code=aiocoap.NOT_FOUND, payload=b"nobody has this name")
        awake = [kid for kid, whose in self.contexts.items() if whose == name]
        dormant = [kid for kid, (whose, _) in self.dormant.items() if whose == name]
        owners = [each for each in self.people.values() if each["role"] == "owner"]
        if which == ["others"]:
            awake.remove(_kid(request))
            dormant = []
        elif which == ["backups"]:
            awake = []
        elif owners == [self.people[name]]:
            return aiocoap.Message(code=aiocoap.CONFLICT, payload=b"this is the last owner")
        for kid in awake + dormant:
            self._forget(kid)
        if not which:
            del self.people[name]
        return aiocoap.Message(code=aiocoap.DELETED)

    def forget_all(self) -> None:
        """Know nobody any more."""
        self.credentials.clear()
        self.contexts.clear()
        self.dormant.clear()

    def _wake(self, request: aiocoap.Message, random: bytes) -> dict[str, Any] | aiocoap.Message:
        kid = _kid(request)
        name, is_invitation = self.dormant[kid]
        if len(self.contexts) >= self.limit:
            return _full()
        self.id_contexts.append(request.remote.security_context.id_context)
        if is_invitation:
            self._forget(kid)
        return self._new_context(name, random, b"carport enrol")

    def _new_context(self, name: str, random: bytes, info: bytes) -> dict[str, Any]:
        kid, secret, answer = self._agree(random, info)
        folder = self._folder / kid.hex()
        write_context(folder, sender_id=BOARD_ID, recipient_id=kid, secret=secret)
        self.credentials.load_from_dict({_claim(kid): {"oscore": {"basedir": str(folder)}}})
        self.contexts[kid] = name
        return answer

    def _new_dormant(self, name: str, random: bytes, is_invitation: bool) -> dict[str, Any]:
        kid, secret, answer = self._agree(random, b"carport enrol")
        self.credentials[_claim(kid)] = _DormantCredential(kid, secret)
        self.dormant[kid] = (name, is_invitation)
        return answer

    def _agree(self, random: bytes, info: bytes) -> tuple[bytes, bytes, dict[str, Any]]:
        kid = bytes([self._next_kid])
        self._next_kid += 1
        ours = secrets.token_bytes(32)
        secret = HKDF(SHA256(), 16, b"", info).derive(random + ours)
        self.secrets += [secret, random, ours]
        answer = {"random": ours, "sender_id": kid, "recipient_id": BOARD_ID}
        return kid, secret, answer | {"gateway": "Test board"}

    def _listed(self, name: str, is_asker: bool) -> dict[str, Any]:
        kids = [kid for kid, whose in self.contexts.items() if whose == name]
        fields = {**self.people[name], "kids": kids, "contexts": len(kids)}
        held = [is_invitation for whose, is_invitation in self.dormant.values() if whose == name]
        for what, count in (("invitations", held.count(True)), ("backups", held.count(False))):
            if count:
                fields[what] = count
        if is_asker:
            fields |= {"you": True, "last_used": int(time.time())}
        return fields

    def _forget(self, kid: bytes) -> None:
        del self.credentials[_claim(kid)]
        self.contexts.pop(kid, None)
        self.dormant.pop(kid, None)

    def _asker(self, request: aiocoap.Message) -> str:
        kid = _kid(request)
        return self.contexts[kid] if kid in self.contexts else self.dormant[kid][0]

    def _is_awake(self, request: aiocoap.Message) -> bool:
        return _kid(request) in self.contexts


def _kid(request: aiocoap.Message) -> bytes:
    (claim,) = request.remote.authenticated_claims
    return bytes.fromhex(claim.removeprefix(":"))


def _claim(kid: bytes) -> str:
    return f":{kid.hex()}"


def _full() -> aiocoap.Message:
    return aiocoap.Message(code=aiocoap.SERVICE_UNAVAILABLE, payload=b"no more keys")


def _refusal(text: str) -> aiocoap.Message:
    return aiocoap.Message(code=aiocoap.FORBIDDEN, payload=text.encode())
