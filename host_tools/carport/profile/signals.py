"""The arithmetic of a DBC's signals, exact: physical numbers, raw values and bits.

A signal's value is `raw * scale + offset`; as the DBC writes both in decimal, everything here is
rational, and 21.3 in a profile is 21.3 in the car.
"""

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


def limits(signal: Signal) -> tuple[Fraction, Fraction]:
    """Return the lowest and highest value of the signal."""
    ends = [raw * exact(signal.scale) + exact(signal.offset) for raw in raw_limits(signal)]
    return min(ends), max(ends)


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
        return to_raw(signal, value)
    raise ValueError(f"{value!r} is neither a name nor a number")


def to_raw(signal: Signal, number: Number) -> int:
    """Return the raw value of a number.

    Raises:
        ValueError: it is outside the signal's range, between its steps, or has a name in the DBC.
    """
    raw = (exact(number) - exact(signal.offset)) / exact(signal.scale)
    lowest, highest = raw_limits(signal)
    if not lowest <= raw <= highest:
        low, high = limits(signal)
        raise ValueError(f"{number} is outside {signal.name}'s {float(low):g} to {float(high):g}")
    if raw.denominator != 1:
        raise ValueError(f"{number} is between the steps of {signal.name}")
    if int(raw) in names(signal):
        raise ValueError(f"{number} is called {names(signal)[int(raw)]!r} in {signal.name}")
    return int(raw)


def fraction(signal: Signal) -> tuple[int, int, int]:
    """Return whole n, o, d with value = (raw * n + o) / d.

    Raises:
        ValueError: they are too large to be exact.
    """
    scale, offset = exact(signal.scale), exact(signal.offset)
    denominator = lcm(scale.denominator, offset.denominator)
    whole = int(scale * denominator), int(offset * denominator), denominator
    if max(map(abs, whole)) >= _MAX_EXACT:
        raise ValueError(f"{signal.name}'s scale or offset has too many digits")
    return whole


def pieces(signal: Signal) -> bytes:
    """Return where the signal's bits are, as gateway.can.signal reads it."""
    if signal.byte_order == "little_endian":
        places = [signal.start + i for i in range(signal.length)]
    else:  # start is the highest bit; from there down to 0, and on at bit 7 of the next byte
        places = [signal.start]
        while len(places) < signal.length:
            places.append(places[-1] - 1 if places[-1] % 8 else places[-1] + 15)
        places.reverse()
    packed = bytearray()
    left = 0
    while left < len(places):
        byte, right = divmod(places[left], 8)
        bits = min(8 - right, len(places) - left)
        packed += bytes([byte, right, (1 << bits) - 1, left])
        left += bits
    return bytes(packed)
