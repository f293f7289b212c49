"""A gateway that is none: an aiocoap server with OSCORE that speaks carport.cddl.

It differs from the real one: it has no car, asks for no fresh Echo, takes no notice of ids, and
answers each command as its `script` says. What it is sent is checked against the CDDL.
"""

import asyncio
import os
import pty
import select
import socket
import threading
import tty
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
from aiocoap import resource
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper

from gateway.slipmux import Decoder, encode_coap, encode_log
from tests.fake_keys import FakeKeys
from tests.free_port import free_port

CDDL = Path(__file__).parent.parent / "gateway" / "carport.cddl"
CBOR = 60
SENML_CBOR = 112

Answer = Any  # an aiocoap.Message, or None
Script = Callable[[dict[str, Any]], Answer | Coroutine[Any, Any, Answer]]


def check(rule: str, payload: bytes) -> None:
    """Hold a payload to a rule of carport.cddl, where there is a validator."""
    try:
        from pycddl import Schema
    except ImportError:
        return
    Schema(f"start = {rule}\n{CDDL.read_text()}").validate_cbor(payload)


def receipt(command: dict[str, Any], state: str = "confirmed", **fields: Any) -> aiocoap.Message:
    """Return the response that brings the receipt of a command in this final state."""
    codes = {"confirmed": aiocoap.CHANGED, "refused": aiocoap.CONFLICT}
    frame = {"bus": "body", "id": 0x3A0, "data": bytes(range(8)), "at_ms": 140}
    payload = cbor2.dumps(
        {
            "id": command["id"],
            "command": command["command"],
            "state": state,
            "by": "tester",
            "elapsed_ms": 140,
            "at_ms": {"accepted": 0, state: 140},
            "evidence": [frame] if state == "confirmed" else [],
            **fields,
        },
        canonical=True,
    )
    code = codes.get(state, aiocoap.GATEWAY_TIMEOUT)
    return aiocoap.Message(code=code, payload=payload, content_format=CBOR)


class _Resource(resource.Resource):  # type: ignore[misc]
    def __init__(self, **methods: Callable[[aiocoap.Message], Coroutine[Any, Any, Answer]]):
        super().__init__()
        for name, method in methods.items():
            setattr(self, f"render_{name}", method)


class _Signals(resource.ObservableResource):  # type: ignore[misc]
    def __init__(self, gateway: "FakeGateway") -> None:
        super().__init__()
        self._gateway = gateway

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        return self._gateway.signals(None)

    async def render_fetch(self, request: aiocoap.Message) -> aiocoap.Message:
        check("vss-paths", request.payload)
        return self._gateway.signals(cbor2.loads(request.payload))


