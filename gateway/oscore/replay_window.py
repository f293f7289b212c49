"""The replay window: which of a peer's numbers were seen.

Rules:

1. A window is known or not. It is known for a new context, whose peer has sent nothing yet. It is
   not saved, so after a reboot it is unknown: any number may be an old one.
2. While unknown, nothing is new. Once a request is verified that carried an Echo value made since
   the reboot, `initialize` makes the window known, with that request's number as its highest and
   all lower numbers as seen (RFC 8613 Appendix B.1.2). It never moves a known window.
3. While known, `is_new` is asked before a message is decrypted, for it is cheap, and `accept` is
   called only once the message is verified, so that a forgery never moves the window.
4. A number above the highest is new. One of the 31 below it is new unless it was accepted. All
   lower ones are too old to tell, and so not new.

Numbers *not* seen are marked, for in an undisturbed exchange there are none, and no marks are a
small integer on any chip.

Source: RFC 8613 sections 3.2.2 and 7.4.
"""

from gateway.const import const
from gateway.errors import ReplayError

WINDOW_SIZE = 32

_REMEMBERED = const(31)  # Numbers below the highest; with it they make the window.
_ALL = (1 << 31) - 1
_ABOVE_ALL_NUMBERS = 1 << 40


class ReplayWindow:
    """A sliding window over 32 numbers, known from the start or not: see the rules above."""

    def __init__(self, is_known: bool) -> None:
        self.is_known = is_known
        self._highest = -1 if is_known else _ABOVE_ALL_NUMBERS
        self._missing = 0  # Bit i: number `highest - 1 - i` was not seen and may still come.

    def initialize(self, sequence: int) -> None:
        """Make the window known, with `sequence` as the highest number and all lower ones seen.

        Raises:
            ReplayError: the window is known, so only `accept` may move it.
        """
        if self.is_known:
            raise ReplayError("the replay window is known")
        self._highest = sequence
        self._missing = 0
        self.is_known = True

    def is_new(self, sequence: int) -> bool:
        """Return whether `sequence` was certainly not accepted before."""
        age = self._highest - sequence
        if age < 0:
            return True
        if age == 0 or age > _REMEMBERED:
            return False
        return self._missing >> (age - 1) & 1 == 1

    def accept(self, sequence: int) -> None:
        """Mark `sequence`, for which `is_new` was true, as seen."""
        ahead = sequence - self._highest
        if ahead < 0:
            self._missing &= ~(1 << (-ahead - 1))
        elif ahead <= _REMEMBERED:
            self._highest = sequence
            self._missing = (self._missing << ahead | (1 << (ahead - 1)) - 1) & _ALL
        else:
            self._highest = sequence
            self._missing = _ALL
