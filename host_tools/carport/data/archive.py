"""The archive: the samples of a gateway's records in SQLite, and which blocks they came from.

    blocks    one row a block: what its header says, and the last bytes that chain it to the next
    schemas   as the board told them
    columns   number, VSS path, datatype, unit
    samples   a view: time, path, value, unit; `sqlite3 archive.db 'select * from samples'`

The file is mode 0600 and not encrypted: it is protected as its owner's account is. What is erased
is overwritten (secure_delete), as far as the file system and the disk let a program do that.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from carport.data.block import Header, Row, Schema, Value, decode_schema
from carport.errors import CarportError

_TABLES = """
create table if not exists schemas (number integer primary key, payload blob not null);
create table if not exists blocks (
  chain blob not null, number integer not null, step integer not null, region text not null,
  schema integer not null, boot blob not null, start_ms integer not null, end_ms integer not null,
  boot_unix_s integer, previous blob not null, tag blob not null, primary key (chain, number));
create table if not exists columns (
  id integer primary key, path text not null unique, datatype text not null, unit text);
create table if not exists readings (
  chain blob not null, number integer not null, at_ms integer not null, column integer not null,
  value, foreign key (chain, number) references blocks (chain, number) on delete cascade);
create index if not exists readings_of_blocks on readings (chain, number);
create view if not exists samples as
  select (select max(other.boot_unix_s) from blocks as other where other.boot = blocks.boot)
           + readings.at_ms / 1000.0 as unix_s,
         columns.path, readings.value, columns.unit, columns.datatype, blocks.number as block,
         readings.at_ms as uptime_ms, blocks.region
  from readings join blocks using (chain, number) join columns on columns.id = readings.column;
"""


@dataclass(frozen=True)
class Sample:
    """One value: unix_s is None while no block of its boot knows the time."""

    unix_s: float | None
    path: str
    value: Value | None
    unit: str | None
    datatype: str
    block: int
    uptime_ms: int


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

    def schema(self, number: int) -> Schema | None:
        """Return a schema that was kept, None if it was not."""
        found = self._db.execute("select payload from schemas where number = ?", (number,))
        row = found.fetchone()
        return None if row is None else decode_schema(row[0])

    def keep_schema(self, number: int, payload: bytes) -> None:
        """Keep a schema as the board told it."""
        with self._db:
            self._db.execute("insert or replace into schemas values (?, ?)", (number, payload))

    def end_ms(self, chain: bytes, number: int) -> int | None:
        """Return the uptime of a block's last row as it is kept here, None if it is not."""
        found = self._db.execute(
            "select end_ms from blocks where chain = ? and number = ?", (chain, number)
        )
        row = found.fetchone()
        return None if row is None else int(row[0])

    def keep(self, header: Header, tag: bytes, schema: Schema, rows: list[Row]) -> None:
        """Keep a block's samples, in place of what an earlier, shorter form of it had."""
        with self._db:
            self._db.execute(
                "delete from blocks where chain = ? and number = ?", (header.chain, header.number)
            )
            self._db.execute(
                "insert into blocks values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                    header.previous,
                    tag,
                ),
            )
            for row in rows:
                columns = schema.groups[row.group].columns
                for column, stored in zip(columns, row.stored, strict=True):
                    self._db.execute(
                        "insert or ignore into columns (path, datatype, unit) values (?, ?, ?)",
                        (column.path, column.datatype, column.unit),
                    )
                    self._db.execute(
                        "insert into readings values (?, ?, ?,"
                        " (select id from columns where path = ?), ?)",
                        (
                            header.chain,
                            header.number,
                            row.at_ms,
                            column.path,
                            column.value(stored),
                        ),
                    )

    def missing(self) -> list[tuple[bytes, int]]:
        """Return the blocks, as (chain, number), whose predecessor is not the one they name."""
        found = self._db.execute(
            "select later.chain, later.number from blocks as later join blocks as earlier"
            " on earlier.chain = later.chain and earlier.number = later.number - 1"
            " where later.previous != earlier.tag order by later.number"
        )
        return [(bytes(chain), number) for chain, number in found]

    def samples(self, since: float | None = None, until: float | None = None) -> Iterator[Sample]:
        """Yield the samples in the order of their time, from since to before until, in unix seconds.

        What has no known time is in no such range, but among all.
        """
        query = "select unix_s, path, value, unit, datatype, block, uptime_ms from samples"
        wanted = []
        if since is not None:
            wanted.append(f"unix_s >= {float(since)!r}")
        if until is not None:
            wanted.append(f"unix_s < {float(until)!r}")
        if wanted:
            query += " where " + " and ".join(wanted)
        for unix_s, path, value, unit, datatype, block, uptime_ms in self._db.execute(
            query + " order by unix_s, block, uptime_ms, path"
        ):
            yield Sample(
                unix_s, path, _from_sqlite(value, datatype), unit, datatype, block, uptime_ms
            )

    def erase(self, chain: bytes, below: int | None = None) -> None:
        """Erase the blocks of a chain, all or those below a step, with their samples."""
        with self._db:
            if below is None:
                self._db.execute("delete from blocks where chain = ?", (chain,))
            else:
                self._db.execute("delete from blocks where chain = ? and step < ?", (chain, below))
        self._db.execute("vacuum")


def _from_sqlite(value: object, datatype: str) -> Value | None:
    return bool(value) if datatype == "boolean" and value is not None else value  # type: ignore[return-value]
