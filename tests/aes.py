"""AES for the core on CPython, from `cryptography`."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class AES:
    """AES under one key, of whole blocks of 16 bytes, in place."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.AES(key)

    def encrypt_ecb(self, blocks: bytearray) -> None:
        self._encrypt(modes.ECB(), blocks)

    def encrypt_cbc(self, iv: bytes, blocks: bytearray) -> None:
        self._encrypt(modes.CBC(iv), blocks)

    def _encrypt(self, mode: modes.ECB | modes.CBC, blocks: bytearray) -> None:
        encryptor = Cipher(self._algorithm, mode).encryptor()
        blocks[:] = encryptor.update(bytes(blocks)) + encryptor.finalize()


class RecordingAES(AES):
    """Notes the nonce of every message; a context's sender key is used for nothing but sealing."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        self.nonces: list[bytes] = []

    def encrypt_ecb(self, blocks: bytearray) -> None:
        self.nonces.append(bytes(blocks[1:14]))
        super().encrypt_ecb(blocks)
