"""Who is told what the car does: registrations, notifications and cancellations by strangers."""

import time
from collections.abc import Callable

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import ACK, CON, EMPTY, GET, OBSERVE, RST
from tests.attack.attack import Outcome
from tests.attack.lan import PATIENCE_S, STRANGER, told
from tests.attack.path import Path
from tests.attack.replaying import recorded_program
from tests.attack.stage import Stage

_TOLD_S = 2.0
_NOTICE_S = 0.3
_LAST = 5  # notifications; more RSTs than 16 would be too many for a stranger


def hijacked(stage: Stage, is_quick: bool) -> Outcome:
    """Have the gateway tell a stranger's address, by a registration that its owner has sealed.

    One that was delivered is sent again, and one that was kept from arriving is sent first.
    """
    outcome = Outcome()
    watcher, witness = stage.enrol(), stage.enrol()
    witness.shell = notices = stage.lan()  # type: ignore[assignment]
    witness.request(GET, ["lock"])
    witness.send(witness.protect(GET, ["lock"], options=[(OBSERVE, b"")]))
    for was_delivered in (True, False):
        watcher.request(GET, ["lock"])
        data = watcher.protect(GET, ["lock"], options=[(OBSERVE, b"")])
        if was_delivered:
            watcher.send(data)
        with stage.lan(STRANGER) as stranger:
            answer = stranger.ask(data)
            notices.drain()
            assert stage.command("unlock") == "confirmed"
            stage.lock()
            assert notices.receive(PATIENCE_S) is not None, "who may be told is told"
            time.sleep(_NOTICE_S)
            outcome.note(bool(stranger.drain()), told(answer))
    return outcome


def cut_off(stage: Stage, is_quick: bool) -> Outcome:
    """End an observation by RST and ACK, as if the owner had sent them, and from elsewhere."""
    outcome = Outcome()
    with (
        recorded_program(stage) as (path, program),
        program.watching_locks() as seen,
        stage.lan(STRANGER) as stranger,
    ):
        _wait_for(lambda: True in seen)
        for send in (stranger.socket.send, path.to_gateway):
            _unlock_and_lock(stage, seen)
            time.sleep(_NOTICE_S)  # until all is told, or it would not be the last that is reset
            forged = [
                message.encode(Message(kind, EMPTY, message_id))
                for message_id in _notified(path)[-_LAST:]
                for kind in (RST, ACK)
            ]
            for data in forged:
                send(data)
            is_over = not _unlock_and_lock(stage, seen)
            outcome.note(is_over, "the next notification is to be acknowledged", len(forged))
    return outcome


def told_old_news(stage: Stage, is_quick: bool) -> Outcome:
    """Tell the owner's program once more that the car was locked, when it is not any more."""
    outcome = Outcome()
    with recorded_program(stage) as (path, program), program.watching_locks() as seen:
        _wait_for(lambda: True in seen)
        assert stage.command("unlock") == "confirmed"
        _wait_for(lambda: seen[-1] is False)
        for old in [data for data in path.answers() if _is_notification(data)][:2]:
            for change in (_as_it_is, _renumbered, _made_new):
                since = len(seen)
                path.to_host(change(old))
                time.sleep(_NOTICE_S)
                outcome.note(True in seen[since:], "not shown: older than what was")
    stage.lock()
    return outcome


def _unlock_and_lock(stage: Stage, seen: list[bool]) -> bool:
    """Return whether the watching program is told of both."""
    since = len(seen)
    assert stage.command("unlock") == "confirmed"
    is_told = _wait_for(lambda: False in seen[since:])
    stage.lock()
    return is_told and _wait_for(lambda: seen[-1] is True)


def _wait_for(has_come: Callable[[], bool]) -> bool:
    """Return whether it comes in time."""
    deadline_s = time.monotonic() + _TOLD_S
    while not has_come():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.005)
    return True


def _notified(path: Path) -> list[int]:
    """Return the message ids of the notifications that came by."""
    return [message.decode(data).message_id for data in path.answers() if _is_notification(data)]


def _is_notification(data: bytes) -> bool:
    return any(number == OBSERVE for number, _ in message.decode(data).options)


def _as_it_is(data: bytes) -> bytes:
    return data


def _renumbered(data: bytes) -> bytes:
    """Return it as a message that looks new."""
    outer = message.decode(data)
    outer.type, outer.message_id = CON, outer.message_id ^ 0x5555
    return message.encode(outer)


def _made_new(data: bytes) -> bytes:
    """Return it with a higher Observe number, too, which nobody vouches for."""
    outer = message.decode(_renumbered(data))
    outer.message_id ^= 0x1111
    outer.options = [
        (number, b"\xff\xff" if number == OBSERVE else value) for number, value in outer.options
    ]
    return message.encode(outer)
