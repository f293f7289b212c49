"""The car's state by VSS path, as the frames received so far tell it.

Receiving keeps the last payload of each message, decodes nothing and allocates nothing, whether a
frame is accepted or refused; a value is decoded when it is asked for.

A value is unknown (None) while its message was never received or is overdue, and where the raw
value has no meaning as a number: it lies outside the signal's range, or the DBC names it ("SNA")
and the mapping does not say what it is.
"""

from gateway.can.received_message import (
    REASONS,
    SMALL_INT_MASK,
    UNKNOWN_ID,
    ReceivedMessage,
)
from gateway.can.signal import get_raw
from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.can.signal import Buffer

    Value = bool | int | float | str | None

_EXTENDED = const(1 << 29)  # marks a 29-bit id; still a small integer on a 32-bit chip


class Page:
    """The last payload of a message or, if it is multiplexed, of one value of its multiplexor."""

    def __init__(self, message: ReceivedMessage) -> None:
        self.message = message
        self.timeout_ms: int = message.timeout_ms
        self.data = bytearray(message.length)
        self.received_ms: int | None = None
        self.watched = b""  # the bytes that hold a watched bit
        self.masks = bytearray(message.length)  # the watched bits
        self.watchers: list[tuple[int, bytearray]] = []  # (group, its watched bits)

    def watch(self, group: int, masks: bytearray) -> None:
        """Let `group` learn of changes in the bits of masks."""
        self.watchers.append((group, masks))
        for i, mask in enumerate(masks):
            self.masks[i] |= mask
        self.watched = bytes([i for i, mask in enumerate(self.masks) if mask])

    def store(self, data: "Buffer", now_ms: int, versions: "list[int]") -> None:
        """Keep data and the time, and count up the versions of the groups that it changes."""
        old = self.data
        received_ms = self.received_ms
        if received_ms is None or now_ms - received_ms > self.timeout_ms:
            for watcher in self.watchers:
                versions[watcher[0]] = versions[watcher[0]] + 1 & SMALL_INT_MASK
        else:
            masks = self.masks
            for i in self.watched:
                if (data[i] ^ old[i]) & masks[i]:
                    self._tell(data, versions)
                    break
        old[:] = data
        self.received_ms = now_ms

    def _tell(self, data: "Buffer", versions: "list[int]") -> None:
        old = self.data
        for watcher in self.watchers:
            masks = watcher[1]
            for i in self.watched:
                if (data[i] ^ old[i]) & masks[i]:
                    versions[watcher[0]] = versions[watcher[0]] + 1 & SMALL_INT_MASK
                    break


