"""The newest rows as the board tells them while they are recorded: the same as is stored."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import cbor2

from carport.client.data import DataRequests
from carport.data.archive import Sampled
from carport.data.block import Schema
from carport.data.contact import Contact
from carport.data.fetch import schema_of
from carport.data.holdings import Holdings
from carport.errors import UnreadableError

OPEN_BLOCK = 0  # a live row's block: it is not stored yet


async def live_rows(
    requests: DataRequests, holdings: Holdings, contact: Contact
) -> AsyncGenerator[Sampled, None]:
    """Yield each new row once; the schema may change in between."""
    chain = contact.records.chain or b""
    seen: dict[str, int] = {}
    async with aclosing(requests.live()) as payloads:
        async for payload in payloads:
            try:
                fields = cbor2.loads(payload)
                number, told = fields["schema"], fields["rows"]
                origin_s = fields.get("boot_unix_s")
            except (cbor2.CBORDecodeError, LookupError, TypeError) as error:
                raise UnreadableError("the live rows") from error
            if told:
                schema = await schema_of(requests, holdings.archive, chain, number)
                for row in _rows(told, schema, origin_s, contact.region or ""):
                    if seen.get(row.group) != row.uptime_ms:
                        seen[row.group] = row.uptime_ms
                        yield row


def _rows(
    told: list[list[int | None]], schema: Schema, origin_s: int | None, region: str
) -> list[Sampled]:
    rows = []
    for index, at_ms, *stored in told:
        assert index is not None
        assert at_ms is not None
        group = schema.groups[index]
        unix_ms = None if origin_s is None else origin_s * 1000 + at_ms
        values = {
            column.path: column.value(each)
            for column, each in zip(group.columns, stored, strict=True)
        }
        rows.append(Sampled(unix_ms, group.name, OPEN_BLOCK, at_ms, region, values))
    return rows
