"""`/time`: how long the board has run, in which boot, and the time of day if it was told."""

from gateway import cbor
from gateway.coap.numbers import CHANGED, CONFLICT, CONTENT, GET, POST
from gateway.endpoint import CHALLENGE
from gateway.errors import DecodeError
from gateway.request import CBOR_FORMAT, diagnostic
from gateway.vault.principals import OWNER, VIEWER
from gateway.vault.wall_clock import EARLIEST_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.request import Answer, Request
    from gateway.vault.wall_clock import WallClock

LATEST_S = 0xFFFFFFFF


class TimeResource:
    """The wall clock; `boot` tells one run of the board from all others."""

    segments = 1
    roles = {GET: VIEWER, POST: OWNER}

    def __init__(self, clock: "WallClock", boot: bytes, started_ms: int) -> None:
        self._clock = clock
        self._boot = boot
        self._started_ms = started_ms

    def handle(self, request: "Request") -> "Answer | None":
        """Return what `carport.cddl` calls told-time, with POST once it is set.

        Raises:
            DecodeError: the payload tells no time.
        """
        now_ms = request.now_ms
        code = CONTENT
        if request.code == POST:
            unix_s = _decode(request.payload)
            if not request.is_fresh:
                return CHALLENGE
            refusal = self._clock.tell(unix_s, now_ms, request.on_cable)
            if refusal:
                return diagnostic(CONFLICT, refusal)
            request.after = max(request.after, self._clock.change)
            code = CHANGED
        told: dict[str, Any] = {"boot": self._boot, "uptime_ms": now_ms - self._started_ms}
        time_s = self._clock.unix_s(now_ms)
        if time_s is not None:
            told["unix_s"] = time_s
        return code, CBOR_FORMAT, cbor.encode(told)


def _decode(payload: bytes) -> int:
    """Return the time in a payload.

    Raises:
        DecodeError: there is none.
    """
    fields = cbor.decode(payload)
    if type(fields) is not dict or len(fields) != 1:
        raise DecodeError("the time is a map of unix_s alone")
    unix_s = fields.get("unix_s")
    if type(unix_s) is not int or not EARLIEST_S <= unix_s <= LATEST_S:
        raise DecodeError("unix_s is the time in seconds since 1970, not before 2026")
    return unix_s
