"""The client: what an owner may ask of a gateway, and the truth about what became of it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Any
from urllib.parse import quote

import aiocoap
import cbor2

from carport.client.arming import Arming, decode_arming
from carport.client.clock import GIVE_AGAIN_S, GIVING_S, give_time
from carport.client.contexts import Context
from carport.client.keys import KeyExchange, NewKey
from carport.client.known_gateways import KnownGateway, find_gateway
from carport.client.principals import Grant, Principal, decode_principals
from carport.client.receipt import Receipt, decode_receipt
from carport.client.route import Log, Route, Via, routes
from carport.client.session import CBOR, Session, claim
from carport.client.signals import Signals, Value, decode_signals
from carport.client.system import System, decode_system
from carport.errors import (
    BoardFaultError,
    CarportError,
    NoAnswerError,
    NotAuthorisedError,
    NotConfirmedError,
    RefusedError,
    UnreadableError,
    UsageError,
)

DEFAULT_TIMEOUT_S = 15.0

_LOOKING = (aiocoap.GET, aiocoap.FETCH)
_PROOF_S = 2.0
_PAUSE_S = 0.2


class Client:
    """A connection to one gateway, made at the first request and kept until the end.

    Methods may be called at the same time. A command returns its receipt once the car has
    confirmed it, and raises otherwise: RefusedError, NotConfirmedError (both with the receipt),
    NotAuthorisedError, NoAnswerError, UsageError, or another CarportError.

    may_happen: what may still come of what was sent, in words; "" if nothing sent does anything.
    """

    def __init__(
        self,
        gateway: KnownGateway | str | None = None,
        *,
        via: Via = "auto",
        port: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        on_log: Log = lambda line: None,
    ) -> None:
        """gateway: its name; may be left out if only one is paired. timeout_s: for each call.

        port: a serial port to use instead of the known one. on_log: is given the lines that the
        board logs while the cable is in use.

        Raises:
            UsageError: there is no such gateway.
        """
        self.gateway = gateway if isinstance(gateway, KnownGateway) else find_gateway(gateway)
        self.route: Route | None = None
        self.may_happen = ""
        self._via: Via = via
        self._port = port
        self._timeout_s = timeout_s
        self._on_log = on_log
        self._connecting = asyncio.Lock()
        self._commanding = asyncio.Lock()
        self._closing = AsyncExitStack()
        self._session: Session | None = None
        self._context: Context | None = None
        self._giving_time: asyncio.Task[None] | None = None
        self._gave_time_at = 0.0

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            await self.settle()
        await self.close()

    async def settle(self) -> None:
        """Wait for what goes on in the background, a moment at most: giving the time."""
        if self._giving_time is not None:
            await asyncio.wait([self._giving_time], timeout=GIVING_S)

    async def close(self) -> None:
        """Give the OSCORE context and the cable back; the next call takes them again."""
        if self._giving_time is not None:
            self._giving_time.cancel()
            await asyncio.wait([self._giving_time])
            self._giving_time = None
        self._session = None
        self._context = None
        self.route = None
        await self._closing.aclose()

    async def lock(self) -> Receipt:
        """Lock the car."""
        return await self.command("lock", "lock")

    async def unlock(self) -> Receipt:
        """Unlock the car."""
        return await self.command("lock", "unlock")

    async def climate(self, **arguments: Value) -> Receipt:
        """Change the climate: on, driver_temperature, ... as the car's profile names them."""
        return await self.command("climate", "climate", arguments)

    async def command(
        self, path: str, command: str, arguments: dict[str, Value] | None = None
    ) -> Receipt:
        """Let the gateway carry out a command; return the receipt once the car has confirmed it.

        It is asked again until it answers, always with the same id, so the car acts once.
        """
        async with self._commanding:  # the gateway takes ids in ascending order only
            return await self._command(path, command, arguments or {})

    async def _command(self, path: str, command: str, arguments: dict[str, Value]) -> Receipt:
        deadline = self._deadline()
        session = await self.connected(deadline)
        assert self._context is not None
        lifetime_ms = max(1, round((deadline - _now()) * 1000))
        content: dict[str, Any] = {
            "id": self._context.take_command_id(),
            "command": command,
            "lifetime_ms": lifetime_ms,
        }
        if arguments:
            content["arguments"] = arguments
        payload = cbor2.dumps(content, canonical=True)
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + lifetime_ms / 1000))
        self.may_happen = (
            f"the {command} may still happen until {until}, so look at the car, or ask with "
            "`carport status`"
        )
        try:
            response = await session.request(aiocoap.POST, path, payload, deadline=deadline)
        except NoAnswerError as error:
            await self.close()
            raise NoAnswerError(
                f"{self.gateway.name} did not answer: {self.may_happen}"
            ) from error
        self.may_happen = ""
        self._was_answered(session)
        return _confirmed(response)

    async def signals(self, paths: Sequence[str] = ()) -> Signals:
        """Return the signals of these VSS paths, or all there are."""
        if paths:
            response = await self.request(aiocoap.FETCH, "signals", cbor2.dumps(list(paths)))
        else:
            response = await self.request(aiocoap.GET, "signals")
        return decode_signals(successful(response).payload)

    async def watch(self) -> AsyncGenerator[Signals, None]:
        """Yield all signals, now and whenever the gateway tells a change."""
        async with aclosing(self.observe("signals")) as payloads:
            async for payload in payloads:
                yield decode_signals(payload)

    async def observe(self, path: str) -> AsyncGenerator[bytes, None]:
        """Yield what a resource tells, now and whenever it changes."""
        session = await self.connected(self._deadline())
        async with aclosing(session.observe(path, timeout_s=self._timeout_s)) as responses:
            async for response in responses:
                self._was_answered(session)
                yield successful(response).payload

    async def system(self) -> System:
        """Return what the gateway says of itself."""
        response = successful(await self.request(aiocoap.GET, "system"))
        system = decode_system(response.payload)
        self.gateway = self.gateway.sleeps(system.power.get("interval_s"))
        return system

    async def boot(self) -> bytes:
        """Return what tells this run of the board from all others."""
        response = successful(await self.request(aiocoap.GET, "time"))
        try:
            return bytes(cbor2.loads(response.payload)["boot"])
        except (cbor2.CBORDecodeError, LookupError, TypeError) as error:
            raise UnreadableError("the gateway's answer") from error

    async def arm(self) -> Arming:
        """Ask that the gateway may send; it may once the board's button is pressed."""
        arming = decode_arming(successful(await self.request(aiocoap.POST, "arm")).payload)
        self.may_happen = (
            "a press of the board's button within a minute still arms it, unless you run "
            "`carport arm --off`"
        )
        return arming

    async def disarm(self) -> Arming:
        """Let the gateway only listen, at once."""
        return decode_arming(successful(await self.request(aiocoap.DELETE, "arm")).payload)

    async def arming(self) -> Arming:
        """Return whether the gateway may send."""
        return decode_arming(successful(await self.request(aiocoap.GET, "arm")).payload)

    async def enrol(self, grant: Grant | None = None, *, is_dormant: bool = False) -> NewKey:
        """Make one more OSCORE context: for ourselves, or for a new principal.

        is_dormant: it can only enrol fresh contexts. For a new principal that is an invitation,
        good for one use; for ourselves a backup.
        """
        wanted = grant.as_fields() if grant else {}
        if is_dormant:
            wanted["dormant"] = True
        exchange = KeyExchange("enrol", wanted)
        response = await self._change_keys(aiocoap.POST, "keys", exchange.payload)
        if response.code is aiocoap.CONFLICT:
            raise UsageError(
                f"the gateway makes no such key ({text_of(response)}): change the name"
            )
        return exchange.finish(successful(response).payload)

    async def principals(self) -> list[Principal]:
        """Return who has a key."""
        response = await self.request(aiocoap.GET, "keys")
        principals = decode_principals(successful(response).payload)
        self.gateway = self.gateway.knows_keys([principal.name for principal in principals])
        return principals

    async def revoke(self, name: str) -> None:
        """End everything that a principal has, at once.

        Raises:
            RefusedError: it is the last owner.
        """
        response = await self._delete_keys(name)
        if response.code is aiocoap.CONFLICT:
            raise RefusedError(
                f"{name} is the last owner: add another first, `carport keys add NAME "
                "--role owner`, or reset the board"
            )
        successful(response)

    async def revoke_backups(self, name: str) -> None:
        """End the backups of a principal."""
        successful(await self._delete_keys(name, "&backups"))

    async def revoke_others(self, name: str) -> None:
        """End all contexts of a principal, who is ourselves, but the one that is in use here."""
        successful(await self._delete_keys(name, "&others"))
        if self._context is not None:
            self.gateway.contexts.keep_only(self._context)

    async def _delete_keys(self, name: str, which: str = "") -> aiocoap.Message:
        return await self._change_keys(aiocoap.DELETE, f"keys?name={quote(name, safe='')}{which}")

    async def _change_keys(self, code: Any, path: str, payload: bytes = b"") -> aiocoap.Message:
        """Ask once: another request would find done what the first has done."""
        await self.connected(self._deadline())
        try:
            return await self.request(code, path, payload, is_once=True)
        except NoAnswerError as error:
            raise NoAnswerError(
                f"{self.gateway.name} did not answer, and may have done it or not: look with "
                "`carport keys list`"
            ) from error

    async def request(
        self, code: Any, path: str, payload: bytes = b"", is_once: bool = False
    ) -> aiocoap.Message:
        """Return what the gateway answers, whatever it is; see Session.request()."""
        deadline = self._deadline()
        session = await self.connected(deadline)
        if code not in _LOOKING:
            self.may_happen = "what was sent may have been done, or may still be"
        try:
            response = await session.request(
                code, path, payload, deadline=deadline, is_once=is_once
            )
        except NoAnswerError as error:
            await self.close()  # the next call may find another way
            if code in _LOOKING:
                raise
            raise NoAnswerError(
                f"{self.gateway.name} did not answer, {self.may_happen}: check that it is powered "
                "and connected, and look before you try again"
            ) from error
        self._was_answered(session)
        return response

    def _was_answered(self, session: Session) -> None:
        """Give the gateway its time now and then, if we are an owner."""
        is_due = self._giving_time is None or (
            self._giving_time.done() and _now() >= self._gave_time_at + GIVE_AGAIN_S
        )
        if is_due and session is self._session and self.gateway.role in (None, "owner"):
            self._gave_time_at = _now()
            self._giving_time = asyncio.create_task(give_time(session, self._on_log))

    def _deadline(self) -> float:
        return _now() + self._timeout_s

    async def connected(self, deadline: float) -> Session:
        """Return the session, and make it first if there is none; see Session for what it asks."""
        async with self._connecting:
            if self._session is None:
                try:
                    self._session = await self._connect(deadline)
                except BaseException:
                    await self.close()
                    raise
            return self._session

    async def _connect(self, deadline: float) -> Session:
        pool = self.gateway.contexts
        context = await claim(pool, deadline)
        session = await Session.open(context)
        self._closing.push_async_callback(session.close)
        self._context = context
        self.route = route = await self._find_route(session, deadline)
        self._closing.push_async_callback(route.close)
        await session.enrol_another(pool, deadline)
        self.gateway = self.gateway.reached(
            address=None if route.relay else route.address, serial_port=route.port
        )
        return session

    async def _find_route(self, session: Session, deadline: float) -> Route:
        """Return the first route that leads to the gateway, and let session use it."""
        fault: BoardFaultError | None = None
        while _now() < deadline:
            async for route in routes(self.gateway, self._via, self._port, deadline, self._on_log):
                session.address = route.address
                session.is_on_cable = route.relay is not None
                try:
                    if route.is_certain or await _proves_itself(session, deadline):
                        return route
                except BoardFaultError as error:  # of this board, or of another one
                    fault = error
                await route.close()
            if fault is not None:
                raise fault
            await asyncio.sleep(min(_PAUSE_S, max(0.0, deadline - _now())))
        cure = "check that it is powered and on this network, or connect the cable and give --port"
        if self.gateway.wakes_each_s is not None:
            cure = f"{self.gateway.asleep}: give a --timeout of that and a minute more, or {cure}"
        raise NoAnswerError(f"{self.gateway.name} cannot be reached, and nothing was sent: {cure}")


