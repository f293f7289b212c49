"""`/arm`: whether the gateway may send at all. POST asks for it, the board's button grants it."""

from gateway import cbor
from gateway.coap.numbers import CHANGED, CONTENT, DELETE, DELETED, GET, POST
from gateway.endpoint import CHALLENGE
from gateway.request import CBOR_FORMAT
from gateway.vault.principals import OWNER, VIEWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.request import Answer, Request
    from gateway.vault.arming import Arming


class ArmResource:
    """The arming; `disarm(by, now_ms)` ends it at once, with all commands under way."""

    segments = 1
    roles = {GET: VIEWER, POST: OWNER, DELETE: OWNER}

    def __init__(self, arming: "Arming", disarm: "Callable[[str, int], None]") -> None:
        self._arming = arming
        self._disarm = disarm

    def handle(self, request: "Request") -> "Answer | None":
        """Return the state that `carport.cddl` calls arm, once it is durable."""
        arming = self._arming
        by = request.known_key.principal.name
        code = CONTENT
        if request.code == POST:
            if not request.is_fresh:
                return CHALLENGE
            arming.ask(by, request.now_ms)
            code = CHANGED
        elif request.code == DELETE:
            self._disarm(by, request.now_ms)
            code = DELETED
        state: dict[str, Any] = {"armed": arming.is_armed}
        button_ms = arming.button_ms(request.now_ms)
        if button_ms:
            state["button_ms"] = button_ms
        request.after = max(request.after, arming.change)
        return code, CBOR_FORMAT, cbor.encode(state)
