"""The chain of keys: each step's key follows from the one before, and none leads back.

    K(n + 1)     HKDF-Expand(K(n), "carport chain", 32)
    data key     HKDF-Expand(K(n), "carport data", 16)      seals the blocks of step n
    kid          chain (8 random bytes) | n (4 bytes)

The board keeps the present K alone, in the root, where the one before is erased: whoever takes the
board today, or a copy of its flash, opens no block of an earlier step. Who has fetched a K follows
the chain from there. Without a chain nothing is recorded: nobody could read it.
"""

from gateway.const import const
from gateway.oscore.hkdf import expand, extract
from gateway.vault.root import CHAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.vault.records import Records

ID_BYTES = const(8)
KEY_BYTES = const(32)
_DATA_KEY_BYTES = const(16)


class Chain:
    """The chain in the root, if there is one."""

    def __init__(self, records: "Records", random: "Callable[[int], bytes]") -> None:
        self._records = records
        self._random = random
        stored = records.root.get(CHAIN)
        self.id = b""
        self.step = 0
        self.key = b""
        if stored is not None:
            self.id, self.step, self.key = stored

    def __repr__(self) -> str:
        return f"Chain(step={self.step}, key=[redacted])"

    @property
    def exists(self) -> bool:
        """Whether there is a key to seal with."""
        return self.id != b""

    @property
    def kid(self) -> bytes:
        """What names the present key in a block."""
        return self.id + self.step.to_bytes(4, "big")

    def create(self, host_random: bytes) -> int:
        """Begin a chain that host and board have made together; return the change's number."""
        secret = extract(b"", host_random + self._random(KEY_BYTES))
        self.id = self._random(ID_BYTES)
        self.step = 0
        self.key = expand(secret, b"carport chain seed", KEY_BYTES)
        return self._store()

    def advance(self) -> int:
        """Go on to the next step, and destroy this one's key; return the change's number."""
        self.key = expand(self.key, b"carport chain", KEY_BYTES)
        self.step += 1
        return self._store()

    def destroy(self) -> int:
        """Destroy the key: no block of this chain is opened with this board any more."""
        self.id = b""
        self.step = 0
        self.key = b""
        return self._records.put_root(CHAIN, None)

    def data_key(self) -> bytes:
        """Return what seals the blocks of this step."""
        return expand(self.key, b"carport data", _DATA_KEY_BYTES)

    def _store(self) -> int:
        return self._records.put_root(CHAIN, [self.id, self.step, self.key])
