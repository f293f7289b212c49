"""`/receipts/{id}`: what became of a command that the asker's own context sent."""

from gateway.coap.numbers import CONTENT, GET, NOT_FOUND
from gateway.request import CBOR_FORMAT, diagnostic
from gateway.vault.keys import VIEWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.request import Answer, Request
    from gateway.vehicle.receipts import Receipts


class ReceiptResource:
    """The receipts of the asker."""

    segments = 2
    roles = {GET: VIEWER}

    def __init__(self, receipts: "Receipts") -> None:
        self._receipts = receipts

    def handle(self, request: "Request") -> "Answer | None":
        """Return the receipt in the state that it has now."""
        name = request.segments[1]
        if name.isdigit():
            kid = request.known_key.kid
            receipt = self._receipts.under_way(kid, int(name))
            if receipt is not None:
                return CONTENT, CBOR_FORMAT, receipt.encode()
            final = self._receipts.final(kid, int(name))
            if final is not None:
                request.after = max(request.after, self._receipts.change)
                return CONTENT, CBOR_FORMAT, final[2]
        return diagnostic(NOT_FOUND, "no receipt of yours with this id is kept")
