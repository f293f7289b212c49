"""`/update`: another firmware, block by block into the slot that does not run, then started.

    GET     which firmware runs, and what has arrived of another
    PUT     a package (gateway/package.py) by Block1: its blocks of 512 bytes, in their order
    POST    start what has arrived, on trial

Rules:

1. A package is refused before its first byte is written: for another board, of code that cannot
   run, too large, or older than what runs, unless the cable's owner insists.
2. Each block is in the flash before it is answered, and none is kept here. The same block again,
   because its answer was lost, is answered as before; one out of order 4.08.
3. One owner sends at a time; another one may take over after two minutes of silence.
4. Nothing is written while a command is under way: 5.03, and the same block a second later.
5. After the last block, and before the start, the whole payload is read back and its hash checked.

Source: RFC 7959 section 2.5.
"""

from gateway import cbor, package
from gateway.coap import block
from gateway.coap.numbers import (
    BLOCK1,
    CHANGED,
    CONFLICT,
    CONTENT,
    CONTINUE,
    GET,
    INTERNAL_SERVER_ERROR,
    POST,
    PUT,
    REQUEST_ENTITY_INCOMPLETE,
    REQUEST_ENTITY_TOO_LARGE,
    UNPROCESSABLE_ENTITY,
)
from gateway.endpoint import CHALLENGE
from gateway.errors import BusyError, DecodeError
from gateway.package import numbers_of
from gateway.request import CBOR_FORMAT, MAX_BLOCK_BYTES, MAX_BLOCK_SZX, diagnostic
from gateway.vault.principals import OWNER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from gateway.data.ledger import Ledger
    from gateway.package import Head
    from gateway.request import Answer, Request

    class Writer(Protocol):
        """Writes a package into the slot that does not run; what it did is durable on return.

        All methods raise OSError if the flash is broken.

        Attributes:
            board: which board this is.
            running: "a", "b", or "factory".
            sha256: of the package that runs, b"" for the factory's.
            is_trial: what runs has still to prove itself.
            is_frozen: the code is part of the MicroPython build: a package cannot replace it.
            mpy: the version of the .mpy files that run here.
            capacity: how many bytes fit.
            rolled_back: why the last update was given up, "" if it was not.
            head: of the package that arrives, None if none does.
            received: how many bytes of it are there.
        """

        board: str
        running: str
        sha256: bytes
        is_frozen: bool
        mpy: int
        capacity: int
        rolled_back: str
        head: Head | None
        received: int

        @property
        def is_trial(self) -> bool: ...

        def begin(self, data: bytes, head: Head) -> None: ...

        def write(self, piece: bytes) -> None: ...

        def holds(self, offset: int, piece: bytes) -> bool: ...

        def is_whole(self) -> bool: ...

        def discard(self) -> None: ...

        def activate(self) -> None: ...


_SILENCE_MS = 120_000
_HASH_BYTES = 32


