"""Slipmux: a stream cut anywhere gives the same frames, and those that a plain decoder finds.

An input is the sizes into which the stream is cut, then the parts of which it is made.
"""

from itertools import cycle

from gateway.slipmux import COAP, LOG, Decoder, encode_coap, encode_log
from tests.fuzz.choices import Choices, chunk
from tests.fuzz.sessions import session

MODULES = ("gateway/slipmux.py",)

MAX_BYTES = 40
RAW, MESSAGE, LINE = range(3)

Found = tuple[list[tuple[int, bytes]], int, int, int]


def run(data: bytes) -> None:
    """Feed one stream in pieces and as a whole."""
    choices = Choices(data)
    sizes = choices.chunk() or b"\x01"
    stream = b""
    while not choices.is_over:
        kind = choices.byte() % 3
        part = choices.chunk()
        if kind == MESSAGE:
            part = encode_coap(part)
        elif kind == LINE:
            part = encode_log(part.decode("latin-1"))
        stream += part
    pieces = cut(stream, sizes)
    found = fed(pieces)
    assert found == fed([stream]), "found otherwise in pieces than as a whole"
    assert found == read_plainly(stream), "not what the stream says"
    contents = [content for kind, content in found[0] if kind == COAP]
    again = fed([b"".join(map(encode_coap, contents))])
    assert again == ([(COAP, content) for content in contents], 0, 0, 0), "not as encoded"


def cut(stream: bytes, sizes: bytes) -> list[bytes]:
    pieces: list[bytes] = []
    for size in cycle(sizes):
        if not stream:
            return pieces
        pieces.append(stream[: size + 1])
        stream = stream[size + 1 :]
    return pieces


def fed(pieces: list[bytes]) -> Found:
    decoder = Decoder(MAX_BYTES)
    frames: list[tuple[int, bytes]] = []
    for piece in pieces:
        frames += decoder.feed(piece)
        assert len(decoder._held) <= 2 * (MAX_BYTES + 3), "holds more than it says"
    return frames, decoder.bad_frames, decoder.oversized_frames, decoder.unknown_frames


def read_plainly(stream: bytes) -> Found:
    """Return what a decoder that has the whole stream at once finds, byte by byte."""
    frames: list[tuple[int, bytes]] = []
    bad = oversized = unknown = 0
    for framed in stream.split(b"\xc0")[:-1]:
        content = unescaped(framed)
        if len(framed) > 2 * (MAX_BYTES + 3):
            oversized += 1
        elif content is None:
            bad += 1
        elif not content:
            continue
        elif content[0] not in (COAP, LOG):
            unknown += 1
        elif len(content) > MAX_BYTES + (3 if content[0] == COAP else 1):
            oversized += 1
        elif content[0] == LOG:
            frames.append((LOG, content[1:]))
        elif len(content) < 3 or crc16_x25(content[:-2]) != int.from_bytes(content[-2:], "little"):
            bad += 1
        else:
            frames.append((COAP, content[1:-2]))
    return frames, bad, oversized, unknown


def unescaped(framed: bytes) -> bytes | None:
    """Return what was framed, None if an escape is none."""
    content = bytearray()
    rest = iter(framed)
    for byte in rest:
        if byte == 0xDB:
            escaped = {0xDC: 0xC0, 0xDD: 0xDB}.get(next(rest, 0))
            if escaped is None:
                return None
            byte = escaped
        content.append(byte)
    return bytes(content)


def crc16_x25(data: bytes) -> int:
    """Return the FCS-16 of RFC 1662, bit by bit."""
    check = 0xFFFF
    for byte in data:
        check ^= byte
        for _ in range(8):
            check = check >> 1 ^ (0x8408 if check & 1 else 0)
    return check ^ 0xFFFF


def seeds() -> list[bytes]:
    """Return a session's messages, log lines and noise."""
    messages = [part[:MAX_BYTES] for part in session()]
    parts = b"".join(bytes((MESSAGE,)) + chunk(part) for part in messages[:4])
    line = bytes((LINE,)) + chunk(b"pairing is open")
    noise = bytes((RAW,)) + chunk(b"\x00boot\xc0\xa9\xdb\xdc\xdb\xdd\xc0\xdb\xc0\x55\xc0")
    long = bytes((MESSAGE,)) + chunk(bytes(MAX_BYTES + 1)) + bytes((RAW,)) + chunk(b"\xa9" * 90)
    return [chunk(b"\x00") + parts, chunk(b"\x03\x0a") + noise + line + parts, b"\x00" + long]
