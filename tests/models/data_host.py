"""An owner's host as it deals with the records: consents, fetches keys, blocks and the ledger."""

import os
from dataclasses import dataclass, field
from typing import Any

from gateway.coap import block
from gateway.coap.numbers import BLOCK2, CHANGED, CONTENT, DELETE, GET, POST, PUT, URI_QUERY
from tests.models.host import Host, Response
from tests.models.records import Block, Chain, open_block
from tests.models.shell import Shell

TIME_S = 1_800_000_000
YEAR_S = 31_536_000


@dataclass
class DataHost:
    """A paired owner whose gateway knows the time and its region."""

    host: Host
    chain: Chain | None = None
    keys: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def ready(cls, shell: Shell, region: str = "DE") -> "DataHost":
        """Pair, tell the time, declare the region, fetch the key."""
        owner = cls(Host.pair(shell))
        owner.tell_time()
        assert owner.host.request(PUT, ["settings"], {"region": region}).code == CHANGED
        owner.fetch_key()
        return owner

    def tell_time(self, unix_s: int = TIME_S) -> None:
        assert self.host.request(POST, ["time"], {"unix_s": unix_s}).code == CHANGED

    def fetch_key(self) -> Chain:
        response = self.host.request(POST, ["records", "key"], {"random": os.urandom(32)})
        assert response.code == CHANGED, response
        self.keys = response.value
        self.chain = Chain(self.keys["chain"], self.keys["step"], self.keys["key"])
        return self.chain

    def consent(self, group: str, **fields: Any) -> Response:
        grant = {"purpose": "test", "interval_s": 1, "keep_days": 30, "until": TIME_S + YEAR_S}
        return self.host.request(PUT, ["consent", group], {**grant, **fields})

    def withdraw(self, group: str) -> Response:
        return self.host.request(DELETE, ["consent", group])

    def status(self) -> dict[str, Any]:
        response = self.fetch("records")
        assert response.code == CONTENT, response
        status: dict[str, Any] = response.value
        return status

    def erase(self, query: str = "") -> Response:
        options = [(URI_QUERY, query.encode())] if query else []
        return self.host.request(DELETE, ["records"], options=options)

    def fetch(self, *path: str) -> Response:
        """Return an answer, all its blocks together."""
        response = self.host.request(GET, list(path))
        payload = response.payload
        more = response.option(BLOCK2)
        num = 0
        while more is not None and block.decode(more)[1]:
            num += 1
            option = (BLOCK2, block.encode(num, False, 5))
            response = self.host.request(GET, list(path), options=[option])
            assert response.code == CONTENT, response
            payload += response.payload
            more = response.option(BLOCK2)
        response.payload = payload
        return response

    def sealed_blocks(self) -> dict[int, bytes]:
        """Return every block that the index names, as it is served."""
        sealed: dict[int, bytes] = {}
        number = 0
        while True:
            rows = self.fetch("records", "index", str(number)).value
            if not rows:
                return sealed
            for row in rows:
                sealed[row[0]] = self.fetch("records", str(row[0])).payload
                assert len(sealed[row[0]]) == row[8]
            number = rows[-1][0] + 1

    def blocks(self) -> list[Block]:
        """Return every block, opened."""
        assert self.chain is not None
        return [open_block(data, self.chain) for data in self.sealed_blocks().values()]

    def schema(self, number: int) -> dict[str, Any]:
        schema: dict[str, Any] = self.fetch("records", "schemas", str(number)).value
        return schema

    def ledger(self) -> tuple[bytes, list[list[Any]]]:
        """Return the MAC before the first entry that is kept, and all entries."""
        part = self.fetch("ledger").value
        before, entries = part["before"], part["entries"]
        while entries and entries[-1][0] + 1 < part["next"]:
            part = self.fetch("ledger", str(entries[-1][0] + 1)).value
            entries += part["entries"]
        return before, entries
