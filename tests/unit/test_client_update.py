"""An update, its troubles and its ends, against a model of the board's slots; time jumps."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import aiocoap
import pytest

from carport.client.update import Firmware, Update, check, decode_firmware, wait_for_trial
from carport.client.upload import blocks
from carport.errors import (
    CarportError,
    NoAnswerError,
    NotAuthorisedError,
    NotConfirmedError,
    RefusedError,
)
from carport.install.package import read_header
from tests.models.jumping_loop import run
from tests.models.slots import Slots, make_package

PACKAGE = make_package()
HEADER = read_header(PACKAGE)
BLOCKS = blocks(PACKAGE)


def update(slots: Slots, told: list[tuple[str, int]] | None = None) -> Firmware:
    """Update a board; return what it says at the end. told: takes what is shown meanwhile."""

    async def bring() -> Firmware:
        def progress(phase: str, done: int) -> None:
            if told is not None:
                told.append((phase, done))

        work = Update(slots, PACKAGE, HEADER, False, progress)
        return await work.run(await slots.firmware())

    return run(bring())


def test_a_package_is_brought_started_and_confirmed() -> None:
    slots = Slots()
    told: list[tuple[str, int]] = []
    firmware = update(slots, told)
    assert (firmware.version, firmware.running, firmware.is_trial) == ("0.2.0", "a", False)
    assert slots.puts == list(range(BLOCKS))
    told_phases = [phase for phase, _ in told]
    assert told_phases == sorted(told_phases, key=["sending", "starting", "trial"].index)
    assert set(told_phases) == {"sending", "starting", "trial"}
    sent = [done for phase, done in told if phase == "sending"]
    assert sent == [*range(0, len(PACKAGE), 512), len(PACKAGE)]


@pytest.mark.parametrize("running", ["a", "b"])
def test_the_other_slot_is_started(running: str) -> None:
    assert update(Slots(running)).running != running


def test_it_goes_on_where_another_process_ended() -> None:
    slots = Slots()
    slots.content = PACKAGE[: 7 * 512]
    update(slots)
    assert slots.puts == list(range(7, BLOCKS))


def test_what_has_arrived_is_not_sent_again() -> None:
    slots = Slots()
    slots.content = PACKAGE
    assert update(slots).version == "0.2.0"
    assert slots.puts == []


def test_what_turns_out_to_be_damaged_is_sent_once_more() -> None:
    slots = Slots()
    slots.content = PACKAGE[:1000] + b"?" + PACKAGE[1001 : 7 * 512]
    update(slots)
    assert slots.puts == [*range(7, BLOCKS), *range(BLOCKS)]


def test_somebody_elses_package_is_replaced() -> None:
    slots = Slots()
    slots.content = make_package(seed=2)[: 4 * 512]
    update(slots)
    assert slots.puts == list(range(BLOCKS))


def lose(random: Random, share: float) -> Callable[[str], None]:
    def trouble(request: str) -> None:
        if random.random() < share:
            raise NoAnswerError("lost")

    return trouble


@pytest.mark.parametrize("seed", range(5))
def test_a_link_that_breaks_again_and_again_only_delays_it(seed: int) -> None:
    slots = Slots()
    slots.trouble = lose(Random(seed), 0.3)
    assert update_patiently(slots).version == "0.2.0"


def update_patiently(slots: Slots) -> Firmware:
    """Run it again, as its owner would."""
    for _ in range(20):
        try:
            return update(slots)
        except NoAnswerError:
            pass
    raise AssertionError("it does not come to its end")


def test_an_answer_that_is_lost_is_found_out() -> None:
    slots = Slots()

    def trouble(request: str) -> None:
        if request == "restarted":
            raise NoAnswerError("it has restarted")

    slots.trouble = trouble
    assert update(slots).version == "0.2.0"


def test_a_board_that_restarts_meanwhile_is_asked_what_it_has() -> None:
    slots = Slots()

    def trouble(request: str) -> None:
        if request == "PUT" and len(slots.puts) == 6:
            slots.content = slots.content[: 4 * 512]  # a sector that was not complete
            slots.trouble = lambda request: None
            raise NoAnswerError("it restarts")

    slots.trouble = trouble
    update(slots)
    assert slots.puts == [*range(6), *range(4, BLOCKS)]


def test_silence_ends_it_after_a_minute() -> None:
    slots = Slots()

    def trouble(request: str) -> None:
        if len(slots.puts) == 3:
            raise NoAnswerError("silent")

    async def bring() -> float:
        slots.trouble = trouble
        work = Update(slots, PACKAGE, HEADER, False, lambda phase, done: None)
        with pytest.raises(NoAnswerError, match="runs what it ran before, and keeps what it has"):
            await work.run(await slots.firmware())
        return asyncio.get_running_loop().time()

    assert 60 <= run(bring()) < 70


def test_silence_after_the_start_is_told_apart() -> None:
    slots = Slots()

    def trouble(request: str) -> None:
        if slots.boots:
            raise NoAnswerError("silent")

    slots.trouble = trouble
    with pytest.raises(NoAnswerError, match="has not answered since it was to start the update"):
        update(slots)


def test_a_board_that_answers_and_takes_nothing_is_not_asked_for_ever() -> None:
    slots = Slots()
    slots.answer = aiocoap.Message(code=aiocoap.REQUEST_ENTITY_INCOMPLETE)
    with pytest.raises(CarportError):
        update(slots)
    assert len(slots.puts) < 10


def test_a_rollback_is_told_with_its_reason() -> None:
    slots = Slots("a")
    slots.fate = "bad"
    with pytest.raises(
        NotConfirmedError, match=r"went back to 0\.1\.0 \(it crashed: MemoryError\)"
    ):
        update(slots)
    assert slots.running == "a"


def test_what_was_flashed_is_not_taken_for_the_update() -> None:
    slots = Slots("a")

    def trouble(request: str) -> None:
        if request == "restarted":
            slots.running, slots.sha256, slots.is_trial = "factory", None, False

    slots.trouble = trouble
    with pytest.raises(NotConfirmedError, match="went back"):
        update(slots)


def test_another_package_is_not_taken_for_the_update() -> None:
    slots = Slots("a")

    def trouble(request: str) -> None:
        if request == "restarted":
            slots.sha256, slots.is_trial = bytes(32), False

    slots.trouble = trouble
    with pytest.raises(NotConfirmedError, match="went back"):
        update(slots)


def test_a_trial_without_an_end_is_not_waited_for_for_ever() -> None:
    slots = Slots()
    slots.fate = "on trial"
    with pytest.raises(NotConfirmedError, match=r"0\.2\.0 on trial: leave it powered"):
        update(slots)


def test_a_trial_that_another_process_began_is_seen_to_its_end() -> None:
    slots = Slots()
    slots.content = PACKAGE

    async def go_on() -> Firmware:
        await slots.activate(HEADER["sha256"], False)
        return await wait_for_trial(slots, await slots.firmware(), lambda phase, done: None)

    assert run(go_on()).version == "0.2.0"
    assert not slots.is_trial


def test_a_board_that_does_not_restart_is_not_believed() -> None:
    slots = Slots()

    async def nothing(sha256: bytes, is_forced: bool) -> None:
        pass

    slots.activate = nothing  # type: ignore[method-assign]
    with pytest.raises(NotConfirmedError, match="has not started it"):
        update(slots)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (aiocoap.CONFLICT, RefusedError),
        (aiocoap.SERVICE_UNAVAILABLE, RefusedError),
        (aiocoap.FORBIDDEN, NotAuthorisedError),
        (aiocoap.UNPROCESSABLE_ENTITY, CarportError),
        (aiocoap.INTERNAL_SERVER_ERROR, CarportError),
        (aiocoap.NOT_FOUND, CarportError),
    ],
)
def test_a_refusal_ends_it_with_the_gateways_words(
    code: aiocoap.Code, error: type[CarportError]
) -> None:
    slots = Slots()
    slots.answer = aiocoap.Message(code=code, payload=b"because it says so")
    with pytest.raises(error, match="because it says so") as raised:
        update(slots)
    assert len(slots.puts) == 1
    assert ":" in str(raised.value)


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x80", b"\xa0", b"\xa1gversion\x01"])
def test_what_is_no_answer_is_said_to_be_none(payload: bytes) -> None:
    with pytest.raises(CarportError, match="cannot be read"):
        decode_firmware(payload)


FIRMWARE = Firmware("0.10.0", "t-2can", "a", False, None, None, None)


@pytest.mark.parametrize(
    ("fields", "is_forced", "is_on_cable", "what"),
    [
        ({"board": "devkit-mcp2515"}, True, True, "for devkit-mcp2515, and this board is t-2can"),
        ({"version": "0.9.9"}, False, True, "older than 0.10.0"),
        ({"version": "0.9.9"}, True, False, "connect the cable"),
    ],
)
def test_the_wrong_package_is_not_even_sent(
    fields: dict[str, Any], is_forced: bool, is_on_cable: bool, what: str
) -> None:
    header = read_header(make_package(**fields))
    with pytest.raises(RefusedError, match=what):
        check(header, FIRMWARE, is_forced, is_on_cable)


@pytest.mark.parametrize(
    ("version", "is_forced", "is_on_cable"),
    [("0.10.0", False, False), ("0.11.0", False, False), ("0.9.9", True, True)],
)
def test_the_right_package_is(version: str, is_forced: bool, is_on_cable: bool) -> None:
    check(read_header(make_package(version=version)), FIRMWARE, is_forced, is_on_cable)
