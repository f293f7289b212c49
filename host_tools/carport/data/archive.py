"""The archive: the samples of a gateway's records in SQLite, and which blocks they came from.

    blocks     one row a block: what its header says, and the last bytes that chain it to the next
    schemas    as the board told them
    columns    VSS path, group, datatype, unit
    notes      what else is to be remembered with them
    readings   the values; `samples` is a view of them with times, paths and units:
               sqlite3 archive.db "select * from samples where path = 'Vehicle.Speed'"

A time is that of its boot's uptime 0 and the uptime. A boot that learnt the time late is dated by
its first block that knows it, or by what the board says while it runs.

The file is mode 0600 and not encrypted: it is protected as its owner's account is. What is erased
is overwritten (secure_delete) as far as the file system and the disk let a program do that.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from carport.data.block import TAG_BYTES, Column, Header, Row, Schema, Value, decode_schema
from carport.errors import CarportError

_TABLES = """
create table if not exists schemas (
  chain blob not null, number integer not null, payload blob not null,
  primary key (chain, number));
create table if not exists blocks (
  id integer primary key, chain blob not null, number integer not null, step integer not null,
  region text not null, schema integer not null, boot blob not null, start_ms integer not null,
  end_ms integer not null, boot_unix_s integer, dated_unix_s integer, previous blob not null,
  tag blob not null, size integer not null, is_final integer not null, unique (chain, number));
create index if not exists blocks_of_boots on blocks (boot);
create table if not exists columns (
  id integer primary key, path text not null unique, "group" text not null,
  datatype text not null, unit text);
create table if not exists readings (
  block integer not null references blocks on delete cascade, at_ms integer not null,
  column integer not null references columns, value);
create index if not exists readings_of_blocks on readings (block, at_ms);
create table if not exists notes (name text primary key, value text not null);
create view if not exists samples as
  select blocks.dated_unix_s + readings.at_ms / 1000.0 as unix_s, columns.path, readings.value,
         columns.unit, columns.datatype, columns."group", blocks.region, blocks.number as block,
         readings.at_ms as uptime_ms
  from readings join blocks on blocks.id = readings.block
                join columns on columns.id = readings.column;
"""

_ROWS = """
select blocks.dated_unix_s * 1000 + readings.at_ms as unix_ms, columns."group", blocks.number,
       readings.at_ms, blocks.region, columns.path, readings.value, columns.datatype
from readings join blocks on blocks.id = readings.block
              join columns on columns.id = readings.column