async def _proves_itself(session: Session, deadline: float) -> bool:
    """Tell whether the gateway that session has found knows our key."""
    try:
        await session.request(aiocoap.GET, "system", deadline=min(deadline, _now() + _PROOF_S))
    except (NoAnswerError, NotAuthorisedError):
        return False
    return True  # even a refusal comes under our key


def _confirmed(response: aiocoap.Message) -> Receipt:
    """Return the receipt if the car has confirmed the command, else raise what is the matter."""
    if response.opt.content_format != CBOR or not response.payload:
        successful(response)
    receipt = decode_receipt(response.payload)
    if receipt.state == "confirmed":
        return receipt
    reason = receipt.reason or "no reason given"
    if receipt.state == "refused":
        raise RefusedError(
            f"{receipt.command} was refused ({reason}): see to that, then try again", receipt
        )
    if receipt.state == "expired":
        raise NotConfirmedError(
            f"{receipt.command} was never sent to the car ({reason}): try again", receipt
        )
    raise NotConfirmedError(
        f"{receipt.command} is {receipt.state} ({reason}): look at the car, or ask with "
        "`carport status`",
        receipt,
    )


def successful(response: aiocoap.Message) -> aiocoap.Message:
    """Return the response if it is a success, else raise what its code and text say."""
    if response.code.is_successful():
        return response
    text = text_of(response)
    if response.code in (aiocoap.UNAUTHORIZED, aiocoap.FORBIDDEN):
        raise NotAuthorisedError(f"your key may not do this ({text}): ask the gateway's owner")
    if response.code in (aiocoap.BAD_REQUEST, aiocoap.NOT_FOUND):
        raise UsageError(f"the gateway does not accept this ({text}): correct it, then try again")
    raise CarportError(f"the gateway answers {response.code} ({text}): try again, or report it")


def text_of(response: aiocoap.Message) -> str:
    """Return what an answer that is no success says."""
    return response.payload.decode(errors="replace") or "it gives no reason"


def _now() -> float:
    return asyncio.get_running_loop().time()
