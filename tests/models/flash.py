"""A board's storage as a model: it remembers each intent and each outcome that it ever held."""

import os
from collections.abc import Mapping

from gateway import cbor
from gateway.vault.records import Records
from tests.aes import AES


def payload_of(storage: Mapping[str, bytes], name: str) -> bytes:
    """Return what a record holds, opened with the root beside it."""
    payload = Records({"root": storage["root"]}, AES, os.urandom).open(name, storage[name])
    assert payload is not None, f"the record {name} is damaged"
    return payload


class Flash(dict[str, bytes]):
    """Storage for a Shell.

    Attributes:
        intents: (kid, id) of each command whose intent was ever durable.
        outcomes: (kid, id, state) of each outcome that was.
    """

    def __init__(self) -> None:
        super().__init__()
        self.intents: set[tuple[bytes, int]] = set()
        self.outcomes: set[tuple[bytes, int, str]] = set()

    def __setitem__(self, name: str, record: bytes) -> None:
        super().__setitem__(name, record)
        kind, _, kid = name.partition("-")
        if kind not in ("intents", "receipts"):
            return
        for entry in cbor.decode(payload_of(self, name)):
            if kind == "intents":
                self.intents.add((bytes.fromhex(kid), entry[0]))
            else:
                self.outcomes.add((bytes.fromhex(kid), entry[0], entry[2]))
