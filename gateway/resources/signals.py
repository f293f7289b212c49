"""The car's state in SenML-CBOR (RFC 8428): `/signals`, and the selections of it that others show.

Each record is a VSS path (a base name holds until the next one), its unit, its last value and,
negative, how many seconds ago the car sent it: the doors of a sleeping car are shown as they were.
What was never received, or what the car itself says is not available, has no record.
"""

from struct import pack, unpack

from gateway import cbor
from gateway.coap.numbers import CONTENT, FETCH, GET
from gateway.const import const
from gateway.errors import DecodeError
from gateway.request import MAX_BLOCK_BYTES, SENML_FORMAT
from gateway.vault.principals import VIEWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gateway.request import Answer, Request
    from gateway.vehicle.state import Value, VehicleState

# Labels of RFC 8428 section 6, as the heads they have in CBOR.
_NAME = b"\x00"
_UNIT = b"\x01"
_VALUE = b"\x02"
_TEXT = b"\x03"
_BOOL = b"\x04"
_TIME = b"\x06"
_BASE = b"\x21"

_KEPT_MS = const(20)
_KEPT_LABELS = const(8)


class Selection:
    """Some leaves of the car's state, as one SenML pack.

    A pack is kept for 20 ms, so ages are up to that much older than it says: readers that come one
    after the other cost its encoding once. It is made in pieces of a block, so that even a heap
    full of small holes has room for it. What stands around the values is the same as long as the
    same leaves are known, and is kept if there are 8 of them at most.
    """

    def __init__(self, state: "VehicleState", leaves: "list[int]", group: int) -> None:
        self._state = state
        self._group = group
        self._leaves = leaves
        self._pack: bytes | list[bytes] = b""
        self._packed_version = -1
        self._packed_ms = 0
        self._labelled: list[int] | None = None
        self._labels: list[tuple[bytes, bytes]] = []

    def version(self) -> int:
        """Return a number that changes when one of the leaves does."""
        return self._state.group_version(self._group)

    def pack(self, now_ms: int) -> "bytes | list[bytes]":
        """Return the pack; if it is larger than a block, in blocks."""
        version = self.version()
        if version != self._packed_version or now_ms - self._packed_ms > _KEPT_MS:
            self._pack = self._encode(now_ms)
            self._packed_version = version
            self._packed_ms = now_ms
        return self._pack

    def _encode(self, now_ms: int) -> "bytes | list[bytes]":
        state = self._state
        leaves: list[int] = []
        known: list[tuple[Value, int]] = []
        for leaf in self._leaves:
            received_ms = state.received_ms(leaf)
            if received_ms is not None:
                value = state.value(leaf, received_ms)
                if value is not None:
                    leaves.append(leaf)
                    known.append((value, received_ms))
        labels: Iterable[tuple[bytes, bytes]] = self._labels
        if leaves != self._labelled:
            labels = self._label(leaves)
            if len(leaves) <= _KEPT_LABELS:
                labels = self._labels = list(labels)
                self._labelled = leaves
        pieces = []
        buffer = bytearray()
        cbor.append_head(buffer, cbor.ARRAY, len(known))
        for (value, received_ms), (name, base) in zip(known, labels):
            buffer.extend(name)
            kind = type(value)
            buffer.extend(_BOOL if kind is bool else _TEXT if kind is str else _VALUE)
            if kind is float:
                append_float32(buffer, value)  # type: ignore[arg-type]
            else:
                cbor.append_item(buffer, value)
            buffer.extend(_TIME)
            age_ms = received_ms - now_ms
            if age_ms % 1000:
                append_float32(buffer, age_ms / 1000)
            else:
                cbor.append_item(buffer, age_ms // 1000)
            buffer.extend(base)
            if len(buffer) > MAX_BLOCK_BYTES:
                pieces.append(bytes(memoryview(buffer)[:MAX_BLOCK_BYTES]))
                buffer = buffer[MAX_BLOCK_BYTES:]
        pieces.append(bytes(buffer))
        return pieces if len(pieces) > 1 else pieces[0]

    def _label(self, leaves: "list[int]") -> "Iterator[tuple[bytes, bytes]]":
        """Yield what stands before the value of each leaf (name, unit) and behind it (base)."""
        state = self._state
        base = b""
        for leaf in leaves:
            # In bytes, for MicroPython looks each new str up among all names of the program.
            path = state.paths[leaf].encode()
            unit = state.unit(leaf)
            before = bytearray()
            behind = bytearray()
            if not base or not path.startswith(base):
                base = path[: path.rfind(b".") + 1]
                behind.extend(_BASE)
                cbor.append_head(behind, cbor.TEXT, len(base))
                behind.extend(base)
            name = path[len(base) :]
            pairs = 3 + (unit is not None) + (len(behind) > 0)
            cbor.append_head(before, cbor.MAP, pairs)
            before.extend(_NAME)
            cbor.append_head(before, cbor.TEXT, len(name))
            before.extend(name)
            if unit is not None:
                before.extend(_UNIT)
                cbor.append_item(before, unit)
            yield bytes(before), bytes(behind)

    def _last_value(self, leaf: int) -> "Value":
        """Return a leaf's value at the time it was received."""
        received_ms = self._state.received_ms(leaf)
        return None if received_ms is None else self._state.value(leaf, received_ms)


class FetchedSelection(Selection):
    """Leaves that somebody named: compared with what they were only when any leaf has changed."""

    def __init__(self, state: "VehicleState", leaves: "list[int]", group: int) -> None:
        Selection.__init__(self, state, leaves, group)
        self._seen_version = -1
        self._values: list[Value] = []
        self._own_version = 0

    def version(self) -> int:
        """Return a number that changes when one of the leaves does."""
        version = Selection.version(self)
        if version != self._seen_version:
            self._seen_version = version
            values = [self._last_value(leaf) for leaf in self._leaves]
            if values != self._values:
                self._values = values
                self._own_version += 1
        return self._own_version


def append_float32(buffer: bytearray, value: float) -> None:
    """Append a number as CBOR's shortest integer or float of what binary32 keeps of it.

    So an ESP32, whose floats are binary32, and a PC send the same bytes.
    """
    whole = int(value)
    if whole == value:
        cbor.append_item(buffer, whole)
    else:
        cbor.append_float(buffer, unpack(">f", pack(">f", value))[0])


class SignalsResource:
    """`/signals`: GET all of them, FETCH those whose VSS paths are named."""

    segments = 1
    roles = {GET: VIEWER, FETCH: VIEWER}

    def __init__(self, state: "VehicleState") -> None:
        self._state = state
        leaves = list(range(len(state.paths)))
        self._group = state.add_group(leaves)
        self._all = Selection(state, leaves, self._group)
        self._fetched: list[tuple[bytes, Selection]] = []

    def version(self, request: "Request") -> int:
        """Return a number that changes with what the request asks for."""
        return self._selection(request).version()

    def handle(self, request: "Request") -> "Answer | None":
        """Return the pack."""
        return CONTENT, SENML_FORMAT, self._selection(request).pack(request.now_ms)

    def _selection(self, request: "Request") -> Selection:
        return self._all if request.code == GET else self._fetch(request.payload)

    def _fetch(self, payload: bytes) -> Selection:
        """Return the selection that a FETCH names; the last few are kept, for observers.

        Raises:
            DecodeError: not a list of paths of this car.
        """
        for known, selection in self._fetched:
            if known == payload:
                return selection
        paths = cbor.decode(payload)
        if type(paths) is not list or not 0 < len(paths) <= len(self._state.paths):
            raise DecodeError("name the VSS paths in a list")
        leaves = []
        for path in paths:
            leaf = self._state.leaf(path) if type(path) is str else -1
            if leaf < 0 or leaf in leaves:
                raise DecodeError(f"this car has no signal {path}, or it is named twice")
            leaves.append(leaf)
        selection = FetchedSelection(self._state, leaves, self._group)
        self._fetched = self._fetched[-7:] + [(payload, selection)]
        return selection
