"""A host as a model that wants to know what became of its command, however bad the network is.

It sends a request again as RFC 7252 section 4.2 says: after 2 to 3 s, then twice as long each
time, four times. Acknowledged, it waits for the answer. When it gives up it asks anew, with the
same id. It acknowledges whatever is confirmable.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    ACK,
    CHANGED,
    CON,
    CONFLICT,
    ECHO,
    EMPTY,
    GATEWAY_TIMEOUT,
    OSCORE,
    POST,
    RST,
    SERVICE_UNAVAILABLE,
    UNAUTHORIZED,
)
from gateway.errors import ReplayError
from tests.models.host import Host
from tests.models.lossy_network import LossyNetwork, Timeline

ACK_TIMEOUT_MS = 2000
ACK_RANDOM_FACTOR = 1.5
MAX_RETRANSMIT = 4
BUSY_MS = 1000


class Exchange:
    """One request on its way, until it is answered or given up."""

    def __init__(self, data: bytes, timeout_ms: int) -> None:
        self.data = data
        outer = message.decode(data)
        self.message_id = outer.message_id
        self.token = outer.token
        self.timeout_ms = timeout_ms
        self.tries = 0
        self.is_acknowledged = False


class PatientHost:
    """Sends one command after the other; each ends with a receipt.

    Args:
        patience_ms: how long it waits for an answer that was promised by an empty ACK.
        done: called with each final receipt.
    """

    def __init__(
        self,
        host: Host,
        timeline: Timeline,
        network: LossyNetwork,
        random: Random,
        patience_ms: int,
        done: Callable[["PatientHost", dict[str, Any]], None],
    ) -> None:
        self.host = host
        self.repeats = 0  # how often it asked anew
        self._timeline = timeline
        self._network = network
        self._random = random
        self._patience_ms = patience_ms
        self._done = done
        self._path = ""
        self._payload: dict[str, Any] = {}
        self._echo: bytes | None = None
        self._exchange: Exchange | None = None
        self._asked: dict[bytes, int] = {}  # token of a request: id of its command
        network.receivers[host.peer] = self._receive

    @property
    def kid(self) -> bytes:
        return self.host.context.sender.id

    def begin(self, path: str, payload: dict[str, Any]) -> None:
        """Send a command, whose id is new."""
        self._path = path
        self._payload = payload
        self._ask()

    def _ask(self) -> None:
        """Send a new request for the same command."""
        options = [(ECHO, self._echo)] if self._echo is not None else []
        data = self.host.protect(POST, [self._path], self._payload, options=options)
        timeout_ms = int(ACK_TIMEOUT_MS * self._random.uniform(1, ACK_RANDOM_FACTOR))
        self._exchange = Exchange(data, timeout_ms)
        self._asked[self._exchange.token] = self._payload["id"]
        self._transmit(self._exchange)

    def _ask_anew(self, exchange: Exchange) -> None:
        if exchange is self._exchange:
            self.repeats += 1
            self._ask()

    def _transmit(self, exchange: Exchange) -> None:
        self._network.send(exchange.data, self.host.peer)
        self._timeline.after(exchange.timeout_ms, lambda: self._retransmit(exchange))

    def _retransmit(self, exchange: Exchange) -> None:
        """Send a request again that nobody has acknowledged, or give it up."""
        if exchange is not self._exchange or exchange.is_acknowledged:
            return
        if exchange.tries == MAX_RETRANSMIT:
            self._ask_anew(exchange)
            return
        exchange.tries += 1
        exchange.timeout_ms *= 2
        self._transmit(exchange)

    def _receive(self, data: bytes) -> None:
        outer = message.decode(data)
        assert outer.type != RST
        if outer.type == CON:
            acknowledgement = message.encode(Message(ACK, EMPTY, outer.message_id))
            self._network.send(acknowledgement, self.host.peer)
        exchange = self._exchange
        if (
            outer.type == ACK
            and exchange is not None
            and exchange.message_id == outer.message_id
            and not exchange.is_acknowledged
        ):
            exchange.is_acknowledged = True
            self._timeline.after(self._patience_ms, lambda: self._ask_anew(exchange))
        if outer.code != EMPTY:
            self._read(outer, data)

    def _read(self, outer: Message, data: bytes) -> None:
        """Read an answer, to the newest request or an older one."""
        exchange = self._exchange
        is_newest = exchange is not None and outer.token == exchange.token
        if all(number != OSCORE for number, _ in outer.options):  # nobody vouches for it
            assert outer.payload == b"Replay detected"
            return
        try:
            response = self.host.read(data)
        except ReplayError:  # the answer once more
            return
        echo = response.option(ECHO)
        if response.code == UNAUTHORIZED and echo is not None:
            self._echo = echo
            if is_newest:
                self._ask()
        elif response.code == SERVICE_UNAVAILABLE:
            if exchange is not None and is_newest:
                self._timeline.after(BUSY_MS, lambda: self._ask_anew(exchange))
        else:
            assert response.code in (CHANGED, CONFLICT, GATEWAY_TIMEOUT), response
            if exchange is not None and self._asked[outer.token] == self._payload["id"]:
                self._exchange = None
                self._done(self, response.value)
