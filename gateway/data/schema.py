"""What rows hold: groups of signals as columns of integers, and the schema that says what they
mean.

A number is stored as a whole multiple of its column's step, the signal's own resolution or the
coarser one that the owner consented to; it is coarsened here, before anything is kept. Anything
else is stored as an index into the values that the column can have.

    value = stored * numerator / denominator        a column with a scale
    value = values[stored]                          a column with values
"""

from gateway import cbor
from gateway.const import const
from gateway.errors import DecodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.oscore.ccm_stream import Piece
    from gateway.vehicle.state import VehicleState

_PIECE_BYTES = const(200)

DATATYPES = (
    "boolean",
    "string",
    "float",
    "double",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
)


class Columns:
    """The columns of one group.

    leaves: as the compiled profile's groups have them, two bytes each.
    precision: {path: [numerator, denominator]}, the steps that were consented to.

    Raises:
        DecodeError: a step that a path of this group cannot have.
    """

    def __init__(
        self,
        state: "VehicleState",
        leaves: bytes,
        precision: "dict[str, list[int]]",
    ) -> None:
        self._state = state
        self._leaves = bytes([leaves[i] for i in range(0, len(leaves), 2)])
        self._datatypes = bytes([leaves[i] for i in range(1, len(leaves), 2)])
        self._steps: list[int] = []  # 0 for a column with values
        self._paths_left = len(precision)
        for column in range(len(self._leaves)):
            self._steps.append(self._step(column, precision))
        if self._paths_left:
            raise DecodeError("precision names a path that is not in this group")

    def __len__(self) -> int:
        return len(self._steps)

    def paths(self) -> "list[str]":
        """Return the VSS paths, in the order of the columns."""
        return [self._state.paths[leaf] for leaf in self._leaves]

    def sample(self, row: "list[int | None]", now_ms: int) -> bool:
        """Fill row with what is known now; return whether anything is."""
        state = self._state
        is_known = False
        for column in range(len(row)):
            step = self._steps[column]
            leaf = self._leaves[column]
            stored: int | None = None
            if step:
                scaled = state.scaled(leaf, now_ms)
                if scaled is not None:
                    stored = (scaled + (step >> 1)) // step
            else:
                value = state.value(leaf, now_ms)
                if value is True or value is False:
                    stored = 1 if value else 0
                elif value is not None:
                    stored = state.values(leaf).index(value)  # type: ignore[union-attr]
            row[column] = stored
            if stored is not None:
                is_known = True
        return is_known

    def describe(self, column: int) -> "dict[str, Any]":
        """Return what `carport.cddl` calls column."""
        leaf = self._leaves[column]
        described: dict[str, Any] = {
            "path": self._state.paths[leaf],
            "datatype": DATATYPES[self._datatypes[column]],
        }
        unit = self._state.unit(leaf)
        if unit is not None:
            described["unit"] = unit
        step = self._steps[column]
        if step:
            described["scale"] = _reduced(step, self._state.denominator(leaf))
        else:
            described["values"] = self._state.values(leaf)
        return described

    def _step(self, column: int, precision: "dict[str, list[int]]") -> int:
        """Return how much of a leaf's scaled value one step of its column is."""
        leaf = self._leaves[column]
        asked = precision.get(self._state.paths[leaf])
        if asked is not None:
            self._paths_left -= 1
        if self._state.values(leaf) is not None:
            if asked is not None:
                raise DecodeError(f"{self._state.paths[leaf]} has no precision: it is no number")
            return 0
        own = self._state.resolution(leaf)
        if asked is None:
            return own
        step, rest = divmod(asked[0] * self._state.denominator(leaf), asked[1])
        if rest or step < own:
            denominator = self._state.denominator(leaf)
            raise DecodeError(
                f"the precision of {self._state.paths[leaf]} is a multiple of 1/{denominator}, "
                f"and not finer than {own}/{denominator}"
            )
        return step


def encode_schema(
    number: int, profile: str, groups: "list[tuple[str, int, Columns]]"
) -> "list[Piece]":
    """Return the map that `carport.cddl` calls schema; groups: (name, interval_s, columns).

    It is made in pieces of some 256 bytes, in the order of deterministic CBOR: it may take 3 kB.
    """
    pieces: list[Piece] = []
    buffer = bytearray()
    cbor.append_head(buffer, cbor.MAP, 3)
    cbor.append_item(buffer, "groups")
    cbor.append_head(buffer, cbor.ARRAY, len(groups))
    for name, interval_s, columns in groups:
        cbor.append_head(buffer, cbor.MAP, 3)
        cbor.append_item(buffer, "group")
        cbor.append_item(buffer, name)
        cbor.append_item(buffer, "columns")
        cbor.append_head(buffer, cbor.ARRAY, len(columns))
        for column in range(len(columns)):
            cbor.append_item(buffer, columns.describe(column))
            if len(buffer) > _PIECE_BYTES:
                pieces.append(buffer)
                buffer = bytearray()
        cbor.append_item(buffer, "interval_s")
        cbor.append_item(buffer, interval_s)
    cbor.append_item(buffer, "schema")
    cbor.append_item(buffer, number)
    cbor.append_item(buffer, "profile")
    cbor.append_item(buffer, profile)
    pieces.append(buffer)
    return pieces


def _reduced(numerator: int, denominator: int) -> "list[int]":
    """Return a fraction in its lowest terms."""
    a, b = numerator, denominator
    while b:
        a, b = b, a % b
    return [numerator // a, denominator // a]
