"""Transmitting: frames that ask for something, complete with counter and checksum."""

from gateway.can.protection import make_protection
from gateway.can.signal import fits, put_raw
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
            protection,
            self._counter,
            self._counter_maximum,
        ) = row
        self._protection = make_protection(protection, self.arbitration_id)
        self._next_counter = 0

    def encode(self, raw_values: "dict[int, int]") -> bytes:
        """Return the next frame's payload: {place: raw value}, and else what asks for nothing.

        Raises:
            EncodeError: a raw value does not fit in its place.
        """
        buffer = bytearray(self._idle)
        for place in raw_values:
            raw = raw_values[place]
            if not fits(place, raw):
                raise EncodeError(f"{raw} does not fit in a signal of {self.arbitration_id:#x}")
            put_raw(buffer, place, raw)
        if self._counter is not None:
            counter = self._next_counter
            put_raw(buffer, self._counter, counter)
            self._next_counter = counter + 1 if counter < self._counter_maximum else 0
        if self._protection is not None:
            self._protection.fill(buffer)
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

    def encode(self, index: int, raw_values: "dict[int, int]") -> bytes:
        """Return the next payload of the message, as TransmitMessage.encode does."""
        return self._messages[index].encode(raw_values)
