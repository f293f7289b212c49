"""The life of a command in the core: truthful receipts, interlocks, ids, deadlines."""

from typing import Any

import pytest

from gateway.coap import message
from gateway.coap.numbers import (
    ACK,
    BAD_REQUEST,
    CHANGED,
    CON,
    CONFLICT,
    CONTENT,
    ECHO,
    EMPTY,
    FORBIDDEN,
    GATEWAY_TIMEOUT,
    GET,
    POST,
    SERVICE_UNAVAILABLE,
)
from tests.models.car import Car, decoded
from tests.models.host import Host, Response
from tests.models.shell import Shell


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


def one(answers: list[Response]) -> Response:
    assert len(answers) == 1
    return answers[0]


def lock(shell: Shell, host: Host, car: Car, command: str = "lock") -> Response:
    """Send a command that the car obeys after 300 ms."""
    assert host.post("lock", host.command(command)) == []
    car.run(300)
    car.lock(command == "lock")
    car.run(100)
    return one(host.responses())


def test_lock_is_confirmed_by_the_cars_own_frame(shell: Shell, host: Host, car: Car) -> None:
    response = lock(shell, host, car)
    assert response.code == CHANGED
    receipt = response.value
    assert receipt["state"] == "confirmed"
    assert receipt["by"] == "ann"
    assert receipt["at_ms"] == {"accepted": 0, "sent": 0, "confirmed": 400}
    (frame,) = receipt["evidence"]
    assert frame["bus"] == "body"
    assert frame["id"] == 0x100
    assert frame["at_ms"] == 400
    assert frame["data"][3:5] == b"\x55\x01"


def test_the_frame_is_what_the_dbc_says(shell: Shell, host: Host, car: Car) -> None:
    lock(shell, host, car)
    frames = [decoded(transmission) for transmission in shell.sent]
    assert {frame["name"] for frame in frames} == {"GW_BodyCommand"}
    assert {str(frame["LockRequest"]) for frame in frames} == {"Lock"}
    assert [frame["Counter"] for frame in frames] == list(range(len(frames)))


def test_nothing_is_sent_after_the_confirmation(shell: Shell, host: Host, car: Car) -> None:
    lock(shell, host, car)
    count = len(shell.sent)
    car.run(1000)
    assert len(shell.sent) == count


def test_frames_are_repeated_each_period_up_to_the_count(
    shell: Shell, host: Host, car: Car
) -> None:
    times = []
    shell.on_sent = lambda transmission: times.append(shell.now_ms)
    host.post("lock", host.command("lock"))
    car.run(2000)
    assert times == [0, 100, 200, 300, 400]


def test_a_stuck_lock_is_unconfirmed(shell: Shell, host: Host, car: Car) -> None:
    host.post("lock", host.command("lock"))
    car.run(3100)
    response = host.responses()[-1]
    assert response.code == GATEWAY_TIMEOUT
    assert response.value["state"] == "unconfirmed"
    assert response.value["reason"].endswith("IsLocked is false")


def test_a_silent_ecu_never_confirms_with_what_it_said_before(
    shell: Shell, host: Host, car: Car
) -> None:
    car.lock(True)
    car.send("BODY_DoorStatus")
    host.post("lock", host.command("lock"))
    car.run(3100, "DRV_Status")
    assert host.responses()[-1].value["state"] == "unconfirmed"


