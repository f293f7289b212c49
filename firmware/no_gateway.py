"""What the board runs when it cannot run its gateway: it says why, to whoever asks on the cable.

Every request is answered 5.03 with the reason as text. There is no network, and no car: without
its keys, its storage or its profile the board trusts nobody.
"""

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import ACK, CON, NON, SERVICE_UNAVAILABLE
from gateway.errors import DecodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

_CODES_OF_REQUESTS = range(1, 32)


class NoGateway:
    """Has as much of `gateway.core.Gateway` as a runner without buses needs."""

    is_armed = is_routing = is_urgent = is_quiet = wants_restart = False

    def __init__(self, reason: str) -> None:
        self._reason = reason.encode()
        self._datagrams: list[tuple[bytes, Hashable]] = []
        self._logs = [f"no gateway: {reason}"]
        self.counters: dict[str, int] = {}

    def receive_datagram(
        self, data: bytes, peer: "Hashable", now_ms: int, on_cable: bool = False
    ) -> None:
        """Answer a request with the reason."""
        try:
            request = message.decode(data)
        except DecodeError:
            return
        if request.code not in _CODES_OF_REQUESTS or request.type not in (CON, NON):
            return
        answer = Message(
            ACK if request.type == CON else NON,
            SERVICE_UNAVAILABLE,
            request.message_id,
            request.token,
            [],
            self._reason,
        )
        self._datagrams.append((message.encode(answer), peer))

    def press_button(self, duration_ms: int, now_ms: int) -> None:
        """Do nothing: only the button that is held while the board starts helps here."""

    def handle_timer(self, now_ms: int) -> None:
        """Do nothing."""

    def next_timeout(self) -> None:
        """Return that nothing is planned."""

    def nothing(self) -> "list[Any]":
        """Return that there is nothing to do."""
        return []

    saves = frames = cancels = nothing

    def datagrams(self) -> "list[tuple[bytes, Hashable]]":
        """Return the answers, each with its peer."""
        datagrams = self._datagrams
        self._datagrams = []
        return datagrams

    def logs(self) -> "list[str]":
        """Return the lines to log."""
        logs = self._logs
        self._logs = []
        return logs
