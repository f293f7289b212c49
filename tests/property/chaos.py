"""A gateway among held saves, power cuts, replays, lost frames and impatient hosts, and what it
promised them.
"""

from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from gateway.coap import message
from gateway.coap.numbers import (
    CBOR,
    CHANGED,
    CON,
    CONTENT,
    CONTENT_FORMAT,
    DELETE,
    DELETED,
    ECHO,
    FETCH,
    FORBIDDEN,
    GET,
    NON,
    OBSERVE,
    POST,
    UNAUTHORIZED,
    URI_QUERY,
)
from gateway.errors import ReplayError
from gateway.vehicle.command import Command, Transmission
from gateway.vehicle.commands import STATE_ACTIVE, STATE_BUS_OFF
from gateway.vehicle.receipts import ACCEPTED, CONFIRMED, EXPIRED, REFUSED, SENT
from tests.aes import RecordingAES
from tests.models.car import Car, decoded
from tests.models.flash import Flash
from tests.models.host import Host
from tests.models.shell import Shell

Wish = tuple[str, dict[str, Any]]  # path and payload of a command, without its id
Step = tuple[Any, ...]  # a method of World and its arguments
Question = tuple[int, str, Any, list[tuple[int, bytes]]]  # code, path, payload and options

COMMANDS: list[Wish] = [
    ("lock", {"command": "lock"}),
    ("lock", {"command": "unlock"}),
    ("lock", {"command": "unlock", "lifetime_ms": 300}),
    ("climate", {"command": "climate", "arguments": {"on": True}}),
    ("climate", {"command": "climate", "arguments": {"on": False}}),
]
QUESTIONS: list[Question] = [
    (GET, "lock", None, []),
    (GET, "signals", None, []),
    (GET, "system", None, []),
    (GET, "lock", None, [(OBSERVE, b"")]),
    (GET, "lock", None, [(OBSERVE, b"\x01")]),
    (FETCH, "signals", ["Vehicle.Speed"], [(OBSERVE, b"")]),
]
FRAMES = ["BODY_DoorStatus", "CLIM_Status", "BATT_Status", "DRV_Status"]
NM_GATEWAY = 0x410
MAX_CLIENTS = 8
GUESTS = {"guest": 1, "visitor": 2}  # and how often they may command
NOW_S = 1_800_000_000
STUCK_MS = 200_000  # longer than all that the core waits for


class Promise(Enum):
    """What the core is held to, whatever happens."""

    NONCE_SEALS_ONCE = "no key seals twice with one nonce"
    ID_ACTS_ONCE = "nothing acts twice for one id"
    INTENT_COMES_FIRST = "no actuating frame before its durable intent"
    NO_FRAME_IS_LATE = "no actuating frame after its deadline"
    OUTCOME_COMES_FIRST = "nobody is told an outcome before it is durable"
    OUTCOME_STAYS = "nobody is told another outcome later"
    KEY_STAYS = "a key that was given out stays known"
    REVOKED_STAYS = "a key that is said to be revoked is never known again"
    USES_ARE_COUNTED = "a guest's commands act as often as was granted, and no more"
    NOTHING_STICKS = "once the trouble is over nobody waits, and the next command is done"


@dataclass
class Client:
    """A host, what it asked for by id, what it was told of each, and the last Echo it heard."""

    host: Host
    commands: list[Wish] = field(default_factory=list)
    told: dict[int, str] = field(default_factory=dict)
    enrolling: dict[bytes, bytes] = field(default_factory=dict)  # token: random of a request
    revoking: dict[bytes, "Client"] = field(default_factory=dict)  # token: whose end it asks for
    name: str = ""  # of the guest that it is
    is_revoked: bool = False  # and its owner was told so
    echo: bytes | None = None

    @property
    def kid(self) -> bytes:
        return self.host.context.sender.id

    def protect(self, code: int, path: list[str], payload: Any = None, **more: Any) -> bytes:
        """Return a request that carries the last Echo value."""
        options = more.pop("options", [])
        if self.echo is not None:
            options = [*options, (ECHO, self.echo)]
        return self.host.protect(code, path, payload, options=options, **more)