class FakeGateway:
    """Runs in a thread of its own; attributes may be changed while it runs.

    Attributes:
        values: {VSS path after "Vehicle.": value}.
        script: gives the answer to each command; None for none at all.
        commands: the commands received, in their order.
        is_pairing_open: whether /pair gives keys.
        keys: who may talk to it.
        is_mute_about_keys: whether it does what changes keys, and does not answer.
        on_muteness: called when it has not.
        key_changes: the payloads and queries of such requests.
        unix_s: what time it is there, None if it does not know.
        times_given: what it was told.
        time_answer: what POST /time answers instead, if not None.
        time_is_held_until: what /time waits for, if not None.
        arm_answers: what /arm answers, one after the other; the last one stays.
        arm_requests: the methods that /arm was asked with.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[str, Any] = {"Speed": 0.0, "Cabin.HVAC.IsOn": False}
        self.script: Script = receipt
        self.commands: list[dict[str, Any]] = []
        self.is_pairing_open = True
        self.keys = FakeKeys(folder)
        self.is_mute_about_keys = False
        self.on_muteness: Callable[[], None] = lambda: None
        self.key_changes: list[bytes | tuple[str, ...]] = []
        self.unix_s: int | None = None
        self.times_given: list[int] = []
        self.time_answer: aiocoap.Message | None = None
        self.time_is_held_until: threading.Event | None = None
        self.arm_answers: list[Any] = [{"armed": True}]
        self.arm_requests: list[str] = []
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [f"Vehicle.{name}" for name in self.values]

    def __enter__(self) -> "FakeGateway":
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def change(self, **values: Any) -> None:
        """Change signals; who observes them is told."""
        self.values |= values
        self._loop.call_soon_threadsafe(self._signals.updated_state)

    def signals(self, paths: list[str] | None) -> aiocoap.Message:
        records: list[dict[int, Any]] = []
        for name, value in self.values.items():
            if paths is None or f"Vehicle.{name}" in paths:
                label = 4 if isinstance(value, bool) else 3 if isinstance(value, str) else 2
                records.append({0: name, label: value, 6: -0.25})
        if records:
            records[0][-2] = "Vehicle."
        payload = cbor2.dumps(records, canonical=True)
        check("senml", payload)
        return aiocoap.Message(code=aiocoap.CONTENT, payload=payload, content_format=SENML_CBOR)

    def forget_keys(self) -> None:
        """Know nobody any more."""
        self._loop.call_soon_threadsafe(self.keys.forget_all)

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._signals = _Signals(self)
        open_site = resource.Site()
        open_site.add_resource(["pair"], _Resource(post=self._pair))
        site = resource.Site()
        site.add_resource(["lock"], _Resource(post=self._command))
        site.add_resource(["climate"], _Resource(post=self._command))
        site.add_resource(["signals"], self._signals)
        site.add_resource(
            ["keys"], _Resource(get=self._list_keys, post=self._enrol, delete=self._revoke)
        )
        site.add_resource(["time"], _Resource(get=self._time, post=self._time))
        site.add_resource(["arm"], _Resource(get=self._arm, post=self._arm, delete=self._arm))
        site.add_resource(["system"], _Resource(get=self._system))
        server = await aiocoap.Context.create_server_context(
            _Both(open_site, OscoreSiteWrapper(site, self.keys.credentials)),
            bind=("127.0.0.1", self.port),
            transports=["udp6"],
        )
        self._started.set()
        await self._stop.wait()
        await server.shutdown()

    async def _pair(self, request: aiocoap.Message) -> Answer:
        if not self.is_pairing_open:
            return aiocoap.Message(code=aiocoap.FORBIDDEN, payload=b"closed")
        check("pair-request", request.payload)
        return _agreed(self.keys.pair(cbor2.loads(request.payload)))

    async def _enrol(self, request: aiocoap.Message) -> Answer:
        check("enrol-request", request.payload)
        return await self._unless_mute(request, _agreed(self.keys.post(request)))

    async def _list_keys(self, request: aiocoap.Message) -> Answer:
        return _cbor(aiocoap.CONTENT, "principals", self.keys.get(request))

    async def _revoke(self, request: aiocoap.Message) -> Answer:
        return await self._unless_mute(request, self.keys.delete(request))

    async def _unless_mute(self, request: aiocoap.Message, answer: Answer) -> Answer:
        if self.is_mute_about_keys:
            self.key_changes.append(request.payload or request.opt.uri_query)
            self.on_muteness()
            await asyncio.Event().wait()
        return answer

    async def _time(self, request: aiocoap.Message) -> Answer:
        if self.time_is_held_until is not None:
            await asyncio.to_thread(self.time_is_held_until.wait)
        if request.code is aiocoap.POST and self.time_answer is not None:
            return self.time_answer
        if request.code is aiocoap.POST:
            check("tell-time", request.payload)
            self.unix_s = cbor2.loads(request.payload)["unix_s"]
            self.times_given.append(self.unix_s)
        told: dict[str, Any] = {"uptime_ms": 1, "boot": bytes(8)}
        if self.unix_s is not None:
            told["unix_s"] = self.unix_s
        code = aiocoap.CHANGED if request.code is aiocoap.POST else aiocoap.CONTENT
        return _cbor(code, "told-time", told)

    async def _system(self, request: aiocoap.Message) -> aiocoap.Message:
        system = {
            "gateway": "Test board",
            "version": "0",
            "profile": "reference",
            "car": "a car of the tests",
            "uptime_ms": 1,
            "counters": {},
            "can": [],
            "platform": {"address": self.address},
        }
        payload = cbor2.dumps(system, canonical=True)
        check("system", payload)
        return aiocoap.Message(code=aiocoap.CONTENT, payload=payload, content_format=CBOR)

    async def _arm(self, request: aiocoap.Message) -> Answer:
        self.arm_requests.append(request.code.name)
        answer = self.arm_answers[0]
        if len(self.arm_answers) > 1:
            del self.arm_answers[0]
        if isinstance(answer, aiocoap.Message):
            return answer
        payload = cbor2.dumps(answer, canonical=True)
        check("arm", payload)
        codes = {"GET": aiocoap.CONTENT, "POST": aiocoap.CHANGED, "DELETE": aiocoap.DELETED}
        code = codes[request.code.name]
        return aiocoap.Message(code=code, payload=payload, content_format=CBOR)

    async def _command(self, request: aiocoap.Message) -> Answer:
        check("command", request.payload)
        command = cbor2.loads(request.payload)
        self.commands.append(command)
        answer = self.script(command)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer is None:
            await asyncio.Event().wait()
        assert isinstance(answer, aiocoap.Message)
        return answer


def _agreed(answer: Any) -> Answer:
    """Return the response that completes a key."""
    return _cbor(aiocoap.CHANGED, "pair-response", answer)


def _cbor(code: Any, rule: str, content: Any) -> Answer:
    """Return a response with this content, which must keep a rule; a refusal as it is."""
    if isinstance(content, aiocoap.Message):
        return content
    payload = cbor2.dumps(content, canonical=True)
    check(rule, payload)
    return aiocoap.Message(code=code, payload=payload, content_format=CBOR)


class _Both(OscoreSiteWrapper):  # type: ignore[misc]
    """The protected site, and for requests in plain text the open one."""

    def __init__(self, open_site: resource.Site, protected: OscoreSiteWrapper) -> None:
        self._open_site = open_site
        self._protected = protected

    async def render_to_pipe(self, pipe: Any) -> None:
        site = self._open_site if pipe.request.opt.oscore is None else self._protected
        await site.render_to_pipe(pipe)


class Cable:
    """A pty whose far end is a gateway behind UDP; `port` is what the host opens."""

    def __init__(self, gateway_port: int) -> None:
        self._board, self._host = pty.openpty()
        tty.setraw(self._host)
        self.port = os.ttyname(self._host)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", gateway_port))
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._carry)

    def __enter__(self) -> "Cable":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self._waker)
        self._thread.join()
        self._socket.close()
        for descriptor in (self._board, self._host, self._wake):
            os.close(descriptor)

    def log(self, line: str) -> None:
        """Let the board log a line."""
        os.write(self._board, encode_log(line))

    def _carry(self) -> None:
        decoder = Decoder()
        while True:
            sources: list[Any] = [self._board, self._socket, self._wake]
            ready, _, _ = select.select(sources, [], [])
            if self._wake in ready:
                return
            if self._board in ready:
                for _, message in decoder.feed(os.read(self._board, 4096)):
                    self._socket.send(message)
            if self._socket in ready:
                os.write(self._board, encode_coap(self._socket.recv(4096)))
