"""Transmitting: frames that ask for something, complete with counter and checksum."""

from gateway.can.crc8 import crc8_of_frame, start_of_frame
from gateway.can.signal import put_raw
from gateway.errors import EncodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class TransmitMessage:
    """A message that is sent: starts from the values that ask for nothing.

    row: one of the compiled profile's `transmitted`.
    """

    def __init__(self, row: "list[Any]") -> None:
        self.bus: int
        self.arbitration_id: int
        self.is_extended_id: bool
        (
            self.bus,
            self.arbitration_id,
            self.is_extended_id,
            self._idle,
            self._checksum,
            self._counter,
            self._counter_maximum,
            self._signals,
        ) = row
        self._start = start_of_frame(self.arbitration_id)
        self._next_counter = 0

    def encode(self, raw_values: "dict[str, int]") -> bytes:
        """Return the next frame's payload: raw_values, and of all other signals the idle ones.

        Raises:
            EncodeError: no such signal, or a raw value that does not fit in it.
        """
        buffer = bytearray(self._idle)
        for name in raw_values:
            if name not in self._signals:
                raise EncodeError("no signal " + name)
            pieces, lowest, highest = self._signals[name]
            raw = raw_values[name]
            if not lowest <= raw <= highest:
                raise EncodeError(f"{raw} does not fit in {name}")
            put_raw(buffer, pieces, raw)
        if self._counter is not None:
            counter = self._next_counter
            put_raw(buffer, self._counter, counter)
            self._next_counter = counter + 1 if counter < self._counter_maximum else 0
        if self._checksum >= 0:
            buffer[self._checksum] = crc8_of_frame(self._start, buffer, self._checksum)
        return bytes(buffer)


class Transmitter:
    """The messages that a profile sends, by their index in it."""

    def __init__(self, profile: "dict[str, Any]") -> None:
        self._messages = [TransmitMessage(row) for row in profile["transmitted"]]

    def bus(self, index: int) -> int:
        """Return the index of the message's bus."""
        return self._messages[index].bus

    def arbitration_id(self, index: int) -> int:
        """Return the message's id of 11 or 29 bits."""
        return self._messages[index].arbitration_id

    def is_extended_id(self, index: int) -> bool:
        """Tell whether the id has 29 bits."""
        return self._messages[index].is_extended_id

    def encode(self, index: int, raw_values: "dict[str, int]") -> bytes:
        """Return the next payload of the message, as TransmitMessage.encode does."""
        return self._messages[index].encode(raw_values)
