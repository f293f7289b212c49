"""Properties of the codecs, each example on both interpreters and beside cbor2 or aiocoap."""

from itertools import pairwise
from typing import Any

import aiocoap
import cbor2
from aiocoap.numbers.optionnumbers import OptionNumber
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from gateway import cbor, slipmux
from gateway.coap import block, link_format
from gateway.errors import DecodeError, EncodeError
from gateway.slipmux import COAP, LOG
from tests.differential.values import dumps
from tests.vm import Both

CBOR = "gateway.cbor"
CODECS = "tests.differential.codecs"
MESSAGE = "gateway.coap.message"
BLOCK = "gateway.coap.block"
LINK_FORMAT = "gateway.coap.link_format"

quick = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def same(left: object, right: object) -> bool:
    """Equal in type as well, and a NaN equal to itself."""
    return dumps(left) == dumps(right)


# ---- CBOR

integers = st.integers(-(2**64), 2**64 - 1)
floats = st.floats() | st.floats(width=32) | st.floats(width=16)
scalars = integers | floats | st.booleans() | st.none() | st.binary() | st.text()
key_kinds = (integers | st.text(max_size=30), integers | st.binary(max_size=30))


def maps(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[Any, Any]]:
    """Maps whose keys are not both bytes and str: MicroPython compares these, but warns of it."""
    return st.one_of([st.dictionaries(keys, inner, max_size=30) for keys in key_kinds])


values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=30) | maps(inner), max_leaves=40
)


def levels_of(value: object) -> int:
    """How many lists and dicts are nested in value."""
    if isinstance(value, dict):
        return 1 + max(map(levels_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(levels_of, value), default=0)
    return 0


@given(values)
@quick
def test_cbor_decode_of_encode_is_the_identity(both: Both, value: object) -> None:
    assume(levels_of(value) <= cbor.MAX_NESTING)
    data = both(CBOR, "encode", value)
    assert same(both(CBOR, "decode", data), value)


@given(values)
@quick
def test_cbor2_and_carport_read_each_other(both: Both, value: object) -> None:
    assume(levels_of(value) <= cbor.MAX_NESTING)
    assert same(cbor2.loads(both(CBOR, "encode", value)), value)
    assert same(both(CBOR, "decode", cbor2.dumps(value)), value)


@given(scalars | st.lists(scalars))
@quick
def test_cbor_without_maps_is_canonical_as_cbor2_has_it(both: Both, value: object) -> None:
    assert both(CBOR, "encode", value) == cbor2.dumps(value, canonical=True)


@given(maps(st.none()))
@quick
def test_cbor_map_keys_are_in_bytewise_order(both: Both, value: dict[Any, None]) -> None:
    encoded = sorted(cbor2.dumps(key, canonical=True) for key in value)
    body = b"".join(key + b"\xf6" for key in encoded)
    assert both(CBOR, "encode", value) == both(CODECS, "cbor_head", 5, len(value)) + body


def decode_cbor_as_cbor2_does(both: Both, data: bytes) -> None:
    try:
        value = both(CBOR, "decode", data)
    except DecodeError:
        return
    assert same(cbor2.loads(data), value)


@given(st.binary(max_size=100))
@quick
def test_cbor_of_any_bytes_is_a_value_or_a_decode_error(both: Both, data: bytes) -> None:
    decode_cbor_as_cbor2_does(both, data)


@given(values, st.data())
@quick
def test_cbor_with_a_byte_changed(both: Both, value: object, data: st.DataObject) -> None:
    """Garbled items reach further into the decoder than bytes at random."""
    garbled = bytearray(cbor2.dumps(value))
    position = data.draw(st.integers(0, len(garbled) - 1))
    garbled[position] = data.draw(st.integers(0, 255))
    decode_cbor_as_cbor2_does(both, bytes(garbled))


@given(st.text(st.characters(), max_size=10) | st.integers() | st.dictionaries(scalars, integers))
@quick
def test_cbor_encodes_or_raises_an_encode_error(both: Both, value: object) -> None:
    """With lone surrogates, integers of any size and keys of any type."""
    try:
        data = both(CBOR, "encode", value)
    except EncodeError:
        return
    assert same(both(CBOR, "decode", data), value)


# ---- CoAP

Fields = tuple[int, int, int, bytes, list[tuple[int, bytes]], bytes]

tokens = st.binary(max_size=8)
payloads = st.binary(max_size=300)
options = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=300)), max_size=8).map(
    lambda pairs: sorted(pairs, key=lambda pair: pair[0])
)
message_ids = st.integers(0, 0xFFFF)
types = st.integers(0, 3)
messages: st.SearchStrategy[Fields] = st.one_of(
    st.tuples(types, st.integers(1, 255), message_ids, tokens, options, payloads),
    st.tuples(types, st.just(0), message_ids, st.just(b""), st.just([]), st.just(b"")),
)

# aiocoap gives other options a type of its own, and rewrites their values.
opaque_options = st.sampled_from([1, 4, 252, 292, 2049, 40000, 65000])
aiocoap_codes = st.sampled_from([code for code in aiocoap.Code if 0 < code < 192])


@given(messages)
@quick
def test_coap_decode_of_encode_is_the_identity(both: Both, fields: Fields) -> None:
    data = both(CODECS, "encode_message", *fields)
    assert both(CODECS, "decode_message", data) == fields


