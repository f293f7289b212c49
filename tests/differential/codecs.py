"""The codecs' objects as plain values, so that both interpreters' answers can be compared."""

from gateway import cbor, slipmux
from gateway.coap import message
from gateway.errors import GatewayError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Options = list[tuple[int, bytes]]
    Fields = tuple[int, int, int, bytes, Options, bytes]


def decode_message(data: bytes) -> "Fields":
    """Return type, code, message_id, token, options and payload of the message in data."""
    found = message.decode(data)
    return (
        found.type,
        found.code,
        found.message_id,
        found.token,
        found.options,
        found.payload,
    )


def encode_message(
    type: int, code: int, message_id: int, token: bytes, options: "Options", payload: bytes
) -> bytes:
    """Return the message with these fields, encoded."""
    return message.encode(message.Message(type, code, message_id, token, options, payload))


def body(options: "Options", payload: bytes) -> bytes:
    """Return options and payload as they stand behind a token."""
    buffer = bytearray()
    message.append_body(buffer, options, payload)
    return bytes(buffer)


def cbor_head(major: int, n: int) -> bytes:
    """Return the head of a CBOR item."""
    buffer = bytearray()
    cbor.append_head(buffer, major, n)
    return bytes(buffer)


def cbor_array(items: "list[object]") -> bytes:
    """Return a CBOR array, built piecewise."""
    buffer = bytearray()
    cbor.append_head(buffer, cbor.ARRAY, len(items))
    for item in items:
        cbor.append_item(buffer, item)
    return bytes(buffer)


def undecodable(decode: str, inputs: "list[bytes]") -> "list[int]":
    """Return which of inputs decode (a function's name here) refuses, with errors of the core."""
    refused = []
    for i in range(len(inputs)):
        try:
            DECODERS[decode](inputs[i])
        except GatewayError:
            refused.append(i)
    return refused


DECODERS = {"cbor": cbor.decode, "message": message.decode}


def slipmux_stream(
    chunks: "list[bytes]", max_bytes: int
) -> "tuple[list[tuple[int, bytes]], int, int, int]":
    """Return the frames in chunks, and the counts of bad, oversized and unknown ones."""
    decoder = slipmux.Decoder(max_bytes)
    frames = []
    for chunk in chunks:
        frames.extend(decoder.feed(chunk))
    return frames, decoder.bad_frames, decoder.oversized_frames, decoder.unknown_frames
