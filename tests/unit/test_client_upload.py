"""One block of an upload, asked for until there is an answer that is final; time jumps."""

import asyncio
from types import SimpleNamespace
from typing import Any

import aiocoap
import pytest

from carport.client.upload import BLOCK_BYTES, blocks, put_block
from carport.errors import NoAnswerError
from tests.models.jumping_loop import run

CONTENT = bytes(range(256)) * 5
CONTINUE = aiocoap.Message(code=aiocoap.CONTINUE)


class Link:
    """In the place of a client and its session: gives the answers, and keeps what was asked.

    None is silence.
    """

    def __init__(self, *answers: aiocoap.Message | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[bytes, tuple[int, bool, int]]] = []
        self.is_closed = False
        self.gateway = SimpleNamespace(name="car")

    async def connected(self, deadline: float) -> "Link":
        return self

    async def close(self) -> None:
        self.is_closed = True

    async def send_block(
        self, path: str, block: bytes, option: tuple[int, bool, int], timeout_s: float
    ) -> aiocoap.Message | None:
        self.asked.append((block, option))
        if self.answers:
            return self.answers.pop(0)
        await asyncio.sleep(timeout_s)
        return None


def put(link: Link, number: int = 0) -> aiocoap.Message:
    return run(put_block(link, "update", CONTENT, number, 10.0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "size", "more"), [(0, BLOCK_BYTES, True), (1, BLOCK_BYTES, True), (2, 256, False)]
)
def test_a_block_says_which_one_it_is(number: int, size: int, more: bool) -> None:
    link = Link(CONTINUE)
    assert put(link, number) is CONTINUE
    assert link.asked == [(CONTENT[number * BLOCK_BYTES :][:size], (number, more, 5))]
    assert blocks(CONTENT) == 3


def refused(code: aiocoap.Code, **options: Any) -> aiocoap.Message:
    return aiocoap.Message(code=code, **options)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        refused(aiocoap.UNAUTHORIZED, echo=b"12345678"),
        refused(aiocoap.SERVICE_UNAVAILABLE, max_age=1),
    ],
)
def test_what_is_not_final_is_asked_again(answer: aiocoap.Message | None) -> None:
    link = Link(answer, CONTINUE)
    assert put(link) is CONTINUE
    assert len(link.asked) == 2
    assert not link.is_closed


@pytest.mark.parametrize(
    "answer",
    [
        refused(aiocoap.CONFLICT),
        refused(aiocoap.SERVICE_UNAVAILABLE, max_age=100),
        refused(aiocoap.UNAUTHORIZED),
    ],
)
def test_what_is_final_is_not(answer: aiocoap.Message) -> None:
    link = Link(answer)
    assert put(link) is answer


def test_silence_ends_it_and_lets_the_next_request_find_another_way() -> None:
    link = Link()
    with pytest.raises(NoAnswerError):
        put(link)
    assert link.is_closed
