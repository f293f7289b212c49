"""A gateway's two slots as a model, as gateway/carport.cddl tells of them.

It differs from the real thing: nothing is authenticated or stored, a restart takes no time, and a
trial is judged by how often somebody has asked.
"""

import asyncio
import hashlib
from collections.abc import Callable
from random import Random
from typing import Any

import aiocoap

from carport.client.update import Firmware, Receiving, Updates
from carport.client.upload import BLOCK_BYTES
from gateway import package

TRIAL_QUESTIONS = 10


def make_package(seed: int = 1, payload_bytes: int = 5000, **fields: Any) -> bytes:
    """Return a package whose payload is random; fields: of its head, where they matter."""
    payload = Random(seed).randbytes(payload_bytes)
    head = {
        "version": "0.2.0",
        "board": "t-2can",
        "size": payload_bytes,
        "sha256": hashlib.sha256(payload).digest(),
        "mpy": 6,
        **fields,
    }
    return package.encode(head) + payload


class Slots(Updates):
    """Answers in the place of a gateway.

    Attributes:
        content: what is in the slot that does not run.
        puts: the numbers of the blocks that came.
        fate: what becomes of what is started: "good", "bad", or "on trial" for ever.
        trouble: is called before each request with its name; may raise, or change the board.
        answer: what PUT answers instead, if not None.
    """

    def __init__(self, running: str = "factory") -> None:
        self.version = "0.1.0"
        self.running = running
        self.is_trial = False
        self.rolled_back: str | None = None
        self.sha256: bytes | None = None
        self.content = b""
        self.puts: list[int] = []
        self.fate = "good"
        self.trouble: Callable[[str], None] = lambda request: None
        self.answer: aiocoap.Message | None = None
        self.boots = 0
        self._questions = 0
        self._before = (self.version, running)

    @property
    def name(self) -> str:
        return "car"

    @property
    def is_on_cable(self) -> bool:
        return False

    async def firmware(self) -> Firmware:
        """Answer, after one more step of a trial."""
        await self._request("GET")
        self._questions += 1
        if self.is_trial and self._questions > TRIAL_QUESTIONS:
            self._end_trial()
        receiving = None
        if self.content:
            head = package.decode(self.content[:BLOCK_BYTES])
            receiving = Receiving(head.sha256, head.package_bytes, len(self.content))
        return Firmware(
            self.version,
            "t-2can",
            self.running,
            self.is_trial,
            receiving,
            self.rolled_back,
            self.sha256,
        )

    async def boot(self) -> bytes:
        await self._request("GET")
        return bytes([self.boots])

    async def put(self, package: bytes, number: int, is_forced: bool) -> aiocoap.Message:
        """Take a block if it is the next one, or the first."""
        await self._request("PUT")
        self.puts.append(number)
        if self.answer is not None:
            return self.answer
        start = number * BLOCK_BYTES
        if start not in (0, len(self.content)):
            return aiocoap.Message(code=aiocoap.REQUEST_ENTITY_INCOMPLETE)
        self.content = self.content[:start]
        self.content += package[start : start + BLOCK_BYTES]
        if start + BLOCK_BYTES >= len(package) and self.content != package:
            self.content = b""
            return aiocoap.Message(code=aiocoap.UNPROCESSABLE_ENTITY, payload=b"another hash")
        return aiocoap.Message(code=aiocoap.CONTINUE)

    async def activate(self, sha256: bytes, is_forced: bool) -> None:
        """Start what was sent."""
        await self._request("POST")
        head = package.decode(self.content[:BLOCK_BYTES])
        assert (head.sha256, head.package_bytes) == (sha256, len(self.content))
        assert hashlib.sha256(self.content[BLOCK_BYTES:]).digest() == sha256
        self._before = self.version, self.running
        self.version, self.running = head.version, "b" if self.running == "a" else "a"
        self.sha256 = sha256
        self.is_trial = True
        self.rolled_back = None
        self.content = b""
        self.boots += 1
        self._questions = 0
        await self._request("restarted")

    async def _request(self, name: str) -> None:
        """Let a moment pass, in which there may be trouble."""
        self.trouble(name)
        await asyncio.sleep(0)

    def _end_trial(self) -> None:
        if self.fate == "good":
            self.is_trial = False
        elif self.fate == "bad":
            self.is_trial = False
            self.version, self.running = self._before
            self.rolled_back = "it crashed: MemoryError"
            self.sha256 = None
            self.boots += 1
