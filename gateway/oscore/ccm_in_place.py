"""AES-CCM in place, a quarter of a kilobyte at a time: for what is too large to be copied.

It makes what `ccm.seal` makes, and takes the same cipher, nonce and associated data. Encrypting
twice gives the plaintext back, so a buffer can be sealed, stored, and filled further.

Source: RFC 3610, as `gateway.oscore.ccm`.
"""

from gateway.const import const
from gateway.oscore.ccm import TAG_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.oscore.ccm import BlockCipher

_CHUNK_BYTES = const(256)
_ZERO_BLOCK = bytes(16)


def seal(
    cipher: "BlockCipher",
    nonce: bytes,
    associated_data: bytes,
    buffer: bytearray,
    start: int,
    end: int,
) -> None:
    """Encrypt buffer[start:end], and write the tag into the 8 bytes behind it."""
    buffer[end : end + TAG_BYTES] = _tag(cipher, nonce, associated_data, buffer, start, end)
    crypt(cipher, nonce, buffer, start, end)


def open_(
    cipher: "BlockCipher",
    nonce: bytes,
    associated_data: bytes,
    buffer: bytearray,
    start: int,
    end: int,
) -> bool:
    """Decrypt buffer[start:end]; return whether the tag behind it verifies.

    If it does not, what is in the buffer then means nothing.
    """
    crypt(cipher, nonce, buffer, start, end)
    tag = _tag(cipher, nonce, associated_data, buffer, start, end)
    difference = 0
    for i in range(TAG_BYTES):
        difference |= tag[i] ^ buffer[end + i]
    return difference == 0


def crypt(cipher: "BlockCipher", nonce: bytes, buffer: bytearray, start: int, end: int) -> None:
    """Encrypt what is plaintext in buffer[start:end], or decrypt what is ciphertext."""
    block = 1
    while start < end:
        size = min(_CHUNK_BYTES, end - start)
        stream = int.from_bytes(_keystream(cipher, nonce, block, size)[:size], "big")
        number = int.from_bytes(buffer[start : start + size], "big") ^ stream
        buffer[start : start + size] = number.to_bytes(size, "big")
        start += size
        block += _CHUNK_BYTES >> 4


def _tag(
    cipher: "BlockCipher",
    nonce: bytes,
    associated_data: bytes,
    buffer: bytearray,
    start: int,
    end: int,
) -> bytes:
    """Return the tag of the plaintext buffer[start:end]."""
    flags = ((TAG_BYTES - 2) << 2) + 1 + (0x40 if associated_data else 0)
    size = end - start
    blocks = bytearray(bytes((flags,)) + nonce + size.to_bytes(2, "big") + associated_data)
    cipher.encrypt_cbc(_ZERO_BLOCK, blocks)
    mac = bytes(blocks[-16:])
    while start < end:
        blocks = buffer[start : min(start + _CHUNK_BYTES, end)]
        start += len(blocks)
        blocks.extend(bytes(-len(blocks) & 15))
        cipher.encrypt_cbc(mac, blocks)
        mac = bytes(blocks[-16:])
    hiding = _keystream(cipher, nonce, 0, 16)
    return bytes([mac[i] ^ hiding[i] for i in range(TAG_BYTES)])


def _keystream(cipher: "BlockCipher", nonce: bytes, block: int, size: int) -> bytearray:
    """Return what hides `size` bytes from this block of 16 on."""
    blocks = bytearray((b"\x01" + nonce + b"\x00\x00") * (size + 15 >> 4))
    for low in range(15, len(blocks), 16):
        blocks[low] = block & 0xFF
        blocks[low - 1] = block >> 8
        block += 1
    cipher.encrypt_ecb(blocks)
    return blocks
