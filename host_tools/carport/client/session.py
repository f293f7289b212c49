"""One OSCORE context in use over one route: requests, repeated until they are answered."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from typing import Any, Protocol

import aiocoap
from aiocoap import error as coap_error
from aiocoap import oscore
from aiocoap.numbers.constants import TransportTuning
from filelock import Timeout

from carport.client.contexts import Context, ContextPool
from carport.client.keys import KeyExchange
from carport.errors import BoardFaultError, CarportError, NoAnswerError, NotAuthorisedError

CBOR = 60

_OCTET_STREAM = 42
_TRANSPORTS = ["oscore", "simple6"]
_ASK_AGAIN_S = 4.0
_REPEATS = 1  # then it is asked anew, with a number of its own
_REPEATS_OF_ONE = 4
_REPEATS_OF_A_BLOCK = 3
_PAUSE_S = 0.2
_CLAIM_RETRY_S = 0.05
_SILENCE_S = 30.0
_POLL_S = 1.0

# The plain answer to a datagram that was seen before. Source: RFC 8613 section 7.4.
_REPLAY = b"Replay detected"


class Tuning(TransportTuning):  # type: ignore[misc]
    """How CoAP repeats a request: sooner than RFC 7252 does, for the gateway is on the same link.

    So a command gets through although most of what is sent is lost, as in a flood.
    """

    ACK_TIMEOUT = 0.35

    def __init__(self, repeats: int) -> None:
        self.MAX_RETRANSMIT = repeats


class SecurityContext(Protocol):
    """What a session can use: a context of a pool, or a dormant credential."""

    def open(self) -> Any:
        """Return it as aiocoap uses it."""

    def release(self) -> None:
        """Give it back."""


class Session:
    """A CoAP client that uses one security context.

    address: where requests go now. is_on_cable: whether that is a cable, where a board without a
    gateway says so in plain text; on a network anybody could.
    """

    def __init__(self) -> None:
        self.address = ""
        self.is_on_cable = False
        self._closing = AsyncExitStack()
        self._client: Any = None

    @classmethod
    async def open(cls, context: SecurityContext) -> "Session":
        """Open a session with a context, which it releases when it is closed."""
        session = cls()
        session._closing.callback(context.release)
        try:
            client = await aiocoap.Context.create_client_context(transports=_TRANSPORTS)
            session._closing.push_async_callback(client.shutdown)
            client.client_credentials["*"] = context.open()
            session._client = client
        except BaseException:
            await session.close()
            raise
        return session

    async def close(self) -> None:
        """End the client, and give the context back."""
        await self._closing.aclose()

    async def request(
        self,
        code: Any,
        path: str,
        payload: bytes = b"",
        *,
        deadline: float,
        is_once: bool = False,
    ) -> aiocoap.Message:
        """Return the response; ask again with the same payload while none comes.

        deadline: in the loop's time. is_once: it is asked once, and repeated by CoAP alone; the
        gateway tells a command that comes twice by its id, and nothing else.

        Raises:
            NotAuthorisedError: the gateway does not know our key.
            BoardFaultError: the board has no gateway to offer.
            NoAnswerError: there is no answer at the deadline, or it stays too busy.
        """
        _, response = await self._ask(code, path, payload, deadline, is_once)
        return response

    async def observe(
        self, path: str, *, timeout_s: float
    ) -> AsyncGenerator[aiocoap.Message, None]:
        """Yield the resource's state, now and whenever it changes; ask anew after a silence.

        Raises:
            NotAuthorisedError, BoardFaultError, NoAnswerError: as request().
        """
        loop = asyncio.get_running_loop()
        while True:
            request, response = await self._ask(
                aiocoap.GET, path, b"", loop.time() + timeout_s, is_observing=True
            )
            yield response
            try:
                notifications = aiter(request.observation)
                while True:
                    async with asyncio.timeout(_SILENCE_S):
                        notification = await anext(notifications)
                    yield notification
            except TimeoutError:
                pass
            except (StopAsyncIteration, coap_error.Error):  # the gateway keeps no observation
                await asyncio.sleep(_POLL_S)
            finally:
                if not request.observation.cancelled:
                    request.observation.cancel()

    async def _ask(
        self,
        code: Any,
        path: str,
        payload: bytes,
        deadline: float,
        is_once: bool = False,
        is_observing: bool = False,
    ) -> tuple[Any, aiocoap.Message]:
        """Return the request that was answered, and its response; see request()."""
        loop = asyncio.get_running_loop()
        tuning = Tuning(_REPEATS_OF_ONE if is_once else _REPEATS)
        ask_again_s = math.inf if is_once else _ASK_AGAIN_S
        pending: dict[asyncio.Future[aiocoap.Message], Any] = {}
        try:
            while loop.time() < deadline:
                message = aiocoap.Message(
                    code=code, uri=self._uri(path), payload=payload, transport_tuning=tuning
                )
                if payload:
                    message.opt.content_format = CBOR
                if is_observing:
                    message.opt.observe = 0
                asked = self._client.request(message)
                pending[asked.response] = asked
                until = min(deadline, loop.time() + ask_again_s)
                answered = await _first_answer(pending, until, self.is_on_cable)
                if answered is None:
                    continue
                request, response = answered
                pause_s = pause_before_retry(response)
                if pause_s is None:
                    return request, response
                await asyncio.sleep(min(pause_s, max(0.0, deadline - loop.time())))
        finally:
            for response_to_come in pending:
                response_to_come.cancel()
        raise NoAnswerError("the gateway does not answer: check that it is powered and connected")

    async def send_block(
        self, path: str, block: bytes, option: tuple[int, bool, int], wait_s: float
    ) -> aiocoap.Message | None:
        """Send one block with this Block1 option; return the answer, None if there is none yet.

        Raises:
            NotAuthorisedError, BoardFaultError: as request().
        """
        message = aiocoap.Message(
            code=aiocoap.PUT,
            uri=self._uri(path),
            payload=block,
            block1=option,
            content_format=_OCTET_STREAM,
            transport_tuning=Tuning(_REPEATS_OF_A_BLOCK),
        )
        asked = self._client.request(message, handle_blockwise=False)
        try:
            async with asyncio.timeout(wait_s):
                response: aiocoap.Message = await asked.response
        except oscore.NotAProtectedMessage as error:
            refusal = _plain_refusal(error.plain_message, self.is_on_cable)
            if refusal is not None:
                raise refusal from error
            return None
        except (coap_error.Error, TimeoutError):
            return None
        return response

    async def enrol_another(self, pool: ContextPool, deadline: float) -> None:
        """Enrol one more context if all are taken, so that the next process finds one."""
        if not pool.wants_another():
            return
        with suppress(Timeout), pool.enrolment():
            if pool.wants_another():
                exchange = KeyExchange("enrol")
                response = await self.request(
                    aiocoap.POST, "keys", exchange.payload, deadline=deadline
                )
                if response.code.is_successful():  # else there is no room: the others will wait
                    key = exchange.finish(response.payload)
                    pool.add(key.sender_id, key.recipient_id, key.secret)

    def _uri(self, path: str) -> str:
        return f"coap://{self.address}/{path}"


async def claim(pool: ContextPool, deadline: float) -> Context:
    """Return a context of the pool; wait for one until deadline, in the loop's time.

    Raises:
        NoAnswerError: all are in use for that long.
    """
    loop = asyncio.get_running_loop()
    while True:
        context = pool.claim()
        if context is not None:
            return context
        if loop.time() > deadline:
            raise NoAnswerError("too many programs talk to the gateway: end one, or try again")
        await asyncio.sleep(_CLAIM_RETRY_S)


async def _first_answer(
    pending: dict[asyncio.Future[aiocoap.Message], Any], until: float, is_on_cable: bool
) -> tuple[Any, aiocoap.Message] | None:
    """Wait until a time for one of the responses; take those that came, or failed, out of pending.

    Raises:
        NotAuthorisedError: the answer is in plain text, so the gateway does not know our key.
        BoardFaultError: it says in plain text, over the cable, why there is no gateway.
    """
    loop = asyncio.get_running_loop()
    done, _ = await asyncio.wait(
        pending, timeout=until - loop.time(), return_when=asyncio.FIRST_COMPLETED
    )
    for future in sorted(done, key=lambda future: future.exception() is not None):
        request = pending.pop(future)
        error = future.exception()
        if error is None:
            return request, future.result()
        if isinstance(error, oscore.NotAProtectedMessage):
            refusal = _plain_refusal(error.plain_message, is_on_cable)
            if refusal is None:
                continue
            raise refusal from error
        if not isinstance(error, coap_error.Error):
            raise CarportError(f"the CoAP library failed: {error!r}") from error
    if done:  # it cannot be reached just now
        await asyncio.sleep(max(0.0, min(_PAUSE_S, until - loop.time())))
    return None


def _plain_refusal(answer: aiocoap.Message, is_on_cable: bool) -> CarportError | None:
    """Return the error that an answer in plain text is, None if it says to ask anew."""
    if answer.payload == _REPLAY:
        return None
    if not is_on_cable or answer.code is not aiocoap.SERVICE_UNAVAILABLE:
        return NotAuthorisedError(
            "the gateway does not know our key: pair again with `carport pair --replace`"
        )
    text = answer.payload.decode(errors="replace")
    reason = "".join(each for each in text if each.isprintable()) or "it does not say why"
    return BoardFaultError(f"the board has no gateway to offer: {reason}")


def pause_before_retry(response: aiocoap.Message) -> float | None:
    """Return how long to wait before asking again, or None if this answer is final."""
    if response.code is aiocoap.SERVICE_UNAVAILABLE and response.opt.max_age is not None:
        return float(response.opt.max_age)
    if response.code is aiocoap.UNAUTHORIZED and response.opt.echo is not None:
        return 0.0  # a second challenge: the first one had expired under way
    return None