class World:
    """A gateway, its hosts and its car; what may happen to them are the steps at the end."""

    held_to = frozenset(Promise)
    shell_type = Shell

    def __init__(self) -> None:
        self.random = Random(0)
        self.ciphers: dict[bytes, RecordingAES] = {}
        self.flash = Flash()
        self.acted: dict[tuple[bytes, int], Command] = {}
        self.datagrams: list[tuple[bytes, str]] = []
        self.acknowledges = True
        self.shell = self.boot()
        self.car = Car(self.shell)
        self.car.send()
        owner = Host.pair(self.shell)
        viewer = owner.enrol(name="dashboard", role="viewer")
        self.clients = [Client(owner), Client(owner.enrol()), Client(viewer)]
        self.ended: list[Client] = []  # their end was asked for
        for name, uses in GUESTS.items():
            guest = owner.enrol(name=name, role="guest", uses=uses)
            self.clients.append(Client(guest, name=name))

    def boot(self) -> Shell:
        shell = self.shell_type(self.flash, aes=self.cipher, random=self.random.randbytes)
        shell.on_sent = self.watch_frame
        shell.gateway._clock.tell(NOW_S, shell.now_ms, True)
        shell.drain()
        return shell

    def cipher(self, key: bytes) -> RecordingAES:
        """Return one cipher for each key, so that it remembers across power cuts."""
        return self.ciphers.setdefault(key, RecordingAES(key))

    def expect(self, promise: Promise, is_kept: bool, detail: object = "") -> None:
        """Hold the core to a promise."""
        if promise in self.held_to and not is_kept:
            raise AssertionError(f"{promise.value}: {detail}")

    # ---- what hosts do ----

    def ask(self, who: int, what: Question, kind: int) -> None:
        client = self.client(who)
        code, path, payload, options = what
        self.send(client, client.protect(code, [path], payload, options=options, kind=kind))

    def command(self, who: int, what: Wish) -> None:
        client = self.client(who)
        path, fields = what
        client.commands.append((path, {"id": len(client.commands), **fields}))
        self.post(client, len(client.commands) - 1)

    def command_of_guest(self, who: int, what: Wish) -> None:
        guests = [index for index, client in enumerate(self.clients) if client.name]
        if guests:
            self.command(guests[who % len(guests)], what)

    def repeat_command(self, who: int, command_id: int) -> None:
        client = self.client(who)
        if client.commands:
            self.post(client, command_id % len(client.commands))

    def ask_for_receipt(self, who: int, command_id: int) -> None:
        client = self.client(who)
        if client.commands:
            path = ["receipts", str(command_id % len(client.commands))]
            self.send(client, client.protect(GET, path))

    def enrol(self, who: int) -> None:
        client = self.client(who)
        if len(self.clients) == MAX_CLIENTS:
            return
        random = self.random.randbytes(32)
        data = client.protect(POST, ["keys"], {"random": random})
        client.enrolling[message.decode(data).token] = random
        self.send(client, data)

    def revoke(self, who: int) -> None:
        """Let the owner end a guest, with all its contexts."""
        guests = sorted({client.name for client in self.clients if client.name})
        if not guests:
            return
        name = guests[who % len(guests)]
        gone = [client for client in self.clients if client.name == name]
        self.clients = [client for client in self.clients if client.name != name]
        self.ended += gone
        self.ask_for_end(gone)
        self.everybody_hears()
        self.ask_for_end(gone)  # with the Echo value of its challenge

    def ask_for_end(self, gone: list[Client]) -> None:
        owner = self.clients[0]
        query = [(URI_QUERY, f"name={gone[0].name}".encode())]
        data = owner.protect(DELETE, ["keys"], options=query)
        for client in gone:
            owner.revoking[message.decode(data).token + client.kid] = client
        self.send(owner, data)

    def replay(self, which: int, elsewhere: bool) -> None:
        if self.datagrams:
            data, peer = self.datagrams[-1 - which % len(self.datagrams)]
            self.shell.receive_datagram(data, "elsewhere" if elsewhere else peer)

    def begin_or_stop_acknowledging(self) -> None:
        self.acknowledges = not self.acknowledges

    # ---- what the car and the bus do ----

    def car_obeys(self) -> None:
        """Do what the last frame of each kind asked for, and say so."""
        asked = {frame["name"]: frame for frame in map(decoded, self.shell.sent)}
        if "GW_BodyCommand" in asked:
            self.car.lock(str(asked["GW_BodyCommand"]["LockRequest"]) == "Lock")
        if "GW_ClimateCommand" in asked:
            is_on = str(asked["GW_ClimateCommand"]["PowerRequest"]) == "On"
            self.car.signals["CLIM_Status"]["Power"] = int(is_on)
        self.car.send(*FRAMES)

    def car_says(self, is_locked: bool, name: str) -> None:
        self.car.lock(is_locked)
        self.car.send(name)

    def begin_or_stop_acknowledging_frames(self) -> None:
        self.shell.acknowledges_frames = not self.shell.acknowledges_frames
        self.shell.drain()

    def lose_frame(self) -> None:
        if self.shell.frames:
            self.shell.gateway.frame_failed(self.shell.frames.pop(0), self.shell.now_ms)
            self.shell.drain()

    def enter_bus_state(self, state: int) -> None:
        self.shell.gateway.bus_state(0, state, self.shell.now_ms)
        self.shell.drain()

    # ---- what the board does ----

    def wait(self, duration_ms: int, is_heard: bool) -> None:
        """Let time pass; what the car says then is heard, or nothing is."""
        self.shell.advance(duration_ms)
        if is_heard:
            self.car.send(*FRAMES)

    def hold_or_release_saves(self) -> None:
        self.shell.holds_saves = not self.shell.holds_saves
        self.shell.drain()

    def cut_power(self, saved: int) -> None:
        """Boot with what is durable; of the saves that were held, the first few are."""
        for _, name, data in self.shell.gateway.saves()[:saved]:
            self.shell.save(name, data)
        self.shell = self.car.shell = self.boot()
        for client in self.clients + self.ended:
            client.host.shell = self.shell
            for command_id, state in list(client.told.items()):
                if state in (REFUSED, EXPIRED) and not self.is_durable(client, command_id):
                    del client.told[command_id]  # it was kept in memory only

    # ---- what they are held to ----

    def everybody_hears(self) -> None:
        """Let each client read what was sent to it."""
        for client in list(self.clients):
            mine = [data for data, peer in self.shell.datagrams if peer == client.host.peer]
            self.shell.datagrams = [
                pair for pair in self.shell.datagrams if pair[1] != client.host.peer
            ]
            for data in mine:
                self.hear(client, data)

    def hear(self, client: Client, data: bytes) -> None:
        try:
            response = client.host.read(data)
        except ReplayError:  # a copy, or a notification older than one that was read
            return
        if response.type == CON and self.acknowledges:
            client.host.acknowledge(response)
        client.echo = response.option(ECHO) or client.echo
        token = message.decode(data).token
        if response.code == DELETED:
            for asked, ended in client.revoking.items():
                ended.is_revoked |= asked == token + ended.kid
        random = client.enrolling.pop(token, None)
        if random is not None and response.code == CHANGED:
            host = Host.enrolled(self.shell, random, response.value, b"carport enrol")
            newest = Client(host, name=client.name)
            others = self.clients + self.ended
            is_only_one = all(known.kid != newest.kid for known in others)
            self.expect(Promise.KEY_STAYS, is_only_one, newest.kid)
            if is_only_one:
                self.clients.append(newest)
        elif response.option(CONTENT_FORMAT) == bytes((CBOR,)) and "state" in response.value:
            self.watch_outcome(client, response.value["id"], response.value["state"])

    def watch_frame(self, transmission: Transmission) -> None:
        """Look at a frame that was acknowledged on the bus."""
        command = transmission.command
        receipt = command.receipt
        if not receipt.kid or transmission.arbitration_id == NM_GATEWAY:
            return  # the gateway's own, or one that only wakes the bus
        name = receipt.kid, receipt.id
        is_in_time = self.shell.now_ms <= transmission.deadline_ms
        self.expect(Promise.NO_FRAME_IS_LATE, is_in_time, name)
        self.expect(Promise.INTENT_COMES_FIRST, name in self.flash.intents, name)
        is_first = self.acted.setdefault(name, command) is command
        self.expect(Promise.ID_ACTS_ONCE, is_first, name)
        used = [each for each in self.acted.values() if each.receipt.by == receipt.by]
        is_granted = len(used) <= GUESTS.get(receipt.by, len(used))
        self.expect(Promise.USES_ARE_COUNTED, is_granted, receipt.by)

    def watch_outcome(self, client: Client, command_id: int, state: str) -> None:
        """Look at a state that a client was told."""
        if state in (ACCEPTED, SENT):
            return
        if state not in (REFUSED, EXPIRED) or (client.kid, command_id) in self.flash.intents:
            is_durable = (client.kid, command_id, state) in self.flash.outcomes
            self.expect(Promise.OUTCOME_COMES_FIRST, is_durable, command_id)
        told = client.told.setdefault(command_id, state)
        self.expect(Promise.OUTCOME_STAYS, told == state, (command_id, told, state))

    def settle(self) -> None:
        """Let the trouble end, and see that nothing was lost and nothing is stuck."""
        self.shell.holds_saves = False
        self.shell.acknowledges_frames = self.acknowledges = True
        self.shell.gateway.bus_state(0, STATE_ACTIVE, self.shell.now_ms)
        self.shell.drain()
        self.everybody_hears()
        self.shell.advance(STUCK_MS)
        self.everybody_hears()
        self.expect(Promise.NOTHING_STICKS, not self.waiting(), self.waiting())
        for client in self.clients:
            code = client.host.request(GET, ["lock"]).code
            is_known = code == CONTENT or (code == FORBIDDEN and client.name != "")  # used up
            self.expect(Promise.KEY_STAYS, is_known, client.kid)
            for command_id in client.told:
                self.post(client, command_id)
                self.shell.advance(STUCK_MS)
                self.everybody_hears()
        for ended in self.ended:
            self.shell.datagrams.clear()
            ended.host.send(ended.host.protect(GET, ["lock"]))
            answer = ended.host.responses()[-1]
            is_unknown = answer.code == UNAUTHORIZED and answer.option(ECHO) is None
            self.expect(Promise.REVOKED_STAYS, is_unknown or not ended.is_revoked, ended.kid)
        self.lock_confirmed(self.clients[0])
        for client in self.clients + self.ended:
            nonces = self.nonces(client)
            is_unique = len(set(nonces)) == len(nonces)
            self.expect(Promise.NONCE_SEALS_ONCE, is_unique, client.kid)

    def lock_confirmed(self, client: Client) -> None:
        self.car.lock(False)
        self.car.send()
        self.command(0, COMMANDS[0])
        self.car.lock(True)
        self.car.run(500)
        self.everybody_hears()
        state = client.told.get(len(client.commands) - 1)
        self.expect(Promise.NOTHING_STICKS, state == CONFIRMED, state)

    def waiting(self) -> dict[str, int]:
        """Return how much the core keeps for later, by where."""
        answers = self.shell.gateway._endpoint._answers
        kept: dict[str, Sized] = {
            "commands": self.shell.gateway._engine._under_way(),
            "askers": self.shell.gateway._waiting,
            "pending": answers._pending,
            "held": answers._held,
            "without number": answers._without_number,
            "unacknowledged": answers._retransmitter._waiting,
        }
        return {where: len(things) for where, things in kept.items() if things}

    def nonces(self, client: Client) -> list[bytes]:
        """Return each nonce with which the board ever sealed what it answers a client."""
        key = self.shell.gateway._keys.find(client.kid, None, self.shell.now_ms)
        if key is None or key.oscore is None:
            return []
        cipher = key.oscore.sender.cipher
        assert isinstance(cipher, RecordingAES)
        return cipher.nonces

    def is_durable(self, client: Client, command_id: int) -> bool:
        return any(
            (kid, number) == (client.kid, command_id) for kid, number, _ in self.flash.outcomes
        )

    # ---- how they do it ----

    def client(self, which: int) -> Client:
        return self.clients[which % len(self.clients)]

    def send(self, client: Client, data: bytes) -> None:
        self.datagrams.append((data, client.host.peer))
        client.host.send(data)

    def post(self, client: Client, command_id: int) -> None:
        """Send a command, and once more if there was a challenge at once."""
        path, payload = client.commands[command_id]
        echo = client.echo
        self.send(client, client.protect(POST, [path], payload))
        self.everybody_hears()
        if client.echo != echo:
            self.send(client, client.protect(POST, [path], payload))


