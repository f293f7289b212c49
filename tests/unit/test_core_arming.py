"""The gateway sends nothing until an owner has asked for it and somebody pressed the button."""

import os
from typing import Any

import pytest

from gateway import cbor
from gateway.coap.numbers import (
    CHANGED,
    CONFLICT,
    CONTENT,
    DELETE,
    DELETED,
    ECHO,
    EMPTY,
    FORBIDDEN,
    GET,
    METHOD_NOT_ALLOWED,
    POST,
    PUT,
    UNAUTHORIZED,
)
from gateway.vault.records import Records
from tests.aes import AES
from tests.models.car import Car, decoded
from tests.models.host import Host
from tests.models.shell import Shell

NOT_ARMED = "not armed: carport arm, then press the board's button"
SHORT_MS = 200


class InACar(Shell):
    """A board that is no bench, as it comes from the factory."""

    is_bench = False


@pytest.fixture
def shell() -> Shell:
    return InACar()


@pytest.fixture
def owner(shell: Shell) -> Host:
    return Host.pair(shell)


@pytest.fixture
def car(shell: Shell) -> Car:
    """A car that is awake and has said everything once."""
    car = Car(shell)
    car.send()
    return car


def press(shell: Shell, duration_ms: int = SHORT_MS) -> None:
    shell.gateway.press_button(duration_ms, shell.now_ms)
    shell.drain()


def arm(shell: Shell, owner: Host) -> None:
    """Ask, and press the button."""
    response = owner.request(POST, ["arm"])
    assert (response.code, response.value) == (CHANGED, {"armed": False, "button_ms": 60_000})
    press(shell)
    assert owner.request(GET, ["arm"]).value == {"armed": True}


def refused(host: Host, command: str) -> str:
    """Give a command, which is refused at once; return the reason."""
    (response,) = host.post("lock", host.command(command))
    assert (response.code, response.value["state"]) == (CONFLICT, "refused")
    reason: str = response.value["reason"]
    return reason


def test_a_new_board_refuses_and_sends_nothing_whether_the_car_is_awake_or_asleep(
    shell: Shell, owner: Host, car: Car
) -> None:
    assert not shell.gateway.is_armed
    stored = dict(shell.storage)
    assert refused(owner, "lock") == refused(owner, "unlock") == NOT_ARMED
    shell.advance(60_000)  # asleep: no frame to wake it either
    assert refused(owner, "unlock") == NOT_ARMED
    shell.advance(10_000)
    assert (shell.sent, shell.frames) == ([], [])
    assert shell.storage == stored


def test_it_comes_before_any_other_reason(shell: Shell, owner: Host, car: Car) -> None:
    car.signals["DRV_Status"]["Speed"] = 50
    car.send()
    assert refused(owner, "unlock") == NOT_ARMED


def test_a_locked_idle_car_is_left_alone_armed_or_not(shell: Shell, owner: Host, car: Car) -> None:
    for is_armed in (False, True):
        if is_armed:
            arm(shell, owner)
        for _ in range(10):
            shell.advance(60_000)
            assert owner.request(GET, ["signals"]).code == CONTENT
        assert (shell.sent, shell.frames) == ([], [])


def test_asked_and_pressed_it_is_armed_and_locks(shell: Shell, owner: Host, car: Car) -> None:
    assert owner.request(GET, ["arm"]).value == {"armed": False}
    arm(shell, owner)
    assert shell.gateway.is_armed
    assert shell.logs[-1] == "armed by ann and the button"
    car.send()
    assert owner.post("lock", owner.command("lock")) == []
    car.lock(True)
    car.run(100)
    assert owner.responses()[-1].value["state"] == "confirmed"


def test_a_press_alone_does_nothing(shell: Shell, owner: Host) -> None:
    press(shell)
    assert owner.request(POST, ["arm"]).value == {"armed": False, "button_ms": 60_000}
    assert not shell.gateway.is_armed


@pytest.mark.parametrize("duration_ms", [0, 49, 3000, 10_000])
def test_neither_a_bouncing_contact_nor_the_press_that_opens_pairing_arms(
    shell: Shell, owner: Host, duration_ms: int
) -> None:
    owner.request(POST, ["arm"])
    press(shell, duration_ms)
    assert not shell.gateway.is_armed


