"""HKDF against the SHA-256 vectors of RFC 5869, HMAC against the standard library."""

import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import EncodeError
from gateway.oscore import hkdf
from tests.vm import Both

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc5869.json").read_text())
vectors = pytest.mark.parametrize(
    "vector", VECTORS["vectors"], ids=lambda vector: f"rfc5869_{vector['name']}"
)


@vectors
def test_extract(vector: dict[str, Any], both: Both) -> None:
    salt, ikm = bytes.fromhex(vector["salt"]), bytes.fromhex(vector["ikm"])
    assert both("gateway.oscore.hkdf", "extract", salt, ikm) == bytes.fromhex(vector["prk"])


@vectors
def test_expand(vector: dict[str, Any], both: Both) -> None:
    prk, info = bytes.fromhex(vector["prk"]), bytes.fromhex(vector["info"])
    okm = both("gateway.oscore.hkdf", "expand", prk, info, vector["size_bytes"])
    assert okm == bytes.fromhex(vector["okm"])


@pytest.mark.parametrize("key_bytes", [0, 1, 32, 63, 64, 65, 200])
@pytest.mark.parametrize("message_bytes", [0, 1, 64, 100])
def test_hmac_of_any_length(key_bytes: int, message_bytes: int, both: Both) -> None:
    key, message = bytes(range(key_bytes)), bytes(range(message_bytes))
    code = both("gateway.oscore.hkdf", "hmac_sha256", key, message)
    assert code == hmac.digest(key, message, "sha256")


def test_expand_refuses_more_than_255_blocks() -> None:
    assert len(hkdf.expand(bytes(32), b"", 255 * 32)) == 8160
    with pytest.raises(EncodeError):
        hkdf.expand(bytes(32), b"", 255 * 32 + 1)