"""
_ORDER = ' order by unix_ms is null, unix_ms, blocks.chain, blocks.number, at_ms, columns."group"'
_HEAD = itemgetter(0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Sampled:
    """One row of a group: its values by path, None where the car's value was not known.

    unix_ms is None while no block of its boot knows the time.
    """

    unix_ms: int | None
    group: str
    block: int
    uptime_ms: int
    region: str
    values: dict[str, Value | None]


@dataclass(frozen=True)
class Kept:
    """What is kept of a block; is_final: it grows no more."""

    chain: bytes
    number: int
    end_ms: int
    size: int
    previous: bytes
    tag: bytes
    is_final: bool


@dataclass(frozen=True)
class Summary:
    """How much is kept; times in unix seconds, None if there is none with a known time."""

    blocks: int
    rows: int
    first_unix_s: float | None
    last_unix_s: float | None


class Archive:
    """The archive in the file at path, which is made if it does not exist."""

    def __init__(self, path: Path) -> None:
        """Raises CarportError if the file is no archive, or cannot be made."""
        try:
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path)
            self._db.execute("pragma foreign_keys = on")
            self._db.execute("pragma secure_delete = on")
            self._db.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise CarportError(f"{path} is no archive ({error}): move it away") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._db.close()

    def schema(self, chain: bytes, number: int) -> Schema | None:
        """Return a schema that was kept, None if it was not."""
        found = self._db.execute(
            "select payload from schemas where chain = ? and number = ?", (chain, number)
        )
        row = found.fetchone()
        return None if row is None else decode_schema(row[0])

    def schemas(self) -> list[Schema]:
        """Return every schema that was kept, oldest first."""
        found = self._db.execute("select payload from schemas order by number")
        return [decode_schema(payload) for (payload,) in found]

    def keep_schema(self, chain: bytes, number: int, payload: bytes) -> None:
        """Keep a schema as the board told it."""
        with self._db:
            self._db.execute(
                "insert or replace into schemas values (?, ?, ?)", (chain, number, payload)
            )

    def kept(self) -> list[Kept]:
        """Return what is kept of each block, in the order in which they follow each other."""
        found = self._db.execute(
            "select chain, number, end_ms, size, previous, tag, is_final from blocks"
            " order by chain, number"
        )
        return [Kept(*row) for row in found]

    def keep(
        self, header: Header, block: bytes, is_final: bool, schema: Schema, rows: list[Row]
    ) -> None:
        """Keep a block's samples, in place of what an earlier, shorter form of it had.

        block: as it is sealed. is_final: it grows no more.
        """
        with self._db:
            self._db.execute(
                "delete from blocks where chain = ? and number = ?", (header.chain, header.number)
            )
            inserted = self._db.execute(
                "insert into blocks values (null, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    header.chain,
                    header.number,
                    header.step,
                    header.region,
                    header.schema,
                    header.boot,
                    header.start_ms,
                    header.end_ms,
                    header.boot_unix_s,
                    header.boot_unix_s,
                    header.previous,
                    block[-TAG_BYTES:],
                    len(block),
                    is_final,
                ),
            )
            self._date_by_blocks(header.boot)
            ids = [
                [self._column_id(group.name, column) for column in group.columns]
                for group in schema.groups
            ]
            self._db.executemany(
                "insert into readings values (?, ?, ?, ?)",
                (
                    (inserted.lastrowid, row.at_ms, column_id, column.value(stored))
                    for row in rows
                    for column_id, column, stored in zip(
                        ids[row.group], schema.groups[row.group].columns, row.stored, strict=True
                    )
                ),
            )

    def date(self, boot: bytes, unix_s: int) -> None:
        """Date what a boot recorded before it knew the time; unix_s: the time of uptime 0."""
        with self._db:
            self._db.execute(
                "update blocks set dated_unix_s = ? where boot = ? and dated_unix_s is null",
                (unix_s, boot),
            )

    def rows(
        self,
        since: float | None = None,
        until: float | None = None,
        regions: set[str] | None = None,
        group: str | None = None,
    ) -> Iterator[Sampled]:
        """Yield rows in the order of their time, from since to before until, in unix seconds.

        What has no known time is in no such range, but last among all. regions and group: only
        what was recorded there, or belongs to it.
        """
        conditions: list[str] = []
        values: list[Any] = []
        if since is not None:
            conditions.append("unix_ms >= ?")
            values.append(since * 1000)
        if until is not None:
            conditions.append("unix_ms < ?")
            values.append(until * 1000)
        if regions is not None:
            conditions.append(f"blocks.region in ({', '.join('?' * len(regions))})")
            values += sorted(regions)
        if group is not None:
            conditions.append('columns."group" = ?')
            values.append(group)
        where = " where " + " and ".join(conditions) if conditions else ""
        found = self._db.execute(_ROWS + where + _ORDER, values)
        for (unix_ms, name, block, uptime_ms, region), cells in groupby(found, _HEAD):
            row = {path: _value(value, datatype) for *_, path, value, datatype in cells}
            yield Sampled(unix_ms, name, block, uptime_ms, region, row)

    def columns(self) -> list[tuple[str, Column]]:
        """Return each column that has samples, with its group, as its newest schema has it."""
        newest = {
            (group.name, column.path): column
            for schema in self.schemas()
            for group in schema.groups
            for column in group.columns
        }
        found = self._db.execute('select "group", path from columns order by "group", path')
        return [(group, newest[group, path]) for group, path in found]

    def note(self, name: str) -> str | None:
        """Return what was noted under a name, None if nothing was."""
        row = self._db.execute("select value from notes where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def write_note(self, name: str, value: str) -> None:
        """Note something under a name."""
        with self._db:
            self._db.execute("insert or replace into notes values (?, ?)", (name, value))

    def regions(self) -> dict[str, int]:
        """Return how many blocks of each region are kept."""
        found = self._db.execute("select region, count(*) from blocks group by region")
        return dict(found.fetchall())

    def summary(self) -> Summary:
        """Return how much is kept."""
        blocks, first, last = self._db.execute(
            "select count(*), min(dated_unix_s + start_ms / 1000.0),"
            " max(dated_unix_s + end_ms / 1000.0) from blocks"
        ).fetchone()
        (rows,) = self._db.execute(
            'select count(*) from (select distinct block, at_ms, "group" from readings'
            " join columns on columns.id = readings.column)"
        ).fetchone()
        return Summary(blocks, rows, first, last)

    def erase(self, chain: bytes | None = None, below: int | None = None) -> int:
        """Erase the blocks of a chain below a step, all of the chain, or everything.

        Returns:
            How many blocks it were.
        """
        with self._db:
            erased = self._db.execute(
                "delete from blocks"
                " where (?1 is null or chain = ?1) and (?2 is null or step < ?2)",
                (chain, below),
            ).rowcount
            self._forget_unused()
        self._db.execute("vacuum")
        return erased

    def erase_before(self, unix_s: float) -> int:
        """Erase the blocks that began before a time, and those whose time is not known.

        Returns:
            How many blocks it were.
        """
        with self._db:
            erased = self._db.execute(
                "delete from blocks where dated_unix_s is null"
                " or dated_unix_s + start_ms / 1000.0 < ?",
                (unix_s,),
            ).rowcount
            self._forget_unused()
        self._db.execute("vacuum")
        return erased

    def _forget_unused(self) -> None:
        """Delete what describes samples that are not there any more."""
        self._db.execute("delete from columns where id not in (select column from readings)")
        self._db.execute(
            "delete from schemas where (chain, number) not in (select chain, schema from blocks)"
        )

    def _date_by_blocks(self, boot: bytes) -> None:
        """Date a boot's blocks that do not know the time by the first one that does."""
        self._db.execute(
            "update blocks set dated_unix_s = coalesce("
            " (select boot_unix_s from blocks where boot = ?1 and boot_unix_s is not null"
            "  order by number limit 1), dated_unix_s)"
            " where boot = ?1 and boot_unix_s is null",
            (boot,),
        )

    def _column_id(self, group: str, column: Column) -> int:
        self._db.execute(
            'insert or ignore into columns (path, "group", datatype, unit) values (?, ?, ?, ?)',
            (column.path, group, column.datatype, column.unit),
        )
        found = self._db.execute("select id from columns where path = ?", (column.path,))
        (number,) = found.fetchone()
        return int(number)


def _value(value: Any, datatype: str) -> Value | None:
    """Return a value as it was before SQLite had it."""
    return bool(value) if datatype == "boolean" and value is not None else value
