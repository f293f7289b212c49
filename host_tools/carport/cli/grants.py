"""What a key allows, in words, and the other way round: times and durations from words."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from carport.errors import UsageError

if TYPE_CHECKING:
    from carport.client.principals import Grant

_BY_ROLE = {
    "owner": "everything",
    "driver": "look and command",
    "guest": "lock, climate",
    "service": "nothing",
    "viewer": "look only",
}
_UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST_S = 50 * 366 * 86400


def beginning(text: str) -> int:
    """Return a local time, or one with its zone, in unix seconds; a date alone is its begin.

    Raises:
        UsageError: it is no time.
    """
    try:
        return max(0, int(datetime.fromisoformat(text).timestamp()))
    except (ValueError, OverflowError, OSError) as error:
        raise _no_time(text) from error


def end(text: str) -> int:
    """Return the same; but a date alone is its end.

    Raises:
        UsageError: it is no time.
    """
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            text = (datetime.fromisoformat(text) + timedelta(days=1)).isoformat()
        except (ValueError, OverflowError) as error:
            raise _no_time(text) from error
    return beginning(text)


def length(text: str) -> int:
    """Return a number with m, h, d or w after it in seconds.

    Raises:
        UsageError: it is none, or too long.
    """
    found = re.fullmatch(r"([1-9]\d{0,6})([mhdw])", text)
    seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not 0 < seconds <= _LONGEST_S:
        raise UsageError(f"{text!r} is no length of time: write 90m, 12h, 3d or 2w")
    return seconds


def may_do(grant: "Grant") -> str:
    """Return what it allows: "lock, climate (look only)"."""
    if not grant.scopes:
        return _BY_ROLE[grant.role]
    return ", ".join(
        f"{name} (look only)" if mode == "read" else name
        for name, _, mode in (scope.partition(":") for scope in grant.scopes)
    )


def limits(grant: "Grant") -> list[str]:
    """Return what limits it: ["from 2026-12-01 08:00", "5 uses"]."""
    told = []
    if grant.not_before is not None:
        told.append(f"from {local_time(grant.not_before)}")
    if grant.not_after is not None:
        told.append(f"until {local_time(grant.not_after)}")
    if grant.uses is not None:
        told.append(f"{grant.uses} {'use' if grant.uses == 1 else 'uses'} left")
    if grant.region is not None:
        told.append(f"region {grant.region}")
    return told


def in_words(grant: "Grant") -> str:
    """Return what it allows and what limits it, in one line."""
    return "; ".join([may_do(grant), *limits(grant)])


def local_time(unix_s: int) -> str:
    """Return a time as it is here: 2026-12-01 08:00."""
    return datetime.fromtimestamp(unix_s).strftime("%Y-%m-%d %H:%M")


def _no_time(text: str) -> UsageError:
    return UsageError(f"{text!r} is no time: write 2026-12-01, or 2026-12-01T08:00")
