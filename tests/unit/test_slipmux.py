"""Slipmux: frames out, and a stream with noise in it in, on both interpreters."""

import pytest

from gateway import slipmux
from gateway.slipmux import COAP, LOG
from tests.vm import Both, run_script

CODECS = "tests.differential.codecs"
SLIPMUX = "gateway.slipmux"

# An empty GET, its FCS computed bit by bit from RFC 1662's polynomial.
GET = bytes.fromhex("40010000")
GET_FRAME = bytes.fromhex("c0a940010000bc38c0")

Outcome = tuple[list[tuple[int, bytes]], int, int, int]


def bitwise_fcs(data: bytes) -> int:
    """The FCS-16 of RFC 1662, one bit at a time."""
    check = 0xFFFF
    for byte in data:
        check ^= byte
        for _ in range(8):
            check = check >> 1 ^ (0x8408 if check & 1 else 0)
    return check


def frames_of(both: Both, *chunks: bytes, max_bytes: int = 64) -> Outcome:
    """The frames in chunks; the counts of bad, oversized and unknown frames."""
    outcome: Outcome = both(CODECS, "slipmux_stream", list(chunks), max_bytes)
    return outcome


@pytest.mark.parametrize("data", [b"", b"\x00", b"123456789", bytes(range(256)), b"\xff" * 300])
def test_the_fcs_is_rfc1662s(both: Both, data: bytes) -> None:
    check = both(SLIPMUX, "fcs", data)
    assert check == bitwise_fcs(data)
    sent = (check ^ 0xFFFF).to_bytes(2, "little")
    assert both(SLIPMUX, "fcs", data + sent) == 0xF0B8


def test_the_check_value_of_the_fcs(both: Both) -> None:
    """CRC-16/IBM-SDLC of the digits is 906E in every catalogue."""
    check = both(SLIPMUX, "fcs", b"123456789")
    assert check ^ 0xFFFF == 0x906E


def test_a_coap_frame(both: Both) -> None:
    assert both(SLIPMUX, "encode_coap", GET) == GET_FRAME


def test_a_log_frame(both: Both) -> None:
    assert both(SLIPMUX, "encode_log", "Hello \u00fc") == b"\xc0\x0aHello \xc3\xbc\xc0"


def test_ends_and_escapes_are_escaped(both: Both) -> None:
    message = bytes.fromhex("c0dbdcdddbddc0dbc0db")
    encoded = both(SLIPMUX, "encode_coap", message)
    assert encoded[1:-1].count(b"\xc0") == 0
    assert frames_of(both, encoded) == ([(COAP, message)], 0, 0, 0)


@pytest.mark.parametrize("special", [0xC0, 0xDB])
def test_an_fcs_that_needs_escapes(both: Both, special: int) -> None:
    messages = (n.to_bytes(2, "big") for n in range(0x10000))
    message = next(m for m in messages if bitwise_fcs(b"\xa9" + m) & 0xFF == special ^ 0xFF)
    encoded = both(SLIPMUX, "encode_coap", message)
    assert len(encoded) > 7
    assert frames_of(both, encoded) == ([(COAP, message)], 0, 0, 0)


def test_frames_arrive_byte_by_byte(both: Both) -> None:
    stream = slipmux.encode_log("up") + slipmux.encode_coap(b"\xc0\xdb") + GET_FRAME
    chunks = [stream[n : n + 1] for n in range(len(stream))]
    assert frames_of(both, *chunks) == ([(LOG, b"up"), (COAP, b"\xc0\xdb"), (COAP, GET)], 0, 0, 0)


def test_frames_may_share_an_end(both: Both) -> None:
    assert frames_of(both, GET_FRAME + GET_FRAME[1:]) == ([(COAP, GET)] * 2, 0, 0, 0)


def test_empty_frames_are_nothing(both: Both) -> None:
    assert frames_of(both, b"\xc0\xc0", b"\xc0", b"", GET_FRAME) == ([(COAP, GET)], 0, 0, 0)


def test_the_text_of_a_boot_loader_is_skipped(both: Both) -> None:
    noise = b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET)\r\n"
    assert frames_of(both, noise, GET_FRAME) == ([(COAP, GET)], 0, 0, 1)


@pytest.mark.parametrize("position", range(1, len(GET_FRAME) - 1))
@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_flipped_bit_is_noticed(both: Both, position: int, bit: int) -> None:
    garbled = bytearray(GET_FRAME)
    garbled[position] ^= bit
    frames, bad, oversized, unknown = frames_of(both, bytes(garbled), GET_FRAME)
    assert frames == [(COAP, GET)]
    assert bad + unknown >= 1
    assert oversized == 0


@pytest.mark.parametrize("position", range(1, len(GET_FRAME) - 1))
def test_a_lost_byte_is_noticed(both: Both, position: int) -> None:
    garbled = GET_FRAME[:position] + GET_FRAME[position + 1 :]
    frames, bad, oversized, unknown = frames_of(both, garbled, GET_FRAME)
    assert frames == [(COAP, GET)]
    assert (bad + unknown, oversized) == (1, 0)


@pytest.mark.parametrize(
    "content",
    ["a9", "a900", "a94001", "0a41db", "0adb41", "0adbdb", "0adbdbdc", "a94001db"],
)
def test_a_bad_frame_is_counted(both: Both, content: str) -> None:
    garbled = b"\xc0" + bytes.fromhex(content) + b"\xc0"
    assert frames_of(both, garbled, GET_FRAME) == ([(COAP, GET)], 1, 0, 0)


def test_an_unknown_kind_is_counted(both: Both) -> None:
    ipv4 = b"\xc0\x45\x00\x00\x14\xc0"
    assert frames_of(both, ipv4, GET_FRAME) == ([(COAP, GET)], 0, 0, 1)


@pytest.mark.parametrize("fill", [b"a", b"\xc0", b"\xdb"])
def test_the_largest_frame_is_accepted_and_one_more_byte_is_not(both: Both, fill: bytes) -> None:
    for size, expected in ((64, [(COAP, fill * 64), (LOG, b"a" * 64)]), (65, [])):
        frames = slipmux.encode_coap(fill * size) + slipmux.encode_log("a" * size)
        oversized = 0 if expected else 2
        assert frames_of(both, frames, max_bytes=64) == (expected, 0, oversized, 0)


ENDLESS = """
import gc
from gateway.slipmux import Decoder

decoder = Decoder(max_bytes=64)
decoder.feed(b"\\xc0")
chunk = b"\\xa9" * 100
held = 0
gc.collect()
before = gc.mem_alloc()
for n in range(1000):
    decoder.feed(chunk)
    gc.collect()
    held = max(held, gc.mem_alloc() - before)
decoder.feed(b"\\xc0")
print(held, decoder.oversized_frames)
"""


def test_an_endless_frame_takes_bounded_memory() -> None:
    """100 kB without an END: the VM holds no more than twice 64 + 3 bytes, in blocks of 32."""
    held, oversized_frames = map(int, run_script(ENDLESS).split())
    assert held <= 2 * (64 + 3) + 2 * 32
    assert oversized_frames == 1


def test_after_an_endless_frame_the_next_is_read(both: Both) -> None:
    chunks = [b"\xa9" * 100] * 1000
    assert frames_of(both, *chunks, GET_FRAME) == ([(COAP, GET)], 0, 1, 0)
