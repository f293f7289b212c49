"""A CAN frame as the wire sees it: its priority, and how many bits it takes with stuffing.

    standard  SOF 0 | id 11       | RTR 0 | IDE 0 | r0 0
    extended  SOF 0 | upper id 11 | SRR 1 | IDE 1 | lower id 18 | RTR 0 | r1 0 | r0 0
    both then DLC 4 | data 0..64 | CRC 15

These are stuffed; CRC delimiter, acknowledgement (2), end of frame (7) and the intermission (3)
that must pass before the next frame are not. Remote frames and CAN FD do not exist here: the
socketcand protocol's text has no word for them.

Source: ISO 11898-1:2015, 10.4 and 10.5.
"""

from dataclasses import dataclass

STANDARD_ID_MAX = 0x7FF
EXTENDED_ID_MAX = 0x1FFF_FFFF
DATA_MAX = 8

_UNSTUFFED_BITS = 1 + 2 + 7 + 3
_CRC_BITS = 15
_CRC_POLYNOMIAL = 0x4599


@dataclass(frozen=True, slots=True)
class Frame:
    """A data frame of classic CAN.

    Raises:
        ValueError: the id is out of range for its kind, or there are more than 8 bytes.
    """

    arbitration_id: int
    is_extended_id: bool
    data: bytes

    def __post_init__(self) -> None:
        id_max = EXTENDED_ID_MAX if self.is_extended_id else STANDARD_ID_MAX
        if not 0 <= self.arbitration_id <= id_max:
            raise ValueError(f"id {self.arbitration_id:#x} is not in 0..{id_max:#x}")
        if len(self.data) > DATA_MAX:
            raise ValueError(f"{len(self.data)} bytes of data are more than {DATA_MAX}")

    @property
    def priority(self) -> int:
        """The arbitration field as a number: the lower one wins, a standard id before an extended
        one with the same upper bits."""
        if self.is_extended_id:
            return self.arbitration_id >> 18 << 20 | 0b11 << 18 | self.arbitration_id & 0x3FFFF
        return self.arbitration_id << 20


def header_bits(frame: Frame) -> int:
    """Return the bits from the start of the frame to its DLC, unstuffed."""
    return 39 if frame.is_extended_id else 19


def wire_bits(frame: Frame) -> int:
    """Return the bits that the frame takes, with its stuff bits and the intermission."""
    value = frame.priority << 7 if frame.is_extended_id else frame.arbitration_id << 7
    value |= len(frame.data)
    value = value << 8 * len(frame.data) | int.from_bytes(frame.data)
    length = header_bits(frame) + 8 * len(frame.data)
    value = value << _CRC_BITS | crc15(value.to_bytes((length + 7) // 8))
    length += _CRC_BITS
    return length + stuff_bits(f"{value:0{length}b}") + _UNSTUFFED_BITS


def crc15(data: bytes) -> int:
    """Return CAN's checksum; zero bits before the first one do not change it."""
    crc = 0
    for byte in data:
        crc = (crc << 8 ^ _CRC_TABLE[crc >> 7 ^ byte]) & 0x7FFF
    return crc


def stuff_bits(bits: str) -> int:
    """Return how many bits a transmitter inserts: a different one after each five equal ones."""
    count = run = 0
    last = ""
    for bit in bits:
        if bit != last:
            last, run = bit, 1
        elif run < 4:
            run += 1
        else:
            count += 1
            last, run = "0" if bit == "1" else "1", 1
    return count


def _crc_of_byte(byte: int) -> int:
    crc = byte << 7
    for _ in range(8):
        crc = crc << 1 ^ (_CRC_POLYNOMIAL if crc & 0x4000 else 0)
    return crc & 0x7FFF


_CRC_TABLE = [_crc_of_byte(byte) for byte in range(256)]
