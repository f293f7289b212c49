"""What a hostile peer, a full heap, a failing flash or a lost interrupt might do to the core."""

import os
from pathlib import Path
from typing import Any

import pytest

from gateway import cbor
from gateway.coap import block, message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    BAD_REQUEST,
    BLOCK2,
    CHANGED,
    CONTENT,
    ECHO,
    FETCH,
    GATEWAY_TIMEOUT,
    GET,
    NON,
    OBSERVE,
    POST,
    SERVICE_UNAVAILABLE,
    URI_PATH,
)
from gateway.vehicle.arguments import raw_value
from tests.models.car import Car
from tests.models.host import Host
from tests.models.shell import Shell, profile
from tests.vm import run_script


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


def waiting_in(shell: Shell) -> int:
    """Return how many things the endpoint keeps for later."""
    answers = shell.gateway._endpoint._answers
    return (
        len(answers._pending)
        + len(answers._held)
        + len(answers._without_number)
        + len(answers._delayed)
        + len(answers._retransmitter._waiting)
        + len(shell.gateway._waiting)
    )


# ---- what peers could fill the heap with ----


def test_an_answered_registration_is_not_remembered_as_pending(
    shell: Shell, host: Host, car: Car
) -> None:
    before = waiting_in(shell)
    for _ in range(100):
        host.send(host.protect(GET, ["lock"], options=[(OBSERVE, b"")]))
        host.send(host.protect(GET, ["lock"], options=[(OBSERVE, b"\x01")]))
    assert waiting_in(shell) == before


def test_a_flood_of_discovery_does_not_fill_the_heap(shell: Shell) -> None:
    options = [(URI_PATH, b".well-known"), (URI_PATH, b"core")]
    for number in range(1000):
        data = message.encode(Message(NON, GET, number, b"t", options))
        shell.receive_datagram(data, f"stranger {number}")
    assert waiting_in(shell) <= 8
    shell.advance(511)
    assert len(shell.datagrams) == 8


def test_repeats_of_a_command_under_way_do_not_fill_the_heap(
    shell: Shell, host: Host, car: Car
) -> None:
    command = host.command("lock")
    host.post("lock", command)
    for _ in range(100):
        host.send(host.protect(POST, ["lock"], command))
    assert {answer.code for answer in host.responses()} == {SERVICE_UNAVAILABLE}
    assert waiting_in(shell) <= 2 * 4
    car.lock(True)
    car.run(200)
    assert [answer.code for answer in host.responses()] == [CHANGED] * 4


def test_separate_responses_that_nobody_acknowledges_do_not_fill_the_heap(
    shell: Shell, host: Host, car: Car
) -> None:
    for _ in range(25):
        host.post("lock", {**host.command("lock"), "lifetime_ms": 600})
        shell.advance(1000)
        shell.datagrams.clear()
        host.post("climate", {**host.command("climate", on=True), "lifetime_ms": 700})
        shell.advance(800)
        shell.datagrams.clear()
    assert waiting_in(shell) <= 16


def test_a_flash_that_fails_for_ever_does_not_fill_the_heap(shell: Shell, host: Host) -> None:
    rebooted = shell.reboot()
    host.shell = rebooted
    rebooted.holds_saves = True
    for number in range(100):
        host.peer = f"host {number}"
        host.send(host.protect(GET, ["lock"]))
    assert waiting_in(rebooted) <= 16


def test_observers_of_a_gateway_without_numbers_do_not_fill_the_heap(
    shell: Shell, host: Host, car: Car
) -> None:
    shell.holds_saves = True
    host.send(host.protect(GET, ["lock"], options=[(OBSERVE, b"")]))
    shell.advance(3_600_000)
    assert waiting_in(shell) <= 16


def test_an_error_text_is_short_whatever_was_asked(shell: Shell, host: Host) -> None:
    answer = host.request(FETCH, ["signals"], [[None] * 500])
    assert answer.code == BAD_REQUEST
    assert len(answer.payload) < 200


# ---- what peers could send ----


@pytest.mark.parametrize("role", [[], {}, 7, None, b"owner"])
def test_a_role_of_another_type_is_a_bad_request(shell: Shell, host: Host, role: Any) -> None:
    fields = {"random": bytes(32), "name": "x", "role": role}
    assert host.request(POST, ["keys"], fields).code == BAD_REQUEST


# ---- commands that could get stuck, or say what is not so ----