def test_after_a_minute_the_button_does_nothing_unless_it_is_asked_again(
    shell: Shell, owner: Host
) -> None:
    owner.request(POST, ["arm"])
    shell.advance(59_000)
    assert owner.request(GET, ["arm"]).value == {"armed": False, "button_ms": 1000}
    shell.advance(1000)
    assert owner.request(GET, ["arm"]).value == {"armed": False}
    press(shell)
    assert not shell.gateway.is_armed
    arm(shell, owner)


def test_one_question_arms_once(shell: Shell, owner: Host) -> None:
    arm(shell, owner)
    owner.request(DELETE, ["arm"])
    press(shell)
    assert not shell.gateway.is_armed
    owner.request(POST, ["arm"])
    owner.request(DELETE, ["arm"])
    press(shell)
    assert not shell.gateway.is_armed


def test_only_an_owner_arms_and_disarms(shell: Shell, owner: Host) -> None:
    others = [owner.enrol(name=role, role=role) for role in ("driver", "viewer")]
    for other in others:
        assert other.request(GET, ["arm"]).value == {"armed": False}
        assert other.request(POST, ["arm"]).code == FORBIDDEN
        press(shell)
        assert not shell.gateway.is_armed
    arm(shell, owner)
    for other in others:
        assert other.request(DELETE, ["arm"]).code == FORBIDDEN
    assert shell.gateway.is_armed
    assert owner.request(PUT, ["arm"]).code == METHOD_NOT_ALLOWED


def test_asking_needs_a_fresh_echo(shell: Shell, owner: Host) -> None:
    echo = owner.challenge()
    shell.advance(6000)
    for options in ([], [(ECHO, echo)], [(ECHO, bytes(8))]):
        owner.send(owner.protect(POST, ["arm"], options=options))
        assert owner.responses()[-1].code == UNAUTHORIZED
        press(shell)
        assert not shell.gateway.is_armed


def test_a_flipped_bit_arms_nothing(shell: Shell, owner: Host) -> None:
    echo = owner.challenge()
    data = bytearray(owner.protect(POST, ["arm"], options=[(ECHO, echo)]))
    data[-1] ^= 1
    owner.send(bytes(data))
    assert owner.responses()[-1].code != CHANGED
    press(shell)
    assert not shell.gateway.is_armed


def test_it_outlives_a_reboot_and_so_does_its_end(shell: Shell, owner: Host) -> None:
    assert not InACar(shell.storage).gateway.is_armed
    arm(shell, owner)
    assert InACar(shell.storage).gateway.is_armed
    assert owner.request(DELETE, ["arm"]).value == {"armed": False}
    assert not InACar(shell.storage).gateway.is_armed
    assert not Shell(shell.storage).gateway.is_armed  # a bench that was disarmed


def test_a_question_does_not_outlive_a_reboot(shell: Shell, owner: Host) -> None:
    owner.request(POST, ["arm"])
    after = InACar(shell.storage)
    press(after)
    assert not after.gateway.is_armed


@pytest.mark.parametrize("content", [False, 1, "true", None, [True]])
def test_a_record_that_does_not_say_true_is_not_armed(content: Any) -> None:
    records = Records({}, AES, os.urandom)
    records.put("armed", cbor.encode(content))
    stored = {name: record for _, name, record in records.take() if isinstance(record, bytes)}
    assert not Shell(stored).gateway.is_armed
    records.put("armed", cbor.encode(True))
    _, name, record = records.take()[-1]
    assert isinstance(record, bytes)
    assert InACar({**stored, name: record}).gateway.is_armed
    damaged = record[:-1] + bytes((record[-1] ^ 1,))
    assert not InACar({**stored, name: damaged}).gateway.is_armed


