"""An emulated board with everything on, and its owner, who knows every secret that was made."""

import os
import time
from contextlib import ExitStack
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from carport.emulator import control
from carport.emulator.process import EmulatorProcess
from gateway import cbor
from gateway.coap.numbers import CHANGED, EMPTY, POST, PUT
from gateway.vault.key import master_secret
from tests import emulated_board
from tests.attack.cable import Cable
from tests.attack.lan import Lan
from tests.audit.canaries import NAME, PASSWORD, SSID
from tests.audit.check import Build
from tests.audit.place import Place
from tests.models.data_host import TIME_S, DataHost
from tests.models.host import Host, Response, plain
from tests.system.taps import address_of

GROUPS = ("driving", "climate", "charging", "location")
DAY_S = 86_400

_TRIES = 4
_BUSY_S = 0.5
_ROW_S = 1.5  # until the next row, and a little
_HERE = Place()


class PersistentHost(Host):
    """A host that asks anew if it gets no answer, as programs do."""

    def request(self, code: int, path: list[str], payload: Any = None, **more: Any) -> Response:
        """Send a request and return its answer.

        Raises:
            AssertionError: there is none, however often it is asked for.
        """
        for _ in range(_TRIES):
            try:
                response = super().request(code, path, payload, **more)
            except IndexError:  # nothing came
                continue
            if response.code >> 5 != 5 and response.code != EMPTY:
                return response
            time.sleep(_BUSY_S)
        raise AssertionError("the board does not answer its owner")


class Board:
    """`carport emulate` in the `with`, in a place of its own; its owner is in another.

    Attributes:
        address: of its CoAP server.
        owner: who paired over the cable, and gave consent to all there is.
        secrets: by name, whatever must be found nowhere.
    """

    def __init__(
        self, build: Build, listen: str = "", place: Place = _HERE, hosts: Place = _HERE
    ) -> None:
        """listen: "10.77.0.2/24", for example; loopback if it is left out."""
        self.secrets: dict[str, bytes] = {}
        self.source = "127.0.0.1" if not listen else str(IPv4Address("10.77.0.3"))
        self._build = build
        self._arguments = ("--listen", listen) if listen else ()
        self._place = place
        self._hosts = hosts
        self._now_s = TIME_S
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with self._parts:
            self.emulator = self._place.call(self._start)
            self._parts.push(self.emulator.__exit__)
            self.address = address_of(self.emulator.coap)
            self.cable = self._parts.enter_context(self._hosts.call(self._lay_cable))
            self._parts = self._parts.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(self.emulator.read_log()[-4000:])
        self._parts.close()

    def pair(self) -> None:
        """Pair over the cable, set everything, and consent to every group."""
        random = os.urandom(32)
        fields = cbor.encode({"random": random, "name": NAME})
        code, payload = plain(self.cable, POST, ["pair"], fields, cable=True)  # type: ignore[arg-type]
        assert code == CHANGED, payload
        answer = cbor.decode(payload)
        self.secrets["the owner's OSCORE master secret"] = master_secret(
            random, answer["random"], b"carport pair"
        )
        self.host = PersistentHost.enrolled(self.cable, random, answer, b"carport pair")  # type: ignore[arg-type]
        self.owner = DataHost(self.host)
        self.tell_time()
        wifi = {"ssid": SSID, "password": PASSWORD}
        settings = {"name": NAME, "region": "DE", "wifi": wifi}
        starts = self.starts()
        assert self.host.request(PUT, ["settings"], settings).code == CHANGED
        self.wait_for_start(starts)  # it uses them from now on
        self.tell_time()
        self.owner.fetch_key()
        assert self.owner.chain is not None
        self.secrets["the chain's key"] = self.owner.chain.key
        for group in GROUPS:
            answered = self.owner.consent(group, purpose=NAME, until=TIME_S + 9 * DAY_S)
            assert answered.code == CHANGED, answered
        self.cut_power()  # as the board does by itself 10 s after the first consent
        self.tell_time()

    def tell_time(self, later_s: int = 0) -> None:
        """Tell the board the time over the cable, so much later than the last time."""
        self._now_s += later_s
        self.host.on_cable = True
        self.owner.tell_time(self._now_s)
        self.host.on_cable = False

    def next_day(self) -> None:
        """Tell the board that it is tomorrow: what is recorded by now is stored."""
        self.tell_time(DAY_S)
        time.sleep(_ROW_S)

    def lan(self) -> Lan:
        """Return a new address where the owner is."""
        return self._parts.enter_context(self._hosts.call(lambda: Lan(self.address, self.source)))

    def lock(self, command: str, by_cable: bool = False) -> str:
        """Lock or unlock; return the state that it ends in."""
        return self._command("lock", by_cable, self.host.command(command))

    def climate(self, is_on: bool, by_cable: bool = False) -> str:
        """Turn the climate on or off; return the state that it ends in."""
        return self._command("climate", by_cable, self.host.command("climate", on=is_on))

    def sim(self, do: str, **fields: Any) -> dict[str, Any]:
        """Do what `carport sim` does."""
        asked = {"do": do, **fields}
        return control.ask(control.find_control(Path(self.emulator.state)), asked)

    def cut_power(self) -> None:
        """Cut the board's power in an instant; return when it serves again."""
        emulated_board.cut_power(self.emulator)

    def wait_for_start(self, starts: int) -> None:
        """Return when the board has started more often than that."""
        emulated_board.wait_for_start(self.emulator, starts)

    def starts(self) -> int:
        """Return how often the board has started."""
        return emulated_board.starts(self.emulator)

    def errors(self) -> int:
        """Return how many errors the board has logged."""
        return self.emulator.read_log().count("Traceback")

    def flash(self) -> bytes:
        """Return the flash chip's content, once what was done before has been written."""
        return emulated_board.flash(self.emulator)

    def _command(self, path: str, by_cable: bool, payload: dict[str, Any]) -> str:
        self.host.on_cable = by_cable
        answer = self.host.request(POST, [path], payload)
        self.host.on_cable = False
        return str(answer.value["state"]) if answer.payload[:1] > b"\x7f" else repr(answer)

    def _start(self) -> EmulatorProcess:
        ports = ("--coap-port", "0", "--can-port", "0")
        return EmulatorProcess(*ports, *self._arguments, environment=self._build).__enter__()

    def _lay_cable(self) -> Cable:
        return Cable(self.address, self.source, self.emulator.serial)
