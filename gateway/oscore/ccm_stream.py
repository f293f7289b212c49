"""AES-CCM over a message in pieces, each changed where it is: for what is too large to be copied,
or to lie in one piece.

It makes what `ccm.seal` makes, and takes the same cipher, nonce and associated data. Encrypting
twice gives the plaintext back, so pieces can be sealed, stored, and used again.

Source: RFC 3610, as `gateway.oscore.ccm`.
"""

from gateway.const import const
from gateway.oscore.ccm import TAG_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.oscore.ccm import BlockCipher

    Piece = bytearray | memoryview

_CHUNK_BYTES = const(256)
_ZERO_BLOCK = bytes(16)


class Stream:
    """One message of `size` bytes: its pieces go through it in their order, then comes `tag`."""

    def __init__(
        self, cipher: "BlockCipher", nonce: bytes, associated_data: bytes, size: int
    ) -> None:
        self._cipher = cipher
        self._nonce = nonce
        self._unused = b""  # of the keystream
        self._block = 1
        flags = ((TAG_BYTES - 2) << 2) + 1 + (0x40 if associated_data else 0)
        self._mac = _ZERO_BLOCK
        self._unread = bytearray(bytes((flags,)) + nonce + size.to_bytes(2, "big"))
        self._read(associated_data)

    def encrypt(self, piece: "Piece") -> None:
        """Encrypt the next piece of the plaintext."""
        self._authenticate(piece)
        self.crypt(piece)

    def decrypt(self, piece: "Piece") -> None:
        """Decrypt the next piece of the ciphertext; it means nothing before the tag verifies."""
        self.crypt(piece)
        self._authenticate(piece)

    def crypt(self, piece: "Piece") -> None:
        """Encrypt or decrypt the next piece, of a message whose tag nobody asks for."""
        size = len(piece)
        for at in range(0, size, _CHUNK_BYTES):
            end = min(at + _CHUNK_BYTES, size)
            stream = int.from_bytes(self._keystream(end - at), "big")
            number = int.from_bytes(piece[at:end], "big") ^ stream
            piece[at:end] = number.to_bytes(end - at, "big")

    def tag(self) -> bytes:
        """Return the tag, once all pieces have gone through."""
        self._read(bytes(-len(self._unread) & 15))
        self._block = 0
        self._unused = b""
        hiding = self._keystream(TAG_BYTES)
        return bytes([self._mac[i] ^ hiding[i] for i in range(TAG_BYTES)])

    def verifies(self, tag: bytes) -> bool:
        """Tell whether this is the tag, once all pieces have gone through."""
        own = self.tag()
        difference = len(own) ^ len(tag)
        for i in range(min(len(own), len(tag))):
            difference |= own[i] ^ tag[i]
        return difference == 0

    def _authenticate(self, piece: "Piece") -> None:
        for at in range(0, len(piece), _CHUNK_BYTES):
            self._read(piece[at : at + _CHUNK_BYTES])

    def _read(self, data: "bytes | Piece") -> None:
        """Take plaintext into the CBC-MAC."""
        blocks = self._unread
        blocks.extend(data)
        whole = len(blocks) & ~15
        self._unread = blocks[whole:]
        if whole:
            blocks = blocks[:whole]
            self._cipher.encrypt_cbc(self._mac, blocks)
            self._mac = bytes(blocks[-16:])

    def _keystream(self, size: int) -> bytes:
        """Return what hides the next bytes."""
        stream = self._unused
        missing = size - len(stream)
        if missing > 0:
            blocks = bytearray((b"\x01" + self._nonce + b"\x00\x00") * (missing + 15 >> 4))
            for low in range(15, len(blocks), 16):
                blocks[low] = self._block & 0xFF
                blocks[low - 1] = self._block >> 8
                self._block += 1
            self._cipher.encrypt_ecb(blocks)
            stream += blocks
        self._unused = stream[size:]
        return stream[:size]
