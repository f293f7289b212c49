"""A security context: the keys that two parties derive from one master secret.

Each party has an id, and from it a key of its own and its own nonces, so the two never seal with
the same key and nonce. A context keeps no secret but those keys, and prints none.

The nonce of a message is the common IV, XORed with

     <- 1 byte -> <--- 7 bytes ---> <------ 5 bytes ------>
    +------------+-----------------+-----------------------+
    | size of id | 0 ... 0 | id    | 0 ... 0 | Partial IV  |
    +------------+-----------------+-----------------------+

where id is the id of the party that chose the Partial IV.

Source: RFC 8613 sections 3, 5.2 and 5.4, with AES-CCM-16-64-128 and HKDF-SHA-256.
"""

from binascii import hexlify

from gateway.cbor import encode
from gateway.const import const
from gateway.errors import EncodeError
from gateway.oscore.ccm import NONCE_BYTES, encode_associated_data
from gateway.oscore.hkdf import expand, extract

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.oscore.ccm import BlockCipher, BlockCipherFactory
    from gateway.oscore.replay_window import ReplayWindow
    from gateway.oscore.sender_sequence import SenderSequence

MAX_ID_BYTES = 7
MAX_ID_CONTEXT_BYTES = 255

_OSCORE_VERSION = const(1)
_AES_CCM_16_64_128 = const(10)
_KEY_BYTES = const(16)
_PIV_BYTES = const(5)


class Party:
    """One of the two ends of a context: its id, its cipher, its nonces, its requests' data."""

    def __init__(self, party_id: bytes, cipher: "BlockCipher", common_iv: bytes) -> None:
        self.id = party_id
        self.cipher = cipher
        padded_id = bytes((len(party_id),)) + bytes(MAX_ID_BYTES - len(party_id)) + party_id
        base = int.from_bytes(padded_id + bytes(_PIV_BYTES), "big")
        base ^= int.from_bytes(common_iv, "big")
        nonce = base.to_bytes(NONCE_BYTES, "big")
        self._nonce_head = nonce[:-_PIV_BYTES]
        self._nonce_tail = int.from_bytes(nonce[-_PIV_BYTES:], "big")
        self._prepared_piv_bytes = 0
        self._before_piv = b""
        self._after_piv = b""

    def nonce(self, sequence: int) -> bytes:
        """Return the nonce of a message whose Partial IV is `sequence`, chosen by this party."""
        return self._nonce_head + (self._nonce_tail ^ sequence).to_bytes(_PIV_BYTES, "big")

    def associated_data(self, piv: bytes) -> bytes:
        """Return what is authenticated with this party's request `piv` and its responses.

        The form is that of `gateway.oscore.ccm`. All of it but the Partial IV stays the same until
        that grows by a byte.
        """
        if len(piv) != self._prepared_piv_bytes:
            self._prepare(len(piv))
        return self._before_piv + piv + self._after_piv

    def _prepare(self, piv_bytes: int) -> None:
        """Encode the data around a Partial IV of `piv_bytes`, which all but ends the structure."""
        no_options = b""
        external = [_OSCORE_VERSION, [_AES_CCM_16_64_128], self.id, bytes(piv_bytes), no_options]
        structure = encode(["Encrypt0", b"", encode(external)])
        blocks = encode_associated_data(structure)
        end = 2 + len(structure) - len(encode(no_options))
        self._before_piv = blocks[: end - piv_bytes]
        self._after_piv = blocks[end:]
        self._prepared_piv_bytes = piv_bytes


class Context:
    """What one end of a context needs to protect and unprotect messages.

    Args:
        aes: makes a block cipher from a key; see `gateway.oscore.ccm`.
        sender_id: our own id, at most 7 bytes.
        recipient_id: the peer's, another one.
        id_context: at most 255 bytes, or None.
        sender_sequence: our numbers, going on at what storage holds.
        replay_window: the peer's numbers; known only if the context is new.

    Raises:
        EncodeError: ids that are equal or too long, or an id context that is too long.
    """

    def __init__(
        self,
        aes: "BlockCipherFactory",
        master_secret: bytes,
        master_salt: bytes,
        sender_id: bytes,
        recipient_id: bytes,
        id_context: "bytes | None",
        sender_sequence: "SenderSequence",
        replay_window: "ReplayWindow",
    ) -> None:
        if sender_id == recipient_id:
            raise EncodeError("both parties have the same id")
        if max(len(sender_id), len(recipient_id)) > MAX_ID_BYTES:
            raise EncodeError("id of more than 7 bytes")
        if id_context is not None and len(id_context) > MAX_ID_CONTEXT_BYTES:
            raise EncodeError("id context of more than 255 bytes")
        self.id_context = id_context
        self.sender_sequence = sender_sequence
        self.replay_window = replay_window
        secret = extract(master_salt, master_secret)
        common_iv = derive(secret, b"", id_context, "IV", NONCE_BYTES)
        sender_key = derive(secret, sender_id, id_context, "Key", _KEY_BYTES)
        recipient_key = derive(secret, recipient_id, id_context, "Key", _KEY_BYTES)
        self.sender = Party(sender_id, aes(sender_key), common_iv)
        self.recipient = Party(recipient_id, aes(recipient_key), common_iv)

    def __repr__(self) -> str:
        id_context = None if self.id_context is None else hexlify(self.id_context).decode()
        return (
            f"Context(sender_id={hexlify(self.sender.id).decode()}, "
            f"recipient_id={hexlify(self.recipient.id).decode()}, "
            f"id_context={id_context}, keys=[redacted])"
        )


def derive(
    secret: bytes, party_id: bytes, id_context: "bytes | None", kind: str, size_bytes: int
) -> bytes:
    """Return a key (`kind` "Key") or the common IV (`kind` "IV", with no id).

    Args:
        secret: what HKDF extracted from the master secret and salt.

    Source: RFC 8613 section 3.2.1.
    """
    return expand(
        secret, encode([party_id, id_context, _AES_CCM_16_64_128, kind, size_bytes]), size_bytes
    )
