"""Sending something large to a gateway, block by block (RFC 7959).

Each block is a request of its own with an inner Block1 option, answered before the next one
leaves. aiocoap's block-wise transfer does the same, but always begins with the first block; this
one may go on with any, after the link broke or the board restarted.
"""

import asyncio

import aiocoap

from carport.client.client import Client
from carport.client.session import pause_before_retry
from carport.errors import NoAnswerError

BLOCK_BYTES = 512
"""The most that fits the gateway's datagrams; all blocks but the last have it."""

_SZX = 5
_PAUSE_S = 0.2
_SOON_S = 5


def blocks(content: bytes) -> int:
    """Return how many blocks there are of something."""
    return -(-len(content) // BLOCK_BYTES)


async def put_block(
    client: Client, path: str, content: bytes, number: int, timeout_s: float
) -> aiocoap.Message:
    """Return the answer to one block of content, repeated until there is one that is final.

    Raises:
        NotAuthorisedError, BoardFaultError: as Session.request().
        NoAnswerError: it does not answer in time; the connection is closed, and made anew by the
            next request.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    start = number * BLOCK_BYTES
    block = content[start : start + BLOCK_BYTES]
    option = (number, start + BLOCK_BYTES < len(content), _SZX)
    session = await client.connected(deadline)
    while (remaining_s := deadline - loop.time()) > 0:
        response = await session.send_block(path, block, option, remaining_s)
        pause_s = _PAUSE_S
        if response is not None:
            asked_s = pause_before_retry(response)
            if asked_s is None or asked_s > _SOON_S:
                return response
            pause_s = asked_s
        await asyncio.sleep(max(0.0, min(pause_s, deadline - loop.time())))
    await client.close()
    raise NoAnswerError(f"{client.gateway.name} does not answer: check that it is powered")
