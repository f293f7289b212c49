"""Fetching: the blocks that the archive lacks, one by one, each verified, opened and kept.

What was kept before a link broke is there next time: at most one block is lost. A block that still
grows is kept as it is now, and fetched again next time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from carport.client.data import DataRequests, Indexed
from carport.data.archive import Archive, Kept
from carport.data.block import BlockError, Schema, open_block, read_header
from carport.data.contact import Contact, make_contact, take_key
from carport.data.holdings import Holdings
from carport.errors import NotAuthorisedError

Progress = Callable[[int, int], None]


@dataclass
class Fetched:
    """What became of it.

    blocks, bytes: fetched now. refused: {region: blocks} that the board refuses our key. closed:
    blocks from before this host had a key. findings: what is not as it was recorded.
    is_new_ledger: the board began anew.
    """

    contact: Contact
    blocks: int = 0
    bytes: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    closed: int = 0
    findings: list[str] = field(default_factory=list)
    is_new_ledger: bool = False


async def fetch(
    requests: DataRequests,
    holdings: Holdings,
    on_progress: Progress = lambda done, total: None,
) -> Fetched:
    """Bring the archive up to date; on_progress is told how many bytes of how many are here."""
    contact = await make_contact(requests, holdings)
    records = contact.records
    fetched = Fetched(contact)
    if records.chain is not None and records.chain not in holdings.keys:
        fetched.is_new_ledger = await take_key(requests, holdings)
    index = await _index(requests)
    kept = {(each.chain, each.number): each for each in holdings.archive.kept()}
    wanted = [row for row in index if _is_wanted(row, kept.get((row.chain, row.number)))]
    total = sum(row.size for row in wanted)
    done = 0
    on_progress(done, total)
    for row in wanted:
        key = holdings.keys.data_key(row.chain, row.step)
        if key is None:
            fetched.closed += 1
        elif (block := await _block(requests, row, fetched)) is not None:
            is_final = records.open is None or row.number < records.open
            try:
                await _keep(requests, holdings.archive, row, block, key, is_final)
                fetched.blocks += 1
                fetched.bytes += len(block)
            except BlockError as error:
                fetched.findings.append(str(error))
        done += row.size
        on_progress(done, total)
    clock = await requests.clock()
    if clock.unix_s is not None:
        holdings.archive.date(clock.boot, clock.unix_s - clock.uptime_ms // 1000)
    fetched.findings += _broken_links(holdings.archive.kept(), index)
    return fetched


async def _index(requests: DataRequests) -> list[Indexed]:
    rows: list[Indexed] = []
    while page := await requests.index(rows[-1].number + 1 if rows else 0):
        rows += page
    return rows


def _is_wanted(row: Indexed, kept: Kept | None) -> bool:
    """Tell whether a block is not here, or only as it was while it grew."""
    return kept is None or not kept.is_final or (kept.end_ms, kept.size) != (row.end_ms, row.size)


async def _block(requests: DataRequests, row: Indexed, fetched: Fetched) -> bytes | None:
    try:
        return await requests.block(row.number)
    except NotAuthorisedError:
        fetched.refused[row.region] = fetched.refused.get(row.region, 0) + 1
        return None


async def _keep(
    requests: DataRequests,
    archive: Archive,
    row: Indexed,
    block: bytes,
    key: bytes,
    is_final: bool,
) -> None:
    header = read_header(block)
    if (header.chain, header.number) != (row.chain, row.number):
        raise BlockError(f"block {row.number} was replaced by block {header.number}")
    schema = await schema_of(requests, archive, header.chain, header.schema)
    archive.keep(header, block, is_final, schema, open_block(block, key, schema))


async def schema_of(requests: DataRequests, archive: Archive, chain: bytes, number: int) -> Schema:
    """Return a schema, and keep it if it is new."""
    schema = archive.schema(chain, number)
    if schema is None:
        archive.keep_schema(chain, number, await requests.schema(number))
        schema = archive.schema(chain, number)
        assert schema is not None
    return schema


def _broken_links(kept: list[Kept], index: list[Indexed]) -> list[str]:
    """Return what is wrong where a block does not name the one before it.

    Blocks that left the board before they were fetched leave a gap that is no finding.
    """
    on_board = {row.number for row in index}
    first = index[0].number if index else 0
    findings = []
    for before, after in pairwise(kept):
        if before.chain != after.chain or after.previous == before.tag:
            continue
        missing = [
            number
            for number in range(before.number + 1, after.number)
            if number >= first and number not in on_board
        ]
        if missing:
            findings.append(f"block {missing[0]} was removed from the board")
        elif after.number == before.number + 1 and before.is_final:
            findings.append(
                f"block {before.number} is not the one that block {after.number} follows"
            )
    return findings
