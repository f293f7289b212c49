"""What a board that records does after a power cut, held against what it had promised before."""

from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from gateway.coap.numbers import GET
from tests.models.car import Car
from tests.models.records import (
    Block,
    BrokenError,
    check_ledger,
    check_order,
    named,
    open_entry,
)
from tests.power.data_session import SELDOM_S, DataHistory, is_rows, travel
from tests.power.promises import HeldKey
from tests.power.recovery import Recovery
from tests.power.saves import ROOT, WIPE, digest
from tests.power.sealed import entries, roots, unsealed

CHAIN, LEDGER_KEY = 3, 2  # entries of the root
FRESH_S = 90
MOST_STEPS = 10


class DataRecovery(Recovery):
    """Asks, beside all else, for the data."""

    _history: DataHistory

    def check(self) -> None:
        """Hold the board to each promise.

        Raises:
            BrokenPromiseError, NonceReusedError: one is broken.
        """
        self.car = Car(self._board)  # type: ignore[arg-type]
        self.board = self._board
        self.speed = 0.0
        self._stored = self._check_stored()
        Recovery.check(self)
        if self._owner is not None:
            self._check_data(self._owner)

    def go_on(self) -> None:
        """See that fresh rows are recorded, and whatever else can be changed."""
        Recovery.go_on(self)
        consents = self._history.data.consents
        is_recorded = self._chain_id() and self._possible(consents["driving"], 0) == {1}
        if self._owner is None or not is_recorded:
            return
        before = set(self._stored)
        travel(self, self._history.data, FRESH_S, SELDOM_S)
        self._stored = self._check_stored()
        fresh = [name for name in self._stored if is_rows(name) and name not in before]
        self._expect(len(fresh) == 1, f"{len(fresh)} fresh blocks were recorded")
        block = self._opened(fresh[0])
        self._expect(len(block.rows) > 1, "no fresh row was recorded")
        for recorded in self._schema_of(block)["groups"]:
            group = recorded["group"]
            self._expect(1 in self._possible(consents[group], 0), f"{group} is recorded again")
        self._check_data(self._owner)

    # ---- what is stored ----

    def _check_stored(self) -> dict[str, bytes]:
        """See that each record is as it was stored last; return a hash of each."""
        stored: dict[str, bytes] = dict(self._board.call("stored"))
        found = roots(self._board.call("key_sectors"))
        self._expect(len(found) <= 1, "an old root is left")
        kept = self._board.saves.kept()
        self._root: dict[int, Any] = {}
        if not found and self._is_wiping():
            self._expect(not stored, f"a wipe has left {sorted(stored)}")
            return stored
        if found:
            self._root = cbor2.loads(found[0])
        root = digest(found[0]) if found else None
        self._expect(root in kept.get(ROOT, {None}), "the root is another one")
        for name in {*kept, *stored} - {ROOT}:
            is_kept = stored.get(name) in kept.get(name, {None})
            self._expect(is_kept, f"{name} is not as it was stored")
        return stored

    def _is_wiping(self) -> bool:
        return any(save.name == WIPE for save, _ in self._board.saves.all())

    def _payload(self, name: str) -> bytes:
        """Return what a record holds."""
        record = self._board.saves.content(self._stored[name])
        return unsealed(name, record, self._root[1])

    def _opened(self, name: str) -> Block:
        return self._history.data.opened(self._payload(name))

    # ---- the data ----

    def _check_data(self, owner: HeldKey) -> None:
        """See what is recorded, which blocks there are, and what the ledger says."""
        self._stored = self._check_stored()
        status = self._ask(owner.host, GET, ["records"]).value
        self._check_consents(status["recording"])
        self._check_chain(status)
        self._check_erasures(status)
        self._check_blocks(owner)
        self._check_ledger(owner)

    def _check_consents(self, recording: list[str]) -> None:
        """See that exactly what was consented to is recorded."""
        can_record = self._chain_id() != b""
        for group in self._history.data.consents:
            possible = self._possible(self._history.data.consents[group], 0)
            is_recorded = group in recording
            is_right = is_recorded in possible or not (can_record or is_recorded)
            self._expect(is_right, f"{group} is recorded: {is_recorded}")

    def _check_chain(self, status: dict[str, Any]) -> None:
        """See that the chain is the one that the owner was told of."""
        self._expect(status.get("chain", b"") == self._chain_id(), "the board has another chain")
        told = [key for key, change in self._history.data.keys if change.is_told(self._cut)]
        if told:
            is_same = told[-1]["chain"] == self._chain_id()
            is_left = is_same or self._is_erased(told[-1]["chain"], is_told=False)
            self._expect(is_left, "the chain is lost")
        for key in told:
            self._check_keys(key["chain"], key["step"], key["key"])

    def _check_keys(self, chain_id: bytes, first: int, key: bytes) -> None:
        """See that of all keys of a chain the present one is left, or none if it was erased."""
        present: Any = self._root.get(CHAIN)
        is_present = present is not None and present[0] == chain_id
        last = present[1] if is_present else first + MOST_STEPS
        sectors = self._board.call("key_sectors")
        for step in range(first, last + 1):
            if is_present and step == last:
                self._expect(key == present[2], "the chain's key is another one")
            elif is_present or self._is_erased(chain_id):
                self._expect(key not in sectors, f"the key of step {step} is left")
            key = HKDFExpand(hashes.SHA256(), 32, b"carport chain").derive(key)

    def _is_erased(self, chain_id: bytes, is_told: bool = True) -> bool:
        """Tell whether all of a chain is erased as the owner was told, or at least asked for."""
        return any(
            erasure.step is None and erasure.chain.id == chain_id
            for erasure in self._history.data.erasures
            if (erasure.is_told(self._cut) if is_told else erasure.is_begun(self._cut))
        )

    def _check_erasures(self, status: dict[str, Any]) -> None:
        """See that what was erased is gone, blocks and keys."""
        self._expect(not status["erasing"], "an erasure does not come to its end")
        for erasure in self._history.data.erasures:
            if not erasure.is_told(self._cut):
                continue
            left = [number for number in erasure.numbers if f"block-{number}" in self._stored]
            self._expect(not left, f"the erased blocks {left} are left")
            is_same = self._chain_id() == erasure.chain.id
            if erasure.step is None:
                self._expect(not is_same, "the key of an erased chain is left")
            elif is_same:
                self._expect(self._root[CHAIN][1] >= erasure.step, "an erased step is back")

    def _check_blocks(self, owner: HeldKey) -> None:
        """See that all blocks can be read, and follow each other."""
        names = sorted(filter(is_rows, self._stored), key=lambda name: int(name[6:]))
        rows: list[list[Any]] = []
        answer = None
        while answer is None or answer:
            start = rows[-1][0] + 1 if rows else 0
            answer = self._ask(owner.host, GET, ["records", "index", str(start)]).value
            rows += answer
        listed = [f"block-{row[0]}" for row in rows]
        self._expect(listed == names, f"{names} are stored, and {listed} listed")
        blocks = []
        for name in names:
            block = self._opened(name)
            blocks.append(block)
            self._expect(f"block-{block.header['block']}" == name, f"{name} has another number")
            self._check_rows(block)
            self._check_growth(name)
        try:
            check_order(blocks)
        except BrokenError as error:
            self._expect(False, str(error))

    def _check_rows(self, block: Block) -> None:
        """See that each row is what the car said."""
        schema = self._schema_of(block)
        speeds = self._history.data.speeds
        for row in block.rows:
            try:
                values = named(row, schema)
            except (IndexError, ValueError):
                self._expect(False, f"block {block.header['block']} has rows of another schema")
            speed = values.get("Vehicle.Speed")
            is_true = not speed or speed in speeds.get(row[1], set())
            self._expect(is_true, f"{speed} km/h at {row[1]} ms")

    def _schema_of(self, block: Block) -> dict[str, Any]:
        name = f"block-s{block.header['schema']}"
        self._expect(name in self._stored, f"block {block.header['block']} has no schema")
        schema: dict[str, Any] = cbor2.loads(self._payload(name))
        return schema

    def _check_growth(self, name: str) -> None:
        """See that what was stored of a block stays in it, whatever comes behind."""
        rows: list[Any] = []
        for save, is_done in self._board.saves.all():
            if save.name == name and save.data and is_done:
                payload = unsealed(name, save.data, self._root[1])
                grown = self._history.data.opened(payload).rows
                self._expect(grown[: len(rows)] == rows, f"{name} has lost rows")
                rows = grown

    def _check_ledger(self, owner: HeldKey) -> None:
        """See that the ledger is whole, up to its end, and says what was told."""
        names = [name for name in self._stored if name.startswith("block-l")]
        names.sort(key=lambda name: int(name[7:]))
        segments = [entries(self._payload(name)) for name in names]
        rows = [row for _, segment in segments for row in segment]
        mac_key, detail_key, detail_from = self._root[LEDGER_KEY]
        try:
            check_ledger(mac_key, segments[0][0], rows, self._head())
            opened = [
                open_entry(detail_key, number, sealed)
                for number, sealed, _ in rows
                if number >= detail_from
            ]
        except BrokenError as error:
            self._expect(False, f"the ledger: {error}")
        last = rows[-1][0]
        told = self._ask(owner.host, GET, ["ledger", str(last)]).value
        self._expect(told["next"] == last + 1, "the ledger is longer than what is stored")
        self._expect(told["entries"] == [rows[-1]], "the ledger tells another entry")
        kinds = [entry[2] for entry in opened]
        for kind, change in self._history.data.ledger:
            if change.is_told(self._cut) and detail_from == 1:
                self._expect(kind in kinds, f"no entry says: {kind}")
                kinds.remove(kind)

    def _head(self) -> tuple[int, bytes] | None:
        """Return the number and the MAC of the last entry that was durable before the cut."""
        head = None
        for save, is_done in self._board.saves.all():
            if is_done and save.name.startswith("block-l") and save.data:
                row = entries(unsealed(save.name, save.data, self._root[1]))[1][-1]
                head = row[0], row[2]
        return head

    def _chain_id(self) -> bytes:
        chain = self._root.get(CHAIN)
        found: bytes = chain[0] if chain else b""
        return found
