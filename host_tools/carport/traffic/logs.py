"""Logs in python-can's formats, by the endings of their names.

Reading is strict: what python-can passes over with a warning, a line that is cut off, and a frame
that cannot be one are errors that name the line.
"""

import gzip
import io
import logging
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import can
from can.io.generic import MessageWriter

from carport.errors import CarportError, UsageError
from carport.hub.frame import EXTENDED_ID_MAX, STANDARD_ID_MAX

_TEXT_READERS: dict[str, Any] = {
    ".asc": can.ASCReader,
    ".csv": can.CSVReader,
    ".log": can.CanutilsLogReader,
    ".trc": can.TRCReader,
}
_BINARY_READERS: dict[str, Any] = {
    ".blf": can.BLFReader,
    ".db": can.SqliteReader,
    ".mf4": can.MF4Reader,
}
_WRITERS: dict[str, Any] = {
    ".asc": can.ASCWriter,
    ".blf": can.BLFWriter,
    ".csv": can.CSVWriter,
    ".log": can.CanutilsLogWriter,
    ".mf4": can.MF4Writer,
    ".trc": can.TRCWriter,
}
_CLASSIC_DLC_MAX = 8
_FD_DLC_MAX = 64
_NEEDS_ASAMMDF = "MF4 needs asammdf: pip install asammdf"


class LogError(UsageError):
    """A log that cannot be read."""


def open_writer(path: Path) -> MessageWriter:
    """Open a new log.

    Raises:
        UsageError: no format has this ending, or it cannot be written there.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise UsageError(f"{path} has no known ending: a log is one of {', '.join(_WRITERS)}")
    try:
        writer: MessageWriter = _WRITERS[suffix](path)
    except NotImplementedError as error:
        raise CarportError(_NEEDS_ASAMMDF) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return writer


def read_log(path: Path) -> Iterator[can.Message]:
    """Yield the frames of a log.

    Raises:
        LogError: it is not there, or not as its format wants it.
        CarportError: the format needs something to be installed.
    """
    suffixes = [each.lower() for each in path.suffixes[-2:]]
    is_packed = suffixes[-1:] == [".gz"]
    suffix = "".join(suffixes[:-1] if is_packed else suffixes[-1:])
    if suffix not in _TEXT_READERS and (is_packed or suffix not in _BINARY_READERS):
        known = ", ".join(sorted({**_TEXT_READERS, **_BINARY_READERS}))
        raise LogError(f"{path} has no known ending: a log is one of {known}")
    if not path.is_file():
        raise LogError(f"there is no file {path}: is its name right?")
    try:
        if suffix in _TEXT_READERS:
            yield from _read_text(path, _TEXT_READERS[suffix], is_packed)
        else:
            yield from _read_binary(path, suffix)
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror or error}") from error


class _CountedLines(io.TextIOWrapper):
    """A text file that knows which line was read last."""

    line = 0

    def __next__(self) -> str:  # type: ignore[override]
        text = super().__next__()
        self.line += 1
        return text


def _read_text(path: Path, reader: Any, is_packed: bool) -> Iterator[can.Message]:
    with (
        gzip.open(path, "rb") if is_packed else path.open("rb") as binary,
        _CountedLines(binary, encoding="utf-8", errors="replace") as lines,
        _Strictness(),
    ):
        try:
            for frame in reader(lines):
                _check(frame)
                yield frame
        except (ValueError, IndexError, KeyError, EOFError, zlib.error) as error:
            raise LogError(
                f"{path}:{lines.line}: is not a whole frame ({_reason(error)})"
            ) from error


def _read_binary(path: Path, suffix: str) -> Iterator[can.Message]:
    count = 0
    with _Strictness():
        try:
            with _BINARY_READERS[suffix](path) as frames:
                if suffix == ".blf" and path.stat().st_size < frames.file_size:
                    raise ValueError(
                        f"it is cut off: {path.stat().st_size} of {frames.file_size} bytes"
                    )
                for frame in frames:
                    _check(frame)
                    yield frame
                    count += 1
        except NotImplementedError as error:
            raise CarportError(_NEEDS_ASAMMDF) from error
        except OSError:
            raise
        except Exception as error:
            raise LogError(
                f"{path} is not a whole {suffix[1:].upper()} log, "
                f"behind its frame {count}: {_reason(error)}"
            ) from error


class _Strictness(logging.Handler):
    """Makes errors of what python-can's readers only warn about."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def __enter__(self) -> None:
        logging.getLogger("can.io").addHandler(self)

    def __exit__(self, *exception: object) -> None:
        logging.getLogger("can.io").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        raise ValueError(record.getMessage())


def _check(frame: can.Message) -> None:
    """Check that there can be such a frame; python-can does not."""
    if not math.isfinite(frame.timestamp):
        raise ValueError(f"its time is {frame.timestamp}")
    if frame.is_error_frame:
        return
    id_max = EXTENDED_ID_MAX if frame.is_extended_id else STANDARD_ID_MAX
    if not 0 <= frame.arbitration_id <= id_max:
        raise ValueError(f"the id {frame.arbitration_id:X} is above {id_max:X}")
    if not 0 <= frame.dlc <= (_FD_DLC_MAX if frame.is_fd else _CLASSIC_DLC_MAX):
        raise ValueError(f"{frame.dlc} bytes are too many")
    if not frame.is_remote_frame and len(frame.data) != frame.dlc:
        raise ValueError(f"{len(frame.data)} of {frame.dlc} bytes are there")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
