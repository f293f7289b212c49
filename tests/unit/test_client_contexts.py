"""The pool of OSCORE contexts: one for each process, and command ids that never come twice."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from carport.client import contexts
from carport.client.contexts import MAX_CONTEXTS, ContextPool
from carport.errors import CarportError

_HOLD = """
import sys
from pathlib import Path
from carport.client.contexts import ContextPool
context = ContextPool(Path(sys.argv[1])).claim()
print(context and context.folder.name, context and context.take_command_id(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def pool(tmp_path: Path) -> ContextPool:
    return ContextPool(tmp_path)


def _add(pool: ContextPool, count: int) -> None:
    for number in range(count):
        pool.add(bytes([number]), b"\0", bytes(16))


class _Holder:
    """A process that claims a context, takes a command id, and keeps the context until it ends."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def claimed(self) -> list[str]:
        """Return the context's folder and the id, once they are there."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def holders(pool: ContextPool) -> Iterator[list[_Holder]]:
    started: list[_Holder] = []
    yield started
    for holder in started:
        holder.kill()


def test_a_context_is_written_as_aiocoap_reads_it_for_its_owner_alone(pool: ContextPool) -> None:
    pool.add(b"\x05\x01", b"\0", bytes(range(16)))

    settings = pool.folder / "0501" / "settings.json"
    assert json.loads(settings.read_text()) == {
        "sender-id_hex": "0501",
        "recipient-id_hex": "00",
        "secret_hex": bytes(range(16)).hex(),
        "salt_hex": "",
    }
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.parent.stat().st_mode) == 0o700


def test_a_context_is_added_whole_or_not_at_all(
    pool: ContextPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: object, target: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        pool.add(b"\x01", b"\0", bytes(16))

    assert list(pool.folder.iterdir()) == []


def test_ids_count_up(pool: ContextPool) -> None:
    _add(pool, 1)
    context = pool.claim()
    assert context is not None

    assert [context.take_command_id() for _ in range(3)] == [1, 2, 3]


def test_an_id_is_durable_before_it_is_used(
    pool: ContextPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(pool, 1)
    context = pool.claim()
    assert context is not None
    order: list[str] = []
    monkeypatch.setattr(contexts, "write_private", lambda path, text: order.append(text))

    assert context.take_command_id() == 1
    assert order == ["2"]


def test_a_killed_process_leaves_its_context_and_no_id_comes_twice(
    pool: ContextPool, holders: list[_Holder]
) -> None:
    _add(pool, 1)
    taken = []
    for _ in range(3):
        holders.append(_Holder(pool.folder))
        taken.append(holders[-1].claimed())
        holders[-1].kill()

    assert taken == [["00", "1"], ["00", "2"], ["00", "3"]]


def test_a_crash_while_an_id_is_written_skips_none_and_repeats_none(
    pool: ContextPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(pool, 1)
    context = pool.claim()
    assert context is not None
    assert context.take_command_id() == 1

    def crash(source: object, target: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            context.take_command_id()

    assert context.take_command_id() == 2
    assert sorted(path.name for path in context.folder.glob(".*")) == []


def test_a_damaged_counter_is_no_reason_to_begin_again(pool: ContextPool) -> None:
    _add(pool, 1)
    context = pool.claim()
    assert context is not None
    (context.folder / "next_id").write_text("")

    with pytest.raises(CarportError, match="damaged"):
        context.take_command_id()


def test_processes_get_different_contexts(pool: ContextPool, holders: list[_Holder]) -> None:
    _add(pool, 4)
    holders += [_Holder(pool.folder) for _ in range(5)]
    claimed = [holder.claimed()[0] for holder in holders]

    assert sorted(claimed) == ["00", "01", "02", "03", "None"]
    assert pool.claim() is None


def test_another_is_wanted_when_all_are_taken_up_to_a_limit(pool: ContextPool) -> None:
    _add(pool, 2)
    claimed = [pool.claim()]
    assert not pool.wants_another()

    claimed.append(pool.claim())
    assert pool.wants_another()

    for number in range(2, MAX_CONTEXTS):
        pool.add(bytes([number]), b"\0", bytes(16))
        claimed.append(pool.claim())
    assert None not in claimed
    assert not pool.wants_another()


def test_a_released_context_can_be_claimed_again(pool: ContextPool) -> None:
    _add(pool, 1)
    context = pool.claim()
    assert context is not None
    assert pool.claim() is None

    context.release()
    again = pool.claim()
    assert again is not None
    assert again.folder == context.folder