class UpdateResource:
    """The updates.

    version: of the firmware that runs. may_write: nothing is under way that an erasure of flash,
    which takes 200 ms, would hold up. restart(now_ms): let the board start anew in a moment.
    """

    segments = 1
    takes_blocks = True
    roles = {GET: OWNER, PUT: OWNER, POST: OWNER}

    def __init__(
        self,
        writer: "Writer",
        version: str,
        ledger: "Ledger",
        may_write: "Callable[[], bool]",
        restart: "Callable[[int], object]",
    ) -> None:
        self._writer = writer
        self._version = version
        self._ledger = ledger
        self._may_write = may_write
        self._restart = restart
        self._is_restarting = False
        self._sender = ""
        self._sent_ms = 0

    def handle(self, request: "Request") -> "Answer | None":
        """Do what the method says.

        Raises:
            DecodeError: the payload or the Block1 option is not what it should be.
            BusyError: not now.
        """
        if request.code == GET:
            return CONTENT, CBOR_FORMAT, self._describe()
        if self._is_restarting:
            raise BusyError("the board is about to start anew")
        if not self._may_write():
            raise BusyError("a command is under way, or the flash is full")
        try:
            if request.code == PUT:
                return self._take(request)
            return self._start(request)
        except OSError as error:
            self._writer.head = None
            return diagnostic(INTERNAL_SERVER_ERROR, f"the flash cannot be written ({error})")

    def _describe(self) -> bytes:
        """Return what `carport.cddl` calls update."""
        writer = self._writer
        described: dict[str, Any] = {
            "version": self._version,
            "board": writer.board,
            "running": writer.running,
            "trial": writer.is_trial,
        }
        if writer.sha256:
            described["sha256"] = writer.sha256
        head = writer.head
        if head is not None:
            described["receiving"] = {
                "sha256": head.sha256,
                "size": head.package_bytes,
                "received": writer.received,
            }
        if writer.rolled_back:
            described["rolled_back"] = writer.rolled_back
        return cbor.encode(described)

    def _take(self, request: "Request") -> "Answer | None":
        """Take a block."""
        if request.block1 is None:
            raise DecodeError("a package is sent in blocks of 512 bytes, with Block1")
        num, more, szx = block.decode(request.block1)
        option = [(BLOCK1, block.encode(num, more, MAX_BLOCK_SZX))]
        if szx != MAX_BLOCK_SZX:
            return REQUEST_ENTITY_TOO_LARGE, option, b"blocks of 512 bytes"
        self._claim(request)
        writer = self._writer
        piece = request.payload
        offset = num * MAX_BLOCK_BYTES
        if num == 0 and more:
            answer = self._begin(request)
            if answer is not None:
                return answer
        head = writer.head
        if head is None or offset > writer.received or offset >= head.package_bytes:
            return diagnostic(REQUEST_ENTITY_INCOMPLETE, "not the next block")
        size = min(head.package_bytes - offset, MAX_BLOCK_BYTES)
        is_last = offset + size == head.package_bytes
        if size != len(piece) or is_last == more:
            raise DecodeError("not a block of the package that has begun")
        if offset < writer.received:
            if not writer.holds(offset, piece):
                return diagnostic(REQUEST_ENTITY_INCOMPLETE, "not the block that was here")
        else:
            writer.write(piece)
        self._sent_ms = request.now_ms
        if not is_last:
            return CONTINUE, option, b""
        if not writer.is_whole():
            return self._discard()
        return CHANGED, CBOR_FORMAT + option, self._describe()

    def _begin(self, request: "Request") -> "Answer | None":
        """Make room for the package that begins with this block, unless it has begun already."""
        writer = self._writer
        head = package.decode(request.payload)
        if writer.head is not None and writer.received and writer.holds(0, request.payload):
            return None
        refusal = self._refusal(head, request)
        if refusal:
            return diagnostic(CONFLICT, refusal)
        if not request.is_fresh:
            return CHALLENGE
        writer.begin(request.payload, head)
        return None

    def _refusal(self, head: "Head", request: "Request") -> str:
        """Return why a package is not for this board now, "" if it is."""
        writer = self._writer
        if writer.is_trial:
            return "this version is on trial: wait until it is confirmed"
        if head.board != writer.board:
            return f"it is for the board {head.board}, and this is {writer.board}"
        if head.mpy != writer.mpy:
            return f"it is for another MicroPython (mpy {head.mpy}, not {writer.mpy})"
        if head.package_bytes > writer.capacity:
            return f"it has {head.package_bytes} bytes, and there is room for {writer.capacity}"
        if writer.is_frozen and head.version != self._version:
            return f"this board's code, {self._version}, is part of its MicroPython: flash it"
        is_forced = request.on_cable and b"force" in request.queries
        if numbers_of(head.version) < numbers_of(self._version) and not is_forced:
            return f"it is older than {self._version}, which runs: force it, over the cable"
        return ""

    def _claim(self, request: "Request") -> None:
        """Let one owner send at a time.

        Raises:
            BusyError: another one does.
        """
        by = request.known_key.principal.name
        writer = self._writer
        if by == self._sender:
            return
        silent_ms = request.now_ms - self._sent_ms
        is_under_way = writer.head is not None and writer.received < writer.head.package_bytes
        if self._sender and is_under_way and silent_ms < _SILENCE_MS:
            error = BusyError(f"{self._sender} is sending an update")
            error.wait_s = (_SILENCE_MS - silent_ms) // 1000 + 1
            raise error
        self._sender = by

    def _start(self, request: "Request") -> "Answer | None":
        """Let what has arrived run from the next start on."""
        fields = cbor.decode(request.payload)
        sha256 = fields.get("sha256") if type(fields) is dict else None
        if type(sha256) is not bytes or len(sha256) != _HASH_BYTES or len(fields) != 1:
            raise DecodeError("what is to be started is a map of sha256 alone")
        writer = self._writer
        head = writer.head
        if head is None or head.sha256 != sha256 or writer.received < head.package_bytes:
            return diagnostic(CONFLICT, "that package has not arrived")
        refusal = self._refusal(head, request)
        if refusal:
            return diagnostic(CONFLICT, refusal)
        if not request.is_fresh:
            return CHALLENGE
        if not writer.is_whole():
            return self._discard()
        said = {"version": head.version, "sha256": sha256}
        by = request.known_key.principal.name
        request.after = self._ledger.add("update", by, said, request.now_ms)
        writer.activate()
        self._is_restarting = True
        self._restart(request.now_ms)
        return CHANGED, CBOR_FORMAT, self._describe()

    def _discard(self) -> "Answer":
        """Forget a package that is not what its head says."""
        self._writer.discard()
        return diagnostic(UNPROCESSABLE_ENTITY, "what has arrived does not have its hash")
