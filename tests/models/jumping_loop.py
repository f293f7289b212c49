"""An event loop whose time jumps to the next deadline instead of passing."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing; `jumped_s` is how long it should have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.jumped_s += timeout or 0.0
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """For what waits for time alone, and for no input."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the time, which begins at 0."""
        return self._jumping.jumped_s


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run work to its end, at once."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)
