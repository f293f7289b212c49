"""An invitation: a dormant credential as a line of text, for a file or a QR code.

    CARPORT1:<base32, without padding, of: 4 bytes of SHA-256 over the rest | the credential>

Upper-case letters and digits only, so that a QR code needs 5.5 bits for each; dormant.py has the
credential, gateway/carport.cddl what stands behind it.
"""

import base64
import binascii
import hashlib
import re

from carport.client.dormant import Dormant, decode_dormant
from carport.errors import UsageError

_PREFIX = "CARPORT1:"
_CHECK_BYTES = 4
_LINE = re.compile(rf"^\s*{_PREFIX}\s*([A-Z2-7\s]+)$", re.MULTILINE | re.IGNORECASE)


def invitation_text(dormant: Dormant) -> str:
    """Return the line that is handed over."""
    data = dormant.encode()
    return _PREFIX + base64.b32encode(_check(data) + data).decode().rstrip("=")


def invitation_file(dormant: Dormant, file_name: str) -> str:
    """Return what stands in the file that is handed over."""
    grant = dormant.grant
    return (
        f"# An invitation to {dormant.gateway} for {grant.name}, as its {grant.role}.\n"
        "# It works once, for whoever comes first: show it to nobody else.\n"
        f"# Use it near the car: carport pair --invitation {file_name}\n"
        f"{invitation_text(dormant)}\n"
    )


def read_invitation(text: str) -> Dormant:
    """Return the credential in the text of a file or a QR code.

    Raises:
        UsageError: there is none in it, or not all of it.
    """
    found = _LINE.search(text)
    if found is None:
        raise UsageError("this is no invitation: it begins with CARPORT1, copy all of it")
    letters = "".join(found[1].split()).upper()
    try:
        data = base64.b32decode(letters + "=" * (-len(letters) % 8))
        check, data = data[:_CHECK_BYTES], data[_CHECK_BYTES:]
        if check != _check(data):
            raise ValueError("a character is wrong, or missing")
        return decode_dormant(data)
    except (binascii.Error, ValueError) as error:
        raise UsageError("this invitation is damaged: copy it anew, all of it") from error


def _check(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_CHECK_BYTES]
