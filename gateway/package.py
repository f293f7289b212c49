"""The head of an update's package: what is in it, and for which board.

    "CPKG" | format (1) | length of the map (2) | map in CBOR | CRC-32 of all that (4) | FF to 512

Behind it is the payload, a ROMFS image. The map is what `carport.cddl` calls package-head.
"""

from binascii import crc32, hexlify

from gateway import cbor
from gateway.errors import DecodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAGIC = b"CPKG"
FORMAT = 1
HEAD_BYTES = 512

_BEFORE_MAP = 7
_CRC_BYTES = 4
_HASH_BYTES = 32
_TYPES = {"version": str, "board": str, "size": int, "sha256": bytes, "mpy": int, "car": str}
_MAY_BE_LEFT_OUT = "car"
_MAX_NAME = 32
_NUMBERS = 3
_MAX_DIGITS = 4


class Head:
    """What a package says of itself.

    Attributes:
        version: of the firmware in it: three numbers.
        board: the name of the board that it is for.
        size: of its payload, in bytes.
        sha256: of its payload.
        mpy: the version of the .mpy files in it.
        car: the name of the profile in it, "" if there is none.
    """

    def __init__(self, fields: "dict[str, Any]") -> None:
        self.version: str = fields["version"]
        self.board: str = fields["board"]
        self.size: int = fields["size"]
        self.sha256: bytes = fields["sha256"]
        self.mpy: int = fields["mpy"]
        self.car: str = fields.get("car", "")

    @property
    def package_bytes(self) -> int:
        """The size of the whole package."""
        return HEAD_BYTES + self.size

    @property
    def name(self) -> str:
        """The package for people: its version, and the beginning of its hash."""
        return f"{self.version} ({hexlify(self.sha256[:4]).decode()})"


def decode(data: "bytes | bytearray") -> Head:
    """Return the head that stands in the first 512 bytes of a package.

    Raises:
        DecodeError: it is damaged, or of another format.
    """
    if len(data) != HEAD_BYTES or data[:4] != MAGIC:
        raise DecodeError("this is no package")
    if data[4] != FORMAT:
        raise DecodeError(f"a package of format {data[4]}, not {FORMAT}")
    end = _BEFORE_MAP + int.from_bytes(data[5:7], "big")
    if end > HEAD_BYTES - _CRC_BYTES or _checksum(data[:end]) != data[end : end + _CRC_BYTES]:
        raise DecodeError("the package is damaged")
    padding = data[end + _CRC_BYTES :]
    if padding != b"\xff" * len(padding):
        raise DecodeError("the package is damaged")
    fields = cbor.decode(data[_BEFORE_MAP:end])
    if type(fields) is not dict:
        raise DecodeError("a package's head is a map")
    for name in _TYPES:
        if type(fields.get(name)) is not _TYPES[name] and (
            name in fields or name != _MAY_BE_LEFT_OUT
        ):
            raise DecodeError(f"a package's {name} is missing, or of another type")
    head = Head(fields)
    if len(fields) > len(_TYPES) or head.size <= 0 or len(head.sha256) != _HASH_BYTES:
        raise DecodeError("a package's head says what cannot be")
    if len(head.board) > _MAX_NAME or len(head.car) > _MAX_NAME:
        raise DecodeError("a name in a package's head is too long")
    numbers_of(head.version)
    return head


def encode(fields: "dict[str, Any]") -> bytes:
    """Return the head with these fields: 512 bytes."""
    content = cbor.encode(fields)
    head = MAGIC + bytes((FORMAT,)) + len(content).to_bytes(2, "big") + content
    head += _checksum(head)
    return head + b"\xff" * (HEAD_BYTES - len(head))


def numbers_of(version: str) -> "tuple[int, ...]":
    """Return the three numbers of a version, which are compared as such.

    Raises:
        DecodeError: it is not three numbers.
    """
    numbers: list[int] = []
    for part in version.split("."):
        if not 0 < len(part) <= _MAX_DIGITS or part.strip("0123456789"):
            raise DecodeError("a version is three numbers")
        numbers.append(int(part))
    if len(numbers) != _NUMBERS:
        raise DecodeError("a version is three numbers")
    return tuple(numbers)


def _checksum(data: "bytes | bytearray") -> bytes:
    return (crc32(data) & 0xFFFFFFFF).to_bytes(_CRC_BYTES, "big")
