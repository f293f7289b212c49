"""CoAP messages (RFC 7252 section 3) to bytes and back.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---+---+-------+---------------+-------------------------------+
    | 1 | T |  TKL  |      Code     |          Message ID           |
    +---+---+-------+---------------+-------------------------------+
    |   Token (0 to 8 bytes) ...      options ...                   |
    +---------------------------------------------------------------+
    |  FF  |  payload (if there is one) ...                         |
    +---------------------------------------------------------------+

An option begins with two nibbles: what its number adds to that of the option before, and its
length. 0 to 12 stand as such, 13 has one more byte (13 to 268), 14 two more (269 to 65804).
"""

from struct import pack

from gateway.coap.numbers import EMPTY
from gateway.const import const
from gateway.errors import DecodeError, EncodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Options = list[tuple[int, bytes]]
    Fields = tuple[int, int, int, bytes, Options, bytes]

PAYLOAD_MARKER = const(0xFF)
MAX_OPTION_NUMBER = const(0xFFFF)
MAX_OPTION_LENGTH = const(0xFFFF + 269)
MAX_UINT_BYTES = const(4)


class Message:
    """One CoAP message; options are (number, value) pairs in ascending order of number.

    type is CON, NON, ACK or RST; message_id 0..65535; token 0 to 8 bytes.
    """

    __slots__ = ("code", "message_id", "options", "payload", "token", "type")

    def __init__(
        self,
        type: int,
        code: int,
        message_id: int,
        token: bytes = b"",
        options: "Options | None" = None,
        payload: bytes = b"",
    ) -> None:
        self.type = type
        self.code = code
        self.message_id = message_id
        self.token = token
        self.options = [] if options is None else options
        self.payload = payload


def decode(data: "bytes | bytearray | memoryview") -> Message:
    """Return the message that the datagram data holds.

    Raises:
        DecodeError: as decode_fields().
    """
    return Message(*decode_fields(bytes(data)))


def decode_fields(data: bytes) -> "Fields":
    """Return type, code, message id, token, options and payload of the datagram data.

    Raises:
        DecodeError: another version, a token length of 9 to 15, an empty message with anything
            behind its header, or a bad body (see decode_body).
    """
    size = len(data)
    if size < 4:
        raise DecodeError("shorter than a header")
    first = data[0]
    if first >> 6 != 1:
        raise DecodeError("not CoAP version 1")
    if data[1] == EMPTY and size > 4:
        raise DecodeError("an empty message that is not empty")
    token_end = 4 + (first & 15)
    if token_end > 12 or token_end > size:
        raise DecodeError("a token too long")
    header = first >> 4 & 3, data[1], data[2] << 8 | data[3], data[4:token_end]
    return header + decode_body(data, token_end)


def decode_body(data: bytes, offset: int) -> "tuple[Options, bytes]":
    """Return the options and the payload that data holds from offset on.

    Raises:
        DecodeError: truncated, a reserved nibble, an option number above 65535, or a payload
            marker with nothing behind it.
    """
    options: Options = []
    number = 0
    size = len(data)
    try:
        while offset < size:
            delta = data[offset]
            offset += 1
            length = delta & 15
            delta >>= 4
            if delta > 12 or length > 12:
                if delta == 15 or length == 15:
                    if delta & length != 15 or offset == size:
                        raise DecodeError("a reserved nibble, or a marker without a payload")
                    return options, data[offset:]
                if delta == 13:
                    delta = data[offset] + 13
                    offset += 1
                elif delta == 14:
                    delta = (data[offset] << 8 | data[offset + 1]) + 269
                    offset += 2
                if length == 13:
                    length = data[offset] + 13
                    offset += 1
                elif length == 14:
                    length = (data[offset] << 8 | data[offset + 1]) + 269
                    offset += 2
            number += delta
            end = offset + length
            if end > size or number > MAX_OPTION_NUMBER:
                raise DecodeError("an option cut short, or numbered too high")
            options.append((number, data[offset:end]))
            offset = end
    except IndexError:
        raise DecodeError("an option cut short")
    return options, b""


def encode(message: Message) -> bytes:
    """Return message as a datagram.

    Raises:
        EncodeError: a type, code or message id out of its range, or as encode_fields().
    """
    kind, code, message_id = message.type, message.code, message.message_id
    if not 0 <= kind <= 3 or not 0 <= code <= 0xFF or not 0 <= message_id <= 0xFFFF:
        raise EncodeError("a type, code or message id out of range")
    return encode_fields(kind, code, message_id, message.token, message.options, message.payload)


def encode_fields(
    type: int, code: int, message_id: int, token: bytes, options: "Options", payload: bytes
) -> bytes:
    """Return a datagram; type, code and message_id are in their ranges.

    Raises:
        EncodeError: a token too long, options not in order, or an empty message with a token,
            options or a payload.
    """
    size = len(token)
    if size > 8:
        raise EncodeError("a token of more than 8 bytes")
    if code == EMPTY and (token or options or payload):
        raise EncodeError("an empty message carries nothing")
    buffer = bytearray(pack(">BBH", 0x40 | type << 4 | size, code, message_id) + token)
    append_body(buffer, options, payload)
    return bytes(buffer)


def append_body(buffer: bytearray, options: "Options", payload: bytes) -> None:
    """Append options, in ascending order of number, and payload, if not empty, to buffer.

    Raises:
        EncodeError: options not in order, a number above 65535, or a value above 65804 bytes;
            buffer then ends in a part of them.
    """
    previous = 0
    for number, value in options:
        delta = number - previous
        length = len(value)
        if 0 <= delta < 13 and length < 13:
            buffer.append(delta << 4 | length)
        elif delta < 0 or number > MAX_OPTION_NUMBER or length > MAX_OPTION_LENGTH:
            raise EncodeError("options not in order, or one too large")
        else:
            buffer.append(nibble(delta) << 4 | nibble(length))
            append_extension(buffer, delta)
            append_extension(buffer, length)
        buffer.extend(value)
        previous = number
    if payload:
        buffer.append(PAYLOAD_MARKER)
        buffer.extend(payload)


def body_bytes(options: "Options", payload: bytes) -> int:
    """Return how many bytes `append_body` appends; it raises the same."""
    buffer = bytearray()
    append_body(buffer, options, payload)
    return len(buffer)


def nibble(n: int) -> int:
    """Return the nibble for an option's delta or length n."""
    return n if n < 13 else 13 if n < 269 else 14


def append_extension(buffer: bytearray, n: int) -> None:
    """Append what the nibble of n leaves over."""
    if n >= 269:
        buffer.append(n - 269 >> 8)
        buffer.append(n - 269 & 0xFF)
    elif n >= 13:
        buffer.append(n - 13)


def encode_uint(n: int) -> bytes:
    """Return n, 0 to 2**32 - 1, as an option value of the uint format: no leading zeros.

    Raises:
        EncodeError: n is out of range.
    """
    if 0 <= n < 0x100:
        return bytes((n,)) if n else b""
    if 0 <= n < 0x10000:
        return n.to_bytes(2, "big")
    if 0 <= n < 0x1000000:
        return n.to_bytes(3, "big")
    if 0 <= n < 0x100000000:
        return n.to_bytes(4, "big")
    raise EncodeError("an unsigned option above 32 bits")


def decode_uint(value: bytes) -> int:
    """Return the number of an option value of the uint format; leading zeros are accepted.

    Raises:
        DecodeError: more than 4 bytes, which no option of CoAP has.
    """
    if len(value) > MAX_UINT_BYTES:
        raise DecodeError("an unsigned option of more than 4 bytes")
    return int.from_bytes(value, "big")