def test_nobody_is_told_before_it_is_durable(shell: Shell, owner: Host) -> None:
    owner.request(POST, ["arm"])
    shell.holds_saves = True
    press(shell)
    owner.send(owner.protect(GET, ["arm"]))
    assert owner.responses() == []
    shell.holds_saves = False
    shell.drain()
    assert owner.responses()[-1].value == {"armed": True}
    shell.holds_saves = True
    owner.send(owner.protect(DELETE, ["arm"]))
    assert not shell.gateway.is_armed  # at once
    assert owner.responses() == []
    shell.holds_saves = False
    shell.drain()
    response = owner.responses()[-1]
    assert (response.code, response.value) == (DELETED, {"armed": False})


def test_an_armed_gateway_says_so_and_waits_for_no_button(shell: Shell, owner: Host) -> None:
    arm(shell, owner)
    response = owner.request(POST, ["arm"])
    assert (response.code, response.value) == (CHANGED, {"armed": True})


def ends(shell: Shell, owner: Host, *others: Host) -> dict[str, tuple[str, str]]:
    """Disarm; return the state and reason that each command then ended with."""
    owner.send(owner.protect(DELETE, ["arm"]))
    answers = [answer for host in (owner, *others) for answer in host.responses()]
    receipts = [answer.value for answer in answers if answer.code not in (EMPTY, DELETED)]
    return {each["command"]: (each["state"], each["reason"]) for each in receipts}


def test_disarming_ends_what_is_under_way_and_what_waits(
    shell: Shell, owner: Host, car: Car
) -> None:
    arm(shell, owner)
    other = owner.enrol()
    shell.acknowledges_frames = False
    owner.post("lock", owner.command("lock"))
    other.post("lock", other.command("unlock"))
    owner.post("climate", owner.command("climate", on=True))
    (locking, climate) = shell.frames
    shell.frames = [locking]
    shell.gateway.frame_sent(climate, shell.now_ms)
    assert ends(shell, owner, other) == {
        "lock": ("indeterminate", "the gateway was disarmed"),  # the controller has its frame
        "unlock": ("refused", NOT_ARMED),
        "climate": ("unconfirmed", "the gateway was disarmed"),
    }
    assert shell.cancelled == [locking]
    car.run(10_000)
    assert shell.frames == []
    assert owner.responses() == other.responses() == []


def test_disarming_takes_back_a_frame_that_no_controller_has(
    shell: Shell, owner: Host, car: Car
) -> None:
    arm(shell, owner)
    shell.advance(60_000)
    owner.post("lock", owner.command("unlock"))  # wakes the bus
    assert {decoded(frame)["name"] for frame in shell.sent} == {"NM_Gateway"}
    count = len(shell.sent)
    assert ends(shell, owner) == {"unlock": ("expired", "the gateway was disarmed")}
    car.run(10_000)
    assert (len(shell.sent), shell.frames) == (count, [])


def test_what_was_switched_on_is_not_switched_off_by_a_gateway_that_may_not_send(
    shell: Shell, owner: Host, car: Car
) -> None:
    arm(shell, owner)
    owner.post("climate", owner.command("climate", on=True))
    car.signals["CLIM_Status"]["Power"] = 1
    car.run(100)
    assert owner.responses()[-1].value["state"] == "confirmed"
    owner.request(DELETE, ["arm"])
    count = len(shell.sent)
    car.run(1_900_000, "CLIM_Status", "BATT_Status")
    assert len(shell.sent) == count
    assert shell.logs[-1] == "climate 0 refused for gateway"


def test_system_says_that_the_buses_are_only_listened_to(shell: Shell, owner: Host) -> None:
    def states() -> list[str]:
        return [bus["state"] for bus in owner.request(GET, ["system"]).value["can"]]

    assert states() == ["listen-only"]
    arm(shell, owner)
    assert states() == ["active"]
    shell.gateway.bus_state(0, 4, shell.now_ms)
    assert states() == ["bus-off"]
    owner.request(DELETE, ["arm"])
    assert states() == ["bus-off"]


def test_system_says_what_the_controller_has_counted(shell: Shell, owner: Host) -> None:
    def describe(now_ms: int) -> dict[str, int]:
        return {"tec": 8, "at_ms": now_ms}

    shell.gateway.attach(0, describe)
    shell.advance(500)
    (bus,) = owner.request(GET, ["system"]).value["can"]
    assert bus == {"bus": "body", "state": "listen-only", "tec": 8, "at_ms": 500}
