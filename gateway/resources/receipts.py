"""`/receipts/{id}`: what became of a command that the asker's own context sent.

An owner may read those of any context: `?kid=HEX`.
"""

from binascii import unhexlify

from gateway.coap.numbers import CONTENT, FORBIDDEN, GET, NOT_FOUND
from gateway.errors import DecodeError
from gateway.request import CBOR_FORMAT, diagnostic
from gateway.vault.principals import OWNER, VIEWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.request import Answer, Request
    from gateway.vehicle.receipts import Receipts

_KID = b"kid="


class ReceiptResource:
    """The receipts of the asker, and for an owner everybody's."""

    segments = 2
    roles = {GET: VIEWER}

    def __init__(self, receipts: "Receipts") -> None:
        self._receipts = receipts

    def handle(self, request: "Request") -> "Answer | None":
        """Return the receipt in the state that it has now.

        Raises:
            DecodeError: the query is no kid.
        """
        key = request.known_key
        kid = _asked(request.queries, key.kid)
        if kid != key.kid and key.principal.rank < OWNER:
            return diagnostic(FORBIDDEN, "only an owner reads the receipts of others")
        name = request.segments[1]
        if name.isdigit():
            receipt = self._receipts.under_way(kid, int(name))
            if receipt is not None:
                return CONTENT, CBOR_FORMAT, receipt.encode()
            final = self._receipts.final(kid, int(name))
            if final is not None:
                request.after = max(request.after, self._receipts.change)
                return CONTENT, CBOR_FORMAT, final[2]
        return diagnostic(NOT_FOUND, "no receipt with this id is kept")


def _asked(queries: "tuple[bytes, ...]", own: bytes) -> bytes:
    """Return the kid that a query names, our own if there is none.

    Raises:
        DecodeError: it names none.
    """
    if not queries:
        return own
    try:
        if len(queries) == 1 and queries[0].startswith(_KID):
            return unhexlify(queries[0][len(_KID) :])
    except ValueError:
        pass
    raise DecodeError("the query is kid=HEX")
