"""An input taken apart: bytes that a fuzzer chose, as the choices that a target asks for."""


class Choices:
    """Gives an input's bytes one choice after the other; past its end, zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    @property
    def is_over(self) -> bool:
        """Whether all of the input is used up."""
        return self._offset >= len(self._data)

    def byte(self) -> int:
        """Return the next byte."""
        data = self._take(1)
        return data[0] if data else 0

    def number(self, size: int) -> int:
        """Return a number of size bytes."""
        return int.from_bytes(self._take(size).ljust(size, b"\0"), "big")

    def chunk(self) -> bytes:
        """Return as many bytes as the next byte says, or what there is of them."""
        return self._take(self.byte())

    def exactly(self, size: int) -> bytes:
        """Return size bytes."""
        return self._take(size).ljust(size, b"\0")

    def rest(self) -> bytes:
        """Return all that is left."""
        return self._take(len(self._data))

    def _take(self, size: int) -> bytes:
        data = self._data[self._offset : self._offset + size]
        self._offset += size
        return data


def chunk(data: bytes) -> bytes:
    """Return what `Choices.chunk` reads as data, for the inputs that a target begins with."""
    return bytes((len(data),)) + data
