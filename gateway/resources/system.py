"""`/system`: which gateway this is, how long it has run, and what it has counted."""

from gateway import cbor
from gateway.coap.numbers import CONTENT, GET
from gateway.request import CBOR_FORMAT
from gateway.vault.principals import OWNER, VIEWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.request import Answer, Request


class SystemResource:
    """What `describe(now_ms, is_owner)` says, as the map that `carport.cddl` calls system."""

    segments = 1
    roles = {GET: VIEWER}

    def __init__(self, describe: "Callable[[int, bool], dict[str, Any]]") -> None:
        self._describe = describe

    def handle(self, request: "Request") -> "Answer | None":
        """Return the map."""
        from gateway.resources.pieces import Pieces

        is_owner = request.known_key.principal.rank == OWNER
        described = self._describe(request.now_ms, is_owner)
        pieces = Pieces()
        pieces.head(cbor.MAP, len(described))
        for name in sorted(described, key=cbor.encode):
            pieces.item(name)
            pieces.item(described[name])
        return CONTENT, CBOR_FORMAT, pieces.finish()
