"""Giving a gateway its time: it has no clock of its own, and asks nobody for one.

An owner's process does so after its first answer, in the background, and each hour, for the board
may have restarted. How much it lets itself be corrected is the gateway's to judge.
"""

import asyncio
import time

import aiocoap
import cbor2

from carport.client.route import Log
from carport.client.session import Session
from carport.errors import CarportError

GIVING_S = 2.0
GIVE_AGAIN_S = 3600.0

_TOLERANCE_S = 2.0
_EARLIEST_S = 1767225600  # 2026-01-01: a PC that says less has lost its own time


async def give_time(session: Session, on_log: Log) -> None:
    """Give the gateway this machine's time, unless it has that; failures are only logged."""
    deadline = asyncio.get_running_loop().time() + GIVING_S
    try:
        asked_s = time.time()
        response = await session.request(aiocoap.GET, "time", deadline=deadline)
        if not response.code.is_successful():
            return
        known_s = cbor2.loads(response.payload).get("unix_s")
        now_s = time.time()
        is_right = known_s is not None and (
            asked_s - _TOLERANCE_S <= known_s <= now_s + _TOLERANCE_S
        )
        if is_right or now_s < _EARLIEST_S:
            return
        payload = cbor2.dumps({"unix_s": int(now_s)})
        response = await session.request(aiocoap.POST, "time", payload, deadline=deadline)
        if not response.code.is_successful():
            text = response.payload.decode(errors="replace") or str(response.code)
            on_log(f"the time was not taken: {text}")
    except (CarportError, cbor2.CBORDecodeError, AttributeError, TypeError) as error:
        on_log(f"the time was not given: {error}")
