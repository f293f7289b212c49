"""What a client does to messages: protects requests and unprotects responses.

The board is only ever a server; tests and tools are the clients. `gateway.oscore.protection` tells
what is sealed and what travels around it.

A response that brings a Partial IV must bring a higher one than any response to the same request
before it; one without counts as lower than all others. So each is taken once, and no notification
after a newer one (RFC 8613 section 7.4.1).
"""

from gateway.errors import AuthenticationError, ReplayError
from gateway.oscore.ccm import open_, seal
from gateway.oscore.option import decode, encode
from gateway.oscore.protection import decode_inner, encode_inner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.coap.message import Options
    from gateway.oscore.context import Context


class SentRequest:
    """What a client needs to unprotect the responses to its request."""

    def __init__(self, associated_data: bytes, nonce: bytes) -> None:
        self.associated_data = associated_data
        self.nonce = nonce
        self.next_number = -1  # The lowest a response may have; -1 is for one without Partial IV.


def protect_request(
    context: "Context", code: int, options: "Options", payload: bytes
) -> "tuple[bytes, bytes, SentRequest]":
    """Return (OSCORE option value, ciphertext, request) of a request.

    Raises:
        NonceError: there is no number of our own to be had.
        EncodeError: options or a payload that do not fit a CoAP message.
    """
    plaintext = encode_inner(code, options, payload)
    client = context.sender
    piv = context.sender_sequence.next_piv()
    nonce = client.nonce(int.from_bytes(piv, "big"))
    associated_data = client.associated_data(piv)
    ciphertext = seal(client.cipher, nonce, associated_data, plaintext)
    value = encode(piv, context.id_context, client.id)
    return value, ciphertext, SentRequest(associated_data, nonce)


def unprotect_response(
    context: "Context", request: SentRequest, option_value: bytes, ciphertext: bytes
) -> "tuple[int, Options, bytes]":
    """Return (code, options, payload) of a response to `request`.

    Raises:
        DecodeError: an option value, or authentic bytes, that are not what their format says.
        ReplayError: a response that was taken before, or is older than one that was.
        AuthenticationError: the tag does not verify, or the kid is not the server's.
    """
    server = context.recipient
    piv, _, kid = decode(option_value)
    if kid is not None and kid != server.id:
        raise AuthenticationError("response from another party")
    if piv is None:
        number = -1
        nonce = request.nonce
    else:
        number = int.from_bytes(piv, "big")
        nonce = server.nonce(number)
    if number < request.next_number:
        raise ReplayError("response is older than one taken")
    plaintext = open_(server.cipher, nonce, request.associated_data, ciphertext)
    request.next_number = number + 1
    return decode_inner(plaintext)