which = st.integers(0, 99)  # of those there are
flags = st.booleans()


def step(what: Callable[..., None], *arguments: SearchStrategy[Any]) -> SearchStrategy[Step]:
    return st.tuples(st.just(what), *arguments)


_COMMANDS = [
    step(World.command, which, st.sampled_from(COMMANDS)),
    step(World.command_of_guest, which, st.sampled_from(COMMANDS)),
    step(World.repeat_command, which, which),
    step(World.wait, st.sampled_from([1, 50, 100, 300, 1000, 3000]), flags),
]
_OTHERS = [
    step(World.ask, which, st.sampled_from(QUESTIONS), st.sampled_from([CON, NON])),
    step(World.ask_for_receipt, which, which),
    step(World.enrol, which),
    step(World.revoke, which),
    step(World.replay, which, flags),
    step(World.begin_or_stop_acknowledging),
    step(World.car_obeys),
    step(World.car_says, flags, st.sampled_from(FRAMES)),
    step(World.begin_or_stop_acknowledging_frames),
    step(World.lose_frame),
    step(World.enter_bus_state, st.sampled_from([STATE_ACTIVE, STATE_BUS_OFF])),
    step(World.hold_or_release_saves),
    step(World.cut_power, st.integers(0, 3)),
]
_STEPS = st.one_of(_COMMANDS * 3 + _OTHERS)
# Not one list of any length: those are short.
histories = st.integers(1, 200).flatmap(
    lambda size: st.lists(_STEPS, min_size=size, max_size=size)
)


def play(history: list[Step]) -> None:
    """Let a history happen.

    Raises:
        AssertionError: a promise was broken.
    """
    world = World()
    for what, *arguments in history:
        what(world, *arguments)
        world.everybody_hears()
    world.settle()
