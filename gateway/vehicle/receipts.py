"""Receipts: what became of each command, true across a reboot.

A command's id counts up in each context (`kid`) and is bound to a digest of its payload. The same
id again finds the same receipt; a lower one that is no longer kept finds none, and may not be
used.

    intent       durable before the first frame
    outcome      durable once the last state is reached, before anybody is told
    an intent without an outcome at boot: indeterminate. It may have been sent; it is never sent
    again

Durable form, for each context: record "intents-<kid>" = [[id, digest, command, arguments, by],
...] of the commands under way, and "receipts-<kid>" = [[id, digest, state, payload], ...] of the
newest two. A refused command has no intent, so its receipt is kept in memory only.
"""

from binascii import hexlify, unhexlify

from gateway import cbor
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.vault.principals import Uses
    from gateway.vault.records import Records

ACCEPTED = "accepted"
SENT = "sent"
CONFIRMED = "confirmed"
REFUSED = "refused"
UNCONFIRMED = "unconfirmed"
EXPIRED = "expired"
INDETERMINATE = "indeterminate"

# As CBOR sorts them: the shorter ones first.
_IN_ORDER = (SENT, EXPIRED, REFUSED, ACCEPTED, CONFIRMED, UNCONFIRMED, INDETERMINATE)

DIGEST_BYTES = 8

_KEPT_DURABLE = const(2)
_KEPT_IN_MEMORY = const(8)


class Receipt:
    """One command: who asked for what, and which states it has reached when.

    Attributes:
        kid: the context it came from; b"" for the gateway's own.
        evidence: frames of the car, or notes, as `carport.cddl` has them.
        change: the number of the record change that must be durable before anybody is told.
        has_intent: whether the intent was stored.
        is_kept: whether the outcome is stored too; not that of a key that was revoked meanwhile.
        uses: of whoever may give a number of commands only, until this one is counted for good.
        is_counted: whether it is counted, for good or not.
        payload: what `encode` returned once the last state was reached.

    What begins the same in each stands here as the class's own attribute: making one is quicker.
    """

    state = ACCEPTED
    reason = ""
    has_intent = False
    change = 0
    payload = b""
    is_kept = True
    is_counted = False
    uses: "Uses | None" = None

    def __init__(
        self,
        kid: bytes,
        command_id: int,
        digest: bytes,
        command: str,
        arguments: "dict[str, Any]",
        by: str,
        now_ms: int,
    ) -> None:
        self.kid = kid
        self.id = command_id
        self.digest = digest
        self.command = command
        self.arguments = arguments
        self.by = by
        self.accepted_ms = now_ms
        self.at_ms = {ACCEPTED: 0}
        self.evidence: list[Any] = []

    @property
    def is_final(self) -> bool:
        """Whether the last state is reached."""
        return self.state != ACCEPTED and self.state != SENT

    def reach(self, state: str, now_ms: int, reason: str = "") -> None:
        """Enter a state."""
        self.at_ms[state] = now_ms - self.accepted_ms
        self.state = state
        self.reason = reason

    def encode(self) -> bytes:
        """Return the payload that `carport.cddl` calls receipt."""
        append_item = cbor.append_item
        buffer = bytearray()
        cbor.append_head(buffer, cbor.MAP, 9 - (not self.reason) - (not self.arguments))
        buffer.extend(b"\x62by")  # each name with its head, in CBOR's own order
        append_item(buffer, self.by)
        buffer.extend(b"\x62id")
        append_item(buffer, self.id)
        buffer.extend(b"\x65at_ms")
        at_ms = self.at_ms
        cbor.append_head(buffer, cbor.MAP, len(at_ms))
        for state in _IN_ORDER:
            if state in at_ms:
                append_item(buffer, state)
                append_item(buffer, at_ms[state])
        buffer.extend(b"\x65state")
        append_item(buffer, self.state)
        if self.reason:
            buffer.extend(b"\x66reason")
            append_item(buffer, self.reason)
        buffer.extend(b"\x67command")
        append_item(buffer, self.command)
        buffer.extend(b"\x68evidence")
        append_item(buffer, self.evidence)
        if self.arguments:
            buffer.extend(b"\x69arguments")
            append_item(buffer, self.arguments)
        buffer.extend(b"\x6aelapsed_ms")
        append_item(buffer, self.at_ms[self.state])
        return bytes(buffer)


