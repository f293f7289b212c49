"""Requests over the LAN and the cable, and the truth about commands that are hard to come by."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import aiocoap
import cbor2
import pytest

from carport.client import Client, route, session
from carport.client.known_gateways import KnownGateway, find_gateway
from carport.client.receipt import Receipt
from carport.client.route import Via
from carport.errors import (
    CarportError,
    NoAnswerError,
    NotAuthorisedError,
    NotConfirmedError,
    RefusedError,
    UsageError,
)
from tests.fake_gateway import Cable, FakeGateway, receipt
from tests.leaping import leap

LONG_S = 60.0


def run(
    gateway: KnownGateway,
    work: Callable[[Client], Coroutine[Any, Any, Any]],
    *,
    via: Via = "lan",
    timeout_s: float = LONG_S,
    port: str | None = None,
) -> Any:
    async def connected() -> Any:
        async with Client(gateway, via=via, timeout_s=timeout_s, port=port) as client:
            return await work(client)

    return asyncio.run(connected())


@pytest.mark.parametrize("via", ["lan", "serial"])
def test_a_command_returns_once_the_car_has_confirmed_it(
    paired: KnownGateway, fake_gateway: FakeGateway, via: Via
) -> None:
    confirmed = run(paired, lambda client: client.lock(), via=via)

    assert confirmed.state == "confirmed"
    assert [command["command"] for command in fake_gateway.commands] == ["lock"]
    assert 0 < fake_gateway.commands[0]["lifetime_ms"] <= LONG_S * 1000


def test_climate_sends_its_arguments(paired: KnownGateway, fake_gateway: FakeGateway) -> None:
    run(paired, lambda client: client.climate(on=True, driver_temperature=21.5))

    assert fake_gateway.commands[0]["arguments"] == {"on": True, "driver_temperature": 21.5}


def test_each_command_has_an_id_of_its_own(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    async def several(client: Client) -> None:
        await asyncio.gather(client.lock(), client.unlock(), client.lock())

    run(paired, several)
    run(paired, lambda client: client.lock())

    assert [command["id"] for command in fake_gateway.commands] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("refused", RefusedError),
        ("unconfirmed", NotConfirmedError),
        ("expired", NotConfirmedError),
        ("indeterminate", NotConfirmedError),
    ],
)
def test_a_command_that_is_not_confirmed_raises_with_its_receipt(
    paired: KnownGateway, fake_gateway: FakeGateway, state: str, error: type[CarportError]
) -> None:
    fake_gateway.script = lambda command: receipt(command, state, reason="so it is")

    with pytest.raises(error, match="so it is") as raised:
        run(paired, lambda client: client.unlock())
    assert raised.value.receipt is not None
    assert raised.value.receipt.state == state


def test_success_is_the_receipts_word_and_not_the_codes(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    def lie(command: dict[str, Any]) -> aiocoap.Message:
        answer = receipt(command, "unconfirmed")
        answer.code = aiocoap.CHANGED
        return answer

    fake_gateway.script = lie
    with pytest.raises(NotConfirmedError):
        run(paired, lambda client: client.lock())


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (aiocoap.BAD_REQUEST, UsageError),
        (aiocoap.UNAUTHORIZED, NotAuthorisedError),
        (aiocoap.FORBIDDEN, NotAuthorisedError),
        (aiocoap.CONFLICT, CarportError),
        (aiocoap.INTERNAL_SERVER_ERROR, CarportError),
    ],
)
def test_a_code_without_a_receipt_raises_with_its_text(
    paired: KnownGateway, fake_gateway: FakeGateway, code: Any, error: type[CarportError]
) -> None:
    fake_gateway.script = lambda command: aiocoap.Message(code=code, payload=b"because")

    with pytest.raises(error, match="because") as raised:
        run(paired, lambda client: client.lock())
    assert type(raised.value) is error


def lock_in_leaps(
    fake_gateway: FakeGateway, *answers: Any
) -> Callable[[Client], Coroutine[Any, Any, Receipt]]:
    """Return work that locks; each command that comes is given the next answer.

    One that is a number is how long the client then waits for an answer, at once.
    """

    async def lock(client: Client) -> Receipt:
        loop = asyncio.get_running_loop()
        rest = iter(answers)

        def script(command: dict[str, Any]) -> Any:
            answer = next(rest)
            if not isinstance(answer, float):
                return answer(command)
            leap(loop, answer)
            return None

        fake_gateway.script = script
        return await client.lock()

    return lock


def test_a_lost_answer_is_asked_for_again_with_the_same_id(
    paired: KnownGateway, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_ASK_AGAIN_S", 20.0)

    assert run(paired, lock_in_leaps(fake_gateway, 20.0, receipt)).state == "confirmed"
    first, second = fake_gateway.commands
    assert first == second


def test_a_late_answer_to_the_first_request_counts_too(
    paired: KnownGateway, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_ASK_AGAIN_S", 20.0)
    second_came = asyncio.Event()

    async def lock(client: Client) -> Receipt:
        loop = asyncio.get_running_loop()

        async def first(command: dict[str, Any]) -> aiocoap.Message:
            leap(loop, 20.0)
            await second_came.wait()
            return receipt(command)

        async def second(command: dict[str, Any]) -> None:
            second_came.set()

        return await lock_in_leaps(fake_gateway, first, second)(client)

    assert run(paired, lock).state == "confirmed"


def test_no_answer_says_until_when_it_may_still_happen(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    with pytest.raises(NoAnswerError, match=r"may still happen until \d\d:\d\d:\d\d"):
        run(paired, lock_in_leaps(fake_gateway, LONG_S))


def test_where_nobody_is_nothing_is_sent(paired: KnownGateway, fake_gateway: FakeGateway) -> None:
    gone = replace(paired, addresses=["127.0.0.1:9"])

    with pytest.raises(NoAnswerError, match="nothing was sent"):
        run(gone, lambda client: client.lock(), timeout_s=0.5)
    assert fake_gateway.commands == []


def test_a_busy_gateway_is_asked_again_after_max_age(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    busy = aiocoap.Message(code=aiocoap.SERVICE_UNAVAILABLE, max_age=0)
    answers = iter([lambda command: busy, receipt])
    fake_gateway.script = lambda command: next(answers)(command)

    assert run(paired, lambda client: client.lock()).state == "confirmed"
    assert len(fake_gateway.commands) == 2


def test_a_gateway_that_stays_busy_is_no_answer(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    fake_gateway.script = lambda command: aiocoap.Message(
        code=aiocoap.SERVICE_UNAVAILABLE, max_age=60
    )
    with pytest.raises(NoAnswerError):
        run(paired, lambda client: client.lock(), timeout_s=0.5)


def test_a_second_challenge_is_met_too(paired: KnownGateway, fake_gateway: FakeGateway) -> None:
    """aiocoap meets the first by itself; if that Echo was too old on arrival, another comes."""

    def challenge(command: dict[str, Any]) -> aiocoap.Message:
        return aiocoap.Message(code=aiocoap.UNAUTHORIZED, echo=b"prove it")

    answers = iter([challenge, challenge, receipt])
    fake_gateway.script = lambda command: next(answers)(command)

    assert run(paired, lambda client: client.lock()).state == "confirmed"
    assert len({cbor2.dumps(command) for command in fake_gateway.commands}) == 1


def test_a_gateway_that_has_forgotten_the_key_is_not_authorised(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    fake_gateway.forget_keys()

    with pytest.raises(NotAuthorisedError, match="pair again"):
        run(paired, lambda client: client.lock())


def test_signals_all_and_by_path(paired: KnownGateway, fake_gateway: FakeGateway) -> None:
    fake_gateway.values = {"Speed": 3.5, "Cabin.HVAC.IsOn": True}

    every = run(paired, lambda client: client.signals())
    one = run(paired, lambda client: client.signals(["Vehicle.Speed"]))

    assert {path: signal.value for path, signal in every.items()} == {
        "Vehicle.Speed": 3.5,
        "Vehicle.Cabin.HVAC.IsOn": True,
    }
    assert list(one) == ["Vehicle.Speed"]


def test_many_signals_come_in_blocks(paired: KnownGateway, fake_gateway: FakeGateway) -> None:
    fake_gateway.values = {f"Cabin.Door.Row{row}.DriverSide.IsLocked": True for row in range(60)}

    assert len(run(paired, lambda client: client.signals())) == 60


@pytest.mark.parametrize("via", ["lan", "serial"])
def test_watch_tells_changes(paired: KnownGateway, fake_gateway: FakeGateway, via: Via) -> None:
    async def watch(client: Client) -> list[Any]:
        seen = []
        async for signals in client.watch():
            seen.append(signals["Vehicle.Speed"].value)
            if len(seen) == 3:
                break
            fake_gateway.change(Speed=float(len(seen)))
        return seen

    assert run(paired, watch, via=via) == [0.0, 1.0, 2.0]


def test_watch_and_commands_go_together(paired: KnownGateway, fake_gateway: FakeGateway) -> None:
    async def work(client: Client) -> None:
        watching = client.watch()
        await anext(watching)
        await client.lock()
        fake_gateway.change(Speed=1.0)
        assert (await anext(watching))["Vehicle.Speed"].value == 1.0
        await watching.aclose()

    run(paired, work)


def test_a_silent_observation_is_asked_for_anew(
    paired: KnownGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_SILENCE_S", 0.1)

    async def watch(client: Client) -> int:
        watching = client.watch()
        count = len([await anext(watching) for _ in range(3)])
        await watching.aclose()
        return count

    assert run(paired, watch) == 3


def test_automatically_the_lan_is_taken_where_it_answers(paired: KnownGateway) -> None:
    async def where(client: Client) -> str | None:
        await client.signals()
        assert client.route is not None
        return client.route.port

    assert run(paired, where, via="auto") is None


def test_a_given_port_is_used_and_remembered(paired: KnownGateway, cable: Cable) -> None:
    unknown = replace(paired, addresses=[], serial_port=None)
    unknown.save()

    async def where(client: Client) -> str | None:
        await client.signals()
        assert client.route is not None
        return client.route.port

    assert run(unknown, where, via="auto", port=cable.port) == cable.port
    assert find_gateway(paired.name).serial_port == cable.port


def test_a_client_finds_its_way_again(paired: KnownGateway, fake_gateway: FakeGateway) -> None:
    async def work(client: Client) -> str:
        with pytest.raises(NoAnswerError):
            await lock_in_leaps(fake_gateway, LONG_S)(client)
        fake_gateway.script = receipt
        confirmed = await client.lock()
        return confirmed.state

    assert run(paired, work) == "confirmed"


def test_the_last_free_context_makes_another(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    def contexts() -> int:
        return len(list(paired.folder.glob("contexts/*/settings.json")))

    async def both(client: Client) -> None:
        await client.signals()
        async with Client(paired, via="lan", timeout_s=LONG_S) as another:
            await another.signals()

    before = contexts()
    run(paired, both)
    assert contexts() == before + 1 == len(fake_gateway.keys.contexts)
    run(paired, both)
    assert contexts() == before + 1


def test_where_no_more_keys_are_to_be_had_clients_take_turns(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    fake_gateway.keys.limit = len(fake_gateway.keys.contexts)

    async def one() -> None:
        async with Client(paired, via="lan", timeout_s=LONG_S) as client:
            await client.lock()

    async def many() -> None:
        await asyncio.gather(*(one() for _ in range(5)))

    asyncio.run(many())
    assert len(fake_gateway.commands) == 5


def test_a_gateway_that_comes_back_in_time_is_waited_for(
    paired: KnownGateway, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    async def at_the_third_time(addresses: list[str], timeout_s: float) -> str | None:
        asked.append(addresses)
        return fake_gateway.address if len(asked) == 3 else None

    async def nobody(timeout_s: float) -> list[str]:
        return []

    monkeypatch.setattr(route, "first_to_answer", at_the_third_time)
    monkeypatch.setattr(route, "discover", nobody)

    monkeypatch.setattr("carport.client.client._PROOF_S", 0.05)
    moved = replace(paired, addresses=["127.0.0.1:9"])
    assert run(moved, lambda client: client.lock()).state == "confirmed"
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("method", "said"),
    [("arm", r"may have been done, or may still be: check"), ("signals", r"^silence$")],
)
def test_what_acts_and_was_not_answered_may_have_been_done(
    paired: KnownGateway, monkeypatch: pytest.MonkeyPatch, method: str, said: str
) -> None:
    async def silent(*anything: object, **more: object) -> aiocoap.Message:
        raise NoAnswerError("silence")

    async def work(client: Client) -> None:
        await client.system()
        monkeypatch.setattr(session.Session, "request", silent)
        with pytest.raises(NoAnswerError, match=said):
            await getattr(client, method)()

    run(paired, work)


def test_a_ctrl_c_that_comes_with_an_answer_is_one() -> None:
    answer: asyncio.Future[aiocoap.Message]

    class Answered:
        def request(self, message: aiocoap.Message, handle_blockwise: bool) -> Any:
            return SimpleNamespace(response=answer)

    async def interrupted() -> bool:
        nonlocal answer
        answer = asyncio.get_running_loop().create_future()
        link = session.Session()
        link.address, link._client = "127.0.0.1:9", Answered()
        sending = asyncio.create_task(link.send_block("update", b"", (0, False, 5), LONG_S))
        await asyncio.sleep(0)
        answer.set_result(aiocoap.Message(code=aiocoap.CHANGED))
        sending.cancel()
        await asyncio.wait([sending])
        return sending.cancelled()

    assert asyncio.run(interrupted())
