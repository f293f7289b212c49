"""Routing through the core's door: what the shell is given to send, and what /system tells."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.can.router import RoutedFrame
from gateway.coap.numbers import DELETE, DELETED, GET
from tests.models.host import Host
from tests.models.shell import Shell

BENCH = Path(__file__).resolve().parents[1] / "profiles" / "bench"
BODY, POWERTRAIN = 0, 1
EXT_ID, REMOTE = 2, 1


class Bench(Shell):
    """A shell with two buses; their controllers send nothing until `acknowledge`."""

    def __init__(self, car: str = str(BENCH)) -> None:
        self.routed: list[RoutedFrame] = []
        self.taken_back: list[RoutedFrame] = []
        super().__init__(car=car)

    def drain(self) -> None:
        super().drain()
        for frame in self._routed():
            assert frame not in self.routed, "its controller has it already"
            self.routed.append(frame)

    def _routed(self) -> Iterator[RoutedFrame]:
        while (frame := self.gateway.routed(self.now_ms)) is not None:
            yield frame

    def hear(self, bus: int, arbitration_id: int, data: bytes, flags: int = 0) -> None:
        """Receive a frame."""
        frame = [arbitration_id, memoryview(data), flags, 0]
        self.gateway.receive_frame(bus, frame, self.now_ms)
        self.drain()

    def acknowledge(self) -> tuple[int, int, int, bytes]:
        """Let the one frame that a controller has be sent; return it."""
        (frame,) = self.routed
        sent = (frame.bus, frame.arbitration_id, frame.flags, bytes(frame.data))
        self.routed.clear()
        self.gateway.frame_sent(frame, self.now_ms)
        self.drain()
        return sent


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def owner(bench: Bench) -> Host:
    return Host.pair(bench)


def routes(owner: Host) -> list[dict[str, Any]]:
    """Return what /system says of the routes."""
    said: list[dict[str, Any]] = owner.request(GET, ["system"]).value["routes"]
    return said


def outcomes(owner: Host) -> list[int]:
    """Return what became of the frames for the first route."""
    first = routes(owner)[0]
    return [first[each] for each in ("passed", "dropped", "limited", "wrong_length")]


def test_a_frame_crosses_as_it_is(bench: Bench, owner: Host) -> None:
    bench.hear(BODY, 0x130, b"abcdefgh")
    assert bench.acknowledge() == (POWERTRAIN, 0x130, 0, b"abcdefgh")
    bench.hear(BODY, 0x18FF1234, b"12345678", EXT_ID)
    assert bench.acknowledge() == (POWERTRAIN, 0x18FF1234, EXT_ID, b"12345678")
    bench.hear(POWERTRAIN, 0x1AF, b"abcd")
    assert bench.acknowledge() == (BODY, 0x1AF, 0, b"abcd")
    assert bench.routed == []
    assert [route["passed"] for route in routes(owner)] == [1, 1, 1, 0]


def test_a_frame_that_is_routed_is_read_as_well(bench: Bench, owner: Host) -> None:
    bench.hear(BODY, 0x130, b"abcdefgh")
    bench.hear(BODY, 0x100, b"\x01")
    assert [len(bench.routed), bench.routed[0].arbitration_id] == [1, 0x130]
    counters = owner.request(GET, ["system"]).value["counters"]
    assert (counters["accepted"], counters["unknown_id"]) == (1, 1)


@pytest.mark.parametrize(
    ("bus", "arbitration_id", "data", "flags"),
    [
        (POWERTRAIN, 0x130, bytes(8), 0),
        (BODY, 0x131, bytes(8), 0),
        (BODY, 0x130, bytes(8), EXT_ID),
        (BODY, 0x130, bytes(7), 0),
        (BODY, 0x130, bytes(8), REMOTE),
        (POWERTRAIN, 0x1A8, bytes(4), 0),
        (POWERTRAIN, 0x1A8, bytes(4), REMOTE),
        (BODY, 0x1A8, bytes(4), 0),
    ],
)
def test_what_no_route_allows_does_not_cross(
    bench: Bench, bus: int, arbitration_id: int, data: bytes, flags: int
) -> None:
    bench.hear(bus, arbitration_id, data, flags)
    assert bench.routed == []


def test_system_tells_the_routes_and_what_they_counted(bench: Bench, owner: Host) -> None:
    for first in range(7):
        bench.hear(BODY, 0x130, bytes([first] * 8))
    bench.hear(BODY, 0x130, b"")
    bench.acknowledge()
    (frame,) = bench.routed
    bench.routed.clear()
    bench.gateway.frame_failed(frame, bench.now_ms)
    assert routes(owner)[0] == {
        "from": "body",
        "to": "powertrain",
        "id": 0x130,
        "mask": 0x7FF,
        "extended": False,
        "passed": 1,
        "dropped": 1,
        "limited": 2,
        "wrong_length": 1,
    }
    assert [route["from"] for route in routes(owner)] == ["body", "powertrain"] * 2
    assert routes(owner)[3]["extended"] is True


def test_the_others_go_on_after_a_frame_that_was_not_taken(bench: Bench, owner: Host) -> None:
    for first in range(3):
        bench.hear(BODY, 0x130, bytes([first] * 8))
    (frame,) = bench.routed
    bench.routed.clear()
    bench.gateway.frame_failed(frame, bench.now_ms)
    bench.drain()
    assert bench.acknowledge()[3] == bytes([1] * 8)
    assert bench.acknowledge()[3] == bytes([2] * 8)
    assert outcomes(owner) == [2, 1, 0, 0]


def test_a_bus_that_takes_nothing_gets_nothing_late(bench: Bench, owner: Host) -> None:
    start_ms = bench.now_ms
    bench.hear(BODY, 0x130, bytes(8))
    bench.hear(BODY, 0x130, bytes(8))
    (frame,) = bench.routed
    assert bench.gateway.next_timeout() == start_ms + 100
    bench.now_ms = start_ms + 99
    bench.gateway.handle_timer(bench.now_ms)
    assert bench.gateway.cancels() == []
    bench.now_ms = start_ms + 100
    bench.gateway.handle_timer(bench.now_ms)
    assert bench.gateway.cancels() == [frame]
    assert bench.gateway.cancels() == []
    bench.routed.clear()
    bench.gateway.frame_failed(frame, bench.now_ms)
    bench.drain()
    assert bench.routed == []
    assert outcomes(owner) == [0, 2, 0, 0]


def test_a_command_is_sent_while_a_bus_is_flooded_with_what_is_routed(
    bench: Bench, owner: Host
) -> None:
    bench.hear(BODY, 0x100, b"\x00")
    for _ in range(10):
        bench.hear(POWERTRAIN, 0x1A0, bytes(4))
    (frame,) = bench.routed
    assert owner.post("lock", owner.command("lock")) == []
    assert [(each.bus, each.arbitration_id) for each in bench.sent] == [(BODY, 0x1A8)]
    assert bench.routed == [frame]


def test_the_next_deadline_is_the_first_of_the_commands_and_the_routes(
    bench: Bench, owner: Host
) -> None:
    bench.hear(BODY, 0x100, b"\x00")
    bench.hear(BODY, 0x130, bytes(8))
    start_ms = bench.now_ms
    bench.now_ms += 50
    owner.post("lock", owner.command("lock"))
    assert bench.gateway.next_timeout() == start_ms + 100
    bench.acknowledge()
    assert bench.gateway.next_timeout() == start_ms + 150  # the command's next frame
    bench.now_ms += 60
    bench.hear(BODY, 0x130, bytes(8))
    assert bench.gateway.next_timeout() == start_ms + 150


def test_disarmed_nothing_crosses_and_what_waits_is_dropped(bench: Bench, owner: Host) -> None:
    bench.hear(BODY, 0x130, bytes(8))
    bench.hear(BODY, 0x130, bytes(8))
    assert owner.request(DELETE, ["arm"]).code == DELETED
    bench.routed.clear()  # the controllers are started afresh, and forget it
    bench.hear(BODY, 0x130, bytes(8))
    assert bench.routed == []
    assert outcomes(owner) == [0, 2, 0, 0]


def test_a_car_has_no_routes() -> None:
    car = Bench("reference")
    car.hear(BODY, 0x130, bytes(8))
    assert car.routed == []
    assert not car.gateway.is_routing
    assert "routes" not in Host.pair(car).request(GET, ["system"]).value
