"""CRCs by table: SAE J1850 and AUTOSAR's CRC-8H2F, AUTOSAR's CRC-16 (CCITT-FALSE).

A table holds the register after each byte from a register of 0; the CRC is linear in it. Tables
are made when first asked for: a car's profile needs one or two of them, or none.

Source: AUTOSAR, Specification of CRC Routines.
"""

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.can.signal import Buffer

SAE_J1850 = const(0x1D)
H2F = const(0x2F)
CCITT = const(0x1021)

_tables: "dict[int, bytes]" = {}


def crc8_table(polynomial: int) -> bytes:
    """Return the table of a CRC of 8 bits."""
    if polynomial not in _tables:
        _tables[polynomial] = bytes([_after(byte, polynomial, 8) for byte in range(256)])
    return _tables[polynomial]


def crc16_table(polynomial: int) -> bytes:
    """Return the table of a CRC of 16 bits: all its high bytes, then all its low bytes."""
    if polynomial not in _tables:
        registers = [_after(byte, polynomial, 16) for byte in range(256)]
        high = bytes([register >> 8 for register in registers])
        _tables[polynomial] = high + bytes([register & 0xFF for register in registers])
    return _tables[polynomial]


def crc8(polynomial: int, data: "Buffer") -> int:
    """Return the CRC of 8 bits of data, from 0xFF and at the end XORed with 0xFF."""
    table = crc8_table(polynomial)
    register = 0xFF
    for byte in data:
        register = table[register ^ byte]
    return register ^ 0xFF


def crc16(polynomial: int, data: "Buffer") -> int:
    """Return the CRC of 16 bits of data, from 0xFFFF."""
    table = crc16_table(polynomial)
    register = 0xFFFF
    for byte in data:
        byte ^= register >> 8
        register = (register & 0xFF ^ table[byte]) << 8 | table[byte + 256]
    return register


def _after(byte: int, polynomial: int, width: int) -> int:
    """Return the register of width bits after a byte, from 0."""
    register = byte << width - 8
    for _ in range(8):
        register <<= 1
        if register >> width:
            register ^= 1 << width | polynomial
    return register
