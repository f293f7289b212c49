"""The MCP2515's two masks and six filters, derived from the list of what is wanted.

The chip's receive buffer 0 takes what passes mask 0 and one of filters 0 and 1, and rolls over
into buffer 1 when it is full. Buffer 1 takes what passes mask 1 and one of filters 2 to 5. So what
is wanted is divided into two groups:

1. While there are more than six, those two become one whose common pattern lets the fewest ids
   pass, and it swallows what it covers.
2. A group's mask is what the masks of its members have in common. Of all divisions, that is taken
   under which the fewest ids pass. A group without members repeats the other one, so that what
   the first can repeat has two buffers.

Every wanted id passes, whatever is merged and divided: masks only ever lose bits, and each
member's value is one of its group's filters. What passes beyond that is for software to reject, by
`WantedIds`.

An id is kept as 30 bits: 1 for extended, 11 of the standard id or of the extended one's upper
bits, 18 of the extended one's lower bits. A mask shared with a standard id therefore never has any
of those 18, which the chip would compare with the data bytes of standard frames.

Source: DS20001801J section 4.5. Masks and filters are never turned off (RXM 11): that would let
broken frames in.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Filter = tuple[int, int, int]
    Pattern = tuple[int, int]  # value and mask, both of 30 bits

_FLAG_EXT_ID = const(2)  # machine.CAN's
_EXTENDED = const(1 << 29)
_STANDARD_MAX = const(0x7FF)
_EXTENDED_MAX = const(0x1FFFFFFF)
_LOWER_BITS = const(18)
_EVERYTHING = ((0, _EXTENDED), (_EXTENDED, _EXTENDED))
# Filters of the first and of the second group.
_FIRST = const(2)
_SECOND = const(4)
_NO_CAR_SENDS_THIS = const(_EXTENDED | _EXTENDED_MAX)


class HardwareFilters:
    """What the chip is told to receive.

    wanted: (id, mask, flags) as machine.CAN.set_filters takes them; None is everything.

    Raises:
        ValueError: an id or a mask is out of range.
    """

    is_exact: bool
    """Nothing passes but what is wanted."""

    def __init__(self, wanted: "Iterable[Filter] | None") -> None:
        self._wanted = _without_contained(
            _EVERYTHING if wanted is None else [_pattern(*each) for each in wanted]
        )
        first, second = _divide(_merge(self._wanted, _FIRST + _SECOND))
        values, mask = _group(first)
        values_1, mask_1 = _group(second)
        passing = _share(values, mask) + _share(values_1, mask_1)
        wanted_share = sum(_share((value,), mask) for value, mask in self._wanted)
        self.is_exact = 0 < passing == wanted_share and _are_disjoint(self._wanted)
        if passing == 0:  # the chip cannot receive nothing
            values, mask = [_NO_CAR_SENDS_THIS], _EXTENDED | _EXTENDED_MAX
        if not values:
            values, mask = values_1, mask_1
        if not values_1:
            values_1, mask_1 = values, mask
        self._masks = (mask, mask_1)
        self._filters = [values[i % len(values)] for i in range(_FIRST)]
        self._filters += [values_1[i % len(values_1)] for i in range(_SECOND)]

    def registers(self) -> "list[tuple[int, bytes]]":
        """Return (address, bytes) of the filters and the masks."""
        filters = b"".join(_encode(each) for each in self._filters)
        masks = b"".join(_encode(each & _EXTENDED_MAX) for each in self._masks)
        return [(0x00, filters[:12]), (0x10, filters[12:]), (0x20, masks)]

    def accepts(self, id: int, flags: int) -> bool:
        """Tell whether the chip receives it; flags as on a frame."""
        limit = _EXTENDED_MAX if flags & _FLAG_EXT_ID else _STANDARD_MAX
        value, _ = _pattern(id, limit, flags)
        return any((value ^ each) & mask == 0 for each, mask in self._patterns())

    def foreign_share(self, flags: int) -> float:
        """Return which share of the ids of a kind that nobody wants passes: 0.0 to 1.0."""
        extended = _EXTENDED if flags & _FLAG_EXT_ID else 0
        bits = _EXTENDED_MAX if extended else _STANDARD_MAX << _LOWER_BITS
        wanted = _count([each for each in self._wanted if each[0] & _EXTENDED == extended], bits)
        passing = _count([p for p in self._patterns() if p[0] & _EXTENDED == extended], bits)
        if wanted == 1 << _popcount(bits):
            return 0.0
        return (passing - wanted) / ((1 << _popcount(bits)) - wanted)

    def _patterns(self) -> "list[Pattern]":
        return [(each, self._masks[i >= _FIRST]) for i, each in enumerate(self._filters)]


class WantedIds:
    """What is wanted, told in an instant and without allocating: a bit for each standard id."""

    def __init__(self, wanted: "Iterable[Filter]") -> None:
        self._standard = bytearray(256)
        self._extended: list[tuple[int, int]] = []
        for id, mask, flags in wanted:
            if flags & _FLAG_EXT_ID:
                self._extended.append((id & mask, mask))
                continue
            free = ~mask & _STANDARD_MAX
            part = free
            while True:  # each subset of the bits that the mask leaves free
                each = id & mask | part
                self._standard[each >> 3] |= 1 << (each & 7)
                if part == 0:
                    break
                part = (part - 1) & free

    def accepts(self, id: int, flags: int) -> bool:
        """Tell whether it is wanted; flags as on a frame."""
        if not flags & _FLAG_EXT_ID:
            return bool(self._standard[id >> 3] >> (id & 7) & 1)
        for value, mask in self._extended:  # noqa: SIM110 - any() would allocate
            if id & mask == value:
                return True
        return False


def _pattern(id: int, mask: int, flags: int) -> "Pattern":
    is_extended = flags & _FLAG_EXT_ID
    limit = _EXTENDED_MAX if is_extended else _STANDARD_MAX
    if not (0 <= id <= limit and 0 <= mask <= limit):
        raise ValueError("invalid id")
    if is_extended:
        return _EXTENDED | id & mask, _EXTENDED | mask
    return (id & mask) << _LOWER_BITS, _EXTENDED | mask << _LOWER_BITS


def _encode(value: int) -> bytes:
    """Return SIDH, SIDL, EID8 and EID0."""
    upper = value >> _LOWER_BITS & _STANDARD_MAX
    sidl = (upper & 7) << 5 | (8 if value & _EXTENDED else 0) | value >> 16 & 3
    return bytes((upper >> 3, sidl, value >> 8 & 0xFF, value & 0xFF))


def _without_contained(patterns: "Iterable[Pattern]") -> "list[Pattern]":
    """Return them sorted, without those that another one covers."""
    kept: list[Pattern] = []
    for value, mask in sorted(patterns, key=lambda each: _popcount(each[1])):
        if not any(_is_covered((value, mask), other) for other in kept):
            kept.append((value, mask))
    return sorted(kept)


def _is_covered(pattern: "Pattern", by: "Pattern") -> bool:
    return by[1] & ~pattern[1] == 0 and (pattern[0] ^ by[0]) & by[1] == 0


def _are_disjoint(patterns: "Sequence[Pattern]") -> bool:
    return not any(
        (value ^ v) & mask & m == 0
        for i, (value, mask) in enumerate(patterns)
        for v, m in patterns[:i]
    )


def _merge(patterns: "list[Pattern]", size: int) -> "list[Pattern]":
    """Return no more than size patterns that cover these."""
    pairs = [_pair(each, other) for i, each in enumerate(patterns) for other in patterns[:i]]
    while len(patterns) > size:
        _, merged, _, _ = max(pairs)
        rest = {each for each in patterns if not _is_covered(each, merged)}
        pairs = [pair for pair in pairs if pair[2] in rest and pair[3] in rest]
        pairs += [_pair(merged, each) for each in rest]
        patterns = list(rest) + [merged]
    return sorted(patterns)


def _pair(one: "Pattern", other: "Pattern") -> "tuple[int, Pattern, Pattern, Pattern]":
    """Return how narrow their common pattern is, that pattern, and both."""
    difference = one[0] ^ other[0]
    mask = one[1] & other[1] & ~difference
    narrowness = -1 if difference & _EXTENDED else _popcount(mask)
    return narrowness, (one[0] & mask, mask), one, other


def _divide(patterns: "list[Pattern]") -> "tuple[list[Pattern], list[Pattern]]":
    """Return which of at most six are the first group, and which the second."""
    choices = []
    for i in range(1 << len(patterns)):
        first = [each for j, each in enumerate(patterns) if i >> j & 1]
        second = [each for j, each in enumerate(patterns) if not i >> j & 1]
        values, mask = _group(first)
        values_1, mask_1 = _group(second)
        if len(values) <= _FIRST and len(values_1) <= _SECOND:
            choices.append((_share(values, mask) + _share(values_1, mask_1), i))
    _, best = min(choices)
    first = [each for j, each in enumerate(patterns) if best >> j & 1]
    return first, [each for each in patterns if each not in first]


def _group(patterns: "Sequence[Pattern]") -> "tuple[list[int], int]":
    """Return the values and the mask of a group."""
    mask = _EXTENDED | _EXTENDED_MAX
    for _, each in patterns:
        mask &= each
    return sorted({value & mask for value, _ in patterns}), mask


def _share(values: "Sequence[int]", mask: int) -> int:
    """Return how much passes, as a share of all ids of its kind, in units of 2 to the -29."""
    standard = 1 << 29 - _popcount(mask & _STANDARD_MAX << _LOWER_BITS)
    extended = 1 << 29 - _popcount(mask & _EXTENDED_MAX)
    return sum(extended if value & _EXTENDED else standard for value in values)


def _count(patterns: "list[Pattern]", bits: int) -> int:
    """Return how many ids match one of them at least; bits: those that are not decided yet."""
    if not patterns:
        return 0
    for _, mask in patterns:
        if mask & bits == 0:
            return 1 << _popcount(bits)
    bit = 1 << 28
    while not patterns[0][1] & bits & bit:
        bit >>= 1
    zeros = [(value, mask) for value, mask in patterns if not mask & bit or not value & bit]
    ones = [(value, mask) for value, mask in patterns if not mask & bit or value & bit]
    return _count(zeros, bits & ~bit) + _count(ones, bits & ~bit)


def _popcount(value: int) -> int:
    return bin(value).count("1")
