"""`/.well-known/core` in plain text: that this is a gateway, and nothing about whose (RFC
6690)."""

from gateway.coap import link_format
from gateway.coap.numbers import CONTENT, CONTENT_FORMAT, GET, LINK_FORMAT, METHOD_NOT_ALLOWED
from gateway.request import diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.coap.link_format import Resource
    from gateway.request import Answer, Request

# What queries are compared with, and what is answered if it matches: to the shortest request that
# can be made, nothing longer may go back.
LINKS: "list[Resource]" = [("/system", [("rt", "carport.gateway"), ("osc", None)])]
ANSWER = b"</system>;osc"


class DiscoveryResource:
    """The one link that a stranger may see; it is protected by OSCORE (RFC 8613 section 9)."""

    def handle(self, request: "Request") -> "Answer | None":
        """Return the links that match the query; to a query sent as NON, none means silence."""
        if request.code != GET:
            return diagnostic(METHOD_NOT_ALLOWED, "no such method here")
        links = LINKS
        for query in request.queries:
            try:
                links = link_format.select(links, str(query, "utf-8"))
            except UnicodeError:
                links = []
        if not links and not request.is_confirmable:
            return None
        return CONTENT, [(CONTENT_FORMAT, bytes((LINK_FORMAT,)))], ANSWER if links else b""
