"""Bytes that nobody should read by accident: in a repr, a log, an error, an f-string."""


class Secret(bytes):
    """Prints as [redacted]; bytes() and hex() give what it is, where that is wanted."""

    def __repr__(self) -> str:
        return "[redacted]"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return repr(self)
