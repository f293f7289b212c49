"""OSCORE on the interpreter at hand: contexts are made here, for they cannot cross to the VM.

A context's parameters are (master_secret, master_salt, sender_id, recipient_id, id_context).
"""

import sys

from gateway.errors import AuthenticationError, GatewayError
from gateway.oscore import ccm, client, hkdf, option, protection
from gateway.oscore.context import Context, derive
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence

if sys.implementation.name == "cpython":
    from tests.aes import AES
else:
    from firmware.aes import AES  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.coap.message import Options

    Parameters = tuple[bytes, bytes, bytes, bytes, bytes | None]


def seal(key: bytes, nonce: bytes, data: bytes, plaintext: bytes, tag_bytes: int) -> bytes:
    return ccm.seal(AES(key), nonce, ccm.encode_associated_data(data), plaintext, tag_bytes)


def open_(key: bytes, nonce: bytes, data: bytes, sealed: bytes, tag_bytes: int) -> bytes:
    return ccm.open_(AES(key), nonce, ccm.encode_associated_data(data), sealed, tag_bytes)


def make_context(parameters: "Parameters", sequence: int = 0, is_known: bool = True) -> Context:
    """Return a context whose next number is `sequence`."""
    numbers = SenderSequence(sequence)
    numbers.reserved(sequence + 1024)
    return Context(AES, *parameters, numbers, ReplayWindow(is_known))


def derived(parameters: "Parameters") -> "dict[str, bytes]":
    """Return what a context derives."""
    master_secret, master_salt, sender_id, recipient_id, id_context = parameters
    context = make_context(parameters)
    secret = hkdf.extract(master_salt, master_secret)
    return {
        "sender_key": derive(secret, sender_id, id_context, "Key", 16),
        "recipient_key": derive(secret, recipient_id, id_context, "Key", 16),
        "common_iv": derive(secret, b"", id_context, "IV", 13),
        "sender_nonce": context.sender.nonce(0),
        "recipient_nonce": context.recipient.nonce(0),
    }


def associated_data(parameters: "Parameters", pivs: "list[bytes]") -> "list[bytes]":
    """Return the associated data of requests that the sender numbered with `pivs`, in turn."""
    sender = make_context(parameters).sender
    return [sender.associated_data(piv) for piv in pivs]


def shown(parameters: "Parameters") -> str:
    """Return how a context prints."""
    return repr(make_context(parameters))


def protect_request(
    parameters: "Parameters", sequence: int, code: int, options: "Options", payload: bytes
) -> "tuple[bytes, bytes]":
    """Return the option value and the ciphertext of a client's request."""
    context = make_context(parameters, sequence)
    return client.protect_request(context, code, options, payload)[:2]


def unprotect_request(
    parameters: "Parameters", option_value: bytes, ciphertext: bytes
) -> "tuple[int, Options, bytes]":
    """Return what a new server with this one context makes of a request."""
    piv, kid_context, kid = option.decode(option_value)
    _, _, _, recipient_id, id_context = parameters
    if (kid, kid_context) != (recipient_id, id_context):
        raise AuthenticationError("no such context")
    return protection.unprotect_request(make_context(parameters), piv, ciphertext)[:3]


def protect_response(
    parameters: "Parameters",
    request: "tuple[bytes, bytes]",
    code: int,
    options: "Options",
    payload: bytes,
    with_piv: bool,
) -> "tuple[bytes, bytes]":
    """Return a new server's response to a request's option value and ciphertext."""
    context = make_context(parameters)
    piv = option.decode(request[0])[0]
    received = protection.unprotect_request(context, piv, request[1])[3]
    return protection.protect_response(context, received, code, options, payload, with_piv)


def unprotect_response(
    parameters: "Parameters", sequence: int, option_value: bytes, ciphertext: bytes
) -> "tuple[int, Options, bytes]":
    """Return what a client that sent a request with the number `sequence` makes of a response."""
    context = make_context(parameters, sequence)
    request = client.protect_request(context, 1, [], b"")[2]
    return client.unprotect_response(context, request, option_value, ciphertext)


def opened_after_a_bit_flip(function: str, arguments: "tuple[object, ...]", place: int) -> int:
    """Flip each bit of argument `place` in turn; return how often `function` did not refuse."""
    call = globals()[function]
    data = arguments[place]
    assert isinstance(data, bytes)
    opened = 0
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 0x80 >> (bit & 7)
        try:
            call(*arguments[:place], bytes(flipped), *arguments[place + 1 :])
        except GatewayError:
            continue
        opened += 1
    return opened


def window_verdicts(start: "int | None", sequences: "list[int]") -> "list[bool]":
    """Offer numbers to a window, new or (start) initialized; return which ones were new."""
    window = ReplayWindow(is_known=start is None)
    if start is not None:
        window.initialize(start)
    verdicts = []
    for sequence in sequences:
        is_new = window.is_new(sequence)
        if is_new:
            window.accept(sequence)
        verdicts.append(is_new)
    return verdicts


def numbers_of(limit: int, count: int) -> "tuple[list[bytes], list[int | None]]":
    """Draw `count` numbers from `limit` on, saving when asked; return them and what was asked."""
    numbers = SenderSequence(limit)
    pivs = []
    asked = []
    for _ in range(count):
        reservation = numbers.reservation
        asked.append(reservation)
        if reservation is not None:
            numbers.reserved(reservation)
        pivs.append(numbers.next_piv())
    return pivs, asked
