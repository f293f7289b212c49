"""The keys of a gateway's records, as this host holds them: a file of its own, mode 0600.

    chains    {chain id: [step, K(step)]}: opens the blocks of that step and of all later ones
    ledger    the key of its MACs, the keys of its entries' content, and the head last seen

K(n + 1) = HKDF-Expand(K(n), "carport chain", 32), and the key of a block is
HKDF-Expand(K(step), "carport data", 16). To forget the keys below a step is to keep the step's own
instead: none leads back.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from carport.client.private_files import write_private
from carport.errors import CarportError, UnreadableError

MAC_BYTES = 16

_KEY_BYTES = 32
_DATA_KEY_BYTES = 16
_MOST_STEPS = 100_000  # some centuries of days: what asks for more is damaged


@dataclass
class LedgerKeys:
    """mac_key checks the chain; details: {first entry: the key that opens it and later ones}.

    head: number and MAC of the newest entry that was verified here, None before the first.
    """

    mac_key: bytes = field(repr=False)
    details: dict[int, bytes] = field(repr=False)
    head: tuple[int, bytes] | None = None

    def detail_key(self, number: int) -> bytes | None:
        """Return the key of an entry, None if this host never had it, or no longer."""
        firsts = [first for first in self.details if first <= number]
        return self.details[max(firsts)] if firsts else None


class Keychain:
    """The keys in the file at path, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        """Raises CarportError if the file cannot be read."""
        self._path = path
        self._chains: dict[bytes, tuple[int, bytes]] = {}
        self.ledger: LedgerKeys | None = None
        try:
            self._load(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise CarportError(
                f"{path} is damaged: without it the records here stay closed; put a copy back, or "
                "remove it and run `carport data consent` to begin anew"
            ) from error

    def __contains__(self, chain: bytes) -> bool:
        return chain in self._chains

    @property
    def chains(self) -> list[bytes]:
        """The chains that this host holds a key of."""
        return list(self._chains)

    def take(self, payload: bytes) -> bool:
        """Keep what POST /records/key answered, durably.

        An earlier step of the same chain that is here already stays: it opens more.

        Returns:
            Whether the ledger is another one than before: the board began anew.

        Raises:
            CarportError: the payload is not as gateway/carport.cddl says.
        """
        try:
            fields: dict[str, Any] = cbor2.loads(payload)
            chain, step, key = bytes(fields["chain"]), int(fields["step"]), bytes(fields["key"])
            mac_key, detail_key = bytes(fields["mac_key"]), bytes(fields["detail_key"])
            detail_from = int(fields["detail_from"])
        except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError) as error:
            raise UnreadableError("the gateway's key") from error
        known = self._chains.get(chain)
        if known is None or step < known[0]:
            self._chains[chain] = step, key
        is_other = self.ledger is not None and self.ledger.mac_key != mac_key
        if self.ledger is None or is_other:
            self.ledger = LedgerKeys(mac_key, {})
        self.ledger.details[detail_from] = detail_key
        self.save()
        return is_other

    def first_step(self, chain: bytes) -> int | None:
        """Return the earliest step of a chain that this host can open, None if none."""
        known = self._chains.get(chain)
        return None if known is None else known[0]

    def data_key(self, chain: bytes, step: int) -> bytes | None:
        """Return the key of a step's blocks, None if this host has none that leads there."""
        key = self._chain_key(chain, step)
        return None if key is None else _expand(key, b"carport data", _DATA_KEY_BYTES)

    def forget(self, chain: bytes, below: int | None = None) -> None:
        """Destroy the keys below a step, or those of the whole chain, durably."""
        if below is None:
            self._chains.pop(chain, None)
        elif (first := self.first_step(chain)) is not None and first < below:
            key = self._chain_key(chain, below)
            assert key is not None
            self._chains[chain] = below, key
        self.save()

    def forget_details(self) -> None:
        """Destroy the keys of the ledger's content, durably; the chain still verifies."""
        if self.ledger is not None:
            self.ledger.details.clear()
            self.save()

    def saw_head(self, head: tuple[int, bytes]) -> None:
        """Keep the ledger's newest entry, durably: what is cut off up to it will be noticed."""
        if self.ledger is not None:
            self.ledger.head = head
            self.save()

    def save(self) -> None:
        """Write the file."""
        fields: dict[str, Any] = {
            "chains": {
                chain.hex(): [step, key.hex()] for chain, (step, key) in self._chains.items()
            }
        }
        if self.ledger is not None:
            head = self.ledger.head
            fields["ledger"] = {
                "mac_key": self.ledger.mac_key.hex(),
                "details": {str(first): key.hex() for first, key in self.ledger.details.items()},
                "head": None if head is None else [head[0], head[1].hex()],
            }
        write_private(self._path, json.dumps(fields, indent=1) + "\n")

    def _load(self, fields: dict[str, Any]) -> None:
        for chain, (step, key) in fields["chains"].items():
            self._chains[bytes.fromhex(chain)] = int(step), bytes.fromhex(key)
        ledger = fields.get("ledger")
        if ledger is not None:
            head = ledger["head"]
            self.ledger = LedgerKeys(
                bytes.fromhex(ledger["mac_key"]),
                {int(first): bytes.fromhex(key) for first, key in ledger["details"].items()},
                None if head is None else (int(head[0]), bytes.fromhex(head[1])),
            )

    def _chain_key(self, chain: bytes, step: int) -> bytes | None:
        known = self._chains.get(chain)
        if known is None or not known[0] <= step <= known[0] + _MOST_STEPS:
            return None
        key = known[1]
        for _ in range(step - known[0]):
            key = _expand(key, b"carport chain", _KEY_BYTES)
        return key


def _expand(key: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(SHA256(), length=length, info=info).derive(key)
