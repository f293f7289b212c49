"""What is kept of a crash: little, always, and enough to tell when safe mode is due."""

from typing import Any

import pytest

from firmware.crash_log import CrashLog
from gateway import cbor
from tests.models import payloads

TRACE = "Traceback (most recent call last):\n" + 40 * '  File "firmware/runner.py", line 9\n'
SYSTEM: dict[str, Any] = {
    "gateway": "test",
    "version": "0.1.0",
    "profile": "reference",
    "car": "Reference car",
    "uptime_ms": 1,
    "counters": {},
    "can": [],
    "platform": {},
}
COUNTERS = {"accepted": 17, "malformed": 3}


class Storage:
    """Keeps one record; is_full: takes no new one."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content = content
        self.writes = 0
        self.is_full = False

    def read_crash(self) -> bytes | None:
        return self.content

    def write_crash(self, data: bytes) -> None:
        if self.is_full:
            raise OSError(28)
        self.writes += 1
        self.content = data


def opened(storage: Storage, ended_by: str = "") -> CrashLog:
    crashes = CrashLog()
    crashes.open(storage, ended_by)  # type: ignore[arg-type]
    return crashes


def crash(storage: Storage, uptime_ms: int = 500, **more: Any) -> CrashLog:
    """Let a board start and crash after so long."""
    crashes = opened(storage)
    crashes.note(
        more.get("reason", "ValueError: x"),
        more.get("trace", TRACE),
        uptime_ms,
        more.get("counters", COUNTERS),
    )
    return crashes


def test_a_crash_is_told_after_the_next_start() -> None:
    storage = Storage()
    crash(storage, 1234, reason="MemoryError: 4096 bytes")
    last = opened(storage).last
    assert last is not None
    assert last["trace"] == TRACE[-len(last["trace"]) :]
    assert len(last.pop("trace")) > 200
    assert last == {
        "reason": "MemoryError: 4096 bytes",
        "version": last["version"],
        "uptime_ms": 1234,
        "counters": COUNTERS,
        "count": 1,
        "early": 1,
    }
    assert storage.writes == 1


def test_a_board_that_never_crashed_has_nothing_to_tell() -> None:
    assert opened(Storage()).last is None
    assert not opened(Storage()).is_safe_mode


@pytest.mark.parametrize("count", [0, 1, 12, 40])
@pytest.mark.parametrize("length", [0, 60, 5000])
def test_it_is_small_whatever_happened(count: int, length: int) -> None:
    storage = Storage()
    counters = {f"counter_number_{i}": 1 << 29 for i in range(count)}
    crash(storage, reason="E" * length, trace=TRACE, counters=counters)
    assert storage.content is not None
    assert len(storage.content) <= 480
    told = opened(storage).last
    assert told is not None
    assert len(told["trace"]) >= 100
    payloads.check(cbor.encode({**SYSTEM, "crash": told}))


def test_it_is_small_in_any_language() -> None:
    storage = Storage()
    crash(storage, reason="🚗" * 200, trace="🚗" * 2000)
    assert storage.content is not None
    assert len(storage.content) <= 480
    assert opened(storage).last is not None


def test_the_third_early_crash_in_a_row_brings_safe_mode() -> None:
    storage = Storage()
    for _ in range(2):
        crash(storage)
        assert not opened(storage).is_safe_mode
    crash(storage)
    assert opened(storage).is_safe_mode
    crash(storage)
    assert opened(storage).is_safe_mode


def test_what_only_the_next_start_notices_counts_too() -> None:
    storage = Storage()
    for _ in range(3):
        crashes = opened(storage, "watchdog")
    assert crashes.is_safe_mode
    assert opened(storage).last == {"reason": "watchdog", "count": 3, "early": 3}


def test_a_minute_without_a_crash_ends_the_row() -> None:
    storage = Storage()
    for _ in range(3):
        crash(storage)
    crashes = opened(storage)
    crashes.end_row()
    assert not opened(storage).is_safe_mode
    writes = storage.writes
    crashes.end_row()
    opened(storage).end_row()
    assert storage.writes == writes
    for _ in range(5):
        crash(storage, 60_000)
    last = opened(storage).last
    assert last is not None
    assert (last["count"], last["early"]) == (8, 0)


@pytest.mark.parametrize("content", [b"", b"\xff", b"\x80", b"\xa1", cbor.encode({"early": "3"})])
def test_a_damaged_record_is_none(content: bytes) -> None:
    storage = Storage(content)
    assert not opened(storage).is_safe_mode
    crash(storage)
    last = opened(storage).last
    assert last is not None
    assert (last["count"], last["early"]) == (1, 1)


def test_a_full_flash_keeps_the_one_before() -> None:
    storage = Storage()
    crash(storage, reason="first")
    storage.is_full = True
    crash(storage, reason="second")
    last = opened(storage).last
    assert last is not None
    assert last["reason"] == "first"


def test_it_keeps_nothing_before_it_is_opened() -> None:
    crashes = CrashLog()
    crashes.note("ValueError: x", TRACE, 5, {})
    assert not crashes.is_safe_mode
