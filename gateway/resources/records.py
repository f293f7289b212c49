"""`/records`: what was recorded, as sealed blocks, and their keys and their end.

    /records                 GET: how it stands; DELETE: erase all, or what is older
    /records/index/{n}       GET: what blocks there are, from number n on
    /records/{n}             GET: a block, sealed: who holds its key opens it
    /records/schemas/{n}     GET: what its rows mean
    /records/live            GET, observed: the newest rows, as they are recorded
    /records/key             POST: the present key, for an owner's host
    /records/erased          POST: a host has destroyed its keys

A key of another region than a block's is refused the block, unless an owner's transfer to that
region is in force. Readings and refusals go into the ledger.
"""

from gateway import cbor
from gateway.coap.numbers import (
    BAD_REQUEST,
    CHANGED,
    CONTENT,
    CONTENT_FORMAT,
    DELETE,
    DELETED,
    FORBIDDEN,
    GET,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    POST,
)
from gateway.data.block import KID, header_of, size_of
from gateway.data.chain import ID_BYTES
from gateway.endpoint import CHALLENGE
from gateway.errors import DecodeError
from gateway.request import CBOR_FORMAT, MAX_BLOCK_BYTES, diagnostic
from gateway.vault.principals import DRIVER, OWNER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.coap.message import Options
    from gateway.data.keeper import Keeper
    from gateway.oscore.ccm_stream import Piece
    from gateway.request import Answer, Request

COSE_FORMAT: "Options" = [(CONTENT_FORMAT, b"\x10")]  # application/cose; cose-type encrypt0

RANDOM_BYTES = 32


