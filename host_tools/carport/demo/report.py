"""What the demo tells: lines as things happen, or one JSON object for each step."""

import sys
import textwrap
import time
from typing import Any, Literal

from rich.console import Console

from carport.cli.output import print_json

_INDENT = "    "
_WIDTH = 100

Outcome = Literal["ok", "SKIPPED", "FAILED"]


class Report:
    """Told step by step: `begin`, any number of `command` and `say`, `end`."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._step: dict[str, Any] = {}
        self._begin_s = 0.0
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # a log may be ASCII

    def begin(self, number: int, title: str) -> None:
        """Begin a step."""
        self._step = {"step": number, "title": title, "lines": []}
        self._begin_s = time.monotonic()
        self._print(f"\n{number:2}  {title}", "bold")

    def command(self, words: tuple[str, ...]) -> None:
        """Show a command as its user would type it."""
        self._tell(f"$ carport {' '.join(words)}", "cyan")

    def say(self, line: str) -> None:
        """Tell one thing that happened."""
        self._tell(line, None)

    def end(self, outcome: Outcome, **reasons: str) -> None:
        """End the step; reasons say why it is not ok, each under its name."""
        seconds = round(time.monotonic() - self._begin_s, 2)
        if self._as_json:
            print_json({**self._step, "outcome": outcome, "seconds": seconds, **reasons})
            return
        for name, reason in reasons.items():
            self._tell(f"{name}: {reason}", None)
        style = {"ok": "green", "SKIPPED": "yellow", "FAILED": "bold red"}[outcome]
        self._print(f"{_INDENT}{outcome}, {seconds:.1f} s", style)

    def close(self, line: str) -> None:
        """Tell how it all ended; with JSON the steps have told it."""
        self._print(f"\n{line}", "bold")

    def _tell(self, line: str, style: str | None) -> None:
        self._step["lines"].append(line)
        wrapped = textwrap.wrap(
            line,
            _WIDTH,
            initial_indent=_INDENT,
            subsequent_indent=_INDENT + "  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for each in wrapped:
            self._print(each, style)

    def _print(self, line: str, style: str | None) -> None:
        if not self._as_json:
            self._console.print(line, style=style)
