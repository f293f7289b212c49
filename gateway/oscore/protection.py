"""What a server does to messages: unprotects requests and protects responses.

What is sealed is the "inner" message: its code, its class E options and its payload. The functions
take and return just those; options are lists of (number, value), sorted by number. What a proxy
needs travels around it, in the "outer" message, and is the caller's:

    outer code      POST for a request and CHANGED for its response; with Observe FETCH and CONTENT
    outer options   OSCORE, and the class U ones: Uri-Host, Uri-Port, Proxy-Uri, Proxy-Scheme,
                    Hop-Limit; Observe, which is inner as well (in a notification the inner one is
                    empty). Any other that is found outside is to be dropped: nobody vouched for it
    outer payload   the ciphertext

How often a nonce serves:

1. A request has a Partial IV of its own, and so a fresh nonce.
2. A response may borrow the nonce of its request, once: `ProtectedRequest` gives it away and then
   refuses. All others, such as notifications, bring a Partial IV of their own (`with_piv`).
3. A request that came while the replay window was unknown lends no nonce at all: before the reboot
   it may have lent it already. So the Echo challenge brings a Partial IV of its own.

What a server does with a request: decode the option, find the context by kid and kid context, call
`unprotect_request`. It checks the number against the window, decrypts, verifies, and only then
moves the window. While `replay_window.is_known` is false, the request is authentic but may be
an old one: answer 4.01 with an Echo option, or, if it carries a fresh Echo, call
`replay_window.initialize(request.sequence)` and serve it. The errors map to 4.02 Bad Option
(DecodeError), 4.00 Bad Request (AuthenticationError) and 4.01 Unauthorized (ReplayError), all sent
unprotected.

Source: RFC 8613 sections 4, 5.3 and 8; Appendix B.1.2.
"""

from gateway.coap.message import append_body, decode_body
from gateway.errors import DecodeError, NonceError, ReplayError
from gateway.oscore.ccm import open_, seal
from gateway.oscore.option import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.coap.message import Options
    from gateway.oscore.context import Context


class ProtectedRequest:
    """What the responses to a request need of it; kept as long as responses may come.

    Attributes:
        sequence: the request's Partial IV as a number.
        associated_data: what its responses authenticate too, in the form of `gateway.oscore.ccm`.
    """

    def __init__(self, sequence: int, associated_data: bytes, nonce: "bytes | None") -> None:
        self.sequence = sequence
        self.associated_data = associated_data
        self._nonce = nonce

    @property
    def lends_nonce(self) -> bool:
        """Whether a response may still borrow the request's nonce."""
        return self._nonce is not None

    def take_nonce(self) -> bytes:
        """Return the request's nonce, the first time.

        Raises:
            NonceError: it was taken before, or may have been before a reboot.
        """
        nonce = self._nonce
        if nonce is None:
            raise NonceError("the request's nonce is used")
        self._nonce = None
        return nonce


def unprotect_request(
    context: "Context", piv: "bytes | None", ciphertext: bytes
) -> "tuple[int, Options, bytes, ProtectedRequest]":
    """Return (code, options, payload, request) of a request sealed by the context's recipient.

    Args:
        context: found by the kid and the kid context of the OSCORE option.
        piv: from `gateway.oscore.option.decode`.

    Raises:
        DecodeError: no Partial IV; or authentic bytes that are no CoAP message.
        ReplayError: the window is known and the number is not new.
        AuthenticationError: the tag does not verify.
    """
    if piv is None:
        raise DecodeError("request without a Partial IV")
    window = context.replay_window
    is_known = window.is_known
    sequence = int.from_bytes(piv, "big")
    if is_known and not window.is_new(sequence):
        raise ReplayError("request was seen before")
    client = context.recipient
    nonce = client.nonce(sequence)
    associated_data = client.associated_data(piv)
    plaintext = open_(client.cipher, nonce, associated_data, ciphertext)
    if is_known:
        window.accept(sequence)
    code, options, payload = decode_inner(plaintext)
    request = ProtectedRequest(sequence, associated_data, nonce if is_known else None)
    return code, options, payload, request


def protect_response(
    context: "Context",
    request: ProtectedRequest,
    code: int,
    options: "Options",
    payload: bytes,
    with_piv: bool = False,
) -> "tuple[bytes, bytes]":
    """Return (OSCORE option value, ciphertext) of a response to `request`.

    Args:
        with_piv: seal with a new number of our own instead of the request's nonce.

    Raises:
        NonceError: the request lends no nonce, or there is no number of our own to be had.
        EncodeError: options or a payload that do not fit a CoAP message.
    """
    plaintext = encode_inner(code, options, payload)
    server = context.sender
    if with_piv:
        piv = context.sender_sequence.next_piv()
        nonce = server.nonce(int.from_bytes(piv, "big"))
        value = encode(piv, None, None)
    else:
        nonce = request.take_nonce()
        value = b""
    return value, seal(server.cipher, nonce, request.associated_data, plaintext)


def encode_inner(code: int, options: "Options", payload: bytes) -> bytearray:
    """Return the plaintext of a message.

    Raises:
        EncodeError: options or a payload that do not fit a CoAP message.
    """
    plaintext = bytearray(1)
    plaintext[0] = code
    append_body(plaintext, options, payload)
    return plaintext


def decode_inner(plaintext: bytes) -> "tuple[int, Options, bytes]":
    """Return (code, options, payload) of a plaintext.

    Raises:
        DecodeError: no code, or options that are none.
    """
    if not plaintext:
        raise DecodeError("sealed message without a code")
    options, payload = decode_body(plaintext, 1)
    return plaintext[0], options, payload
