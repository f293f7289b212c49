"""Sending something large to a gateway, block by block (RFC 7959).

Each block is a request of its own with an inner Block1 option, answered before the next one
leaves. aiocoap's block-wise transfer does the same, but always begins with the first block; this
one may go on with any, after the link broke or the board restarted.
"""

import asyncio
from contextlib import suppress

import aiocoap
from aiocoap import error as coap_error
from aiocoap import oscore

from carport.client.client import Client
from carport.client.session import Tuning
from carport.errors import NoAnswerError, NotAuthorisedError

BLOCK_BYTES = 512
"""The most that fits the gateway's datagrams; all blocks but the last have it."""

_SZX = 5
_OCTET_STREAM = 42
_REPEATS = 3
_PAUSE_S = 0.2
_SOON_S = 5
_REPLAY = b"Replay detected"


def blocks(content: bytes) -> int:
    """Return how many blocks there are of something."""
    return -(-len(content) // BLOCK_BYTES)


async def put_block(
    client: Client, path: str, content: bytes, number: int, timeout_s: float
) -> aiocoap.Message:
    """Return the answer to one block of content, repeated until there is one that is final.

    Raises:
        NotAuthorisedError: the gateway does not know our key.
        NoAnswerError: it does not answer in time; the connection is closed, and made anew by the
            next request.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    start = number * BLOCK_BYTES
    block = content[start : start + BLOCK_BYTES]
    option = (number, start + BLOCK_BYTES < len(content), _SZX)
    session = await client._connected(deadline)
    while (remaining_s := deadline - loop.time()) > 0:
        message = aiocoap.Message(
            code=aiocoap.PUT,
            uri=session._uri(path),
            payload=block,
            block1=option,
            content_format=_OCTET_STREAM,
            transport_tuning=Tuning(_REPEATS),
        )
        asked = session._client.request(message, handle_blockwise=False)
        pause_s = _PAUSE_S
        with suppress(coap_error.Error, TimeoutError):
            try:
                response: aiocoap.Message = await asyncio.wait_for(asked.response, remaining_s)
            except oscore.NotAProtectedMessage as error:
                if error.plain_message.payload == _REPLAY:
                    continue  # the board has just restarted: the next number is new to it
                raise NotAuthorisedError(
                    "the gateway does not know our key: pair again with `carport pair --replace`"
                ) from error
            if response.code is aiocoap.UNAUTHORIZED and response.opt.echo is not None:
                pause_s = 0.0  # a second challenge: the first one had expired under way
            elif response.code is aiocoap.SERVICE_UNAVAILABLE and _is_soon(response):
                pause_s = float(response.opt.max_age)
            else:
                return response
        await asyncio.sleep(max(0.0, min(pause_s, deadline - loop.time())))
    await client.close()
    raise NoAnswerError(f"{client.gateway.name} does not answer")


def _is_soon(response: aiocoap.Message) -> bool:
    """Tell whether the gateway wants to be asked again in a moment."""
    return response.opt.max_age is not None and response.opt.max_age <= _SOON_S
