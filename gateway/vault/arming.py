"""Arming: whether the gateway may drive the car's bus at all, be it with an acknowledgement.

    not armed ── an owner asks ──▶ waiting, for 60 s ── a short press of the button ──▶ armed
        ▲                             │ nobody pressed                                    │
        └─────────────────────────────┴────────────────── an owner asks for the end ──────┘

Durable form: record "armed" = true or false. A board without one is not armed, unless it is a
bench.
"""

from gateway import cbor
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.vault.records import Records

_RECORD = "armed"
_BUTTON_MS = const(60_000)


class Arming:
    """The state above, and its durable form.

    change: the number of the record change that must be durable before anybody is told.
    """

    def __init__(self, records: "Records", is_bench: bool) -> None:
        stored = records.get(_RECORD)
        self.is_armed: bool = is_bench if stored is None else cbor.decode(stored) is True
        self.change = 0
        self._records = records
        self._until_ms: int | None = None
        self._asked_by = ""

    def ask(self, by: str, now_ms: int) -> None:
        """Wait for the button from now on, unless the gateway is armed."""
        if not self.is_armed:
            self._asked_by = by
            self._until_ms = now_ms + _BUTTON_MS

    def press(self, now_ms: int) -> "str | None":
        """Take a short press of the button: return who armed the gateway with it, None if nobody.

        One press arms once: what was asked is forgotten.
        """
        if not self.button_ms(now_ms):
            return None
        self._set(True)
        return self._asked_by

    def disarm(self) -> None:
        """End it: nothing is sent from now on."""
        self._set(False)

    def button_ms(self, now_ms: int) -> int:
        """Return how long a press of the button still arms the gateway, 0 if it does not."""
        return 0 if self._until_ms is None else max(0, self._until_ms - now_ms)

    def _set(self, is_armed: bool) -> None:
        self._until_ms = None
        self.is_armed = is_armed
        self.change = self._records.put(_RECORD, cbor.encode(is_armed))
