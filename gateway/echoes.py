"""Echo values (RFC 9175): what shows that a request was made just now, by a host at its address.

    value = SHA-256(secret of this boot | kid | source | second), cut to 8 bytes

A value is good for that key and source, for 4 to 5 s, and none has to be remembered: so nobody who
is challenged takes another one's value away. The last one is, only because most often it is the
next to come, and hashing takes long. Without the secret none can be told from another, and
of the digest too little is shown to go on from it.

Whoever has not proven an address yet gets no answer larger than the request, and so the value may
be cut further, to 2 bytes. That much shows that the host is where it says, but not that a
command is fresh.
"""

from hashlib import sha256

from gateway.const import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ECHO_BYTES = 8
MIN_ECHO_BYTES = 2

_SECRET_BYTES = const(16)
_SECOND_MS = const(1000)
_SECONDS = const(5)


class Echoes:
    """Makes Echo values and knows them again; a source is bytes, a str, or None for the cable."""

    def __init__(self, random: "Callable[[int], bytes]") -> None:
        self._secret = random(_SECRET_BYTES)
        self._last: tuple[bytes, bytes | str | None, int, bytes] = (b"", None, 0, b"")

    def value(self, kid: bytes, source: "bytes | str | None", now_ms: int) -> bytes:
        """Return the value of this second."""
        second = now_ms // _SECOND_MS
        value = _value(self._head(kid, source), second)
        self._last = (kid, source, second, value)
        return value

    def is_known(self, echo: bytes, kid: bytes, source: "bytes | str | None", now_ms: int) -> bool:
        """Tell whether this is a value for the key and source, of the last 4 to 5 s."""
        size = len(echo)
        if not MIN_ECHO_BYTES <= size <= ECHO_BYTES:
            return False
        second = now_ms // _SECOND_MS
        last_kid, last_source, last_second, last = self._last
        if last[:size] == echo and last_kid == kid and last_source == source:
            return 0 <= second - last_second < _SECONDS
        head = self._head(kid, source)
        for age in range(_SECONDS):
            value = _value(head, second - age)
            if value[:size] == echo:
                return True
        return False

    def _head(self, kid: bytes, source: "bytes | str | None") -> bytes:
        """Return what is hashed before the second; lengths keep its parts apart."""
        where = source.encode() if isinstance(source, str) else source or b""
        return self._secret + bytes((len(kid), len(where))) + kid + where


def _value(head: bytes, second: int) -> bytes:
    return sha256(head + str(second).encode()).digest()[:ECHO_BYTES]
