"""The car's state by VSS path, as the frames received so far tell it.

Receiving keeps the last payload of each message and decodes nothing; a value is decoded when it is
asked for.

A value is unknown (None) while its message was never received or is overdue, and where the raw
value has no meaning as a number: it lies outside the signal's range, or the DBC names it ("SNA")
and the mapping does not say what it is.
"""

from gateway.can.received_message import OUTCOMES, ReceivedMessage, UnknownMessage
from gateway.can.signal import get_raw, put_raw, sign_of
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.can.last_payload import LastPayload, Watcher
    from gateway.can.signal import Buffer

    Value = bool | int | float | str | None

_EXTENDED = const(1 << 29)  # marks a 29-bit id; still a small integer on a 32-bit chip

# How long a compiled meaning is, which tells its kind.
_BOOLEAN = const(1)
_NAMES = const(3)

# Where a number's meaning has what.
_NUMERATOR = const(4)
_OFFSET = const(5)
_DENOMINATOR = const(6)


class VehicleState:
    """What the frames received tell about a car.

    profile: the compiled profile; see carport.profile.compile for its parts.
    A leaf is the index of a VSS path in `paths`, a bus the index in the profile's `buses`.
    """

    def __init__(self, profile: "dict[str, Any]") -> None:
        self._buses: list[str] = [bus[0] for bus in profile["buses"]]
        self._counts = [0 for _ in OUTCOMES]
        self._messages = [
            ReceivedMessage(row, i, self._counts) for i, row in enumerate(profile["received"])
        ]
        self._unknown = UnknownMessage(self._counts)
        self._by_id: list[dict[int, ReceivedMessage]] = [{} for _ in self._buses]
        for message in self._messages:
            key = message.arbitration_id | (_EXTENDED if message.is_extended_id else 0)
            self._by_id[message.bus][key] = message
        self._leaves: list[Any] = profile["leaves"]
        self._meanings: list[Any] = profile["meanings"]
        self.paths: list[str] = [leaf[0] for leaf in self._leaves]
        self._payload_messages: list[int] = [row[0] for row in profile["payloads"]]
        self._payloads = [self._payload(row[0], row[1]) for row in profile["payloads"]]
        self._heard_ms: list[int | None] = [None for _ in self._buses]
        self._groups: list[list[Watcher]] = []

    def receive(
        self, bus: int, arbitration_id: int, is_extended_id: bool, data: "Buffer", now_ms: int
    ) -> int:
        """Take in a data frame; allocate nothing.

        Call it as `state.receive(...)`: MicroPython copies so many arguments to the heap if the
        bound method was stored in a variable before.

        Returns:
            The index of its message in the profile's `received`, or a negative status of
            gateway.can.received_message that says why it is refused and changes nothing.
        """
        self._heard_ms[bus] = now_ms
        if is_extended_id:
            arbitration_id |= _EXTENDED
        return self._by_id[bus].get(arbitration_id, self._unknown).receive(data, now_ms)

    def leaf(self, path: str) -> int:
        """Return the leaf of a VSS path, -1 if this car has none."""
        return self.paths.index(path) if path in self.paths else -1

    def unit(self, leaf: int) -> "str | None":
        """Return a leaf's unit, as VSS names it; None if it has none."""
        unit: str | None = self._meanings[self._leaves[leaf][3]][0]
        return unit

    def value(self, leaf: int, now_ms: int) -> "Value":
        """Return a leaf's value, in the unit of its path; None while it is unknown."""
        _, payload_index, place, meaning_index = self._leaves[leaf]
        meaning = self._meanings[meaning_index]
        kind = len(meaning)
        if kind > _NAMES:
            scaled = self.scaled(leaf, now_ms)
            if scaled is None:
                return None
            denominator: int = meaning[_DENOMINATOR]
            return scaled / denominator if denominator else scaled
        payload = self._payloads[payload_index]
        if not payload.is_known(now_ms):
            return None
        raw = get_raw(payload.data, place)
        sign = sign_of(place)
        if raw & sign:
            raw -= sign << 1
        if kind == _BOOLEAN:
            return raw != 0
        value: Value = meaning[1].get(raw, meaning[2])
        return value

    def scaled(self, leaf: int, now_ms: int) -> "int | None":
        """Return a number's value times its `denominator`, exact; None while it is unknown."""
        _, payload_index, place, meaning_index = self._leaves[leaf]
        payload = self._payloads[payload_index]
        if not payload.is_known(now_ms):
            return None
        raw = get_raw(payload.data, place)
        sign = sign_of(place)
        if raw & sign:
            raw -= sign << 1
        _, lowest, highest, named, numerator, offset, _ = self._meanings[meaning_index]
        if not lowest <= raw <= highest or (named is not None and raw in named):
            return None
        scaled: int = raw * numerator + offset
        return scaled

    def denominator(self, leaf: int) -> int:
        """Return what `scaled` is to be divided by."""
        denominator: int = self._meanings[self._leaves[leaf][3]][_DENOMINATOR]
        return denominator or 1

    def resolution(self, leaf: int) -> int:
        """Return the step between `scaled` numbers; 1 unless all of them are its multiples."""
        meaning = self._meanings[self._leaves[leaf][3]]
        step: int = abs(meaning[_NUMERATOR])
        return 1 if meaning[_OFFSET] % step else step

    def values(self, leaf: int) -> "list[Value] | None":
        """Return every value that a leaf can have, False before True; None if it is a number."""
        meaning = self._meanings[self._leaves[leaf][3]]
        if len(meaning) > _NAMES:
            return None
        values: list[Value] = []
        if len(meaning) == _NAMES:
            for value in [meaning[2]] + [meaning[1][raw] for raw in sorted(meaning[1])]:
                if value is True or value is False:
                    return [False, True]
                if value is not None and value not in values:
                    values.append(value)
        return values or [False, True]

    def received_ms(self, leaf: int) -> "int | None":
        """Return when a leaf was last received, however long ago; None if never."""
        return self._payload_of(leaf).received_ms

    def age_ms(self, leaf: int, now_ms: int) -> "int | None":
        """Return how long ago a leaf was last received; None if never."""
        received_ms = self._payload_of(leaf).received_ms
        return None if received_ms is None else now_ms - received_ms

    def frame_of(self, leaf: int) -> "tuple[int, int, bytes]":
        """Return (bus, arbitration id, data) of the frame that told a leaf's value last."""
        message = self._message_of(leaf)
        return message.bus, message.arbitration_id, bytes(self._payload_of(leaf).data)

    def bus_of(self, leaf: int) -> int:
        """Return the bus that tells a leaf."""
        bus: int = self._message_of(leaf).bus
        return bus

    def add_group(self, leaves: "list[int]") -> int:
        """Watch leaves together from now on; return the group for the calls below."""
        payloads: list[LastPayload] = []
        masks: list[bytearray] = []
        for leaf in leaves:
            payload = self._payload_of(leaf)
            if payload not in payloads:
                payloads.append(payload)
                masks.append(bytearray(len(payload.data)))
            put_raw(masks[payloads.index(payload)], self._leaves[leaf][2], -1)
        self._groups.append([payload.watch(masks[i]) for i, payload in enumerate(payloads)])
        return len(self._groups) - 1

    def group_version(self, group: int) -> int:
        """Return a number that changes when a frame changes what a leaf of the group tells.

        A leaf that becomes overdue changes it only once it is received again: group_expires_ms.
        """
        version = 0
        for watcher in self._groups[group]:
            version += watcher.version
        return version

    def group_expires_ms(self, group: int, now_ms: int) -> "int | None":
        """Return when the first leaf of a group will be overdue, unless received; None if none."""
        first = None
        for watcher in self._groups[group]:
            payload = watcher.payload
            if payload.received_ms is not None:
                expires_ms = payload.received_ms + payload.timeout_ms + 1
                if expires_ms > now_ms and (first is None or expires_ms < first):
                    first = expires_ms
        return first

    def bus_name(self, bus: int) -> str:
        """Return the profile's name of a bus."""
        return self._buses[bus]

    def bus_heard_ms(self, bus: int) -> "int | None":
        """Return when any frame, even a bad one, was last received on a bus; None if never."""
        return self._heard_ms[bus]

    @property
    def counters(self) -> "dict[str, int]":
        """How many frames were accepted, refused for each reason, and missed by their counters."""
        return {name: self._counts[i] for i, name in enumerate(OUTCOMES)}

    def _payload_of(self, leaf: int) -> "LastPayload":
        payload_index: int = self._leaves[leaf][1]
        return self._payloads[payload_index]

    def _message_of(self, leaf: int) -> ReceivedMessage:
        payload_index: int = self._leaves[leaf][1]
        return self._messages[self._payload_messages[payload_index]]

    def _payload(self, message: int, multiplexed: "int | None") -> "LastPayload":
        if multiplexed is None:
            return self._messages[message].latest
        return self._messages[message].multiplexed(multiplexed)
