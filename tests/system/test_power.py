"""A board that really sleeps: its program ends, nobody answers, and what wakes it starts it anew.

The board is in a hurry (`pace`): a minute of its patience takes half a second here.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import can
import pytest

from carport.client import Client
from carport.emulator import control
from carport.emulator.emulator import Emulator
from gateway.coap.numbers import CHANGED
from tests.system.command_line import CommandLine
from tests.waiting import PATIENCE_S, wait_until

PACE = 120


class SleepyEmulator:
    """An emulator in a thread, whose board is in a hurry, and its owner's command line."""

    def __init__(self, home: Path) -> None:
        self.lines: list[str] = []
        self.owner = CommandLine(home)
        self._emulator = Emulator(
            None, "reference", 0, 0, 1, self.lines.append, board={"pace": PACE}
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._emulator.start())
        self.owner.run("sim", "set", "sleep_after=1")
        self.owner.run("pair", "--port", self._emulator.endpoints["serial"], "--name", "car")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._run(self._emulator.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    @property
    def is_asleep(self) -> bool:
        """Whether the board sleeps now."""
        return self._last("the board is in", "woken") == "the board is in"

    def _last(self, *beginnings: str) -> str:
        """Return with which of these the last such line begins that the board has logged."""
        told = [each for line in self.lines for each in beginnings if line.startswith(each)]
        return told[-1] if told else ""

    def count(self, beginning: str) -> int:
        """Return how many lines the board has logged that begin so."""
        return sum(line.startswith(beginning) for line in self.lines)

    def wait_for(self, condition: Callable[[], Any]) -> None:
        wait_until(condition, lambda: "\n".join(self.lines))

    def wait_for_wake(self, by: str, action: Callable[[], Any]) -> None:
        """Do what wakes the board, anew if the timer did; return when it serves again."""
        line = f"woken by the {by}"
        before = self.count(line)
        while self.count(line) == before:
            self.wait_for(lambda: self.is_asleep or self.count(line) > before)
            action()
            self.wait_for(lambda: self._last("ready", "the board is in", "woken") == "ready")

    def send_frame(self) -> None:
        """Let somebody say something on the car's bus."""
        ends = self._emulator.endpoints["can"]
        with can.Bus(
            interface=ends["interface"],
            host=ends["host"],
            port=ends["port"],
            channel=ends["channels"][0],
        ) as bus:
            bus.send(can.Message(arbitration_id=0x7FF, is_extended_id=False, data=b"wake"))

    def press_button(self) -> None:
        """Press the board's button for long, at once: before the timer wakes the board."""
        state = Path(self._emulator.endpoints["state"])
        control.ask(control.find_control(state), {"do": "press", "seconds": 15})

    def flash(self) -> bytes:
        """Return what the board's flash chip holds."""
        return (Path(self._emulator.endpoints["state"]) / "flash.img").read_bytes()

    def answers(self) -> bool:
        """Tell whether anybody answers a CoAP ping at the gateway's port."""
        host, port = self._emulator.endpoints["coap"].removeprefix("coap://").split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pinging:
            pinging.settimeout(0.3)
            pinging.connect((host, int(port)))
            try:
                pinging.send(b"\x40\x00\x12\x34")
                return pinging.recv(100)[:2] == b"\x70\x00"
            except OSError:
                return False

    def set_power(self, mode: str, interval_s: int) -> None:
        """Let the owner choose; return when the board has started with that."""
        starts = self.count("ready")
        ask(
            self, "settings", {"power": {"mode": mode, "interval_s": interval_s, "low_mv": 12_200}}
        )
        self.wait_for(lambda: self.count("ready") > starts)

    def power(self) -> dict[str, Any]:
        """Return what the gateway says of its power, which never is a crash."""
        told = ask(self, "system")
        assert "crash" not in told
        power: dict[str, Any] = told["power"]
        return power


def ask(emulator: SleepyEmulator, path: str, payload: Any = None) -> Any:
    """Return what a resource answers the owner, having changed it if there is a payload."""
    import aiocoap
    import cbor2

    async def run() -> Any:
        async with Client("car", timeout_s=PATIENCE_S) as client:
            if payload is None:
                response = await client.request(aiocoap.GET, path)
            else:
                response = await client.request(aiocoap.PUT, path, cbor2.dumps(payload))
                assert int(response.code) == CHANGED, response
        return cbor2.loads(response.payload)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def emulator(needs_vm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SleepyEmulator]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARPORT_HOME", str(home))
        with SleepyEmulator(home) as running:
            yield running
            assert not any("Traceback" in line for line in running.lines)


def test_a_reachable_board_says_its_voltage_and_stays(emulator: SleepyEmulator) -> None:
    assert emulator.power() == {"mode": "reachable", "state": "reachable", "supply_mv": 12_700}
    assert not emulator.is_asleep


def test_a_stored_board_sleeps_and_a_frame_on_the_bus_wakes_it(emulator: SleepyEmulator) -> None:
    emulator.set_power("stored", 240)
    power = emulator.power()
    assert power["awake_until_s"] >= 600 // PACE
    assert (power["state"], power["interval_s"]) == ("stored", 240)
    emulator.wait_for(lambda: emulator.is_asleep)
    assert not emulator.answers()
    image = emulator.flash()
    emulator.wait_for_wake("bus", emulator.send_frame)
    emulator.wait_for(lambda: emulator.is_asleep)
    assert emulator.flash() == image  # nobody has asked, so nothing was written
    emulator.wait_for_wake("bus", emulator.send_frame)
    assert emulator.power()["mode"] == "stored"


def test_a_command_that_is_tried_again_is_carried_out_when_the_timer_wakes_it(
    emulator: SleepyEmulator,
) -> None:
    emulator.wait_for(lambda: emulator.is_asleep)
    receipt = emulator.owner.run("unlock", "--timeout", "100")
    assert receipt["state"] == "confirmed"
    assert emulator.count("woken by the timer") >= 1
    assert emulator.owner.locked() == {False}


def test_the_button_wakes_it(emulator: SleepyEmulator) -> None:
    emulator.wait_for(lambda: emulator.is_asleep)
    emulator.wait_for_wake("button", emulator.press_button)
    assert emulator.power()["mode"] == "stored"  # nothing was erased, however long it was


def test_a_low_battery_forces_it_to_sleep_until_it_is_charged(emulator: SleepyEmulator) -> None:
    emulator.set_power("reachable", 600)
    assert emulator.power()["state"] == "reachable"
    emulator.owner.run("sim", "set", "supply_voltage=11.9")
    emulator.wait_for(lambda: emulator.is_asleep)
    assert emulator.count("asleep for 3600 s for the 12 V battery is low") == 1
    emulator.wait_for_wake("bus", emulator.send_frame)
    power = emulator.power()
    assert (power["forced"], power["supply_mv"], power["state"]) == (True, 11_900, "stored")
    emulator.wait_for(lambda: emulator.is_asleep)
    emulator.owner.run("sim", "set", "supply_voltage=12.6")
    if emulator.is_asleep:  # else a frame of the car's own has just woken it
        emulator.wait_for_wake("bus", emulator.send_frame)
    emulator.wait_for(lambda: "forced" not in emulator.power())
    assert emulator.power() == {"mode": "reachable", "state": "reachable", "supply_mv": 12_600}