@given(
    st.sampled_from(list(aiocoap.Type)),
    aiocoap_codes,
    message_ids,
    tokens,
    st.lists(st.tuples(opaque_options, st.binary(max_size=300)), max_size=6),
    payloads,
)
@quick
def test_aiocoap_encodes_and_decodes_the_same(
    both: Both,
    type: aiocoap.Type,
    code: aiocoap.Code,
    message_id: int,
    token: bytes,
    pairs: list[tuple[int, bytes]],
    payload: bytes,
) -> None:
    theirs = aiocoap.Message(code=code, payload=payload)
    theirs.mtype, theirs.mid, theirs.token = type, message_id, token
    for number, value in pairs:
        theirs.opt.add_option(OptionNumber(number).create_option(decode=value))
    pairs.sort(key=lambda pair: pair[0])
    fields = (int(type), int(code), message_id, token, pairs, payload)
    assert both(CODECS, "encode_message", *fields) == theirs.encode()
    assert both(CODECS, "decode_message", theirs.encode()) == fields


@given(st.sampled_from([b"", b"\x42\x01\x00\x01"]), st.binary(max_size=60))
@quick
def test_coap_of_any_bytes_is_a_message_or_a_decode_error(
    both: Both, start: bytes, data: bytes
) -> None:
    try:
        fields = both(CODECS, "decode_message", start + data)
    except DecodeError:
        return
    assert both(CODECS, "decode_message", both(CODECS, "encode_message", *fields)) == fields


@given(messages, st.data())
@quick
def test_coap_with_a_byte_changed(both: Both, fields: Fields, data: st.DataObject) -> None:
    garbled = bytearray(both(CODECS, "encode_message", *fields))
    position = data.draw(st.integers(0, min(40, len(garbled)) - 1))
    garbled[position] = data.draw(st.integers(0, 255))
    assert both(CODECS, "undecodable", "message", [bytes(garbled)]) in ([], [0])


@given(st.integers(0, 2**32 - 1))
@quick
def test_coap_unsigned_option_values(both: Both, n: int) -> None:
    value = both(MESSAGE, "encode_uint", n)
    assert not value.startswith(b"\x00")
    assert both(MESSAGE, "decode_uint", value) == n


@given(st.binary(max_size=6))
@quick
def test_block_values(both: Both, value: bytes) -> None:
    try:
        num, more, szx = both(BLOCK, "decode", value)
    except DecodeError:
        assert len(value) > 3 or value[-1] & 7 == 7
        return
    assert both(BLOCK, "encode", num, more, szx) == value.lstrip(b"\x00")


@given(st.binary(max_size=400), st.integers(0, 6))
@quick
def test_blocks_put_together_are_the_payload(both: Both, payload: bytes, szx: int) -> None:
    size = 16 << szx
    count = max(1, -(-len(payload) // size))
    cuts = [block.cut(payload, num, szx) for num in range(count)]
    assert [both(BLOCK, "cut", payload, num, szx) for num in range(count)] == cuts
    assert b"".join(data for data, _ in cuts) == payload
    assert [more for _, more in cuts] == [True] * (count - 1) + [False]


names = st.sampled_from(["rt", "if", "ct", "title", "sz", "obs"])
texts = st.text("ab. */", max_size=6)
resources = st.lists(
    st.tuples(texts, st.lists(st.tuples(names, texts | st.integers(0, 300) | st.none()))),
    max_size=4,
)


@given(resources, names | st.just("href"), st.text("ab.", max_size=3))
@example([("/a", [("rt", "a b")])], "rt", "b")
@quick
def test_a_query_with_a_star_selects_at_least_what_it_does_without(
    both: Both, links: list[Any], name: str, wanted: str
) -> None:
    exact = both(LINK_FORMAT, "select", links, f"{name}={wanted}")
    wider = both(LINK_FORMAT, "select", links, f"{name}={wanted}*")
    assert all(link in wider for link in exact)
    assert all(link in links for link in wider)
    assert both(LINK_FORMAT, "encode", links) == link_format.encode(links)


# ---- slipmux

frames = st.lists(
    st.tuples(st.just(COAP), st.binary(max_size=64))
    | st.tuples(st.just(LOG), st.text(max_size=16).map(str.encode)),
    max_size=6,
)


def stream_of(sent: list[tuple[int, bytes]]) -> bytes:
    return b"".join(
        slipmux.encode_coap(content) if kind == COAP else slipmux.encode_log(content.decode())
        for kind, content in sent
    )


def cut_at(stream: bytes, positions: list[int]) -> list[bytes]:
    borders = [0, *sorted(position % (len(stream) + 1) for position in positions), len(stream)]
    return [stream[a:b] for a, b in pairwise(borders)]


@given(frames, st.lists(st.integers(0, 1000), max_size=10))
@quick
def test_slipmux_frames_survive_any_chunking(
    both: Both, sent: list[tuple[int, bytes]], positions: list[int]
) -> None:
    chunks = cut_at(stream_of(sent), positions)
    assert both(CODECS, "slipmux_stream", chunks, 64) == (sent, 0, 0, 0)


@given(st.binary(max_size=300), st.lists(st.integers(0, 1000), max_size=10), frames)
@quick
def test_slipmux_resynchronises_after_anything(
    both: Both, noise: bytes, positions: list[int], sent: list[tuple[int, bytes]]
) -> None:
    """What the noise itself holds is the same however it is cut, and nothing of it stays."""
    chunks = cut_at(noise + b"\xc0" + stream_of(sent), positions)
    found, *counts = both(CODECS, "slipmux_stream", chunks, 64)
    in_noise, *counts_in_noise = both(CODECS, "slipmux_stream", [noise + b"\xc0"], 64)
    assert found == in_noise + sent
    assert counts == counts_in_noise
