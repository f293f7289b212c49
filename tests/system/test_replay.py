"""A captured unlock sent again, byte for byte: it never acts again, whoever sends it, and when.

The car is locked whenever the unlock comes again. That nothing was sent on its bus is known once
an honest command that came later has been heard there.
"""

import asyncio
from collections.abc import Iterator

import pytest

from carport.client import Client
from carport.client.known_gateways import KnownGateway
from carport.emulator.process import EmulatorProcess
from gateway.coap import message
from gateway.coap.numbers import ACK, CHANGED, OSCORE, POST, UNAUTHORIZED
from tests.emulated_board import cut_power
from tests.system.command_line import CommandLine
from tests.system.listener import Listener
from tests.system.taps import UdpTap, ask
from tests.system.wire import Wire
from tests.waiting import wait_until

LOCK = "LockRequest=Lock"
UNLOCK = "LockRequest=Unlock"
OTHER_REQUESTS = 40


@pytest.fixture(scope="module")
def listener(emulator: EmulatorProcess) -> Iterator[Listener]:
    """Somebody who hears what is really sent to the car."""
    with Listener(emulator.can) as listening:
        yield listening


@pytest.fixture(scope="module")
def tap(emulator: EmulatorProcess, owner: CommandLine) -> Iterator[UdpTap]:
    """A tap that every request of the owner's passes."""
    with UdpTap(emulator.coap) as between:
        owner.route("car", between.address)
        yield between


@pytest.fixture(scope="module")
def captured(
    emulator: EmulatorProcess, owner: CommandLine, listener: Listener, tap: UdpTap
) -> list[bytes]:
    """An unlock's two requests, without and with an Echo; it did act, and only once.

    A third one gives the gateway its time.
    """
    owner.run("lock", "--via", "lan")
    assert owner.locked() == {True}
    before, heard_before = len(tap.requests()), len(listener.heard)
    owner.run("unlock", "--via", "lan")
    sent = dict.fromkeys(tap.requests()[before:])  # on a busy machine some are repeated
    posts = [data for data in sent if message.decode(data).code == POST]
    assert owner.locked() == {False}
    assert set(listener.heard[heard_before:]) == {UNLOCK}
    wait_until(lambda: "unlock" in emulator.read_log())  # which the answer may overtake
    owner.run("lock", "--via", "lan")
    assert emulator.read_log().count("unlock") == 1
    assert len(posts) == 3
    return posts[:2]


def assert_only_a_lock_acts(owner: CommandLine, listener: Listener, since: int) -> None:
    """Lock the car: that, and nothing else, is heard since then."""
    owner.run("lock", "--via", "lan")
    listener.wait_for(LOCK, since)
    assert set(listener.heard[since:]) == {LOCK}
    assert owner.locked() == {True}


def assert_replay_is_detected(answer: bytes) -> None:
    told = message.decode(answer)
    assert (told.code, told.payload) == (UNAUTHORIZED, b"Replay detected")


def test_from_the_same_address_it_gets_the_same_answer(
    captured: list[bytes], owner: CommandLine, listener: Listener, tap: UdpTap
) -> None:
    since = len(listener.heard)
    answers = [each.data for each in tap.passed if not each.is_request]
    for data in captured:
        again = tap.send_again(data)
        told = message.decode(again)
        assert (told.type, told.message_id) == (ACK, message.decode(data).message_id)
        assert again in answers
    assert_only_a_lock_acts(owner, listener, since)


def test_from_another_address_it_is_refused(
    captured: list[bytes], emulator: EmulatorProcess, owner: CommandLine, listener: Listener
) -> None:
    since = len(listener.heard)
    for data in captured:
        assert_replay_is_detected(ask(emulator.coap, data))
    assert_only_a_lock_acts(owner, listener, since)


def test_over_the_cable_it_is_refused(
    captured: list[bytes], owner: CommandLine, listener: Listener, wire: Wire
) -> None:
    since = len(listener.heard)
    for data in captured:
        wire.receive_datagram(data, "cable", on_cable=True)
        assert_replay_is_detected(wire.datagrams.pop()[0])
    assert_only_a_lock_acts(owner, listener, since)


def test_after_many_other_requests_it_is_refused(
    captured: list[bytes],
    emulator: EmulatorProcess,
    owner: CommandLine,
    listener: Listener,
    tap: UdpTap,
) -> None:
    since = len(listener.heard)

    async def ask_often() -> None:
        gateway = KnownGateway(owner.gateway("car"), [tap.address])
        async with Client(gateway, via="lan") as client:
            for _ in range(OTHER_REQUESTS):
                await client.system()

    asyncio.run(ask_often())
    for data in captured:
        assert_replay_is_detected(tap.send_again(data))
        assert_replay_is_detected(ask(emulator.coap, data))
    assert_only_a_lock_acts(owner, listener, since)


def test_after_a_restart_it_is_challenged_and_then_refused(
    captured: list[bytes],
    emulator: EmulatorProcess,
    owner: CommandLine,
    listener: Listener,
    tap: UdpTap,
) -> None:
    cut_power(emulator)
    since = len(listener.heard)
    for data in captured:
        challenge = message.decode(ask(emulator.coap, data))
        assert challenge.code == CHANGED  # whatever it is, it is sealed for the owner
        assert OSCORE in dict(challenge.options)
        for answer in (ask(emulator.coap, data), tap.send_again(data)):
            assert_replay_is_detected(answer)  # each number is challenged once
    assert_only_a_lock_acts(owner, listener, since)
    for data in captured:
        assert_replay_is_detected(ask(emulator.coap, data))
    assert_only_a_lock_acts(owner, listener, since)
