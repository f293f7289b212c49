"""Security contexts: their associated data as they age, and what they refuse and hide."""

import cbor2
import pytest

from gateway.errors import EncodeError
from tests.vm import Both

MODULE = "tests.differential.oscore"
SECRET = bytes(range(0x60, 0x70))
SALT = bytes(range(0x30, 0x38))


@pytest.mark.parametrize("sender_id", [b"", b"\x01", bytes(range(1, 8))])
def test_associated_data_for_every_length_of_piv(sender_id: bytes, both: Both) -> None:
    pivs = [bytes([7] * size) for size in (1, 2, 1, 3, 4, 5, 2)]
    data = both(MODULE, "associated_data", (SECRET, SALT, sender_id, b"\xee", None), pivs)
    expected = []
    for piv in pivs:
        external = cbor2.dumps([1, [10], sender_id, piv, b""])
        structure = cbor2.dumps(["Encrypt0", b"", external])
        unpadded = len(structure).to_bytes(2, "big") + structure
        expected.append(unpadded + bytes(-len(unpadded) % 16))
    assert data == expected


@pytest.mark.parametrize(
    ("sender_id", "recipient_id", "id_context"),
    [
        (b"", b"", None),
        (b"\x01", b"\x01", None),
        (bytes(8), b"\x01", None),
        (b"\x01", bytes(8), None),
        (b"\x01", b"\x02", bytes(256)),
    ],
)
def test_refused(
    sender_id: bytes, recipient_id: bytes, id_context: bytes | None, both: Both
) -> None:
    with pytest.raises(EncodeError):
        both(MODULE, "derived", (SECRET, SALT, sender_id, recipient_id, id_context))


@pytest.mark.parametrize("id_context", [None, b"", b"\xaa", bytes(255)])
def test_longest_ids(id_context: bytes | None, both: Both) -> None:
    derived = both(MODULE, "derived", (SECRET, SALT, bytes(7), bytes(6) + b"\x01", id_context))
    assert isinstance(derived, dict)
    assert derived["sender_key"] != derived["recipient_key"]
    assert derived["sender_nonce"] != derived["recipient_nonce"]


@pytest.mark.parametrize(("id_context", "shown"), [(None, "None"), (b"", ""), (b"\xab", "ab")])
def test_repr_shows_no_secret(id_context: bytes | None, shown: str, both: Both) -> None:
    text = both(MODULE, "shown", (SECRET, SALT, b"\x01", b"\x02", id_context))
    assert text == f"Context(sender_id=01, recipient_id=02, id_context={shown}, keys=[redacted])"
