"""A question in a terminal is left by one Ctrl-C, whatever asyncio does with it elsewhere."""

import asyncio
import signal

import click
import pytest

from carport.cli import asking


def test_ctrl_c_ends_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(question: str) -> str:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("nobody heard Ctrl-C")

    async def work() -> None:
        handler = signal.getsignal(signal.SIGINT)
        try:
            asking.confirm("Go on?")
        finally:
            assert signal.getsignal(signal.SIGINT) is handler

    monkeypatch.setattr("click.termui.visible_prompt_func", interrupted)
    with pytest.raises(click.Abort):
        asyncio.run(work())
