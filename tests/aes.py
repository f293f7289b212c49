"""AES for the core on CPython, from `cryptography`."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class AES:
    """AES under one key; the data are whole blocks of 16 bytes."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.AES(key)

    def encrypt_ecb(self, data: bytes) -> bytes:
        return self._encrypt(modes.ECB(), data)

    def encrypt_cbc(self, iv: bytes, data: bytes) -> bytes:
        return self._encrypt(modes.CBC(iv), data)

    def _encrypt(self, mode: modes.ECB | modes.CBC, data: bytes) -> bytes:
        encryptor = Cipher(self._algorithm, mode).encryptor()
        return encryptor.update(data) + encryptor.finalize()
