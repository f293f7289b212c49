"""The last payload of a message, when it was received, and who watches which of its bits."""

from gateway.can.signal import differs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.can.signal import Buffer

SMALL_INT_MASK = 0x3FFFFFFF  # counts wrap before they become heap integers on a 32-bit chip


class Watcher:
    """Watches the bits of masks; version changes whenever they do, or become known again."""

    def __init__(self, payload: "LastPayload", masks: bytearray) -> None:
        self.payload = payload
        self.masks = masks
        self.version = 0


class LastPayload:
    """The last payload of a message or, if it is multiplexed, of one value of its multiplexor.

    data: its bytes; received_ms: None if there was none yet. It is overdue after timeout_ms.
    """

    def __init__(self, length: int, timeout_ms: int) -> None:
        self.data = bytearray(length)
        self.received_ms: int | None = None
        self.timeout_ms = timeout_ms
        self._watchers: list[Watcher] = []
        self._masks = bytearray(0)  # of all watchers

    def watch(self, masks: bytearray) -> Watcher:
        """Watch the bits of masks, as many bytes as the payload has, from now on."""
        watcher = Watcher(self, masks)
        self._watchers.append(watcher)
        self._masks = self._masks or bytearray(len(masks))
        for i, mask in enumerate(masks):
            self._masks[i] |= mask
        return watcher

    def is_known(self, now_ms: int) -> bool:
        """Tell whether there is a payload, and not too old a one."""
        received_ms = self.received_ms
        return received_ms is not None and now_ms - received_ms <= self.timeout_ms

    def store(self, data: "Buffer", now_ms: int) -> None:
        """Replace the payload; allocates nothing."""
        received_ms = self.received_ms  # as is_known(), without the time of a call
        if received_ms is None or now_ms - received_ms > self.timeout_ms:
            self._tell_all()
        elif differs(data, self.data, self._masks):
            self._tell(data)
        self.data[:] = data
        self.received_ms = now_ms

    def _tell_all(self) -> None:
        for watcher in self._watchers:
            watcher.version = watcher.version + 1 & SMALL_INT_MASK

    def _tell(self, data: "Buffer") -> None:
        for watcher in self._watchers:
            if differs(data, self.data, watcher.masks):
                watcher.version = watcher.version + 1 & SMALL_INT_MASK
