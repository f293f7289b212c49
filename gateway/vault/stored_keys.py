"""What storage holds of the keys: twice, and what tells whether it ever held any.

Rules:

1. The records "keys" and "keys-copy" are written one after the other. The first counts; the copy,
   if the first is damaged or lost. The other is then written again.
2. "paired" says that there were keys once. With both damaged, or lost while that or another record
   is there that only an owner can cause, the board was paired and is closed.
3. A kid has a record "sequence-<kid>", and perhaps "intents-<kid>" and "receipts-<kid>". They come
   before its key and go after it, so a cut may leave some without a key. They are removed at the
   next start.
"""

from binascii import unhexlify

from gateway import cbor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.vault.records import Records

_RECORD = "keys"
_COPY = "keys-copy"
_PAIRED = "paired"
_OF_A_KID = ("sequence-", "intents-", "receipts-")
_HIGHEST = 0x7FFFFFFF  # nobody is ever given so many
_SIGNS = ("keys", _PAIRED, "armed", "time", "intents-", "receipts-")


def load(records: "Records") -> "list[Any] | None":
    """Return what was stored last, None if nothing is there; repair the other record."""
    stored = records.get(_RECORD)
    copy = records.get(_COPY)
    if stored is None:
        if copy is None:
            return None
        stored = copy
        records.put(_RECORD, stored)
    elif copy != stored:
        records.put(_COPY, stored)
    if records.get(_PAIRED) is None:
        records.put(_PAIRED, cbor.encode(True))
    _drop(records)
    fields: list[Any] = cbor.decode(stored)
    return fields


def store(records: "Records", fields: "list[Any]") -> int:
    """Store it twice; return the last change's number."""
    stored = cbor.encode(fields)
    records.put(_RECORD, stored)
    number = records.put(_COPY, stored)
    _drop(records)
    if records.get(_PAIRED) is None:
        number = records.put(_PAIRED, cbor.encode(True))
    return number


def was_paired(records: "Records") -> bool:
    """Tell whether there are records, whole or damaged, that only an owner can have caused."""
    for sign in _SIGNS:
        for name in records.names(sign) + records.damaged:
            if name.startswith(sign):
                return True
    return False


def highest_kid(records: "Records") -> int:
    """Return the number of the highest kid that any record belongs to, 0 if there is none."""
    highest = 0
    for prefix in _OF_A_KID:
        for name in records.names(prefix) + records.damaged:
            if name.startswith(prefix):
                highest = max(highest, _number_of(name[len(prefix) :]))
    return highest


def remove_orphans(records: "Records", kids: "list[bytes]") -> None:
    """Remove the records of all kids but these."""
    for prefix in _OF_A_KID:
        for name in records.names(prefix):
            if unhexlify(name[len(prefix) :]) not in kids:
                records.delete(name)


def _drop(records: "Records") -> None:
    """Leave what was stored to `Keys`, which has it all."""
    records.drop(_RECORD)
    records.drop(_COPY)


def _number_of(kid: str) -> int:
    """Return a kid's number, 0 if it is no kid: what is damaged may be called anything."""
    try:
        number = int(kid, 16)
    except ValueError:
        return 0
    return number if 0 < number <= _HIGHEST else 0
