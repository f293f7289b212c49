"""The MCP2515's bit timing: which CNF registers give a bit rate from a crystal.

A bit is 16 time quanta where the crystal allows it, else 8; the sample point is at 75 %:

    quanta   synchronisation   propagation   phase 1   phase 2   jump width
    16       1                 5             6         4         2
    8        1                 2             3         2         1

Source: DS20001801J section 5; a quantum is 2 * (BRP + 1) periods of the crystal.
"""

from gateway.const import const

_PRESCALERS = const(64)

# Quanta in a bit, then CNF1 without its prescaler, CNF2 and CNF3.
_SHAPES = ((16, 0x40, 0xAC, 0x03), (8, 0x00, 0x91, 0x01))


def derive_timing(crystal_hz: int, bitrate: int) -> bytes:
    """Return the registers CNF3, CNF2 and CNF1, as they lie in the chip.

    Raises:
        ValueError: the crystal cannot give exactly that bit rate.
    """
    for quanta, cnf1, cnf2, cnf3 in _SHAPES:
        prescaler, rest = divmod(crystal_hz, 2 * quanta * bitrate)
        if rest == 0 and 0 < prescaler <= _PRESCALERS:
            return bytes((cnf3, cnf2, cnf1 | prescaler - 1))
    raise ValueError(f"no {bitrate} bit/s from a crystal of {crystal_hz} Hz")