class VehicleState:
    """What the frames received tell about a car.

    profile: the compiled profile; see carport.profile.compile for its parts.
    A leaf is the index of a VSS path in `paths`, a bus the index in the profile's `buses`.
    """

    def __init__(self, profile: "dict[str, Any]") -> None:
        self._buses: list[str] = [bus[0] for bus in profile["buses"]]
        self._messages = [ReceivedMessage(row, i) for i, row in enumerate(profile["received"])]
        self._by_id: list[dict[int, ReceivedMessage]] = [{} for _ in self._buses]
        for message in self._messages:
            key = message.arbitration_id | (_EXTENDED if message.is_extended_id else 0)
            self._by_id[message.bus][key] = message
        self._latest = [Page(message) for message in self._messages]
        self._multiplexed: list[dict[int, Page]] = [{} for _ in self._messages]
        self._leaves: list[Any] = profile["leaves"]
        self.paths: list[str] = [leaf[0] for leaf in self._leaves]
        self._by_path = {path: leaf for leaf, path in enumerate(self.paths)}
        self._pages = [self._page_of(leaf[2], leaf[3]) for leaf in self._leaves]
        self._heard_ms: list[int | None] = [None for _ in self._buses]
        self._counts = [0 for _ in REASONS]
        self._versions: list[int] = []
        self._group_pages: list[list[Page]] = []

    def receive(
        self, bus: int, arbitration_id: int, is_extended_id: bool, data: "Buffer", now_ms: int
    ) -> int:
        """Take in a data frame; allocate nothing.

        Returns:
            The index of its message in the profile's `received`, or a negative status of
            gateway.can.received_message that says why it is refused and changes nothing.
        """
        self._heard_ms[bus] = now_ms
        if is_extended_id:
            arbitration_id |= _EXTENDED
        message = self._by_id[bus].get(arbitration_id)
        status = UNKNOWN_ID if message is None else message.accept(data, now_ms)
        counts = self._counts
        counts[-status] = counts[-status] + 1 & SMALL_INT_MASK
        if message is None or status < 0:
            return status
        index = message.index
        self._latest[index].store(data, now_ms, self._versions)
        multiplexor = message.multiplexor
        if multiplexor is not None:
            page = self._multiplexed[index].get(get_raw(data, multiplexor))
            if page is not None:
                page.store(data, now_ms, self._versions)
        return index

    def leaf(self, path: str) -> int:
        """Return the leaf of a VSS path, -1 if this car has none."""
        return self._by_path.get(path, -1)

    def unit(self, leaf: int) -> "str | None":
        """Return a leaf's unit, as VSS names it; None if it has none."""
        unit: str | None = self._leaves[leaf][1]
        return unit

    def value(self, leaf: int, now_ms: int) -> "Value":
        """Return a leaf's value, in the unit of its path; None while it is unknown."""
        page = self._pages[leaf]
        received_ms = page.received_ms
        if received_ms is None or now_ms - received_ms > page.timeout_ms:
            return None
        _, _, _, _, pieces, sign, meaning = self._leaves[leaf]
        raw = get_raw(page.data, pieces)
        if raw & sign:
            raw -= sign << 1
        if meaning is None:
            return raw != 0
        if type(meaning) is dict:
            value: Value = meaning.get(raw)
            return value
        lowest, highest, named, numerator, offset, denominator = meaning
        if not lowest <= raw <= highest or raw in named:
            return None
        scaled: int = raw * numerator + offset
        return scaled / denominator if denominator else scaled

    def received_ms(self, leaf: int) -> "int | None":
        """Return when a leaf was last received, however long ago; None if never."""
        return self._pages[leaf].received_ms

    def age_ms(self, leaf: int, now_ms: int) -> "int | None":
        """Return how long ago a leaf was last received; None if never."""
        received_ms = self._pages[leaf].received_ms
        return None if received_ms is None else now_ms - received_ms

    def frame_of(self, leaf: int) -> "tuple[int, int, bytes]":
        """Return (bus, arbitration id, data) of the frame that told a leaf's value last."""
        page = self._pages[leaf]
        return page.message.bus, page.message.arbitration_id, bytes(page.data)

    def add_group(self, leaves: "list[int]") -> int:
        """Watch leaves together from now on; return the group for the calls below."""
        group = len(self._versions)
        self._versions.append(0)
        pages: list[Page] = []
        masks: list[bytearray] = []
        for leaf in leaves:
            page = self._pages[leaf]
            if page not in pages:
                pages.append(page)
                masks.append(bytearray(len(page.data)))
            mask = masks[pages.index(page)]
            pieces = self._leaves[leaf][4]
            for i in range(0, len(pieces), 4):
                mask[pieces[i]] |= pieces[i + 2] << pieces[i + 1]
        for i, page in enumerate(pages):
            page.watch(group, masks[i])
        self._group_pages.append(pages)
        return group

    def group_version(self, group: int) -> int:
        """Return a number that changes when a frame changes what a leaf of the group tells.

        A leaf that becomes overdue changes it only once it is received again: group_expires_ms.
        """
        return self._versions[group]

    def group_expires_ms(self, group: int, now_ms: int) -> "int | None":
        """Return when the first leaf of a group will be overdue, unless received; None if none."""
        first = None
        for page in self._group_pages[group]:
            if page.received_ms is not None:
                expires_ms = page.received_ms + page.timeout_ms + 1
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
        counters = {name: self._counts[i] for i, name in enumerate(REASONS)}
        counters["lost"] = sum([message.lost for message in self._messages])
        return counters

    def _page_of(self, message: int, multiplexed: "int | None") -> Page:
        if multiplexed is None:
            return self._latest[message]
        pages = self._multiplexed[message]
        if multiplexed not in pages:
            pages[multiplexed] = Page(self._messages[message])
        return pages[multiplexed]
