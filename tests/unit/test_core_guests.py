"""Guests: their window, their uses, their scopes; and what a cut of the power does to a use."""

import pytest

from gateway.coap.numbers import (
    CONTENT,
    ECHO,
    FORBIDDEN,
    GET,
    NON,
    OBSERVE,
    POST,
    UNAUTHORIZED,
)
from tests.models.car import Car
from tests.models.host import Host
from tests.models.shell import Shell

NOW_S = 1_800_000_000
UNKNOWN = b"the gateway does not know the time: an owner's tool tells it"
TOO_EARLY = b"this key is not valid yet"
TOO_LATE = b"this key is not valid any more"
USED_UP = b"this key is used up"


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def owner(shell: Shell) -> Host:
    owner = Host.pair(shell)
    owner.tell_time(NOW_S)
    return owner


@pytest.fixture
def car(shell: Shell) -> Car:
    car = Car(shell)
    car.send()
    return car


def refusal(host: Host, command: str = "lock") -> bytes:
    """Return the text with which a command is refused; it uses up no id."""
    payload = {"id": host.next_id, "command": command}
    response = host.request(POST, ["lock"], payload)
    assert response.code == FORBIDDEN, response
    return response.payload


def lock(host: Host, car: Car) -> str:
    """Lock the car, which obeys; return the receipt's state."""
    host.post("lock", host.command("lock"))
    car.lock(True)
    car.run(500)
    car.lock(False)
    car.run(500)
    state: str = host.responses()[-1].value["state"]
    return state


def left(owner: Host, name: str = "bob") -> int:
    uses: int = owner.principals()[name]["uses"]
    return uses


# ---- the window ----


def test_a_guest_may_look_and_command_within_the_window_alone(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="guest", not_before=NOW_S + 10, not_after=NOW_S + 20)
    assert refusal(bob) == TOO_EARLY
    assert bob.request(GET, ["lock"]).payload == TOO_EARLY
    shell.advance(9900)
    assert refusal(bob) == TOO_EARLY
    shell.advance(100)
    assert lock(bob, car) == "confirmed"
    assert bob.request(GET, ["lock"]).code == CONTENT
    shell.advance(10_000)
    assert refusal(bob) == TOO_LATE
    assert bob.request(GET, ["lock"]).payload == TOO_LATE
    assert bob.request(GET, ["receipts", "1"]).code == CONTENT
    assert bob.request(GET, ["time"]).code == CONTENT


def test_a_repeated_command_is_answered_after_the_window_too(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="guest", not_after=NOW_S + 10)
    assert lock(bob, car) == "confirmed"
    shell.advance(20_000)
    again = bob.request(POST, ["lock"], {"id": 1, "command": "lock"})
    assert again.value["state"] == "confirmed"


def test_a_guests_observation_ends_with_the_window(shell: Shell, owner: Host, car: Car) -> None:
    bob = owner.enrol(name="bob", role="guest", not_after=NOW_S + 10)
    assert bob.request(GET, ["lock"], options=[(OBSERVE, b"")]).option(OBSERVE) is not None
    shell.advance(11_000)
    bob.responses()
    car.lock(True)
    car.run(500)
    (last,) = bob.responses()
    assert (last.type, last.code, last.payload) == (NON, FORBIDDEN, TOO_LATE)
    car.lock(False)
    car.run(20_000)
    assert bob.responses() == []


@pytest.mark.parametrize("limit", [{"not_after": NOW_S + 1000}, {"uses": 5}], ids=str)
def test_a_guest_is_refused_while_the_gateway_does_not_know_the_time(
    shell: Shell, owner: Host, limit: dict[str, int]
) -> None:
    bob = owner.enrol(name="bob", role="guest", **limit)
    bob.shell = owner.shell = rebooted = shell.reboot()
    car = Car(rebooted)
    car.send()
    assert refusal(bob) == UNKNOWN
    assert bob.request(GET, ["lock"]).payload == UNKNOWN
    owner.tell_time(NOW_S + 60)
    assert bob.request(GET, ["lock"]).code == CONTENT
    assert lock(bob, car) == "confirmed"


def test_whoever_has_no_window_needs_no_time(shell: Shell, car: Car) -> None:
    owner = Host.pair(shell)
    app = owner.enrol(name="app", role="service", scopes=["lock"])
    assert lock(app, car) == "confirmed"


def test_a_driver_may_have_a_window_too(shell: Shell, owner: Host) -> None:
    bob = owner.enrol(name="bob", role="driver", not_after=NOW_S - 1)
    bob.on_cable = True  # where an error's text is never too long
    assert bob.request(GET, ["signals"]).payload == TOO_LATE


# ---- uses ----


