"""No actuating frame appears on the bus after its deadline, whatever the bus does meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.coap.numbers import EMPTY
from tests.models.car import Car, decoded
from tests.models.host import Host
from tests.models.shell import Shell

ACTIVE, BUS_OFF = 1, 4
TRUTHS = {"refused", "expired", "unconfirmed", "indeterminate"}


class Bench:
    """A shell whose car may sleep, be deaf or have a broken bus, and what it was sent when."""

    def __init__(self) -> None:
        self.shell = Shell()
        self.host = Host.pair(self.shell)
        self.car = Car(self.shell)
        self.car.send()
        self.late: list[Any] = []
        self.actuating: list[Any] = []
        self.shell.on_sent = self._note

    def outcome(self) -> str | None:
        """Return the state of the command's receipt, if it was answered by now."""
        self.shell.datagrams = list(
            dict.fromkeys(self.shell.datagrams)
        )  # sent again: no host acks
        final = [answer for answer in self.host.responses() if answer.code != EMPTY]
        return final[-1].value["state"] if final else None

    def reboot(self) -> None:
        """Cut the power; the controller is reset at boot, and forgets what it was given."""
        self.shell = self.shell.reboot()
        self.shell.on_sent = self._note
        self.host.shell = self.car.shell = self.shell

    def _note(self, transmission: Any) -> None:
        if decoded(transmission)["name"] != "NM_Gateway":
            self.actuating.append(transmission)
            if self.shell.now_ms > transmission.deadline_ms:
                self.late.append(transmission)


def sleep(bench: Bench) -> None:
    bench.shell.advance(60_000)


def stay_awake(bench: Bench) -> None:
    pass


def go_bus_off(bench: Bench) -> None:
    """As the runner tells it: what was pending has failed, then the state."""
    shell = bench.shell
    pending, shell.frames = shell.frames, []
    for transmission in pending:
        shell.gateway.frame_failed(transmission, shell.now_ms)
    shell.gateway.bus_state(0, BUS_OFF, shell.now_ms)
    shell.drain()


def nothing(bench: Bench) -> None:
    pass


@pytest.mark.parametrize("after_ms", [0, 50, 299, 300, 301, 1000, 2001, 5000, 7999, 8001, 20_000])
@pytest.mark.parametrize("trouble", [nothing, go_bus_off, Bench.reboot])
@pytest.mark.parametrize("before", [stay_awake, sleep])
@pytest.mark.parametrize("command", ["unlock", "lock"])
def test_nothing_acts_late_on_a_bus_that_acknowledges_only_after_a_while(
    command: str,
    before: Callable[[Bench], None],
    trouble: Callable[[Bench], None],
    after_ms: int,
) -> None:
    bench = Bench()
    before(bench)
    bench.shell.acknowledges_frames = False
    bench.host.post("lock", bench.host.command(command))
    given = [decoded(frame)["name"] for frame in bench.shell.frames]
    assert given == (["GW_BodyCommand"] if before is stay_awake else ["NM_Gateway"])
    bench.shell.advance(after_ms)
    trouble(bench)
    bench.shell.gateway.bus_state(0, ACTIVE, bench.shell.now_ms)
    bench.shell.acknowledges_frames = True
    bench.shell.drain()
    bench.car.run(10_000)
    assert bench.late == []
    if trouble is Bench.reboot or (trouble is go_bus_off and before is stay_awake):
        assert bench.actuating == []
    if after_ms >= 8001:
        assert bench.actuating == []
        if trouble is not Bench.reboot:
            assert bench.outcome() in TRUTHS


def test_bus_off_ends_the_next_command_only_once_if_that_is_refused_meanwhile() -> None:
    bench = Bench()
    other = bench.host.enrol()
    bench.shell.acknowledges_frames = False
    bench.host.post("lock", bench.host.command("lock"))
    other.post("lock", other.command("unlock"))
    bench.car.signals["DRV_Status"]["Speed"] = 50
    bench.car.send("DRV_Status")
    bench.shell.gateway.bus_state(0, BUS_OFF, bench.shell.now_ms)
    bench.shell.drain()
    assert bench.outcome() == "expired"
    assert other.responses()[-1].value["state"] == "refused"
