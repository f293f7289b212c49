"""Keys that were good once, or will be: revoked, out of their time, used up, spent, copied."""

from gateway.coap.numbers import ECHO, GET, OBSERVE, POST
from tests.attack.attack import Outcome
from tests.attack.core_stage import CoreStage
from tests.models.host import Host, Response

NOW_S = 1_800_000_000

_HOUR_S = 3600
_GUEST = {"name": "gil", "role": "guest", "not_before": NOW_S, "not_after": NOW_S + _HOUR_S}


def revoked(stage: CoreStage, is_quick: bool) -> Outcome:
    """Ask, command, listen and enrol with keys that were revoked a moment ago."""
    outcome = Outcome()
    bob = stage.owner.enrol(name="bob", role="driver")
    watching = bob.enrol()
    assert watching.request(GET, ["lock"], options=[(OBSERVE, b"")]).option(OBSERVE) is not None
    invitation = stage.owner.make_dormant(name="eve", role="driver")
    waking = invitation.wake()
    echo = bob.challenge()
    for name in ("bob", "eve"):
        stage.owner.revoke(name)
    for host, code, path, payload in (
        (bob, GET, ["lock"], None),
        (bob, POST, ["lock"], bob.command("unlock")),
        (bob, POST, ["keys"], {"random": bytes(32)}),
        (waking, POST, ["keys"], {"random": bytes(32)}),
    ):
        host.send(host.protect(code, path, payload, options=[(ECHO, echo)]))
        _note(outcome, host.responses())
    watching.responses()
    stage.command("unlock")
    stage.lock()
    outcome.note(bool(watching.responses()), "the observation has ended")
    return outcome


def out_of_time(stage: CoreStage, is_quick: bool) -> Outcome:
    """Unlock as a guest: too early, too late, too often, and when nobody knows what time it is."""
    outcome = Outcome()
    stage.owner.tell_time(NOW_S - _HOUR_S)
    guest = stage.owner.enrol(**_GUEST)
    once = stage.owner.enrol(name="una", role="guest", uses=1)
    stage.command("unlock", once)
    assert not stage.is_locked(), "a guest's only use"
    stage.lock()
    for host in (guest, once):
        _try_to_unlock(stage, host, outcome)
    stage.shell.advance(3 * _HOUR_S * 1000)
    stage.run(500)
    _try_to_unlock(stage, guest, outcome)
    stage.reboot()
    stage.run(500)
    for host in (guest, once):
        host.shell = stage.shell
        _try_to_unlock(stage, host, outcome)
    return outcome


def replayed_recovery(stage: CoreStage, is_quick: bool) -> Outcome:
    """Replay what somebody who recovers with a backup has said: do keys come of it?"""
    outcome = Outcome()
    backup = stage.owner.make_dormant()
    recorded: list[tuple[bytes, str]] = []
    for i in range(3):
        waking = backup.wake()
        waking.peer, waking.next_message_id = "a laptop", 100 * i
        said: list[bytes] = []
        _record(waking, said)
        waking.enrol()
        recorded += [(data, waking.peer) for data in said]
    before = _contexts(stage.owner)
    for i in range(9):
        for data, peer in recorded:
            stage.shell.receive_datagram(data[:2] + bytes((0x55, i)) + data[4:], peer)
            outcome.tried += 1
    outcome.succeeded = _contexts(stage.owner) - before
    outcome.stopped_by["a number that was seen, or no Echo"] = outcome.tried - outcome.succeeded
    return outcome


def _try_to_unlock(stage: CoreStage, guest: Host, outcome: Outcome) -> None:
    answer = stage.command("unlock", guest)
    text = answer.payload.decode(errors="replace") if answer else "silence"
    outcome.note(not stage.is_locked(), text)
    stage.lock()


def _note(outcome: Outcome, responses: list[Response]) -> None:
    """Count as a success an answer that is more than a plain refusal."""
    code = responses[-1].code if responses else 0
    text = responses[-1].payload.decode(errors="replace") if responses else ""
    outcome.note(code >> 5 == 2, f"{code >> 5}.{code & 31:02} {text}" if code else "silence")


def _record(host: Host, said: list[bytes]) -> None:
    """Keep what a host sends from now on."""
    send = host.send

    def recorded(data: bytes) -> None:
        said.append(data)
        send(data)

    host.send = recorded  # type: ignore[method-assign]


def _contexts(owner: Host) -> int:
    """Return how many contexts the owner has."""
    return int(owner.principals()["ann"]["contexts"])
