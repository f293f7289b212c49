"""The arithmetic of a DBC's signals, exact: physical numbers, raw values and bits.

A signal's value is `raw * scale + offset`; as the DBC writes both in decimal, everything here is
rational, and 21.3 in a profile is 21.3 in the car.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, lcm

from cantools.database.can import Signal

Number = int | float

# Integers up to here are exact in the binary64 of the VM.
_MAX_EXACT = 2**53


def exact(number: Number) -> Fraction:
    """Return the number that a file's decimal digits mean."""
    return Fraction(str(number))


def bit_limits(signal: Signal) -> tuple[int, int]:
    """Return the lowest and highest raw value that the signal's bits can hold."""
    if signal.is_signed:
        return -(1 << signal.length - 1), (1 << signal.length - 1) - 1
    return 0, (1 << signal.length) - 1


def raw_limits(signal: Signal) -> tuple[int, int]:
    """Return the lowest and highest raw value within the range that the DBC states."""
    lowest, highest = bit_limits(signal)
    ends = [
        (exact(end) - exact(signal.offset)) / exact(signal.scale)
        for end in (signal.minimum, signal.maximum)
        if end is not None
    ]
    if len(ends) == 2:
        lowest, highest = max(lowest, ceil(min(ends))), min(highest, floor(max(ends)))
    return lowest, highest


def names(signal: Signal) -> dict[int, str]:
    """Return what the DBC calls the signal's raw values."""
    return {raw: str(name) for raw, name in (signal.choices or {}).items()}


def named_raw(signal: Signal, name: str) -> int:
    """Return the raw value that the DBC calls name.

    Raises:
        ValueError: there is none.
    """
    for raw, known in names(signal).items():
        if known == name:
            return raw
    raise ValueError(f"{signal.name} has no value {name!r}")


def raw_value(signal: Signal, value: object) -> int:
    """Return the raw value of a name or a number.

    Raises:
        ValueError: it is neither, or the signal has no such value.
    """
    if isinstance(value, str):
        return named_raw(signal, value)
    if type(value) is int or type(value) is float:
        return scale(signal).to_raw(value)
    raise ValueError(f"{value!r} is neither a name nor a number")


@dataclass(frozen=True)
class Scale:
    """What the numbers of a signal mean: value = raw * factor + offset, both exact."""

    signal: Signal
    factor: Fraction
    offset: Fraction

    def then(self, factor: Fraction, offset: Fraction) -> "Scale":
        """Return the scale of value * factor + offset."""
        return Scale(self.signal, self.factor * factor, self.offset * factor + offset)

    def value(self, raw: int) -> Fraction:
        """Return the value of a raw value."""
        return raw * self.factor + self.offset

    def limits(self) -> tuple[Fraction, Fraction]:
        """Return the lowest and highest value."""
        ends = [self.value(raw) for raw in raw_limits(self.signal)]
        return min(ends), max(ends)

    def to_raw(self, number: Number) -> int:
        """Return the raw value of a number.

        Raises:
            ValueError: it is outside the range, between the steps, or has a name in the DBC.
        """
        signal = self.signal
        raw = (exact(number) - self.offset) / self.factor
        lowest, highest = raw_limits(signal)
        if not lowest <= raw <= highest:
            low, high = self.limits()
            text = f"{number} is outside {signal.name}'s {float(low):g} to {float(high):g}"
            raise ValueError(text)
        if raw.denominator != 1:
            raise ValueError(f"{number} is between the steps of {signal.name}")
        if int(raw) in names(signal):
            raise ValueError(f"{number} is called {names(signal)[int(raw)]!r} in {signal.name}")
        return int(raw)

    def whole(self) -> tuple[int, int, int]:
        """Return whole n, o, d with value = (raw * n + o) / d.

        Raises:
            ValueError: they are too large to be exact.
        """
        denominator = lcm(self.factor.denominator, self.offset.denominator)
        found = int(self.factor * denominator), int(self.offset * denominator), denominator
        if max(map(abs, found)) >= _MAX_EXACT:
            raise ValueError(f"{self.signal.name}'s scale or offset has too many digits")
        return found


def scale(signal: Signal) -> Scale:
    """Return the scale that the DBC states."""
    return Scale(signal, exact(signal.scale), exact(signal.offset))


def place(signal: Signal) -> int:
    """Return where the signal's bits are, as gateway.can.signal reads it."""
    lowest = signal.start
    is_motorola = signal.byte_order == "big_endian"
    if is_motorola:  # start is the highest bit; from there down to 0, and on at bit 7 of the next
        byte, bit = divmod(signal.start, 8)
        behind = 7 - bit + signal.length - 1  # bits from the top of that byte to the lowest one
        lowest = 8 * (byte + behind // 8) + 7 - behind % 8
    byte, right = divmod(lowest, 8)
    return signal.length | right << 7 | byte << 10 | is_motorola << 16 | signal.is_signed << 17


def is_within_byte(signal: Signal) -> bool:
    """Tell whether all bits of the signal are in one byte."""
    return (place(signal) >> 7 & 7) + signal.length <= 8
