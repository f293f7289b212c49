"""Which ids are meant: `ID` or `ID/MASK`, in hexadecimal, 3 digits standard and 8 extended."""

import re
from dataclasses import dataclass
from string import hexdigits

from carport.errors import UsageError
from carport.hub.frame import EXTENDED_ID_MAX, STANDARD_ID_MAX

_FILTER = re.compile(r"([0-9a-fA-F]+)(?:/([0-9a-fA-F]+))?")
_STANDARD_DIGITS = 3
_EXTENDED_DIGITS = 8


@dataclass(frozen=True)
class IdFilter:
    """Means the ids of one kind that agree with `id` in the bits of `mask`."""

    id: int
    mask: int
    is_extended_id: bool

    def means(self, arbitration_id: int, is_extended_id: bool) -> bool:
        """Tell whether it means this id."""
        return (
            is_extended_id == self.is_extended_id and (arbitration_id ^ self.id) & self.mask == 0
        )


def parse_filter(text: str) -> IdFilter:
    """Return what `ID` or `ID/MASK` means.

    Raises:
        UsageError: it is neither.
    """
    found = _FILTER.fullmatch(text)
    if found is None:
        raise UsageError(f"{text} is no filter: give an id such as 100, or 100/7F0 with a mask")
    arbitration_id, is_extended_id = parse_id(found[1])
    id_max = EXTENDED_ID_MAX if is_extended_id else STANDARD_ID_MAX
    mask = id_max if found[2] is None else int(found[2], 16)
    if mask > id_max:
        raise UsageError(f"the mask {found[2]} has more bits than the id {found[1]}")
    return IdFilter(arbitration_id, mask, is_extended_id)


def parse_id(text: str) -> tuple[int, bool]:
    """Return the id that hexadecimal digits are, and whether it is an extended one.

    Raises:
        UsageError: they have neither 3 nor 8 digits, or too many bits.
    """
    if len(text) not in (_STANDARD_DIGITS, _EXTENDED_DIGITS) or set(text) - set(hexdigits):
        raise UsageError(f"{text} is no id: give 3 hexadecimal digits, or 8 of an extended id")
    is_extended_id = len(text) == _EXTENDED_DIGITS
    arbitration_id = int(text, 16)
    if arbitration_id > (EXTENDED_ID_MAX if is_extended_id else STANDARD_ID_MAX):
        raise UsageError(f"{text} is no id: the highest are 7FF and 1FFFFFFF")
    return arbitration_id, is_extended_id


def id_text(arbitration_id: int, is_extended_id: bool) -> str:
    """Return an id as candump writes it."""
    digits = _EXTENDED_DIGITS if is_extended_id else _STANDARD_DIGITS
    return f"{arbitration_id:0{digits}X}"