def test_a_slow_car_gets_an_empty_ack_and_one_separate_response(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("lock", host.command("lock"))
    car.run(1000)
    acknowledgement = one(host.responses())
    assert (acknowledgement.type, acknowledgement.code) == (ACK, EMPTY)
    car.lock(True)
    car.run(100)
    response = one(host.responses())
    assert (response.type, response.code) == (CON, CHANGED)
    host.acknowledge(response)
    car.run(10_000)
    assert host.responses() == []


def test_a_separate_response_is_sent_again_until_acknowledged(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("lock", host.command("lock"))
    car.run(1000)
    host.responses()
    car.lock(True)
    car.run(100)
    first = shell.datagrams[-1]
    car.run(200_000)
    assert shell.datagrams == [first] * 5


@pytest.mark.parametrize(
    ("command", "signals", "reason"),
    [
        ("unlock", {"DRV_Status": {"Speed": 43.2}}, "parked: Vehicle.Speed is 43.2"),
        (
            "unlock",
            {"DRV_Status": {"Gear": 3}},
            "parked: Vehicle.Powertrain.Transmission.IsParkLockEngaged is false",
        ),
        (
            "lock",
            {"BODY_DoorStatus": {"DoorRearLeftOpen": 1}},
            "closed: Vehicle.Cabin.Door.Row2.DriverSide.IsOpen is true",
        ),
    ],
)
def test_an_interlock_refuses_and_nothing_is_sent(
    shell: Shell,
    host: Host,
    car: Car,
    command: str,
    signals: dict[str, dict[str, Any]],
    reason: str,
) -> None:
    for name, values in signals.items():
        car.signals[name].update(values)
    car.send()
    response = one(host.post("lock", host.command(command)))
    assert response.code == CONFLICT
    assert response.value["state"] == "refused"
    assert response.value["reason"] == reason
    assert shell.sent == []
    assert not [name for name in shell.storage if name.startswith(("intents", "receipts"))]


def test_low_battery_refuses_climate_but_never_its_end(shell: Shell, host: Host, car: Car) -> None:
    car.signals["BATT_Status"]["StateOfCharge"] = 9.5
    car.send()
    refused = one(host.post("climate", host.command("climate", on=True)))
    assert refused.value["reason"].startswith("charged: ")
    assert host.post("climate", host.command("climate", on=False)) == []
    assert decoded(shell.sent[-1])["PowerRequest"] == "Off"


def test_a_live_bus_without_speed_or_gear_refuses(shell: Shell, host: Host, car: Car) -> None:
    car.run(1000, "BODY_DoorStatus")
    assert host.post("lock", host.command("unlock")) == []
    car.run(2100, "BODY_DoorStatus")
    response = host.responses()[-1]
    assert response.value["state"] == "refused"
    assert response.value["reason"].endswith("is not known")
    assert [decoded(frame)["name"] for frame in shell.sent] == []


def test_a_sleeping_car_is_woken_then_unlocked(shell: Shell, host: Host, car: Car) -> None:
    shell.advance(60_000)
    host.post("lock", host.command("unlock"))
    shell.advance(300)
    assert {decoded(frame)["name"] for frame in shell.sent} == {"NM_Gateway"}
    car.run(300)
    assert "GW_BodyCommand" in {decoded(frame)["name"] for frame in shell.sent}
    car.lock(False)
    car.run(100)
    assert host.responses()[-1].value["state"] == "confirmed"
    count = len(shell.sent)
    car.run(1000)
    assert len(shell.sent) == count


def test_a_silent_error_free_bus_allows_unlocking_and_says_so(
    shell: Shell, host: Host, car: Car
) -> None:
    shell.advance(60_000)
    host.post("lock", host.command("unlock"))
    shell.advance(2100)
    car.lock(False)
    car.send("BODY_DoorStatus")
    response = host.responses()[-1]
    assert response.value["state"] == "confirmed"
    assert response.value["evidence"][0] == {"bus": "body", "note": "bus silent"}


def test_a_silent_bus_with_errors_refuses(shell: Shell, host: Host, car: Car) -> None:
    shell.advance(60_000)
    shell.gateway.bus_state(0, 3, shell.now_ms)
    host.post("lock", host.command("unlock"))
    shell.advance(2100)
    assert host.responses()[-1].value["state"] == "refused"


def test_a_silent_bus_never_allows_locking_an_open_car(shell: Shell, host: Host, car: Car) -> None:
    shell.advance(60_000)
    host.post("lock", host.command("lock"))
    shell.advance(2100)
    assert host.responses()[-1].value["reason"] == "the bus is silent"


def test_climate_confirms_each_argument(shell: Shell, host: Host, car: Car) -> None:
    command = host.command(
        "climate",
        on=True,
        driver_temperature=21.5,
        passenger_temperature=19,
        front_defrost=True,
        driver_seat_heating=60,
    )
    assert host.post("climate", command) == []
    frame = decoded(shell.sent[0])
    assert frame["SetpointDriverRequest"] == 21.5
    assert frame["SeatHeatPassengerRequest"] == "NoRequest"
    status = car.signals["CLIM_Status"]
    status.update(Power=1, SetpointDriver=21.5, SetpointPassenger=19, SeatHeatDriver=60)
    car.run(400)
    assert [answer for answer in host.responses() if answer.code != EMPTY] == []
    status["FrontDefrostActive"] = 1
    car.run(100)
    receipt = host.responses()[-1].value
    assert receipt["state"] == "confirmed"
    assert receipt["arguments"] == command["arguments"]


@pytest.mark.parametrize(
    ("path", "payload", "text"),
    [
        ("climate", {"command": "climate", "arguments": {"driver_temperature": 60}}, "16 to 28"),
        ("climate", {"command": "climate", "arguments": {"driver_temperature": 21.3}}, "steps"),
        ("climate", {"command": "climate", "arguments": {"driver_temperature": True}}, "number"),
        (
            "climate",
            {"command": "climate", "arguments": {"driver_temperature": float("nan")}},
            "16 to 28",
        ),
        ("climate", {"command": "climate", "arguments": {"on": 1}}, "one of"),
        ("climate", {"command": "climate", "arguments": {"sunroof": True}}, "no argument"),
        ("climate", {"command": "climate"}, "name what to change"),
        ("climate", {"command": "lock"}, "no such command"),
        ("lock", {"command": "climate", "arguments": {"on": True}}, "no such command"),
        ("lock", {"command": "open"}, "no such command"),
        ("lock", {"command": 7}, "no such command"),
        ("lock", {"command": "lock", "arguments": {"on": True}}, "no argument"),
        ("lock", {"command": "lock", "arguments": []}, "a map"),
        ("lock", {"command": "lock", "lifetime_ms": -1}, "lifetime_ms"),
        ("lock", {"command": "lock", "colour": "red"}, "no field"),
        ("lock", {"command": "lock", "id": "7"}, "id is"),
        ("lock", {"command": "lock", "id": -1}, "id is"),
        ("lock", {"command": "lock", "id": 1 << 32}, "id is"),
    ],
)
def test_a_wrong_command_is_a_bad_request_and_nothing_is_sent(
    shell: Shell, host: Host, car: Car, path: str, payload: dict[str, Any], text: str
) -> None:
    stored = dict(shell.storage)
    response = one(host.post(path, {"id": 1, **payload}))
    assert response.code == BAD_REQUEST
    assert text in response.payload.decode()
    assert shell.sent == []
    assert shell.storage == stored


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\xa1\x62id", b"\x80", b"lock"])
def test_garbage_is_a_bad_request(shell: Shell, host: Host, car: Car, payload: bytes) -> None:
    assert one(host.post("lock", payload)).code == BAD_REQUEST  # type: ignore[arg-type]
    assert shell.sent == []


def test_the_same_id_returns_the_same_receipt_and_acts_once(
    shell: Shell, host: Host, car: Car
) -> None:
    response = lock(shell, host, car)
    count = len(shell.sent)
    payload = {"id": 1, "command": "lock"}
    again = host.request(POST, ["lock"], payload)
    assert (again.code, again.payload) == (response.code, response.payload)
    car.run(1000)
    assert len(shell.sent) == count


def test_the_same_id_while_under_way_waits_for_the_same_receipt(
    shell: Shell, host: Host, car: Car
) -> None:
    payload = host.command("lock")
    host.post("lock", payload)
    host.send(host.protect(POST, ["lock"], payload))
    car.lock(True)
    car.run(200)
    first, second = host.responses()
    assert first.payload == second.payload
    assert len(shell.sent) <= 2


def test_the_same_id_with_another_payload_is_a_conflict(
    shell: Shell, host: Host, car: Car
) -> None:
    lock(shell, host, car)
    count = len(shell.sent)
    response = host.request(POST, ["lock"], {"id": 1, "command": "unlock"})
    assert response.code == CONFLICT
    assert b"used" in response.payload
    assert len(shell.sent) == count


def test_ids_survive_a_reboot(shell: Shell, host: Host, car: Car) -> None:
    response = lock(shell, host, car)
    rebooted = shell.reboot()
    host.shell = rebooted
    Car(rebooted).send()
    again = host.request(POST, ["lock"], {"id": 1, "command": "lock"})
    assert again.payload == response.payload
    other = host.request(POST, ["lock"], {"id": 1, "command": "unlock"})
    assert other.code == CONFLICT
    rebooted.advance(1000)
    assert rebooted.sent == []


def test_a_crash_after_the_intent_is_indeterminate_and_never_sent_again(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("lock", host.command("lock"))
    car.run(100)
    rebooted = shell.reboot()
    host.shell = rebooted
    Car(rebooted).send()
    response = host.request(POST, ["lock"], {"id": 1, "command": "lock"})
    assert response.code == GATEWAY_TIMEOUT
    assert response.value["state"] == "indeterminate"
    receipt = host.request(GET, ["receipts", "1"])
    assert (receipt.code, receipt.payload) == (CONTENT, response.payload)
    rebooted.advance(10_000)
    assert rebooted.sent == []


def test_no_frame_before_the_intent_is_durable(shell: Shell, host: Host, car: Car) -> None:
    lock(shell, host, car, "unlock")
    shell.holds_saves = True
    shell.sent.clear()
    host.post("lock", host.command("lock"))
    car.run(500)
    assert shell.sent == []
    shell.holds_saves = False
    shell.drain()
    assert decoded(shell.sent[0])["LockRequest"] == "Lock"


def test_no_answer_before_the_outcome_is_durable(shell: Shell, host: Host, car: Car) -> None:
    host.post("lock", host.command("lock"))
    shell.holds_saves = True
    car.lock(True)
    car.run(200)
    assert host.responses() == []
    shell.holds_saves = False
    shell.drain()
    assert one(host.responses()).value["state"] == "confirmed"


def test_an_interlock_is_judged_again_after_a_slow_save(
    shell: Shell, host: Host, car: Car
) -> None:
    shell.holds_saves = True
    host.post("lock", host.command("unlock"))
    car.signals["DRV_Status"]["Speed"] = 20
    car.run(200)
    shell.holds_saves = False
    shell.drain()
    assert host.responses()[-1].value["state"] == "refused"
    assert shell.sent == []


def test_a_command_whose_lifetime_ends_before_it_is_sent_has_expired(
    shell: Shell, host: Host, car: Car
) -> None:
    shell.holds_saves = True
    host.post("lock", {**host.command("lock"), "lifetime_ms": 1500})
    car.run(1600)
    shell.holds_saves = False
    shell.drain()
    response = host.responses()[-1]
    assert response.code == GATEWAY_TIMEOUT
    assert response.value["state"] == "expired"
    assert shell.sent == []


def test_a_frame_nobody_acknowledges_is_cancelled_at_its_deadline(
    shell: Shell, host: Host, car: Car
) -> None:
    shell.acknowledges_frames = False
    host.post("lock", host.command("lock"))
    car.run(400)
    assert [frame.deadline_ms for frame in shell.cancelled] == [300]
    assert host.responses()[-1].value["state"] == "expired"
    shell.acknowledges_frames = True
    shell.drain()
    car.run(5000)
    assert shell.sent == []


def test_bus_off_discards_commands(shell: Shell, host: Host, car: Car) -> None:
    shell.acknowledges_frames = False
    host.post("lock", host.command("lock"))
    shell.gateway.bus_state(0, 4, shell.now_ms)
    shell.drain()
    response = host.responses()[-1]
    assert response.value["state"] == "expired"
    assert response.value["reason"] == "the controller went bus-off"
    assert shell.frames == []


def test_commands_of_a_resource_wait_for_each_other(shell: Shell, host: Host, car: Car) -> None:
    other = host.enrol()
    host.post("lock", host.command("lock"))
    other.post("lock", other.command("unlock"))
    car.run(200)
    assert {str(decoded(frame)["LockRequest"]) for frame in shell.sent} == {"Lock"}
    car.lock(True)
    car.run(200)
    assert host.responses()[-1].value["state"] == "confirmed"
    car.lock(False)
    car.run(200)
    assert other.responses()[-1].value["state"] == "confirmed"


def test_a_third_command_of_a_context_at_once_is_told_to_come_back(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("lock", host.command("lock"))
    host.post("climate", host.command("climate", on=True))
    response = one(host.post("lock", host.command("lock")))
    assert response.code == SERVICE_UNAVAILABLE


def test_a_viewer_may_look_but_not_act(shell: Shell, host: Host, car: Car) -> None:
    viewer = host.enrol(name="dashboard", role="viewer")
    assert viewer.request(GET, ["lock"]).code == CONTENT
    assert one(viewer.post("lock", viewer.command("lock"))).code == FORBIDDEN
    assert shell.sent == []


def test_an_actuating_request_needs_a_fresh_echo(shell: Shell, host: Host, car: Car) -> None:
    echo = host.challenge()
    car.run(5100)
    host.send(host.protect(POST, ["lock"], {"id": 1, "command": "lock"}, [(ECHO, echo)]))
    stale = one(host.responses())
    assert stale.option(ECHO) not in (None, echo)
    assert shell.sent == []


def test_climate_is_switched_off_by_the_gateway_after_its_limit(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("climate", host.command("climate", on=True))
    car.signals["CLIM_Status"]["Power"] = 1
    car.run(200)
    shell.sent.clear()
    car.run(1_799_000, "CLIM_Status")
    assert shell.sent == []
    car.run(2000, "CLIM_Status")
    assert decoded(shell.sent[0])["PowerRequest"] == "Off"


def test_the_gateway_does_not_wake_a_car_that_has_switched_itself_off(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("climate", host.command("climate", on=True))
    car.signals["CLIM_Status"]["Power"] = 1
    car.run(200)
    shell.sent.clear()
    shell.advance(2_000_000)
    assert shell.sent == []


def test_ten_idle_minutes_without_a_frame_of_ours(shell: Shell, host: Host, car: Car) -> None:
    lock(shell, host, car)
    shell.sent.clear()
    shell.advance(600_000)
    assert shell.sent == []


def test_a_copy_of_a_command_gets_the_same_bytes_and_acts_once(
    shell: Shell, host: Host, car: Car
) -> None:
    response = lock(shell, host, car)
    assert response.code == CHANGED
    data = host.protect(POST, ["lock"], host.command("unlock"), [(ECHO, host.challenge())])
    host.send(data)
    car.lock(False)
    car.run(200)
    answer = shell.datagrams[-1]
    assert host.read(answer[0]).code == CHANGED
    count = len(shell.sent)
    shell.datagrams.clear()
    host.send(data)
    assert shell.datagrams == [answer]
    car.run(1000)
    assert len(shell.sent) == count


def test_a_copy_from_another_address_is_a_replay(shell: Shell, host: Host, car: Car) -> None:
    data = host.protect(GET, ["lock"])
    host.send(data)
    host.responses()
    shell.receive_datagram(data, "elsewhere")
    (answer, peer) = shell.datagrams[-1]
    assert peer == "elsewhere"
    assert message.decode(answer).payload == b"Replay detected"
