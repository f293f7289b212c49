"""An event loop's time that leaps: what waits for it has waited long enough, at once."""

import asyncio


def leap(loop: asyncio.AbstractEventLoop, duration_s: float) -> None:
    """Let the loop's time leap by so much; from any thread."""

    def do() -> None:
        time_before = loop.time
        loop.time = lambda: time_before() + duration_s  # type: ignore[method-assign]

    loop.call_soon_threadsafe(do)
