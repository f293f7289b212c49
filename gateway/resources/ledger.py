"""`/ledger/{n}`: entries from number n on, sealed; DELETE `/ledger` destroys what they say."""

from gateway import cbor
from gateway.coap.numbers import CONTENT, DELETE, DELETED, GET, METHOD_NOT_ALLOWED
from gateway.endpoint import CHALLENGE
from gateway.request import CBOR_FORMAT, diagnostic
from gateway.resources.pieces import Pieces
from gateway.vault.principals import OWNER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.data.ledger import Ledger
    from gateway.request import Answer, Request


class LedgerResource:
    """The ledger, a segment at a time."""

    segments = -2
    roles = {GET: OWNER, DELETE: OWNER}

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger

    def handle(self, request: "Request") -> "Answer | None":
        """Return what `carport.cddl` calls ledger, or destroy the key of what the entries say."""
        ledger = self._ledger
        segments = request.segments
        if request.code == DELETE:
            if len(segments) > 1:
                return diagnostic(METHOD_NOT_ALLOWED, "no such method here")
            if not request.is_fresh:
                return CHALLENGE
            ledger.erase_details()
            by = request.known_key.principal.name
            request.after = ledger.add("ledger", by, None, request.now_ms)
            return DELETED, [], b""
        number = ledger.first
        if len(segments) > 1 and segments[1].isdigit():
            number = max(number, int(segments[1]))
        before, entries = ledger.read(number)
        pieces = Pieces()
        pieces.head(cbor.MAP, 4)
        for name, value in (("next", ledger.next), ("first", ledger.first), ("before", before)):
            pieces.item(name)
            pieces.item(value)
        pieces.item("entries")
        pieces.head(cbor.ARRAY, len(entries))
        for entry in entries:
            pieces.encoded(entry)
        return CONTENT, CBOR_FORMAT, pieces.finish()
