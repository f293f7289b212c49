"""A credential that can only enrol: what an invitation and a backup hold.

However often its file is copied or restored, no nonce comes twice: each use has an OSCORE ID
Context of its own, 8 random bytes that the gateway learns from the request, and so keys of its
own. They live in memory only.
"""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import aiocoap
import cbor2
from aiocoap import oscore

from carport.client.keys import KeyExchange, NewKey
from carport.client.known_gateways import KnownGateway
from carport.client.principals import Grant, decode_grant
from carport.client.route import Log, Via, routes
from carport.client.secret import Secret
from carport.client.session import Session
from carport.errors import CarportError, NoAnswerError, NotAuthorisedError

_ID_CONTEXT_BYTES = 8
_TRY_S = 8.0  # CoAP repeats a request several times meanwhile
_TRY_UNCERTAIN_S = 2.5
_PAUSE_S = 0.2


@dataclass(frozen=True)
class Dormant:
    """A dormant credential, and where its gateway was when it was made.

    gateway: what its owner calls it. addresses: "host:port". grant: who enrols with it.
    """

    gateway: str
    addresses: list[str]
    grant: Grant
    sender_id: bytes
    recipient_id: bytes
    secret: Secret

    def encode(self) -> bytes:
        """Return it as an invitation or a backup holds it."""
        credential = [self.sender_id, self.recipient_id, bytes(self.secret)]
        fields = [self.gateway, self.addresses, self.grant.as_fields(), *credential]
        return cbor2.dumps(fields, canonical=True)


def decode_dormant(data: bytes) -> Dormant:
    """Return the credential that encode() made data of.

    Raises:
        ValueError: it did not.
    """
    try:
        gateway, addresses, grant, sender_id, recipient_id, secret = cbor2.loads(data)
        dormant = Dormant(
            gateway=str(gateway),
            addresses=[str(address) for address in addresses],
            grant=decode_grant(grant),
            sender_id=bytes(sender_id),
            recipient_id=bytes(recipient_id),
            secret=Secret(secret),
        )
        words = [dormant.gateway, *dormant.addresses, dormant.grant.name, *dormant.grant.scopes]
        if not all(word.isprintable() for word in words):  # they go to a terminal
            raise ValueError("a control character")
        return dormant
    except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError("no dormant credential") from error


class DormantContext(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):  # type: ignore[misc]
    """One use of a dormant credential, as aiocoap wants a security context."""

    echo_recovery = None

    def __init__(
        self, sender_id: bytes, recipient_id: bytes, secret: bytes, id_context: bytes
    ) -> None:
        self.alg_aead = oscore.algorithms[oscore.DEFAULT_ALGORITHM]
        self.hashfun = oscore.hashfunctions[oscore.DEFAULT_HASHFUNCTION]
        self.sender_id = sender_id
        self.recipient_id = recipient_id
        self.id_context = id_context
        self.derive_keys(b"", secret)
        self.sender_sequence_number = 0
        self.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()

    @classmethod
    def once(cls, dormant: Dormant) -> "DormantContext":
        """Return a fresh context for one use of a credential."""
        id_context = secrets.token_bytes(_ID_CONTEXT_BYTES)
        return cls(dormant.sender_id, dormant.recipient_id, bytes(dormant.secret), id_context)

    def open(self) -> Any:
        """Return the context as aiocoap uses it."""
        return self

    def release(self) -> None:
        """Nothing is kept."""

    def post_seqnoincrease(self) -> None:
        """Nothing is stored: the numbers end with the ID Context."""


async def enrol(
    dormant: Dormant,
    gateway: KnownGateway,
    *,
    via: Via,
    port: str | None,
    deadline: float,
    refusal: str,
    on_log: Log,
) -> NewKey:
    """Return a fresh key that the gateway gives for the credential.

    gateway: where it may be; of what answers there, only the one that knows the credential counts.
    refusal: what to say if none does.

    Raises:
        NotAuthorisedError: it was used already, or withdrawn.
        NoAnswerError: the gateway cannot be reached.
    """
    exchange = KeyExchange("enrol")
    is_refused = False
    session = await Session.open(DormantContext.once(dormant))
    try:
        while _now() < deadline:
            async for route in routes(gateway, via, port, deadline, on_log):
                session.address = route.address
                session.is_on_cable = route.relay is not None
                try_s = _TRY_S if route.is_certain else _TRY_UNCERTAIN_S
                try:
                    response = await session.request(
                        aiocoap.POST,
                        "keys",
                        exchange.payload,
                        deadline=min(deadline, _now() + try_s),
                        is_once=True,  # another enrolment would find an invitation spent
                    )
                    return exchange.finish(_granted(response, refusal))
                except NoAnswerError:
                    continue
                except NotAuthorisedError:  # by another gateway, or ours has forgotten it
                    is_refused = True
                finally:
                    await route.close()
            if is_refused:
                raise NotAuthorisedError(refusal)
            await asyncio.sleep(min(_PAUSE_S, max(0.0, deadline - _now())))
    finally:
        await session.close()
    raise NoAnswerError(
        f"{dormant.gateway} cannot be reached: join its network, or connect the cable and give "
        "--port"
    )


def _granted(response: aiocoap.Message, refusal: str) -> bytes:
    """Return the payload of a success.

    Raises:
        NotAuthorisedError: the gateway knows the credential, and does not take it any more.
        CarportError: it cannot give a key now.
    """
    if response.code.is_successful():
        return bytes(response.payload)
    if response.code in (aiocoap.UNAUTHORIZED, aiocoap.FORBIDDEN):
        raise NotAuthorisedError(refusal)
    text = response.payload.decode(errors="replace") or str(response.code)
    raise CarportError(f"the gateway gives no key ({text}): ask its owner to revoke unused ones")


def _now() -> float:
    return asyncio.get_running_loop().time()