def test_a_lifetime_that_ends_between_two_frames_leaves_no_deadline_in_the_past(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("lock", {**host.command("lock"), "lifetime_ms": 150})
    shell.advance(1000)
    due_ms = shell.gateway.next_timeout()
    assert due_ms is not None
    assert due_ms > shell.now_ms
    assert len(shell.sent) == 2
    car.run(2100)
    assert host.responses()[-1].value["state"] == "unconfirmed"


def test_a_lifetime_that_ends_while_the_bus_is_busy_leaves_no_deadline_in_the_past(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("lock", {**host.command("lock"), "lifetime_ms": 350})
    shell.acknowledges_frames = False
    shell.advance(340)  # the second frame waits, the third one is due
    shell.now_ms = 360
    shell.acknowledges_frames = True
    shell.drain()
    shell.advance(1000)
    due_ms = shell.gateway.next_timeout()
    assert due_ms is not None
    assert due_ms > shell.now_ms
    assert len(shell.sent) == 2


def test_a_frame_that_never_reached_its_controller_expires_and_blocks_nothing(
    shell: Shell, host: Host, car: Car, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell.gateway, "frames", list)  # a save failed: the shell came no further
    host.post("lock", host.command("lock"))
    car.run(400)
    assert host.responses()[-1].value["state"] == "expired"
    monkeypatch.undo()
    shell.drain()
    assert shell.sent == []
    host.post("lock", host.command("lock"))
    assert len(shell.sent) == 1


def test_a_frame_whose_controller_says_nothing_is_indeterminate_and_blocks_nothing(
    shell: Shell, host: Host, car: Car
) -> None:
    shell.acknowledges_frames = False
    host.post("lock", host.command("lock"))
    shell.frames.clear()  # its interrupt was lost
    car.run(2000)
    response = host.responses()[-1]
    assert response.code == GATEWAY_TIMEOUT
    assert response.value["state"] == "indeterminate"
    shell.acknowledges_frames = True
    host.post("lock", host.command("lock"))
    assert len(shell.sent) == 1


def test_a_frame_that_its_controller_did_not_take_is_said_to_be_that(
    shell: Shell, host: Host, car: Car
) -> None:
    shell.acknowledges_frames = False
    host.post("lock", host.command("lock"))
    shell.gateway.frame_failed(shell.frames.pop(), shell.now_ms)
    shell.drain()
    receipt = host.responses()[-1].value
    assert receipt["state"] == "expired"
    assert receipt["reason"] == "the controller did not send the frame"


def test_an_outcome_is_told_to_nobody_before_it_is_durable(
    shell: Shell, host: Host, car: Car
) -> None:
    command = host.command("lock")
    host.post("lock", command)
    shell.holds_saves = True
    car.lock(True)
    car.run(200)
    host.send(host.protect(GET, ["receipts", "1"]))
    host.send(host.protect(POST, ["lock"], command))
    assert host.responses() == []
    shell.holds_saves = False
    shell.drain()
    assert [answer.value["state"] for answer in host.responses()] == ["confirmed"] * 3


def test_an_owner_after_a_lost_key_record_finds_no_receipt_of_the_one_before(
    shell: Shell, host: Host, car: Car
) -> None:
    host.post("lock", host.command("lock"))
    car.lock(True)
    car.run(100)
    assert host.responses()[-1].value["state"] == "confirmed"
    shell.storage["keys"] = shell.storage["keys-copy"] = b"damaged"
    rebooted = shell.reboot()
    rebooted.gateway.press_button(3000, 0)
    car = Car(rebooted)
    car.send()
    new_owner = Host.pair(rebooted, "bob")
    assert new_owner.post("lock", new_owner.command("lock")) == []
    assert len(rebooted.sent) == 1


# ---- exceptions half-way ----


def fails_once(monkeypatch: pytest.MonkeyPatch, target: object, name: str) -> None:
    """Let a method raise MemoryError the next time it is called."""
    method = getattr(target, name)

    def fail(*arguments: Any) -> Any:
        monkeypatch.setattr(target, name, method)
        raise MemoryError

    monkeypatch.setattr(target, name, fail)


def test_a_full_heap_while_the_intent_is_stored_lets_no_frame_out_before_it(
    shell: Shell, host: Host, car: Car, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = host.protect(POST, ["lock"], host.command("lock"), [(ECHO, host.challenge())])
    fails_once(monkeypatch, shell.gateway._records, "put")
    with pytest.raises(MemoryError):
        host.send(data)
    stored: list[bool] = []
    shell.on_sent = lambda transmission: stored.append("intents-01" in shell.storage)
    car.run(500)
    assert stored == [True] * 5


def test_a_full_heap_while_a_command_ends_costs_neither_its_answer_nor_the_next_one(
    shell: Shell, host: Host, car: Car, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.post("lock", host.command("lock"))
    receipt = shell.gateway._waiting[0][0]
    car.lock(True)
    fails_once(monkeypatch, receipt, "encode")
    with pytest.raises(MemoryError):
        car.run(100)
    car.run(100)
    assert host.responses()[-1].value["state"] == "confirmed"
    assert len(receipt.evidence) == 1
    assert waiting_in(shell) == 0
    host.post("lock", host.command("lock"))
    car.run(200)
    assert host.responses()[-1].value["state"] == "confirmed"


def test_a_full_heap_while_a_command_is_answered_costs_nobody_the_answer(
    shell: Shell, host: Host, car: Car, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = host.command("lock")
    host.post("lock", command)
    host.send(host.protect(POST, ["lock"], command))
    fails_once(monkeypatch, shell.gateway._endpoint, "respond")
    car.lock(True)
    with pytest.raises(MemoryError):
        car.run(100)
    car.run(100)
    assert [answer.code for answer in host.responses()] == [CHANGED] * 2
    assert waiting_in(shell) == 0


def test_a_full_heap_while_a_command_begins_leaves_nothing_of_it(
    shell: Shell, host: Host, car: Car, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = host.protect(POST, ["lock"], host.command("lock"), [(ECHO, host.challenge())])
    fails_once(monkeypatch, shell.gateway._engine._store, "add")
    with pytest.raises(MemoryError):
        host.send(data)
    car.run(500)
    assert shell.sent == []
    assert waiting_in(shell) == 0
    host.post("lock", host.command("lock"))
    assert len(shell.sent) == 1


def test_a_full_heap_while_an_observer_is_told_leaves_no_deadline_in_the_past(
    shell: Shell, host: Host, car: Car, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.send(host.protect(GET, ["lock"], options=[(OBSERVE, b"")]))
    fails_once(monkeypatch, shell.gateway._endpoint.resources[b"lock"], "handle")
    with pytest.raises(MemoryError):
        shell.advance(10_000)
    due_ms = shell.gateway.next_timeout()
    assert due_ms is not None
    assert due_ms > shell.now_ms


# ---- more of what peers could send ----


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "a\x7f", "\x9b2J", "\0"])
def test_a_name_that_would_steer_a_terminal_is_refused(
    shell: Shell, host: Host, name: str
) -> None:
    fields = {"random": bytes(32), "name": name, "role": "viewer"}
    assert host.request(POST, ["keys"], fields).code == BAD_REQUEST


def test_a_viewer_cannot_use_up_all_keys(shell: Shell, host: Host) -> None:
    viewer = host.enrol(name="dashboard", role="viewer")
    for _ in range(7):
        viewer.enrol()
    assert viewer.request(POST, ["keys"], {"random": os.urandom(32)}).code == SERVICE_UNAVAILABLE
    assert host.enrol().request(GET, ["lock"]).code == CONTENT


def test_another_request_with_a_message_id_used_before_is_not_a_copy(
    shell: Shell, host: Host, car: Car
) -> None:
    for token in (b"t1", b"t2"):
        host.next_message_id = 7
        data = bytearray(host.protect(GET, ["lock"]))
        data[4:6] = token
        host.sent[token] = host.sent[b"\x00\x08"]
        host.send(bytes(data))
        assert host.responses()[0].code == CONTENT


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_block_of_a_larger_size_begins_where_it_was_asked_for(
    shell: Shell, host: Host, car: Car, is_kept: bool
) -> None:
    first = host.request(GET, ["signals"], options=[(BLOCK2, block.encode(0, False, 5))])
    assert len(first.payload) == 512
    if not is_kept:
        shell.gateway._endpoint._snapshots._snapshots.clear()
    answer = host.request(GET, ["signals"], options=[(BLOCK2, block.encode(1, False, 6))])
    value = answer.option(BLOCK2)
    assert value is not None
    num, _, szx = block.decode(value)
    assert num << szx + 4 == 1024


@pytest.mark.parametrize(
    ("value", "scale", "offset", "raw"),
    [(-10, 1, 0, -10), (-9.5, 0.5, 0, -19), (0.3, 0.1, 0, 3), (0.7, 0.1, -1, 17), (-4, 2, 0, -2)],
)
def test_a_number_becomes_the_nearest_raw_value(
    value: float, scale: float, offset: float, raw: int
) -> None:
    argument = {
        "values": None,
        "minimum": -10,
        "maximum": 10,
        "step": scale,
        "scale": scale,
        "offset": offset,
    }
    assert raw_value("x", argument, value) == raw


# ---- the receive path ----

RECEIVE = """
import gc, os
from firmware.aes import AES
from gateway import cbor
from gateway.core import Gateway

with open(PROFILE, "rb") as file:
    profile = cbor.decode(file.read())
gateway = Gateway(profile, {}, AES, os.urandom, 0, "vm", dict)
frame = [0x7FF, memoryview(bytes(8)), 0, 0]
gateway.receive_frame(0, frame, 10)
gc.collect()
garbage = bytearray(10000)
garbage = None
before = gc.mem_alloc()
gc.threshold(1)  # from here on the first allocation collects the garbage
for _ in range(100):
    gateway.receive_frame(0, frame, 10)
print("untouched" if gc.mem_alloc() >= before else "collected")
"""


def test_receiving_takes_nothing_from_the_heap_not_even_for_a_call(tmp_path: Path) -> None:
    path = tmp_path / "profile.cbor"
    path.write_bytes(cbor.encode(profile()))
    script = RECEIVE.replace("PROFILE", repr(str(path)))
    assert run_script(script, heapsize="4m") == "untouched\n"
