"""Questions in a terminal: asked again until the answer is one."""

from collections.abc import Callable
from typing import TypeVar

import click

from carport.errors import UsageError

T = TypeVar("T")


def ask(question: str, check: Callable[[str], T], default: str | None = None) -> T:
    """Return the checked answer; Enter takes the default, if there is one."""
    answer: T = click.prompt(question, default=default, value_proc=_again(check), err=True)
    return answer


def ask_hidden(question: str, check: Callable[[str], str]) -> str:
    """Return the checked answer, typed twice without being shown; it may be empty."""
    answer: str = click.prompt(
        question,
        default="",
        show_default=False,
        hide_input=True,
        confirmation_prompt=True,
        value_proc=_again(check),
        err=True,
    )
    return answer


def confirm(question: str, default: bool) -> bool:
    """Return whether the answer is yes."""
    return click.confirm(question, default=default, err=True)


def _again(check: Callable[[str], T]) -> Callable[[str], T]:
    """Let click say what is wrong, and ask again."""

    def checked(answer: str) -> T:
        try:
            return check(answer)
        except UsageError as error:
            raise click.UsageError(str(error)) from error

    return checked
