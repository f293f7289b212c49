"""A sealed block, and the rows in it. Source: RFC 9052 (COSE_Encrypt0), gateway/carport.cddl."""

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from carport.errors import CarportError, UnreadableError

Value = bool | int | float | str

TAG_BYTES = 8

_ENCRYPT0 = 16
_ALG, _KID, _IV = 1, 4, 5
_AES_CCM_16_64_128 = 10
_CHAIN_BYTES = 8


class BlockError(CarportError):
    """A block that was changed, or is none."""


@dataclass(frozen=True)
class Header:
    """What anybody may read of a block; times in ms are the uptime of the boot.

    boot_unix_s: the time of uptime 0, None if it was not known. previous: the last bytes of the
    block before, empty if there was none.
    """

    number: int
    chain: bytes
    step: int
    region: str
    schema: int
    boot: bytes
    start_ms: int
    end_ms: int
    boot_unix_s: int | None
    previous: bytes


@dataclass(frozen=True)
class Column:
    """A signal as it is stored: value = stored * scale, or values[stored]."""

    path: str
    datatype: str
    unit: str | None
    scale: Fraction | None
    values: list[Value] | None

    def value(self, stored: int | None) -> Value | None:
        """Return what a stored integer means, None if the car's value was not known."""
        if stored is None:
            return None
        if self.values is not None:
            return self.values[stored]
        assert self.scale is not None
        scaled = stored * self.scale
        return int(scaled) if scaled.denominator == 1 else float(scaled)


@dataclass(frozen=True)
class Group:
    """Columns that are sampled together, each interval_s."""

    name: str
    interval_s: int
    columns: list[Column]


@dataclass(frozen=True)
class Schema:
    """What the rows of blocks mean."""

    number: int
    profile: str
    groups: list[Group]


@dataclass(frozen=True)
class Row:
    """One sample of a group: at_ms is the uptime, stored has an integer or None a column."""

    group: int
    at_ms: int
    stored: list[int | None]


def read_header(block: bytes) -> Header:
    """Return a block's header, which is not verified before the block is opened.

    Raises:
        BlockError: it is no block.
    """
    try:
        fields = cbor2.loads(_parts(block)[0])
        if fields[_ALG] != _AES_CCM_16_64_128:
            raise ValueError("another algorithm")
        kid = fields[_KID]
        return Header(
            number=fields["block"],
            chain=kid[:_CHAIN_BYTES],
            step=int.from_bytes(kid[_CHAIN_BYTES:], "big"),
            region=fields["region"],
            schema=fields["schema"],
            boot=fields["boot"],
            start_ms=fields["start_ms"],
            end_ms=fields["end_ms"],
            boot_unix_s=fields.get("boot_unix_s"),
            previous=fields["previous"],
        )
    except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError) as error:
        raise BlockError("this is no block of records") from error


def open_block(block: bytes, key: bytes, schema: Schema) -> list[Row]:
    """Return the rows of a block.

    Raises:
        BlockError: it was changed, or is another one than its header says.
    """
    header = read_header(block)
    protected, ciphertext = _parts(block)
    associated = cbor2.dumps(["Encrypt0", protected, b""])
    try:
        plaintext = AESCCM(key, tag_length=TAG_BYTES).decrypt(
            cbor2.loads(protected)[_IV], ciphertext, associated
        )
        return _rows(plaintext, header.start_ms, schema)
    except (InvalidTag, cbor2.CBORDecodeError, LookupError, TypeError, ValueError) as error:
        raise BlockError(
            f"block {header.number} was changed, or does not match its key"
        ) from error


def decode_schema(payload: bytes) -> Schema:
    """Return the schema that GET /records/schemas/{n} answered.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """
    try:
        fields = cbor2.loads(payload)
        groups = [
            Group(each["group"], each["interval_s"], [_column(one) for one in each["columns"]])
            for each in fields["groups"]
        ]
        return Schema(fields["schema"], fields["profile"], groups)
    except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError) as error:
        raise UnreadableError("the records' schema") from error


def _column(fields: dict[str, Any]) -> Column:
    scale = fields.get("scale")
    return Column(
        fields["path"],
        fields["datatype"],
        fields.get("unit"),
        None if scale is None else Fraction(scale[0], scale[1]),
        fields["values"] if scale is None else None,
    )


def _parts(block: bytes) -> tuple[bytes, bytes]:
    """Return the protected header and the ciphertext."""
    message = cbor2.loads(block)
    if not isinstance(message, cbor2.CBORTag) or message.tag != _ENCRYPT0:
        raise ValueError("no COSE_Encrypt0")
    protected, _, ciphertext = message.value
    return protected, ciphertext


def _rows(plaintext: bytes, start_ms: int, schema: Schema) -> list[Row]:
    """Undo the differences; what is missing at a row's end is as it was."""
    rows = []
    at_ms = start_ms
    last = [[0] * len(group.columns) for group in schema.groups]
    shown: list[list[int | None]] = [[None] * len(group.columns) for group in schema.groups]
    stream = io.BytesIO(plaintext)
    while stream.tell() < len(plaintext):
        group, dt_ms, *deltas = cbor2.load(stream)
        at_ms += dt_ms
        for column, delta in enumerate(deltas):
            if delta is None:
                shown[group][column] = None
            else:
                last[group][column] += delta
                shown[group][column] = last[group][column]
        rows.append(Row(group, at_ms, list(shown[group])))
    return rows