class Receipts:
    """The receipts of all contexts: under way, in memory, and durable.

    `change` is the number of the newest outcome's record change: until it is durable, nobody is
    told what `final` returns.
    """

    def __init__(self, records: "Records", now_ms: int) -> None:
        self.change = 0
        self._records = records
        self._under_way: list[Receipt] = []
        self._recent: list[tuple[bytes, int, bytes, str, bytes]] = []
        self._last_ids: dict[bytes, int] = {}
        for name in records.names("receipts-"):
            kid = unhexlify(name[len("receipts-") :])
            self._last_ids[kid] = max([entry[0] for entry in self._durable(kid)])
        for name in records.names("intents-"):
            self._end_intents(unhexlify(name[len("intents-") :]), now_ms)

    def last_id(self, kid: bytes) -> int:
        """Return the highest id that a context has used, -1 if none."""
        return self._last_ids.get(kid, -1)

    def under_way(self, kid: bytes, command_id: int) -> "Receipt | None":
        """Return the receipt of a command that has not reached its last state."""
        for receipt in self._under_way:
            if receipt.id == command_id and receipt.kid == kid:
                return receipt
        return None

    def final(self, kid: bytes, command_id: int) -> "tuple[bytes, str, bytes] | None":
        """Return (digest, state, payload) of a command that has reached its last state."""
        for owner, number, digest, state, payload in self._recent:
            if number == command_id and owner == kid:
                return digest, state, payload
        for number, digest, state, payload in self._durable(kid):
            if number == command_id:
                return digest, state, payload
        return None

    def add(self, receipt: Receipt) -> None:
        """Keep the receipt of a new command; its id must be above `last_id`.

        If the heap is full, nothing has changed.
        """
        before = self.last_id(receipt.kid)
        if receipt.kid:
            self._last_ids[receipt.kid] = receipt.id
        try:
            self._under_way.append(receipt)
        except MemoryError:
            self._last_ids[receipt.kid] = before
            raise
        if receipt.uses is not None:
            receipt.uses.reserve()

    def store_intent(self, receipt: Receipt) -> None:
        """Make it durable that the command is about to be sent, and counts as a use."""
        if receipt.uses is not None and not receipt.is_counted:
            receipt.uses.spend()
            receipt.is_counted = True
        if receipt.kid:
            receipt.change = self._store_intents(receipt, True)
        receipt.has_intent = True

    def withdraw(self, receipt: Receipt) -> None:
        """Take back an intent that storage has not taken: the command is to be refused."""
        receipt.has_intent = False
        receipt.change = 0
        if receipt.uses is not None:
            receipt.uses.give_back()
            receipt.uses = None
        if any(other.has_intent and other.kid == receipt.kid for other in self._under_way):
            self._store_intents(receipt, False)
        else:
            self._records.delete(_name("intents", receipt.kid))

    def finish(self, receipt: Receipt) -> None:
        """Keep what became of a command that has reached its last state."""
        if receipt.uses is not None:
            if not receipt.is_counted:
                receipt.uses.release()
            elif receipt.state == REFUSED:
                receipt.uses.give_back()
            receipt.uses = None
        if receipt.kid:
            receipt.payload = receipt.encode()
            entry = (receipt.kid, receipt.id, receipt.digest, receipt.state, receipt.payload)
            if receipt.has_intent and receipt.is_kept:
                receipt.change = self._store_outcome(entry)
            else:
                self._recent = self._recent[1 - _KEPT_IN_MEMORY :] + [entry]
        self._under_way.remove(receipt)

    def forget(self, kid: bytes) -> int:
        """Remove all that is durable of a context that is gone; return the last change's number.

        What became of its last commands is kept in memory, and so is what becomes of those that
        are under way.
        """
        self._last_ids.pop(kid, None)
        for receipt in self._under_way:
            if receipt.kid == kid:
                receipt.is_kept = False
                receipt.uses = None
        number = 0
        for kind in ("intents", "receipts"):
            if self._records.get(_name(kind, kid)) is not None:
                number = self._records.delete(_name(kind, kid))
        return number

    def _durable(self, kid: bytes) -> "list[list[Any]]":
        stored = self._records.get(_name("receipts", kid))
        entries: list[list[Any]] = [] if stored is None else cbor.decode(stored)
        return entries

    def _store_intents(self, newest: Receipt, is_with_newest: bool) -> int:
        intents = [
            [receipt.id, receipt.digest, receipt.command, receipt.arguments, receipt.by]
            for receipt in self._under_way
            if (receipt is newest and is_with_newest)
            or (receipt.has_intent and receipt.kid == newest.kid)
        ]
        return self._records.put(_name("intents", newest.kid), cbor.encode(intents))

    def _store_outcome(self, entry: "tuple[bytes, int, bytes, str, bytes]") -> int:
        kid = entry[0]
        entries = self._durable(kid)[1 - _KEPT_DURABLE :] + [list(entry[1:])]
        self.change = self._records.put(_name("receipts", kid), cbor.encode(entries))
        return self.change

    def _end_intents(self, kid: bytes, now_ms: int) -> None:
        """Turn the intents that a reboot left without an outcome into indeterminate receipts."""
        stored = self._records.get(_name("intents", kid))
        assert stored is not None
        known = [entry[0] for entry in self._durable(kid)]
        for number, digest, command, arguments, by in cbor.decode(stored):
            self._last_ids[kid] = max(self.last_id(kid), number)
            if number in known:
                continue
            receipt = Receipt(kid, number, digest, command, arguments, by, now_ms)
            receipt.reach(INDETERMINATE, now_ms, "the gateway restarted before the car answered")
            self._store_outcome((kid, number, digest, receipt.state, receipt.encode()))


def _name(kind: str, kid: bytes) -> str:
    return kind + "-" + hexlify(kid).decode()
