"""AES-CCM with a two-byte length field: what seals every OSCORE message.

AES comes from outside as an object with two operations on whole blocks, `encrypt_ecb(blocks)` and
`encrypt_cbc(iv, blocks)`, in place. A message costs one call of each, whatever its length:

    CBC-MAC   over  B0 | associated data | plaintext        its last block is T
              B0 =  flags | nonce (13) | length (2)
    ECB       over  A0 | A1 | ... | An                      gives S0 | S1 | ... | Sn
              Ai =  0x01 | nonce (13) | i (2)
    sealed       =  plaintext ^ (S1 | ... | Sn)  |  T ^ S0

The associated data are passed as `encode_associated_data` lays them out, so that a caller whose
data hardly change can keep them ready.

Source: RFC 3610 sections 2.2 to 2.5, with L = 2. AES-CCM-16-64-128 (RFC 9053 section 4.2) is the
default tag length.
"""

from struct import pack

from gateway.errors import AuthenticationError, EncodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class BlockCipher(Protocol):
        """AES under one key, of whole blocks of 16 bytes, in place."""

        def encrypt_ecb(self, __blocks: bytearray) -> None: ...

        def encrypt_cbc(self, __iv: bytes, __blocks: bytearray) -> None: ...

    Buffer = bytes | bytearray | memoryview
    BlockCipherFactory = Callable[[bytes], BlockCipher]

TAG_BYTES = 8
NONCE_BYTES = 13

_ZERO_BLOCK = bytes(16)


def encode_associated_data(data: bytes) -> bytes:
    """Return `data`, with their length before and zeros behind, as blocks for the CBC-MAC.

    Raises:
        EncodeError: 0xFF00 bytes or more, whose length would need another form.
    """
    size = len(data)
    if size == 0:
        return b""
    if size >= 0xFF00:
        raise EncodeError("associated data too long")
    return size.to_bytes(2, "big") + data + bytes(-(size + 2) & 15)


def seal(
    cipher: "BlockCipher",
    nonce: bytes,
    associated_data: bytes,
    plaintext: "bytes | bytearray",
    tag_bytes: int = TAG_BYTES,
) -> bytes:
    """Return the ciphertext of `plaintext`, followed by the tag.

    Args:
        nonce: 13 bytes, never used before with this key.
        associated_data: from `encode_associated_data`.

    Raises:
        EncodeError: a plaintext of 64 KiB or more.
    """
    tag = _tag(cipher, nonce, associated_data, plaintext, tag_bytes)
    size = len(plaintext)
    stream = _keystream(cipher, nonce, size)
    hidden = int.from_bytes(tag, "big") ^ int.from_bytes(stream[:tag_bytes], "big")
    return _xor(plaintext, stream, size) + hidden.to_bytes(tag_bytes, "big")


def open_(
    cipher: "BlockCipher",
    nonce: bytes,
    associated_data: bytes,
    sealed: bytes,
    tag_bytes: int = TAG_BYTES,
) -> bytes:
    """Return the plaintext of what `seal` made with the same arguments.

    Raises:
        AuthenticationError: the tag does not verify, or there is none.
    """
    size = len(sealed) - tag_bytes
    if size < 0 or size > 0xFFFF:
        raise AuthenticationError("no room for a tag")
    stream = _keystream(cipher, nonce, size)
    plaintext = _xor(memoryview(sealed)[:size], stream, size)
    tag = _tag(cipher, nonce, associated_data, plaintext, tag_bytes)
    # Not `==` on bytes, which stops at the first difference and so tells where it is.
    difference = 0
    for i in range(tag_bytes):
        difference |= tag[i] ^ stream[i] ^ sealed[size + i]
    if difference:
        raise AuthenticationError("tag does not verify")
    return plaintext


def _tag(
    cipher: "BlockCipher",
    nonce: bytes,
    associated_data: bytes,
    plaintext: "bytes | bytearray",
    tag_bytes: int,
) -> bytearray:
    """Return T, the first bytes of the CBC-MAC's last block."""
    size = len(plaintext)
    if size > 0xFFFF:
        raise EncodeError("plaintext too long")
    flags = ((tag_bytes - 2) << 2) + 1
    if associated_data:
        flags |= 0x40
    blocks = bytearray(pack(">B13sH", flags, nonce, size) + associated_data)
    blocks.extend(plaintext)
    blocks.extend(bytes(-size & 15))
    last = len(blocks) - 16
    cipher.encrypt_cbc(_ZERO_BLOCK, blocks)
    return blocks[last : last + tag_bytes]


def _xor(text: "Buffer", stream: bytearray, size: int) -> bytes:
    """Return `size` bytes of text, hidden or shown by what follows S0."""
    stream_number = int.from_bytes(memoryview(stream)[16 : 16 + size], "big")
    return (int.from_bytes(text, "big") ^ stream_number).to_bytes(size, "big")


def _keystream(cipher: "BlockCipher", nonce: bytes, size: int) -> bytearray:
    """Return S0, which hides the tag, and behind it what hides `size` bytes of plaintext."""
    blocks = bytearray((b"\x01" + nonce + b"\x00\x00") * (1 + (size + 15 >> 4)))
    for at in range(31, len(blocks), 16):
        blocks[at] = at >> 4 & 0xFF
    for at in range(16 * 256 + 14, len(blocks), 16):
        blocks[at] = at >> 12
    cipher.encrypt_ecb(blocks)
    return blocks
