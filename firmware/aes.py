"""AES for the core from MicroPython's `cryptolib`."""

import cryptolib

from gateway.const import const

_MODE_ECB = const(1)
_MODE_CBC = const(2)


class AES:
    """AES under one key, of whole blocks of 16 bytes, in place.

    A cipher is made for each message: expanding a key takes a microsecond, keeping it expanded 300
    bytes of heap, and every context has two.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encrypt_ecb(self, blocks: bytearray) -> None:
        cryptolib.aes(self._key, _MODE_ECB).encrypt(blocks, blocks)

    def encrypt_cbc(self, iv: bytes, blocks: bytearray) -> None:
        cryptolib.aes(self._key, _MODE_CBC, iv).encrypt(blocks, blocks)