def test_each_command_that_is_sent_costs_one_use(shell: Shell, owner: Host, car: Car) -> None:
    bob = owner.enrol(name="bob", role="guest", uses=2)
    second = bob.enrol()
    assert lock(bob, car) == "confirmed"
    assert left(owner) == 1
    assert lock(second, car) == "confirmed"
    assert left(owner) == 0
    assert refusal(bob) == refusal(second) == USED_UP
    assert bob.request(GET, ["lock"]).payload == USED_UP
    assert bob.request(GET, ["receipts", "1"]).code == CONTENT
    owner.shell = bob.shell = shell.reboot()
    owner.tell_time(NOW_S + 60)
    assert refusal(bob) == USED_UP


def test_a_repeated_id_costs_nothing(shell: Shell, owner: Host, car: Car) -> None:
    bob = owner.enrol(name="bob", role="guest", uses=2)
    assert lock(bob, car) == "confirmed"
    for _ in range(3):
        bob.request(POST, ["lock"], {"id": 1, "command": "lock"})
    assert left(owner) == 1


def test_a_refused_command_costs_nothing(shell: Shell, owner: Host, car: Car) -> None:
    bob = owner.enrol(name="bob", role="guest", uses=1)
    car.signals["DRV_Status"].update(Gear=4, Speed=50)
    car.send()
    (response,) = bob.post("lock", bob.command("unlock"))
    assert response.value["state"] == "refused"
    assert left(owner) == 1
    assert left_after_reboot(shell, owner) == 1


def left_after_reboot(shell: Shell, owner: Host) -> int:
    here = owner.shell
    owner.shell = Shell(dict(shell.storage))
    uses = left(owner)
    owner.shell = here
    return uses


def test_a_command_that_is_refused_after_its_intent_gives_the_use_back(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="guest", uses=1)
    shell.holds_saves = True
    bob.post("lock", bob.command("unlock"))
    car.signals["DRV_Status"].update(Gear=4, Speed=50)
    car.send()
    shell.holds_saves = False
    shell.drain()
    (response,) = bob.responses()
    assert response.value["state"] == "refused"
    assert shell.sent == []
    assert left(owner) == 1
    assert left_after_reboot(shell, owner) == 1


def test_two_commands_at_once_cannot_share_the_last_use(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="guest", uses=1)
    second = bob.enrol()
    shell.holds_saves = True
    bob.post("lock", bob.command("lock"))
    assert refusal(second) == USED_UP
    shell.holds_saves = False
    shell.drain()
    car.lock(True)
    car.run(500)
    assert bob.responses()[-1].value["state"] == "confirmed"
    assert left(owner) == 0


def test_a_command_that_expires_before_its_turn_costs_nothing(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="guest", uses=1)
    shell.acknowledges_frames = False
    owner.post("lock", owner.command("lock"))
    bob.post("lock", {**bob.command("lock"), "lifetime_ms": 100})
    shell.advance(150)
    assert bob.responses()[-1].value["state"] == "expired"
    assert left(owner) == 1


@pytest.mark.parametrize("cut", range(5))
def test_a_cut_between_count_and_frame_may_lose_a_use_and_grants_none(cut: int) -> None:
    shell = Shell()
    owner = Host.pair(shell)
    owner.tell_time(NOW_S)
    bob = owner.enrol(name="bob", role="guest", uses=1)
    Car(shell).send()
    echo = bob.challenge()
    shell.holds_saves = True
    bob.send(bob.protect(POST, ["lock"], bob.command("lock"), options=[(ECHO, echo)]))
    saves = shell.gateway.saves()
    assert [name for _, name, _ in saves] == ["keys", "keys-copy", f"intents-{bob.kid.hex()}"]
    for number, name, data in saves[:cut]:
        shell.save(name, data)
        shell.gateway.saved(number, shell.now_ms)
    was_sent = shell.gateway.frames() != []
    assert was_sent == (cut >= 3)
    owner.shell = shell.reboot()
    assert left(owner) == (1 if cut == 0 else 0)


def test_the_uses_of_a_revoked_guest_trouble_nobody(shell: Shell, owner: Host, car: Car) -> None:
    bob = owner.enrol(name="bob", role="guest", uses=1)
    bob.post("lock", bob.command("lock"))
    owner.revoke("bob")
    car.lock(True)
    car.run(500)
    new = owner.enrol(name="bob", role="guest", uses=1)
    assert left(owner) == 1
    assert lock(new, car) == "confirmed"


# ---- scopes ----


def test_a_guest_sees_and_commands_what_its_scopes_name(
    shell: Shell, owner: Host, car: Car
) -> None:
    bob = owner.enrol(name="bob", role="guest", not_after=NOW_S + 1000)
    for path, code in (("lock", CONTENT), ("climate", CONTENT), ("signals", FORBIDDEN)):
        assert bob.request(GET, [path]).code == code
    app = owner.enrol(name="app", role="service", scopes=["lock:read", "climate"])
    assert app.request(GET, ["lock"]).code == CONTENT
    assert refusal(app) == b"this key may not do that"
    climate = {"id": 1, "command": "climate", "arguments": {"on": True}}
    assert app.request(POST, ["climate"], climate).code == UNAUTHORIZED  # its Echo was fresh
    assert shell.sent != []
