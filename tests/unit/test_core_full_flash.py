"""A flash that takes nothing: what would need it is refused, the rest goes on, and it ends."""

import pytest

from gateway.coap.numbers import CONFLICT, CONTENT, GET
from tests.models.car import Car
from tests.models.host import Host
from tests.models.shell import Shell, profile

FULL = "the flash is full"


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def host(shell: Shell) -> Host:
    return Host.pair(shell)


@pytest.fixture
def car(shell: Shell) -> Car:
    """A car that is awake and has said everything once."""
    car = Car(shell)
    car.send()
    return car


def test_a_command_is_refused_at_once_and_says_why(shell: Shell, host: Host, car: Car) -> None:
    shell.is_full = True
    for _ in range(3):
        (answer,) = host.post("lock", host.command("lock"))
        assert answer.code == CONFLICT
        assert answer.value["state"] == "refused"
        assert answer.value["reason"] == FULL
    car.run(1000)
    assert shell.sent == []
    assert host.request(GET, ["lock"]).code == CONTENT


def test_it_is_over_when_there_is_room(shell: Shell, host: Host, car: Car) -> None:
    shell.is_full = True
    host.post("lock", host.command("lock"))
    shell.is_full = False
    shell.drain()
    host.post("lock", host.command("lock"))
    car.lock(True)
    car.run(300)
    assert host.responses()[-1].value["state"] == "confirmed"


def test_a_refused_command_leaves_nothing_that_a_reboot_would_find(
    shell: Shell, host: Host, car: Car
) -> None:
    stored = dict(shell.storage)
    shell.is_full = True
    host.post("lock", host.command("lock"))
    shell.is_full = False
    shell.drain()
    assert shell.storage == stored


def test_an_earlier_intent_is_kept_when_a_later_one_is_withdrawn(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("lock", host.command("lock"))
    shell.is_full = True
    (answer,) = host.post("climate", host.command("climate", on=True))
    assert answer.value["reason"] == FULL
    shell.is_full = False
    shell.drain()
    host.shell = shell.reboot()
    assert host.request(GET, ["receipts", "1"]).value["state"] == "indeterminate"
    assert host.request(GET, ["receipts", "2"]).code != CONTENT


def test_an_outcome_that_cannot_be_stored_is_told_to_nobody_until_it_can(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("lock", host.command("lock"))
    shell.is_full = True
    car.lock(True)
    car.run(5000)
    assert host.responses() == []
    (answer,) = host.post("lock", host.command("unlock"))
    assert answer.value["reason"] == FULL
    shell.is_full = False
    shell.drain()
    assert host.responses()[-1].value["state"] == "confirmed"


def test_what_the_gateway_undoes_by_itself_needs_no_flash(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("climate", host.command("climate", on=True))
    car.signals["CLIM_Status"]["Power"] = 1
    car.run(300)
    sent = len(shell.sent)
    shell.is_full = True
    host.post("lock", host.command("lock"))
    _, after_s = profile()["commands"]["climate"]["limit"]
    shell.advance(1000 * after_s - 2000)
    assert len(shell.sent) == sent
    car.run(5000)
    assert len(shell.sent) > sent
