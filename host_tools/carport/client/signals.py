"""The car's state by VSS path, as the gateway tells it in SenML-CBOR (RFC 8428)."""

import struct
from dataclasses import dataclass
from typing import Any

import cbor2

from carport.errors import UnreadableError

# Labels. Source: RFC 8428 section 6.
_BASE_NAME = -2
_NAME = 0
_UNIT = 1
_VALUES = (2, 3, 4)  # a number, a string, a boolean
_TIME = 6

_BINARY32 = struct.Struct(">f")

Value = bool | int | float | str


@dataclass(frozen=True)
class Signal:
    """The last value of a signal, and how long before the answer the car sent it."""

    value: Value
    age_ms: int
    unit: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the signal as JSON takes it."""
        fields: dict[str, Any] = {"value": self.value, "age_ms": self.age_ms}
        if self.unit is not None:
            fields["unit"] = self.unit
        return fields


Signals = dict[str, Signal]


def decode_signals(payload: bytes) -> Signals:
    """Return the signals of a SenML pack; those that the car never sent are not in it.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """
    signals = {}
    base = ""
    try:
        for record in cbor2.loads(payload):
            base = record.get(_BASE_NAME, base)
            (value,) = (record[label] for label in _VALUES if label in record)
            if isinstance(value, float):
                value = shortest(value)
            age_ms = round(-record[_TIME] * 1000)
            signals[base + record[_NAME]] = Signal(value, age_ms, record.get(_UNIT))
    except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableError("the gateway's signals") from error
    return signals


def shortest(value: float) -> float:
    """Return the shortest decimal that is the same binary32: 18.7, not 18.700000762939453.

    A board calculates in binary32; what is none, or no finite number, is returned as it is.
    """
    single = _binary32(value)
    if single and _BINARY32.unpack(single)[0] == value:
        for digits in range(1, 10):
            rounded = float(f"{value:.{digits}g}")
            if _binary32(rounded) == single:
                return rounded
    return value


def _binary32(value: float) -> bytes | None:
    """Return the binary32 nearest to value, None if value is too large."""
    try:
        return _BINARY32.pack(value)
    except OverflowError:
        return None
