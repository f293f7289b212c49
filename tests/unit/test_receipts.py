"""A receipt's bytes."""

import pytest

from gateway import cbor
from gateway.vehicle.receipts import REFUSED, Receipt


@pytest.mark.parametrize("reason", ["", "the bus is silent"])
@pytest.mark.parametrize("arguments", [{}, {"celsius": 21.5}])
def test_a_receipt_is_encoded_in_the_order_of_deterministic_cbor(
    reason: str, arguments: dict[str, float]
) -> None:
    receipt = Receipt(b"\x01", 7, bytes(8), "unlock", arguments, "anna", 1000)
    receipt.reach(REFUSED, 1300, reason)
    encoded = receipt.encode()
    decoded = cbor.decode(encoded)
    assert cbor.encode(decoded) == encoded
    assert decoded == {
        "id": 7,
        "command": "unlock",
        "state": "refused",
        "by": "anna",
        "elapsed_ms": 300,
        "at_ms": {"accepted": 0, "refused": 300},
        "evidence": [],
        **({"arguments": arguments} if arguments else {}),
        **({"reason": reason} if reason else {}),
    }
