"""A backup: a dormant credential, sealed under a passphrase, as a JSON file.

    {"carport": "backup", "version": 1,
     "gateway": what its owner calls it, "owner": whose backup it is, "made": unix seconds,
     "kdf": {"name": "scrypt", "n": 131072, "r": 8, "p": 1, "salt": 16 bytes in hex},
     "cipher": "ChaCha20-Poly1305", "nonce": 12 bytes in hex, "sealed": hex}

The passphrase is UTF-8 in Unicode's form NFKC; scrypt makes the cipher's 32-byte key of it. The
additional authenticated data is all of the above but "sealed", as JSON with sorted keys and
without spaces. dormant.py has what is sealed.

Source: RFC 7914 (scrypt), RFC 8439 (ChaCha20-Poly1305).
"""

import json
import os
import time
import unicodedata
from dataclasses import dataclass
from typing import Any

from carport.client.dormant import Dormant, decode_dormant
from carport.errors import NotAuthorisedError, UsageError

MIN_PASSPHRASE_CHARACTERS = 12
MIN_DIFFERENT_CHARACTERS = 6

_N = 2**17
_R = 8
_P = 1
_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32

# What a file may ask of this machine: 128 * n * r bytes, p times the work.
_LARGEST_N = 2**18
_LARGEST_P = 4
_LARGEST_FILE_BYTES = 65536


@dataclass(frozen=True)
class SealedBackup:
    """A backup that was read, and not yet opened; header is all of it but what is sealed."""

    header: dict[str, Any]
    sealed: bytes

    def open(self, passphrase: str) -> Dormant:
        """Return the credential.

        Raises:
            NotAuthorisedError: the passphrase is wrong, or the file was changed.
            UsageError: what was sealed is no credential.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        key = _derive(passphrase, self.header["kdf"])
        nonce = bytes.fromhex(self.header["nonce"])
        try:
            data = ChaCha20Poly1305(key).decrypt(nonce, self.sealed, _authenticated(self.header))
        except InvalidTag as error:
            raise NotAuthorisedError(
                "this passphrase does not open the backup: try again, or take another backup"
            ) from error
        try:
            return decode_dormant(data)
        except ValueError as error:
            raise _unreadable() from error


def weakness(passphrase: str) -> str | None:
    """Return why a passphrase is too weak for a file that anybody may find, or None."""
    if len(passphrase) < MIN_PASSPHRASE_CHARACTERS:
        return f"it has fewer than {MIN_PASSPHRASE_CHARACTERS} characters"
    if len(set(passphrase)) < MIN_DIFFERENT_CHARACTERS:
        return f"it has fewer than {MIN_DIFFERENT_CHARACTERS} different characters"
    return None


def seal_backup(dormant: Dormant, passphrase: str) -> str:
    """Return the file's text; the passphrase is strong enough."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    nonce = os.urandom(_NONCE_BYTES)
    kdf = {"name": "scrypt", "n": _N, "r": _R, "p": _P, "salt": os.urandom(_SALT_BYTES).hex()}
    header: dict[str, Any] = {
        "carport": "backup",
        "version": 1,
        "gateway": dormant.gateway,
        "owner": dormant.grant.name,
        "made": int(time.time()),
        "kdf": kdf,
        "cipher": "ChaCha20-Poly1305",
        "nonce": nonce.hex(),
    }
    cipher = ChaCha20Poly1305(_derive(passphrase, kdf))
    sealed = cipher.encrypt(nonce, dormant.encode(), _authenticated(header))
    return json.dumps({**header, "sealed": sealed.hex()}, indent=1, ensure_ascii=False) + "\n"


def read_backup(data: bytes) -> SealedBackup:
    """Return the backup in a file, unopened.

    Raises:
        UsageError: it is none, or asks more of this machine than any backup of ours.
    """
    try:
        if len(data) > _LARGEST_FILE_BYTES:
            raise ValueError("too large")
        header = json.loads(data)
        sealed = bytes.fromhex(header.pop("sealed"))
        expected = ("backup", 1, "ChaCha20-Poly1305", "scrypt")
        kdf = header["kdf"]
        if (header["carport"], header["version"], header["cipher"], kdf["name"]) != expected:
            raise ValueError("another kind of file")
        sizes = [type(kdf[name]) is int for name in ("n", "r", "p")]
        is_bounded = (
            all(sizes)
            and _N <= kdf["n"] <= _LARGEST_N
            and kdf["n"].bit_count() == 1
            and kdf["r"] == _R
            and _P <= kdf["p"] <= _LARGEST_P
        )
        salt, nonce = bytes.fromhex(kdf["salt"]), bytes.fromhex(header["nonce"])
        if not is_bounded or len(salt) != _SALT_BYTES or len(nonce) != _NONCE_BYTES:
            raise ValueError("parameters that no backup has")
        return SealedBackup(header, sealed)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _unreadable() from error


def _derive(passphrase: str, kdf: dict[str, Any]) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    salt = bytes.fromhex(kdf["salt"])
    scrypt = Scrypt(salt=salt, length=_KEY_BYTES, n=kdf["n"], r=kdf["r"], p=kdf["p"])
    return scrypt.derive(unicodedata.normalize("NFKC", passphrase).encode())


def _authenticated(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _unreadable() -> UsageError:
    return UsageError("this is no backup, or it is damaged: take the file as it was written")
