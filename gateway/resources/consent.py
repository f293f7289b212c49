"""`/consent`: what may be recorded. `/consent/{group}` grants and withdraws;
`/consent/transfers/{region}` lets keys of another region have blocks."""

from gateway import cbor
from gateway.coap.numbers import (
    CHANGED,
    CONFLICT,
    CONTENT,
    DELETE,
    DELETED,
    GET,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    PUT,
)
from gateway.data.consent import read_grant, read_transfer, region_of
from gateway.endpoint import CHALLENGE
from gateway.request import CBOR_FORMAT, diagnostic
from gateway.resources.pieces import Pieces
from gateway.vault.principals import OWNER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.data.keeper import Keeper
    from gateway.request import Answer, Request


class ConsentResource:
    """The grants and transfers; each change is in the ledger before it is answered."""

    segments = -3
    roles = {GET: OWNER, PUT: OWNER, DELETE: OWNER}

    def __init__(self, keeper: "Keeper") -> None:
        self._keeper = keeper

    def handle(self, request: "Request") -> "Answer | None":
        """Show, grant or withdraw.

        Raises:
            DecodeError: the payload is no grant or transfer.
        """
        segments = request.segments
        if len(segments) == 3:
            return self._handle_transfer(request)
        if len(segments) == 1:
            return self._show_all() if request.code == GET else _NOT_HERE
        group = self._keeper.group_of(segments[1])
        if group is None:
            return diagnostic(NOT_FOUND, "this car has no such group of signals")
        if request.code == GET:
            return self._show(group)
        if request.code == DELETE:
            return self._withdraw(group, request)
        return self._grant(group, request)

    def _show_all(self) -> "Answer":
        grants, transfers = self._keeper.consents.all()
        pieces = Pieces()
        pieces.head(cbor.MAP, 3)
        pieces.item("grants")
        pieces.head(cbor.MAP, len(grants))
        for group in sorted(grants, key=cbor.encode):
            pieces.item(group)
            pieces.item(grants[group])
        pieces.item("groups")
        pieces.item(sorted(self._keeper.groups))
        pieces.item("transfers")
        pieces.item(transfers)
        return CONTENT, CBOR_FORMAT, pieces.finish()

    def _show(self, group: str) -> "Answer":
        paths = self._keeper.columns(group, {}).paths()
        grants = self._keeper.consents.all()[0]
        pieces = Pieces()
        pieces.head(cbor.MAP, 1 + (group in grants))
        if group in grants:
            pieces.item("grant")
            pieces.item(grants[group])
        pieces.item("paths")
        pieces.head(cbor.ARRAY, len(paths))
        for path in paths:
            pieces.item(path)
        return CONTENT, CBOR_FORMAT, pieces.finish()

    def _grant(self, group: str, request: "Request") -> "Answer":
        keeper = self._keeper
        missing = keeper.missing(request.now_ms)
        if missing:
            return diagnostic(CONFLICT, missing)
        now_s = keeper.clock.at_least_s(request.now_ms)
        grant = read_grant(request.payload, now_s)
        keeper.columns(group, grant.get("precision", {}))
        if not request.is_fresh:
            return CHALLENGE
        by = request.known_key.principal.name
        grant["by"] = by
        grant["at"] = now_s
        keeper.consents.grant(group, grant)
        keeper.restart(request.now_ms)
        said = {"group": group, "grant": grant}
        request.after = keeper.ledger.add("consent", by, said, request.now_ms)
        return CHANGED, CBOR_FORMAT, cbor.encode(grant)

    def _withdraw(self, group: str, request: "Request") -> "Answer":
        keeper = self._keeper
        if not request.is_fresh:
            return CHALLENGE
        if keeper.consents.withdraw(group) is not None:
            by = request.known_key.principal.name
            keeper.restart(request.now_ms)
            request.after = keeper.ledger.add("withdrawn", by, {"group": group}, request.now_ms)
        return DELETED, [], b""

    def _handle_transfer(self, request: "Request") -> "Answer":
        keeper = self._keeper
        region = region_of(request.segments[2])
        if request.segments[1] != b"transfers" or region is None:
            return diagnostic(NOT_FOUND, "no such resource")
        by = request.known_key.principal.name
        if request.code == DELETE:
            if not request.is_fresh:
                return CHALLENGE
            keeper.consents.end_transfer(region)
            said = {"region": region, "until": None}
            request.after = keeper.ledger.add("transfer", by, said, request.now_ms)
            return DELETED, [], b""
        if request.code == GET:
            return _NOT_HERE
        now_s = keeper.clock.unix_s(request.now_ms)
        if now_s is None:
            return diagnostic(CONFLICT, "the gateway does not know the time: POST /time first")
        transfer = read_transfer(request.payload, now_s)
        if not request.is_fresh:
            return CHALLENGE
        transfer["by"] = by
        transfer["at"] = now_s
        keeper.consents.allow_transfer(region, transfer)
        said = {"region": region, "until": transfer["until"]}
        request.after = keeper.ledger.add("transfer", by, said, request.now_ms)
        return CHANGED, CBOR_FORMAT, cbor.encode(transfer)


_NOT_HERE = diagnostic(METHOD_NOT_ALLOWED, "no such method here")
