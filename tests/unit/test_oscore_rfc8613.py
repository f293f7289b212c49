"""The test vectors of RFC 8613 Appendix C: both parties, both interpreters."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.coap import message as coap
from gateway.errors import AuthenticationError
from tests.vm import Both

MODULE = "tests.differential.oscore"
URI_HOST = 3
OSCORE = 9

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc8613.json").read_text())
CONTEXTS = {vector["name"]: vector for vector in VECTORS["key_derivation"]}
REQUESTS = {vector["name"]: vector for vector in VECTORS["requests"]}


def of(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "vector", VECTORS[kind], ids=lambda vector: f"rfc8613_{vector['name']}"
    )


def parameters(name: str) -> tuple[bytes | None, ...]:
    """Return the parameters of the context that a section of the RFC names."""
    fields = ("master_secret", "master_salt", "sender_id", "recipient_id", "id_context")
    return tuple(
        None if CONTEXTS[name][field] is None else bytes.fromhex(CONTEXTS[name][field])
        for field in fields
    )


def inner(vector: dict[str, Any]) -> tuple[int, list[tuple[int, bytes]], bytes]:
    """Return the code, the class E options and the payload of a vector's unprotected message."""
    message = coap.decode(bytes.fromhex(vector["unprotected"]))
    return message.code, [o for o in message.options if o[0] != URI_HOST], message.payload


def sealed(vector: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the option value and the ciphertext of a vector's protected message."""
    message = coap.decode(bytes.fromhex(vector["protected"]))
    value = dict(message.options)[OSCORE]
    assert value == bytes.fromhex(vector["option"])
    assert message.payload == bytes.fromhex(vector["ciphertext"])
    return value, message.payload


@of("key_derivation")
def test_key_derivation(vector: dict[str, Any], both: Both) -> None:
    derived = both(MODULE, "derived", parameters(vector["name"]))
    assert isinstance(derived, dict)
    assert {name: value.hex() for name, value in derived.items()} == {
        name: vector[name] for name in derived
    }


@of("requests")
def test_client_protects_request(vector: dict[str, Any], both: Both) -> None:
    context = parameters(vector["client_context"])
    number = vector["sender_sequence_number"]
    assert both(MODULE, "protect_request", context, number, *inner(vector)) == sealed(vector)


@of("requests")
def test_server_unprotects_request(vector: dict[str, Any], both: Both) -> None:
    context = parameters(vector["server_context"])
    assert both(MODULE, "unprotect_request", context, *sealed(vector)) == inner(vector)


@of("requests")
def test_associated_data(vector: dict[str, Any], both: Both) -> None:
    data = bytes.fromhex(vector["aad"])
    blocks = len(data).to_bytes(2, "big") + data
    padded = blocks + bytes(-len(blocks) % 16)
    piv = bytes([vector["sender_sequence_number"]])
    context = parameters(vector["client_context"])
    assert both(MODULE, "associated_data", context, [piv]) == [padded]


@of("responses")
def test_server_protects_response(vector: dict[str, Any], both: Both) -> None:
    context = parameters(vector["server_context"])
    request = sealed(REQUESTS[vector["request"]])
    arguments = context, request, *inner(vector), vector["with_piv"]
    assert both(MODULE, "protect_response", *arguments) == sealed(vector)


@of("responses")
def test_client_unprotects_response(vector: dict[str, Any], both: Both) -> None:
    context = parameters(vector["client_context"])
    number = REQUESTS[vector["request"]]["sender_sequence_number"]
    assert both(MODULE, "unprotect_response", context, number, *sealed(vector)) == inner(vector)


@of("requests")
def test_server_refuses_every_flipped_bit_of_a_request(vector: dict[str, Any], both: Both) -> None:
    arguments = parameters(vector["server_context"]), *sealed(vector)
    assert both(MODULE, "opened_after_a_bit_flip", "unprotect_request", arguments, 1) == 0
    assert both(MODULE, "opened_after_a_bit_flip", "unprotect_request", arguments, 2) == 0


@of("responses")
def test_client_refuses_every_flipped_bit_of_a_response(
    vector: dict[str, Any], both: Both
) -> None:
    number = REQUESTS[vector["request"]]["sender_sequence_number"]
    arguments = parameters(vector["client_context"]), number, *sealed(vector)
    assert both(MODULE, "opened_after_a_bit_flip", "unprotect_response", arguments, 3) == 0
    assert both(MODULE, "opened_after_a_bit_flip", "unprotect_response", arguments, 2) == 0


@of("requests")
def test_wrong_keys_refuse(vector: dict[str, Any], both: Both) -> None:
    """Any bit of the master secret, the salt or the id context decides over the keys."""
    context = parameters(vector["server_context"])
    for place in (0, 1, 4):
        whole = context[place]
        if not whole:
            continue
        changed = bytes([whole[0] ^ 1]) + whole[1:]
        other = (*context[:place], changed, *context[place + 1 :])
        with pytest.raises(AuthenticationError):
            both(MODULE, "unprotect_request", other, *sealed(vector))
