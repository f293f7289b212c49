"""CoAP messages: what is decoded is what aiocoap decodes, and is encoded to the same bytes.

aiocoap accepts more, knowingly: see `is_refused_knowingly`. It refuses text options that are not
UTF-8, which Carport leaves to whoever reads them, and drops leading zeros of numbers.
"""

from aiocoap import Message as TheirMessage
from aiocoap.error import UnparsableMessage
from aiocoap.numbers.optionnumbers import OptionNumber
from aiocoap.optiontypes import OpaqueOption, StringOption

from gateway.coap import block, message
from gateway.errors import DecodeError, EncodeError
from tests.fuzz.sessions import session
from tests.vectors.load import load

MODULES = ("gateway/coap/message.py", "gateway/coap/block.py")


def run(data: bytes) -> None:
    """Decode data as a message, and its options' values and its payload as blocks."""
    try:
        ours = message.decode(data)
    except DecodeError:
        assert is_refused_knowingly(data), "aiocoap decodes what is refused"
        return
    assert message.encode(ours) == data, "a message has two encodings"
    compare(data, ours)
    for number, value in ours.options:
        check_number(value)
        check_block(value, ours.payload)
        check_order(ours, number)


def compare(data: bytes, ours: message.Message) -> None:
    """Compare with what aiocoap decodes."""
    try:
        theirs = TheirMessage.decode(data)
    except UnicodeDecodeError:
        return
    assert (ours.type, ours.code, ours.message_id) == (theirs.mtype, theirs.code, theirs.mid)
    assert (ours.token, ours.payload) == (theirs.token, theirs.payload)
    options = [(int(option.number), option.encode()) for option in theirs.opt.option_list()]
    assert [(number, plain(number, value)) for number, value in ours.options] == options


def plain(number: int, value: bytes) -> bytes:
    """Return an option's value as aiocoap keeps it."""
    kind = OptionNumber(number).create_option()
    return value if isinstance(kind, OpaqueOption | StringOption) else value.lstrip(b"\0")


def is_refused_knowingly(data: bytes) -> bool:
    """Tell whether aiocoap refuses data too, or accepts what RFC 7252 has as an error."""
    try:
        theirs = TheirMessage.decode(data)
    except (UnparsableMessage, UnicodeDecodeError):
        return True
    token_length = data[0] & 15
    return (
        (data[1] == 0 and len(data) > 4)
        or token_length > 8
        or token_length > len(data) - 4
        or any(option.number > 0xFFFF for option in theirs.opt.option_list())
        or (theirs.payload == b"" and data[-1] == 0xFF)  # a marker, and no payload
    )


def check_number(value: bytes) -> None:
    try:
        n = message.decode_uint(value)
    except DecodeError:
        assert len(value) > 4
        return
    assert message.encode_uint(n) == value.lstrip(b"\0")


def check_block(value: bytes, payload: bytes) -> None:
    """Read value as a block option, and cut that block out of payload."""
    try:
        num, more, szx = block.decode(value)
    except DecodeError:
        assert len(value) > 3 or value[-1] & 7 == 7
        return
    assert block.encode(num, more, szx) == value.lstrip(b"\0")
    size = 16 << szx
    try:
        part, has_more = block.cut(payload, num, szx)
    except DecodeError:
        assert num * size >= len(payload)
        return
    assert part == payload[num * size :][:size]
    assert has_more == (len(payload) > (num + 1) * size)


def check_order(ours: message.Message, number: int) -> None:
    """Options that go down again have no encoding."""
    if number:
        ours = message.Message(ours.type, ours.code, ours.message_id, ours.token)
        ours.options = [(number, b""), (number - 1, b"")]
        try:
            message.encode(ours)
        except EncodeError:
            return
        raise AssertionError("options out of order are encoded")


def seeds() -> list[bytes]:
    """Return the RFCs' examples, and a session's datagrams."""
    names = ("rfc7252_appendix_a", "rfc7641_appendix_a", "rfc7959_figures")
    examples = [bytes.fromhex(row["hex"]) for name in names for row in load(name)["messages"]]
    return examples + session()
