"""AES for the core from MicroPython's `cryptolib`."""

import cryptolib

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MODE_ECB = const(1)
_MODE_CBC = const(2)


class AES:
    """AES under one key; the data are whole blocks of 16 bytes."""

    encrypt_ecb: "Callable[[bytes], bytes]"

    def __init__(self, key: bytes) -> None:
        self._key = key
        # ECB has no state, so one cipher serves for ever, and its own method saves a call.
        self.encrypt_ecb = cryptolib.aes(key, _MODE_ECB).encrypt

    def encrypt_cbc(self, iv: bytes, data: bytes) -> bytes:
        # A CBC cipher goes on from where its last message ended, so each message needs its own.
        encrypted: bytes = cryptolib.aes(self._key, _MODE_CBC, iv).encrypt(data)
        return encrypted
