"""What the gateway sends, read: receipts, signals, keys."""

import math
import struct

import cbor2
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from carport.client.keys import KeyExchange
from carport.client.principals import Grant, cut_name
from carport.client.receipt import Frame, decode_receipt
from carport.client.signals import Signal, decode_signals, shortest
from carport.errors import CarportError

FRAME = {"bus": "body", "id": 0x3A0, "data": b"\x01\x02", "at_ms": 120}
RECEIPT = {
    "id": 7,
    "command": "unlock",
    "state": "confirmed",
    "by": "anna",
    "elapsed_ms": 130,
    "at_ms": {"accepted": 0, "sent": 4, "confirmed": 130},
    "evidence": ["bus silent", FRAME],
}


def test_a_receipt_is_read_with_its_evidence() -> None:
    receipt = decode_receipt(cbor2.dumps(RECEIPT))

    assert (receipt.id, receipt.command, receipt.state, receipt.by) == (
        7,
        "unlock",
        "confirmed",
        "anna",
    )
    assert receipt.evidence == ("bus silent", Frame("body", 0x3A0, b"\x01\x02", 120))
    assert receipt.frames == [Frame("body", 0x3A0, b"\x01\x02", 120)]


def test_a_receipt_as_json_has_data_in_hexadecimal_and_a_reason_always() -> None:
    fields = decode_receipt(cbor2.dumps({**RECEIPT, "arguments": {"on": True}})).as_json()

    assert fields["evidence"] == ["bus silent", {**FRAME, "data": "0102"}]
    assert fields["reason"] is None
    assert fields["arguments"] == {"on": True}


@pytest.mark.parametrize("payload", [b"", b"\xff", cbor2.dumps([]), cbor2.dumps({"id": 1})])
def test_what_is_no_receipt_is_said_to_be_none(payload: bytes) -> None:
    with pytest.raises(CarportError, match="receipt cannot be read"):
        decode_receipt(payload)


def test_signals_are_read_with_base_name_unit_and_age() -> None:
    pack = [
        {-2: "Vehicle.", 0: "Speed", 1: "km/h", 2: 12.5, 6: -0.25},
        {0: "Cabin.HVAC.IsOn", 4: False, 6: -2},
        {0: "LowVoltageSystemState", 3: "OFF", 6: 0},
    ]

    assert decode_signals(cbor2.dumps(pack)) == {
        "Vehicle.Speed": Signal(12.5, 250, "km/h"),
        "Vehicle.Cabin.HVAC.IsOn": Signal(False, 2000),
        "Vehicle.LowVoltageSystemState": Signal("OFF", 0),
    }


@given(st.floats(width=32))
def test_a_number_of_the_board_is_told_in_few_digits(value: float) -> None:
    told = shortest(value)

    assert struct.pack(">f", told) == struct.pack(">f", value)
    assert math.isnan(value) or len(repr(told)) <= len(repr(value))


@pytest.mark.parametrize("value", [18.7, 21.5, 0.1, -40.0, 12345.6])
def test_a_number_comes_as_the_car_knows_it(value: float) -> None:
    (single,) = struct.unpack(">f", struct.pack(">f", value))

    assert shortest(single) == value


def test_a_number_of_more_digits_keeps_them() -> None:
    assert shortest(52.37403123) == 52.37403123
    assert shortest(1e300) == 1e300


@pytest.mark.parametrize("pack", [7, [7], [{0: "Speed", 6: 0}], [{0: "Speed", 2: 1.0}]])
def test_what_are_no_signals_is_said_to_be_none(pack: object) -> None:
    with pytest.raises(CarportError, match="signals cannot be read"):
        decode_signals(cbor2.dumps(pack))


def test_a_key_comes_of_both_sides_randomness() -> None:
    exchange = KeyExchange("pair", {"name": "anna"})
    asked = cbor2.loads(exchange.payload)
    answer = {"random": bytes(32), "sender_id": b"\x03", "recipient_id": b"\0", "gateway": "leaf"}

    key = exchange.finish(cbor2.dumps(answer))

    expected = HKDF(SHA256(), 16, None, b"carport pair").derive(asked["random"] + bytes(32))
    assert (key.secret, key.sender_id, key.recipient_id) == (expected, b"\x03", b"\0")
    assert expected.hex() not in repr(key)
    assert repr(expected) not in repr(key)


def test_two_exchanges_never_ask_the_same() -> None:
    assert KeyExchange("enrol").payload != KeyExchange("enrol").payload


def test_a_name_is_cut_to_what_fits_at_a_character() -> None:
    assert cut_name("ü" * 20 + "x") == "ü" * 16
    assert Grant(name="ü" * 20, role="driver").as_fields()["name"] == "ü" * 16


@pytest.mark.parametrize(
    "change", [{"random": bytes(31)}, {"random": 1}, {"sender_id": b""}, {"gateway": None}]
)
def test_a_bad_answer_makes_no_key(change: dict[str, object]) -> None:
    answer = {"random": bytes(32), "sender_id": b"\x03", "recipient_id": b"\0", "gateway": "leaf"}
    fields = {name: value for name, value in (answer | change).items() if value is not None}

    with pytest.raises(CarportError, match="key cannot be read"):
        KeyExchange("pair", {"name": "anna"}).finish(cbor2.dumps(fields))
