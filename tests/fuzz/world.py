"""A gateway, four hosts and a car that do what an input says, and what the gateway promised.

An input is a list of steps: a byte that chooses one of `STEPS`, and what that step reads.
Everything else is fixed, so that an input always does the same. It begins with a boot: the hosts
were paired before.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from gateway import cbor
from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import (
    ACK,
    CBOR,
    CHANGED,
    CON,
    CONTENT_FORMAT,
    ECHO,
    EMPTY,
    POST,
    RST,
    URI_PATH,
)
from gateway.core import PAIRING_PRESS_MS
from gateway.oscore.protection import encode_inner
from gateway.vault.records import WIPE
from gateway.vehicle.command import Command, Transmission
from gateway.vehicle.commands import STATE_ACTIVE, STATE_BUS_OFF
from tests.aes import RecordingAES
from tests.fuzz.choices import Choices
from tests.fuzz.kept import kept
from tests.fuzz.party import ECHO_FLAG, Party
from tests.models.car import Car
from tests.models.host import Response
from tests.models.shell import Shell

MAX_STEPS = 40
FLOOD = 120
MAX_KEPT = 100  # of anything that others can make the gateway keep
OPEN_MS = 60_000  # how long the button opens pairing
ANY_TIME_MS = 1 << 60
CABLE = "cable"
WAITS_MS = (1, 20, 50, 100, 500, 1000, 3000, 10_000, 61_000, 200_000)
COMMANDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("lock", {"command": "lock"}),
    ("lock", {"command": "unlock"}),
    ("climate", {"command": "climate", "arguments": {"on": True}}),
    ("climate", {"command": "climate", "arguments": {"on": False}}),
)
WAKING = 0x410  # the id of the frame that wakes the reference car's bus
GUEST_USES = 2
PEOPLE: tuple[dict[str, Any], ...] = (
    {"name": "dan", "role": "driver"},
    {"name": "gus", "role": "guest", "uses": GUEST_USES},
    {"name": "vic", "role": "viewer"},
)


class CountingShell(Shell):
    """Counts what it saves, and notes a wipe, after which the board restarts."""

    saved = 0
    is_wiped = False

    def save(self, name: str, data: Any) -> None:
        self.saved += 1
        self.is_wiped = self.is_wiped or name == WIPE
        super().save(name, data)


@dataclass(frozen=True)
class Enrolled:
    """What a host and a gateway agreed on."""

    random: bytes
    answer: dict[str, Any]
    info: bytes
    role: str


class World:
    """A gateway that was paired before, and has just booted.

    Attributes:
        sent: the datagrams that the gateway got, as (data, peer).
        heard: those that it sent, as (data, peer).
        acted: the command that put a frame on the bus, by kid and id.
        has_rebooted, has_garbled: what excuses the gateway from some promises.
    """

    def __init__(self, storage: dict[str, bytes], enrolled: list[Enrolled], seed: int = 0) -> None:
        self.random = Random(seed)
        self.ciphers: dict[bytes, RecordingAES] = {}
        self.storage = dict(storage)
        self.sent: list[tuple[bytes, Hashable]] = []
        self.heard: list[tuple[bytes, Hashable]] = []
        self.acted: dict[tuple[bytes, int], Command] = {}
        self.open_until_ms = -1
        self.has_rebooted = self.has_garbled = self.has_flooded = False
        self.shell = self.boot()
        self.car = Car(self.shell)
        self.parties = [self.party_of(one) for one in enrolled]

    def boot(self) -> CountingShell:
        shell = CountingShell(self.storage, aes=self.cipher, random=self.random.randbytes)
        shell.on_sent = self.watch_frame
        return shell

    def cipher(self, key: bytes) -> RecordingAES:
        """Return one cipher for each key, so that it remembers across reboots."""
        return self.ciphers.setdefault(key, RecordingAES(key))

    def party_of(self, enrolled: Enrolled) -> Party:
        party = Party.enrolled(self.shell, enrolled.random, enrolled.answer, enrolled.info)
        assert isinstance(party, Party)
        party.role = enrolled.role
        return party

    def pair(self) -> Enrolled | None:
        """Ask for a new owner over the cable, and return what was agreed on, if anything."""
        random = bytes(32)
        payload = cbor.encode({"random": random, "name": "ann"})
        number = len(self.sent) & 0xFFFF
        request = Message(CON, POST, number, b"p", [(URI_PATH, b"pair")], payload)
        heard = len(self.heard)
        self.deliver(message.encode(request), CABLE)
        answer = message.decode(self.heard[-1][0]) if len(self.heard) > heard else None
        if answer is None or answer.code != CHANGED:
            return None
        return Enrolled(random, cbor.decode(answer.payload), b"carport pair", "owner")

    def enrol(self, owner: Party, fields: dict[str, Any]) -> Enrolled:
        """Let an owner enrol somebody."""
        random = fields["name"].encode().ljust(32)
        answer = self.ask(owner, "keys", {"random": random, **fields})
        return Enrolled(random, answer.value, b"carport enrol", fields["role"])

    def restart(self) -> None:
        """Begin again with what is stored."""
        self.has_rebooted = True
        self.open_until_ms = -1
        self.shell = self.car.shell = self.boot()
        for party in self.parties:
            party.shell = self.shell
            party.echoes_ms.clear()

    def begin_anew(self) -> None:
        """Restart after a wipe: whoever comes first to the cable is the owner."""
        self.look_back()
        self.restart()
        self.parties.clear()
        self.acted.clear()
        self.open_until_ms = ANY_TIME_MS

    # ---- how they do it ----

    @property
    def has_missed(self) -> bool:
        """Whether the gateway may not remember, or has dropped, something that was sent."""
        counters = self.shell.gateway.counters
        return self.has_rebooted or counters["shut_out"] + counters["throttled"] > 0

    def deliver(self, data: bytes, peer: Hashable) -> list[Response]:
        """Give the gateway a datagram; return what the hosts understood of what it sends."""
        self.sent.append((data, peer))
        self.shell.receive_datagram(data, peer, peer == CABLE)
        return self.everybody_hears()

    def everybody_hears(self) -> list[Response]:
        """Let each host read what was sent to it; return what they understood."""
        datagrams, self.shell.datagrams = self.shell.datagrams, []
        self.heard += datagrams
        responses = [
            party.hear(data, not self.has_garbled)
            for data, peer in datagrams
            for party in self.parties
            if party.peer == peer
        ]
        return [response for response in responses if response is not None]

    def ask(self, party: Party, path: str, payload: dict[str, Any]) -> Response:
        """Send a POST with the last Echo value, once more if it is challenged: its answer."""
        options = [(URI_PATH, path.encode()), (CONTENT_FORMAT, bytes((CBOR,)))]
        inner = bytes(encode_inner(POST, options, cbor.encode(payload)))
        answers = self.deliver(party.sealed(inner, ECHO_FLAG), party.peer)
        if answers and answers[-1].option(ECHO) is not None:
            answers = self.deliver(party.sealed(inner, ECHO_FLAG), party.peer)
        return answers[-1] if answers else Response(ACK, 0, EMPTY, [], b"")

    # ---- what they are held to ----

    def watch_frame(self, transmission: Transmission) -> None:
        """Hold a frame against what was asked for."""
        command = transmission.command
        receipt = command.receipt
        asked = {(party.kid, command_id) for party in self.parties for command_id in party.asked}
        assert asked, "a frame on the bus, though nobody asked for a command"
        if receipt.kid:  # else the gateway's own, which ends or accompanies a command
            name = receipt.kid, receipt.id
            assert name in asked, "a frame for a command that nobody asked for freshly"
            assert self.shell.gateway._keys.peek(receipt.kid), "a frame for a key that is revoked"
            if transmission.arbitration_id != WAKING:
                assert self.acted.setdefault(name, command) is command, "a command acts twice"

    def watch_stranger(self, peer: Hashable, heard: int) -> None:
        """Hold what somebody without a key was told, since so much was heard."""
        for data, _ in self.heard[heard:]:
            is_paired = data[1] == CHANGED and peer == CABLE
            assert not is_paired or self.shell.now_ms < self.open_until_ms, "a stranger is paired"
        if peer != CABLE:
            told = sum(len(data) for data, other in self.heard if other == peer)
            said = sum(len(data) for data, other in self.sent if other == peer)
            assert told <= said, "a stranger is told more than they said"

    def look_back(self) -> None:
        """Look at all nonces that the gateway used, and at the guest's uses."""
        for party in self.parties:
            cipher = self.ciphers.get(board_key(party))
            nonces = cipher.nonces if cipher else []
            assert len(set(nonces)) == len(nonces), "a nonce seals twice"
            acted = [command_id for kid, command_id in self.acted if kid == party.kid]
            assert party.role != "guest" or len(acted) <= GUEST_USES, "a guest acts too often"

    # ---- the steps of an input ----

    def stranger(self, choices: Choices) -> None:
        """Somebody without a key sends anything, from anywhere."""
        where = choices.byte()
        peer = CABLE if where >= 0x80 else f"stranger {where % 4}"
        saved, heard = self.shell.saved, len(self.heard)
        self.deliver(choices.chunk(), peer)
        assert self.shell.saved == saved, "a stranger makes the gateway write"
        self.watch_stranger(peer, heard)

    def request(self, choices: Choices) -> None:
        """A host seals anything."""
        party = self.party(choices)
        flags, inner = choices.byte(), choices.chunk()
        if party is not None:
            self.deliver(party.sealed(inner, flags), party.peer)

    def command(self, choices: Choices) -> None:
        """A host sends its next command."""
        party = self.party(choices)
        path, payload = COMMANDS[choices.byte() % len(COMMANDS)]
        if party is not None:
            self.ask(party, path, {"id": party.next_id, **payload})
            party.next_id += 1

    def again(self, choices: Choices) -> None:
        """Something that was sent before comes again, from elsewhere, with a bit flipped."""
        which, where, flipped = choices.byte(), choices.byte(), choices.number(2)
        if not self.sent:
            return
        data, peer = self.sent[-1 - which % len(self.sent)]
        if where & 0x40:
            peer = f"stranger {where % 4}"
        if flipped and data:
            garbled = bytearray(data)
            garbled[flipped // 8 % len(data)] ^= 1 << flipped % 8
            data = bytes(garbled)
            self.has_garbled = True
        saved, heard = self.shell.saved, len(self.heard)
        self.deliver(data, peer)
        if str(peer).startswith("stranger"):
            self.watch_stranger(peer, heard)
        # What the gateway has not read, or not since its boot, it challenges with its own number.
        assert self.shell.saved == saved or self.has_missed, "a copy makes the gateway write"

    def flood(self, choices: Choices) -> None:
        """Once, many datagrams that differ in their message ids, a stranger's from many hosts."""
        party = self.party(choices)
        flags, data = choices.byte(), choices.chunk()
        if self.has_flooded:
            return
        self.has_flooded = True
        before = kept(self.shell.gateway)
        for number in range(FLOOD):
            peer = f"flood {number}"
            sent = data
            if party is not None and flags < 0x80:
                peer, sent = party.peer, party.sealed(data, flags)
            self.deliver(sent[:2] + number.to_bytes(2, "big") + sent[4:], peer)
        for where, length in kept(self.shell.gateway).items():
            assert length <= max(before.get(where, 0), MAX_KEPT), f"{where} keeps {length}"

    def wait(self, choices: Choices) -> None:
        """Time passes."""
        self.shell.advance(WAITS_MS[choices.byte() % len(WAITS_MS)])

    def car_speaks(self, choices: Choices) -> None:
        """The car sends one of its frames."""
        which = choices.byte()
        names = list(self.car.signals)
        self.car.lock(which >= 0x80)
        self.car.send(names[which % len(names)])

    def frame(self, choices: Choices) -> None:
        """Somebody sends a frame."""
        arbitration_id = choices.number(2) & 0x7FF
        self.shell.receive_frame(arbitration_id, choices.exactly(choices.byte() % 9))

    def button(self, choices: Choices) -> None:
        """The board's button is pressed for up to 5 s."""
        duration_ms = choices.byte() * 20
        if duration_ms >= PAIRING_PRESS_MS:
            self.open_until_ms = self.shell.now_ms + OPEN_MS
        self.shell.gateway.press_button(duration_ms, self.shell.now_ms)
        self.shell.drain()

    def pairs(self, choices: Choices) -> None:
        """Somebody at the cable wants to be an owner."""
        enrolled = self.pair()
        assert enrolled is None or self.shell.now_ms < self.open_until_ms, "pairing is closed"
        if enrolled is not None:  # nobody's before is known, if it was never used
            party = self.party_of(enrolled)
            self.parties = [one for one in self.parties if one.kid != party.kid] + [party]

    def answer(self, choices: Choices) -> None:
        """Somebody acknowledges or resets one of the gateway's last messages."""
        which = choices.byte()
        if self.heard:
            data, peer = self.heard[-1 - which % min(16, len(self.heard))]
            kind = RST if which & 0x80 else ACK
            reply = Message(kind, EMPTY, int.from_bytes(data[2:4], "big"))
            self.deliver(message.encode(reply), peer)

    def bus(self, choices: Choices) -> None:
        """The bus acknowledges or not, and the controller gives up or not."""
        what = choices.byte()
        self.shell.acknowledges_frames = what & 1 == 0
        state = STATE_BUS_OFF if what & 2 else STATE_ACTIVE
        self.shell.gateway.bus_state(0, state, self.shell.now_ms)
        self.shell.drain()

    def reboot(self, choices: Choices) -> None:
        """The power is cut, and comes back."""
        self.restart()

    def party(self, choices: Choices) -> Party | None:
        which = choices.byte()
        return self.parties[which % len(self.parties)] if self.parties else None


STEPS = (
    World.stranger,
    World.request,
    World.command,
    World.again,
    World.flood,
    World.wait,
    World.car_speaks,
    World.frame,
    World.button,
    World.pairs,
    World.answer,
    World.bus,
    World.reboot,
)


def play(data: bytes) -> World:
    """Let an input happen.

    Raises:
        AssertionError: a promise was broken.
    """
    world = World(*prepared())
    choices = Choices(data)
    steps = 0
    while not choices.is_over and steps < MAX_STEPS:
        STEPS[choices.byte() % len(STEPS)](world, choices)
        world.everybody_hears()
        if world.shell.is_wiped:
            world.begin_anew()
        steps += 1
    world.look_back()
    return world


@cache
def prepared() -> tuple[dict[str, bytes], list[Enrolled]]:
    """Return the storage of a paired gateway, and who is enrolled there."""
    world = World({}, [], seed=1)
    world.open_until_ms = OPEN_MS
    owner = world.pair()
    assert owner is not None
    world.parties = [world.party_of(owner)]
    others = [world.enrol(world.parties[0], fields) for fields in PEOPLE]
    return world.storage, [owner, *others]


def board_key(party: Party) -> bytes:
    """Return the key with which the gateway seals what it answers a host."""
    key: bytes = party.context.recipient.cipher._algorithm.key  # type: ignore[attr-defined]
    return key
