"""An owner who has everything recorded, for both interpreters: requests by name, answers whole."""

from gateway import cbor
from gateway.coap import block
from gateway.coap.numbers import BLOCK2, CHANGED, CONTENT, ECHO, GET, POST, PUT, UNAUTHORIZED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from firmware.bench_host import Host

TIME_S = 1_800_000_000

_YEAR_S = 31_536_000
_SZX = 5


class Owner:
    """`exchange` takes a request's datagram and returns its answer's."""

    def __init__(self, host: "Host", exchange: "Callable[[bytes], bytes]") -> None:
        self._host = host
        self._exchange = exchange

    def ask(
        self, code: int, path: bytes, fields: "Any" = None, is_observing: bool = False
    ) -> bytes:
        """Return the answer's payload, whole; with an Echo value if one is asked for."""
        payload = b"" if fields is None else cbor.encode(fields)
        seal = self._host.seal
        answer, options, part = self._open(seal(code, path, payload, b"", is_observing))
        if answer == UNAUTHORIZED and ECHO in options:
            request = seal(code, path, payload, options[ECHO], is_observing)
            answer, options, part = self._open(request)
        assert answer in (CONTENT, CHANGED), (path, answer, part)
        whole = part
        number = 0
        while BLOCK2 in options and block.decode(options[BLOCK2])[1]:
            number += 1
            answer, options, part = self._open(self.seal_block(path, number))
            assert answer == CONTENT
            whole += part
        return whole

    def seal_block(self, path: bytes, number: int) -> bytes:
        """Return a GET of a later block as a datagram."""
        return self._host.seal(GET, path, block2=block.encode(number, False, _SZX))

    def prepare(self) -> "list[str]":
        """Tell the time and the region, take the key; return the groups that can be recorded."""
        self.ask(POST, b"time", {"unix_s": TIME_S})
        self.ask(PUT, b"settings", {"region": "DE"})
        self.ask(POST, b"records/key", {"random": bytes(32)})
        groups: list[str] = cbor.decode(self.ask(GET, b"consent"))["groups"]
        return groups

    def consent(self, groups: "list[str]", interval_s: int) -> None:
        """Have groups recorded at this interval."""
        for group in groups:
            grant = {
                "purpose": "benchmark",
                "interval_s": interval_s,
                "keep_days": 365,
                "until": TIME_S + _YEAR_S,
            }
            self.ask(PUT, b"consent/" + group.encode(), grant)

    def _open(self, request: bytes) -> "tuple[int, dict[int, bytes], bytes]":
        return self._host.open(self._exchange(request))
