"""The values of the Block1 and Block2 options (RFC 7959 section 2.2), and the blocks they name.

    +-----------------------------+---+-------+
    |  NUM: 4, 12 or 20 bits      | M |  SZX  |      a uint option of 0 to 3 bytes
    +-----------------------------+---+-------+

A block is 2**(szx + 4) bytes: szx 0 means 16, szx 6 means 1024.
"""

from gateway.coap.message import encode_uint
from gateway.const import const
from gateway.errors import DecodeError, EncodeError

MAX_NUM = const(0xFFFFF)
MAX_SZX = const(6)


def decode(value: bytes) -> tuple[int, bool, int]:
    """Return num, more and szx of a Block option's value.

    Raises:
        DecodeError: more than 3 bytes, or the reserved szx 7.
    """
    if len(value) > 3:
        raise DecodeError("a block option of more than 3 bytes")
    n = int.from_bytes(value, "big")
    szx = n & 7
    if szx > MAX_SZX:
        raise DecodeError("a reserved block size")
    return n >> 4, n & 8 != 0, szx


def encode(num: int, more: bool, szx: int) -> bytes:
    """Return the value of a Block option.

    Raises:
        EncodeError: num is not in 0..2**20 - 1, or szx not in 0..6.
    """
    if not 0 <= num <= MAX_NUM or not 0 <= szx <= MAX_SZX:
        raise EncodeError("a block number or size out of range")
    return encode_uint(num << 4 | (8 if more else 0) | szx)


def cut(payload: bytes, num: int, szx: int) -> tuple[bytes, bool]:
    """Return block num of payload, and whether more follow; an empty payload has one, empty block.

    Raises:
        DecodeError: payload has no such block.
    """
    start = num << szx + 4
    end = start + (16 << szx)
    if num and start >= len(payload):
        raise DecodeError("no such block")
    return payload[start:end], end < len(payload)
