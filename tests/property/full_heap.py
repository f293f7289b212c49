"""A heap that is full at one line of our code: MemoryError, where something could take memory.

The code is traced line by line in CPython. A line could take memory if it calls something, or puts
something together.
"""

import linecache
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_TAKES_MEMORY = re.compile(r"\w\(|[=(,\s]\[|\{| \+ | % |f\"")

Trace = Callable[[FrameType, str, Any], Any]


class Lines:
    """Counts the lines in these folders, and raises MemoryError at one of them."""

    def __init__(self, fails_at: int, folders: tuple[str, ...]) -> None:
        self.count = 0
        self.place = ""
        self._fails_at = fails_at
        self._folders = folders

    def trace(self, frame: FrameType, event: str, argument: Any) -> Trace | None:
        file = frame.f_code.co_filename
        if not any(folder in file for folder in self._folders):
            return None
        line = linecache.getline(file, frame.f_lineno)
        if event == "line" and _TAKES_MEMORY.search(line):
            self.count += 1
            if self.count == self._fails_at:
                self.place = f"{file}:{frame.f_lineno}"
                raise MemoryError
        return self.trace


@contextmanager
def failing_at(line: int, *folders: str) -> Iterator[Lines]:
    """Let the heap be full at this line of the folders, once; that much a runner survives."""
    lines = Lines(line, folders)
    before = sys.gettrace()
    sys.settrace(lines.trace)
    try:
        yield lines
    except MemoryError:
        pass
    finally:
        sys.settrace(before)
