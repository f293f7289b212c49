"""The car's state by VSS path, as the gateway tells it in SenML-CBOR (RFC 8428)."""

from dataclasses import dataclass
from typing import Any

import cbor2

from carport.errors import CarportError

# Labels. Source: RFC 8428 section 6.
_BASE_NAME = -2
_NAME = 0
_UNIT = 1
_VALUE = 2
_STRING_VALUE = 3
_BOOLEAN_VALUE = 4
_TIME = 6

Value = bool | int | float | str


@dataclass(frozen=True)
class Signal:
    """One signal; value is None where it is not known: never received, stale, not available.

    age_ms tells how long before the answer it was received; None if it never was.
    """

    value: Value | None
    age_ms: int | None
    unit: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the signal as JSON takes it."""
        fields: dict[str, Any] = {"value": self.value, "age_ms": self.age_ms}
        if self.unit is not None:
            fields["unit"] = self.unit
        return fields


Signals = dict[str, Signal]


def decode_signals(payload: bytes) -> Signals:
    """Return the signals of a SenML pack.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """
    signals = {}
    base = ""
    try:
        for record in cbor2.loads(payload):
            base = record.get(_BASE_NAME, base)
            value = record.get(_VALUE, record.get(_STRING_VALUE, record.get(_BOOLEAN_VALUE)))
            time = record.get(_TIME)
            age_ms = None if time is None else round(-time * 1000)
            signals[base + record[_NAME]] = Signal(value, age_ms, record.get(_UNIT))
    except (cbor2.CBORDecodeError, LookupError, TypeError, AttributeError) as error:
        raise CarportError(
            "the gateway's signals cannot be read: update the board and this program together"
        ) from error
    return signals
