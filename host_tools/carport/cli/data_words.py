"""Intervals, ages and dates from words, and back: what the commands about the data share."""

import re
import time

from carport.cli.grants import beginning, length, local_time
from carport.errors import UsageError

DAY_S = 86_400

_INTERVAL_S = {"s": 1, "m": 60, "h": 3600}
_DAYS = {"d": 1, "w": 7, "y": 365}
_MOST_DAYS = 3650


def interval(text: str) -> int:
    """Return "30s", "5m" or "1h" in seconds.

    Raises:
        UsageError: it is none of a second to an hour.
    """
    found = re.fullmatch(r"(\d{1,4})([smh])", text)
    seconds = int(found[1]) * _INTERVAL_S[found[2]] if found else 0
    if not 1 <= seconds <= 3600:
        raise UsageError(f"{text!r} is no interval: write 10s, 5m or 1h, at most an hour")
    return seconds


def days(text: str) -> int:
    """Return "90d", "12w" or "1y" in days.

    Raises:
        UsageError: it is none of a day to ten years.
    """
    found = re.fullmatch(r"(\d{1,4})([dwy])", text)
    number = int(found[1]) * _DAYS[found[2]] if found else 0
    if not 1 <= number <= _MOST_DAYS:
        raise UsageError(f"{text!r} is no time to keep it: write 30d, 12w or 1y, at most 10y")
    return number


def past(text: str) -> int:
    """Return a time, or how long ago it is ("7d", "12h"), in unix seconds.

    Raises:
        UsageError: it is neither.
    """
    if re.fullmatch(r"\d+[mhdw]", text):
        return int(time.time()) - length(text)
    try:
        return beginning(text)
    except UsageError as error:
        raise UsageError(f"{text!r} is no time: write 7d, 12h, or 2026-11-01") from error


def day(unix_s: float) -> str:
    """Return a date as it is here: 2026-12-01."""
    return local_time(int(unix_s))[:10]


def last_day(until: int) -> str:
    """Return the date on which something ends that ends at a time: the day before a midnight."""
    return day(until - 1)


def each(interval_s: int) -> str:
    """Return an interval as people say it: "each 30 s", "each hour"."""
    if interval_s == 3600:
        return "each hour"
    if interval_s % 60 == 0:
        return f"each {interval_s // 60} min"
    return f"each {interval_s} s"


def counted(blocks: int) -> str:
    """Return a number of blocks as people say it."""
    return "1 block" if blocks == 1 else f"{blocks} blocks"


def size(count: float) -> str:
    """Return a number of bytes as people say it: 830 B, 12.4 kB, 1.2 MB."""
    if count < 1000:
        return f"{count:.0f} B"
    return f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"
