"""The MCP2515's two masks and six filters, derived from the list of what is wanted.

The chip's receive buffer 0 takes what passes mask 0 and one of filters 0 and 1, and rolls over
into buffer 1 when it is full. Buffer 1 takes what passes mask 1 and one of filters 2 to 5. So what
is wanted is divided into two groups:

1. A group's mask is what the masks of all its members have in common.
2. While more values differ under that mask than the group has filters, it loses a bit: the one
   whose loss lets the fewest ids pass.
3. Tried as the first group is each beginning and each end of the sorted list; then single members
   change sides as long as fewer ids pass. Among equals the first group is the larger one, for it
   has two buffers.

Every wanted id passes, whatever the division: masks only ever lose bits, and each member's value
is one of its group's filters. What passes beyond that is for software to reject, by `WantedIds`.

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
        first, second = _divide(self._wanted)
        cost, mask, values = _fit(first, 2)
        cost_1, mask_1, values_1 = _fit(second, 4)
        self.is_exact = bool(values or values_1) and _are_disjoint(self._wanted)
        self.is_exact &= cost + cost_1 == sum(_cost((v,), mask) for v, mask in self._wanted)
        if not (values or values_1):  # the chip cannot receive nothing
            mask, values = _EXTENDED | _EXTENDED_MAX, [_NO_CAR_SENDS_THIS]
        if not values:
            mask, values = mask_1, values_1
        if not values_1:
            mask_1, values_1 = mask, values
        self._masks = (mask, mask_1)
        self._filters = [values[i % len(values)] for i in range(2)]
        self._filters += [values_1[i % len(values_1)] for i in range(4)]

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
        return [(each, self._masks[i > 1]) for i, each in enumerate(self._filters)]


class WantedIds:
    """What is wanted, told in an instant and without allocating: a bit for each standard id."""

    def __init__(self, wanted: "Iterable[Filter] | None") -> None:
        self._standard = bytearray(256)
        self._extended: list[tuple[int, int]] = []
        for id, mask, flags in ((0, 0, 0), (0, 0, _FLAG_EXT_ID)) if wanted is None else wanted:
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
        if not any(m & ~mask == 0 and (value ^ v) & m == 0 for v, m in kept):
            kept.append((value, mask))
    return sorted(kept)


def _are_disjoint(patterns: "Sequence[Pattern]") -> bool:
    return not any(
        (value ^ v) & mask & m == 0
        for i, (value, mask) in enumerate(patterns)
        for v, m in patterns[:i]
    )


def _divide(patterns: "list[Pattern]") -> "tuple[list[Pattern], list[Pattern]]":
    """Return the members of the first and of the second group."""
    choices = []
    for i in range(len(patterns) + 1):
        choices += [(patterns[:i], patterns[i:]), (patterns[i:], patterns[:i])]
    best = min(choices, key=_division_cost)
    cost = _division_cost(best)
    while True:
        choices = []
        for each in patterns:
            first = [p for p in patterns if (p in best[0]) != (p == each)]
            choices.append((first, [p for p in patterns if p not in first]))
        better = min(choices, key=_division_cost, default=best)
        if _division_cost(better) >= cost:
            return best
        best, cost = better, _division_cost(better)


def _division_cost(groups: "tuple[list[Pattern], list[Pattern]]") -> "tuple[int, int]":
    """Return what to have little of: ids that pass, and members with a single buffer."""
    return _fit(groups[0], 2)[0] + _fit(groups[1], 4)[0], len(groups[1])


def _fit(patterns: "Sequence[Pattern]", size: int) -> "tuple[int, int, list[int]]":
    """Return cost, mask and values of a group with room for `size` values."""
    mask = _EXTENDED | _EXTENDED_MAX
    for _, each in patterns:
        mask &= each
    values = {value & mask for value, _ in patterns}
    while len(values) > size:
        differing, first = 0, min(values)
        for value in values:
            differing |= value ^ first
        choices = []
        for i in range(29):
            if differing >> i & 1:
                rest = mask & ~(1 << i)
                merged = {value & rest for value in values}
                choices.append((_cost(merged, rest), rest, merged))
        _, mask, values = min(choices, key=lambda each: each[0])
    return _cost(values, mask), mask, sorted(values)


def _cost(values: "Iterable[int]", mask: int) -> int:
    """Return how much passes: standard ids count as much as all extended ones they begin."""
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
