"""Questions in a terminal: asked again until the answer is one, or Ctrl-C ends it.

asyncio's Ctrl-C asks the running task to end, which waits for the answer and hears nothing: so
while a question waits, it is Python's own again.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from carport.errors import UsageError

T = TypeVar("T")


def ask(question: str, check: Callable[[str], T], default: str | None = None) -> T:
    """Return the checked answer; Enter takes the default, if there is one."""
    answer: T = prompt(question, default=default, value_proc=_again(check))
    return answer


def ask_hidden(question: str, check: Callable[[str], str]) -> str:
    """Return the checked answer, typed twice without being shown; it may be empty."""
    answer: str = prompt(
        question,
        default="",
        show_default=False,
        hide_input=True,
        confirmation_prompt=True,
        value_proc=_again(check),
    )
    return answer


def confirm(question: str, default: bool = False) -> bool:
    """Return whether the answer is yes."""
    with _interruptible():
        return click.confirm(question, default=default, err=True)


def prompt(question: str, **options: Any) -> Any:
    """Return the answer, with the options of click.prompt."""
    with _interruptible():
        return click.prompt(question, err=True, **options)


@contextmanager
def _interruptible() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _again(check: Callable[[str], T]) -> Callable[[str], T]:
    """Let click say what is wrong, and ask again."""

    def checked(answer: str) -> T:
        try:
            return check(answer)
        except UsageError as error:
            raise click.UsageError(str(error)) from error

    return checked