class RecordsResource:
    """The records; wipe() destroys everything and returns the change's number."""

    segments = -3
    roles = {GET: DRIVER, POST: DRIVER, DELETE: OWNER}

    def __init__(self, keeper: "Keeper", wipe: "Callable[[], int]") -> None:
        self._keeper = keeper
        self._wipe = wipe
        self._given_to = b""
        self._given: list[Piece] = []

    def version(self, request: "Request") -> int:
        """Return a number that changes with the newest rows."""
        return self._keeper.recorder.version if request.segments[-1] == b"live" else 0

    def deny(self, request: "Request") -> None:
        """Take note that the endpoint refused somebody."""
        self._refuse(request, 0, "not allowed")

    def handle(self, request: "Request") -> "Answer | None":
        """Do what the path and the method say.

        Raises:
            DecodeError: the payload or a query is not what it should be.
        """
        principal = request.known_key.principal
        limits = principal.limits
        if principal.rank < OWNER and (limits is None or limits.scopes is None):
            return self._refuse(request, 0, "not allowed")  # a scope must say "records"
        segments = request.segments
        name = segments[1] if len(segments) > 1 else b""
        if request.code == DELETE:
            return self._erase(request) if not name else _NOT_HERE
        if request.code == POST:
            if name == b"key" and principal.rank == OWNER:
                return self._give_key(request)
            return self._confirm(request) if name == b"erased" else _NOT_HERE
        if not name:
            return CONTENT, CBOR_FORMAT, cbor.encode(self._describe())
        if name == b"live":
            return CONTENT, CBOR_FORMAT, cbor.encode(self._live(request.now_ms))
        number = int(segments[-1]) if segments[-1].isdigit() else -1
        if number >= 0 and len(segments) == 2:
            return self._give_block(request, number)
        if number >= 0 and name == b"schemas":
            schema = self._keeper.archive.read_schema(number)
            if schema is not None:
                return CONTENT, CBOR_FORMAT, schema
        if number >= 0 and name == b"index":
            return CONTENT, CBOR_FORMAT, self._index(number)
        return diagnostic(NOT_FOUND, "no such record")

    def _describe(self) -> "dict[str, Any]":
        keeper = self._keeper
        archive, chain, recorder = keeper.archive, keeper.chain, keeper.recorder
        holders = keeper.holders()
        described = {
            "recording": [group.name for group in recorder.groups],
            "first": archive.first,
            "next": archive.next,
            "holders": holders.names,
            "erasing": archive.is_erasing,
            "erasures": holders.describe(),
        }
        described.update(keeper.counters())
        if chain.exists:
            described["chain"] = chain.id
            described["step"] = chain.step
        if recorder.number:
            described["open"] = recorder.number
        return described

    def _live(self, now_ms: int) -> "dict[str, Any]":
        keeper = self._keeper
        rows: list[list[int | None]] = []
        groups = keeper.recorder.groups
        for index in range(len(groups)):
            if groups[index].row_ms >= 0:
                at_ms = groups[index].row_ms - keeper.started_ms
                row: list[int | None] = [index, at_ms]
                rows.append(row + groups[index].row)
        live: dict[str, Any] = {"schema": keeper.archive.schema, "rows": rows}
        unix_s = keeper.clock.unix_s(now_ms)
        if unix_s is not None:
            live["boot_unix_s"] = unix_s - (now_ms - keeper.started_ms) // 1000
        return live

    def _index(self, number: int) -> bytes:
        """Return as many rows of the index as fit a block."""
        archive = self._keeper.archive
        number = max(number, archive.first)
        rows: list[bytes] = []
        size = 3
        while number < archive.next:
            block = archive.read(number)
            if block is not None:
                row = _index_row(block)
                size += len(row)
                if size > MAX_BLOCK_BYTES:
                    break
                rows.append(row)
            number += 1
        buffer = bytearray()
        cbor.append_head(buffer, cbor.ARRAY, len(rows))
        return bytes(buffer) + b"".join(rows)

    def _give_block(self, request: "Request", number: int) -> "Answer":
        keeper = self._keeper
        archive = keeper.archive
        block = archive.read(number) if archive.first <= number < archive.next else None
        if block is None:
            return diagnostic(NOT_FOUND, "no such block")
        recorded_in = header_of(block)["region"]
        principal = request.known_key.principal
        region = principal.region or keeper.settings.home
        if region != recorded_in:
            now_s = keeper.clock.at_least_s(request.now_ms)
            if region is None or not keeper.consents.allows_transfer(region, now_s):
                return self._refuse(
                    request, number, f"recorded in {recorded_in}, and this key is of {region}"
                )
        if not request.is_proven:
            return CHALLENGE  # before it counts as read
        change = keeper.note_read(principal.name, number, request.now_ms)
        request.after = max(request.after, change)
        if self._given_to == request.known_key.kid:
            self._given.clear()  # it was kept while its blocks were fetched: gateway/blocks.py
        self._given_to = request.known_key.kid
        self._given = block
        return CONTENT, COSE_FORMAT, block

    def _give_key(self, request: "Request") -> "Answer":
        fields = _fields(request.payload, ("random",))
        random = fields.get("random")
        if type(random) is not bytes or len(random) != RANDOM_BYTES:
            raise DecodeError("random is 32 bytes")
        if not request.is_fresh:
            return CHALLENGE
        keeper = self._keeper
        by = request.known_key.principal.name
        keeper.create_chain(random, request.now_ms)
        chain = keeper.chain
        keeper.holders().add(by)
        said = {"chain": chain.id, "step": chain.step}
        request.after = keeper.ledger.add("key", by, said, request.now_ms)
        mac_key, detail_key, detail_from = keeper.ledger.keys()
        answer = {
            "chain": chain.id,
            "step": chain.step,
            "key": chain.key,
            "mac_key": mac_key,
            "detail_key": detail_key,
            "detail_from": detail_from,
        }
        return CHANGED, CBOR_FORMAT, cbor.encode(answer)

    def _confirm(self, request: "Request") -> "Answer":
        fields = _fields(request.payload, ("chain", "step"))
        chain = fields.get("chain")
        step = fields.get("step")
        if type(chain) is not bytes or len(chain) != ID_BYTES:
            raise DecodeError("chain is 8 bytes")
        if step is not None and type(step) is not int:
            raise DecodeError("step is a number")
        keeper = self._keeper
        by = request.known_key.principal.name
        if keeper.holders().confirm(by, chain, step) is not None:
            said = {"chain": chain, "step": step}
            request.after = keeper.ledger.add("erased", by, said, request.now_ms)
        return CHANGED, CBOR_FORMAT, cbor.encode(self._describe())

    def _erase(self, request: "Request") -> "Answer":
        """Erase all of it, what is before a time or a step, or everything with an owner's end."""
        keeper = self._keeper
        now_ms = request.now_ms
        query = request.queries[0] if len(request.queries) == 1 else b""
        name, _, value = query.partition(b"=")
        if len(request.queries) > 1 or (query and name not in (b"before", b"owner-change")):
            return diagnostic(BAD_REQUEST, "erase what: nothing said, before=, or owner-change")
        before = int(value) if value.isdigit() else -1
        if name == b"before" and not 0 <= before <= keeper.clock.at_least_s(now_ms):
            return diagnostic(BAD_REQUEST, "before is a time that has passed, in unix seconds")
        if not request.is_fresh:
            return CHALLENGE
        if name == b"owner-change":
            request.after = self._wipe()
            return DELETED, [], b""
        by = request.known_key.principal.name
        if name == b"before":
            keeper.erase_before(before, now_ms)
        else:
            keeper.erase_all(now_ms)
        said = {"before": before} if name == b"before" else {}
        request.after = keeper.ledger.add("erase", by, said, now_ms)
        return DELETED, CBOR_FORMAT, cbor.encode(self._describe())

    def _refuse(self, request: "Request", number: int, reason: str) -> "Answer":
        by = request.known_key.principal.name
        request.after = max(
            request.after, self._keeper.note_refusal(by, reason, number, request.now_ms)
        )
        return diagnostic(FORBIDDEN, reason)


def _index_row(block: "list[Piece]") -> bytes:
    """Return what `carport.cddl` calls index-row of a block."""
    header = header_of(block)
    kid = header[KID]
    row = [
        header["block"],
        kid[:ID_BYTES],
        int.from_bytes(kid[ID_BYTES:], "big"),
        header["region"],
        header["schema"],
        header["start_ms"],
        header["end_ms"],
        header.get("boot_unix_s"),
        size_of(block),
    ]
    return cbor.encode(row)


def _fields(payload: bytes, allowed: "tuple[str, ...]") -> "dict[str, Any]":
    fields = cbor.decode(payload)
    if type(fields) is not dict:
        raise DecodeError("this takes a map")
    for field in fields:
        if field not in allowed:
            raise DecodeError(f"there is no field {field}")
    return fields


_NOT_HERE = diagnostic(METHOD_NOT_ALLOWED, "no such method here")
