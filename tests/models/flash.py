"""A board's storage as a model: it remembers each intent and each outcome that it ever held."""

from gateway import cbor

CRC_BYTES = 4


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
        for entry in cbor.decode(record[:-CRC_BYTES]):
            if kind == "intents":
                self.intents.add((bytes.fromhex(kid), entry[0]))
            else:
                self.outcomes.add((bytes.fromhex(kid), entry[0], entry[2]))
