"""The gateway: what happens with a frame, a datagram, this moment. It does no IO and reads no
clock.

The shell hands in bytes and the time, then drains, in this order: `cancels`, `saves` (and
`saved`), `frames`, `routed` (if it `is_routing`), `datagrams`, `logs`. Times are milliseconds of
a monotonic clock that starts wherever it likes.
"""

from binascii import hexlify

from gateway.endpoint import Endpoint
from gateway.home import Home
from gateway.resources.arm import ArmResource
from gateway.resources.commands import CommandResource, answer_of, leaves_of_resources
from gateway.resources.discovery import DiscoveryResource
from gateway.resources.keys import KeysResource
from gateway.resources.pair import PairResource
from gateway.resources.receipts import ReceiptResource
from gateway.resources.signals import Selection, SignalsResource
from gateway.resources.system import SystemResource
from gateway.resources.time import TimeResource
from gateway.vault.arming import Arming
from gateway.vault.keys import Keys
from gateway.vault.records import Records
from gateway.vault.wall_clock import WallClock
from gateway.vehicle.command import Transmission
from gateway.vehicle.commands import FLAG_EXT_ID, STATE_ACTIVE, STATE_BUS_OFF, CommandEngine
from gateway.vehicle.receipts import Receipts
from gateway.vehicle.state import VehicleState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from gateway.can.router import RoutedFrame, Router
    from gateway.oscore.ccm import BlockCipherFactory
    from gateway.request import Request
    from gateway.resources.update import Writer
    from gateway.vault.records import Save
    from gateway.vault.settings import Settings
    from gateway.vehicle.receipts import Receipt

VERSION = "0.1.0"

FLAG_RTR = 1  # machine.CAN's, as in its documentation
BOOT_BYTES = 8
PAIRING_PRESS_MS = 3000
ARMING_PRESS_MS = 50  # shorter ones are a contact that bounces

_STATES = ("stopped", "active", "warning", "passive", "bus-off")  # machine.CAN's STATE_*, by value


def _no_block(name: str) -> "bytes | None":
    """Find no block: for a board that keeps none."""
    return None


class Gateway:
    """The core's door.

    Args:
        profile: the compiled car.
        records: every record that was ever saved, {name: bytes}.
        aes: makes a block cipher from a key: see `gateway.oscore.ccm`.
        random: returns that many random bytes.
        name: the gateway's own name.
        platform: what the board knows of its heap and storage, {str: str or int}, for `/system`.
        is_bench: the board may send before anybody has armed it.
        read_block: returns a record of a name that begins with "block-", None if there is none.
        is_safe_mode: the board has crashed again and again: do only what the cable needs.
        crash: what `carport.cddl` calls crash, None if it never crashed.
        at_least_s: the least that the time can be, in unix seconds, of a board that was asleep.

    `is_armed` says whether the controllers may take part in their buses, or only listen;
    `is_routing` whether frames may cross from one to another.
    """

    def __init__(
        self,
        profile: "dict[str, Any]",
        records: "dict[str, bytes]",
        aes: "BlockCipherFactory",
        random: "Callable[[int], bytes]",
        now_ms: int,
        name: str,
        platform: "Callable[[], dict[str, Any]]",
        is_bench: bool = False,
        read_block: "Callable[[str], Any]" = _no_block,
        is_safe_mode: bool = False,
        crash: "dict[str, Any] | None" = None,
        at_least_s: int = 0,
    ) -> None:
        # Of the profile only what is used is kept: a board frees the rest.
        self._profile = {key: profile[key] for key in ("name", "title")}
        self._platform = platform
        self._crash = crash
        self._is_safe_mode = is_safe_mode
        self._started_ms = now_ms
        self._logs: list[str] = []
        self._waiting: list[tuple[Receipt, Request]] = []
        self._records = Records(records, aes, random)
        self._clock = WallClock(self._records, now_ms, at_least_s)
        self._keys = Keys(self._records, aes, random, self._clock)  # removes receipts of nobody's
        self._state = VehicleState(profile)
        boot = random(BOOT_BYTES)
        self._home = Home(
            profile,
            self._state,
            self._records,
            read_block,
            aes,
            random,
            self._clock,
            boot,
            name,
            now_ms,
            platform,
        )
        self._keys.note_pairing = self._note_pairing
        name = self.settings.name
        self._receipts = Receipts(self._records, now_ms)
        self._engine = CommandEngine(profile, self._state, self._records, self._receipts)
        self._controllers: dict[int, Callable[[int], dict[str, int]]] = {}
        self._describe_power: Callable[[], dict[str, Any]] | None = None
        self._arming = Arming(self._records, is_bench)
        self.is_armed = self._engine.is_armed = self._arming.is_armed
        self._router = None if is_safe_mode else router_of(profile)
        self.is_routing = self._router is not None
        self._endpoint = Endpoint(self._keys, self._records, random)
        resources = self._endpoint.resources
        for part, leaves in leaves_of_resources(profile).items():
            shown = Selection(self._state, leaves, self._state.add_group(leaves))
            resources[part.encode()] = CommandResource(
                part, shown, self._engine, self._receipts, self._waiting
            )
        resources[b"signals"] = SignalsResource(self._state)
        resources[b"receipts"] = ReceiptResource(self._receipts)
        resources[b"keys"] = KeysResource(self._keys, name, resources, self._forget)
        resources[b"time"] = TimeResource(self._clock, boot, now_ms)
        resources[b"arm"] = ArmResource(self._arming, self._disarm)
        resources[b"system"] = SystemResource(self._describe)
        self._home.add_resources(resources, not is_safe_mode)
        open_resources = self._endpoint.open_resources
        open_resources[b".well-known/core"] = DiscoveryResource()
        open_resources[b"pair"] = PairResource(self._keys, name)
        if self._records.damaged:
            self._logs.append(f"{len(self._records.damaged)} damaged records were left out")
        if self._keys.are_lost:
            self._logs.append("all keys are lost: press the button for 3 s, then pair again")

    @property
    def settings(self) -> "Settings":
        """Name, region and Wi-Fi, as the owner has set them."""
        return self._home.settings

    def attach(self, bus: int, describe: "Callable[[int], dict[str, int]]") -> None:
        """Ask a controller what it has counted, with the time, when `/system` is read."""
        self._controllers[bus] = describe

    def attach_power(self, describe: "Callable[[], dict[str, Any]]") -> None:
        """Ask the board how it saves power when `/system` is read."""
        self._describe_power = describe

    def attach_updates(self, open_writer: "Callable[[], Writer]") -> None:
        """Take updates: `open_writer` is called when somebody first asks for `/update`."""
        self._home.add_updates(VERSION, open_writer, self._may_record)

    def receive_frame(self, bus: int, frame: "list[Any]", now_ms: int) -> None:
        """Take a frame [id, data, flags, errors] as recv() fills it.

        Allocates nothing, and so has no locals of its own: see gateway.can.received_message.
        """
        if frame[2] & FLAG_RTR:
            return
        if self._router is not None and self.is_armed:
            self._router.receive(bus, frame, now_ms)
        if (
            self._state.receive(bus, frame[0], frame[2] & FLAG_EXT_ID != 0, frame[1], now_ms) >= 0
            and self._engine.is_active
        ):
            self._engine.frame_accepted(now_ms)
            self._settle(now_ms)

    def receive_datagram(
        self,
        data: bytes,
        peer: "Hashable",
        now_ms: int,
        on_cable: bool = False,
        source: "bytes | str" = b"",
    ) -> bool:
        """Take a datagram; tell whether it was read, or dropped because its host is shut out.

        `peer` comes back with its answers; `source` is its host, whatever the port.
        """
        if not self._endpoint.receive(data, peer, now_ms, None if on_cable else source):
            return False
        if self._engine.finished:
            self._settle(now_ms)
        return True

    def frame_sent(self, transmission: "Transmission | RoutedFrame", now_ms: int) -> None:
        """Take note that the controller saw a frame acknowledged."""
        if not isinstance(transmission, Transmission):
            transmission.ring.finish(True)
            return
        self._engine.frame_sent(transmission, now_ms)
        self._settle(now_ms)

    def frame_failed(self, transmission: "Transmission | RoutedFrame", now_ms: int) -> None:
        """Take note that a frame will not be sent: cancelled, bus-off, or not taken."""
        if not isinstance(transmission, Transmission):
            transmission.ring.finish(False)
            return
        self._engine.frame_failed(transmission, now_ms)
        self._settle(now_ms)

    def bus_state(self, bus: int, state: int, now_ms: int) -> None:
        """Take note of a controller's state, one of machine.CAN's STATE_*."""
        self._engine.bus_state(bus, state, now_ms)
        self._settle(now_ms)

    def press_button(self, duration_ms: int, now_ms: int) -> None:
        """Take note that the board's button was pressed and let go.

        3 s open pairing for 60 s; less arms the gateway if an owner has asked for it.
        """
        if duration_ms >= PAIRING_PRESS_MS:
            self._keys.pairing.open(now_ms)
            self._logs.append("pairing is open for 60 s")
        elif duration_ms >= ARMING_PRESS_MS:
            by = self._arming.press(now_ms)
            if by is not None:
                self.is_armed = self._engine.is_armed = True
                self._home.note("arm", by, {"armed": True}, now_ms)
                self._logs.append(f"armed by {by} and the button")

    def saved(self, number: int, now_ms: int) -> None:
        """Take note that every save up to `number` is durable."""
        self._records.acknowledge(number)
        self._keys.saved()
        self._engine.saved(now_ms)
        self._home.ledger.saved()
        self._settle(now_ms)
        self._endpoint.saved(now_ms)

    def saving_failed(self, is_full: bool, now_ms: int) -> None:
        """Take note that the shell could not save, and will try again; `saved` ends that."""
        reason = "the flash is full" if is_full else "the flash cannot be written"
        if is_full:
            self._home.make_room()
        self._engine.saving_failed(reason, now_ms)
        self._settle(now_ms)

    def handle_timer(self, now_ms: int) -> None:
        """Do what is due."""
        self._engine.handle_timer(now_ms)
        self._settle(now_ms)
        self._endpoint.handle_timer(now_ms)
        if self._router is not None:
            self._router.handle_timer(now_ms)
        self._home.handle_timer(now_ms, self._may_record())
        daily_ms = self._clock.next_timeout()
        if daily_ms is not None and now_ms >= daily_ms:
            self._clock.store(now_ms)
            self._keys.ring.store_uses()

    def is_pairing(self, now_ms: int) -> bool:
        """Tell whether the cable may make an owner now."""
        return self._keys.pairing.is_open(now_ms)

    @property
    def is_in_trouble(self) -> bool:
        """Whether storage fails, or a controller is off its bus."""
        engine = self._engine
        return bool(engine.storage_trouble) or STATE_BUS_OFF in engine.bus_states

    def activity(self, now_ms: int) -> "tuple[int | None, bool, bool]":
        """Return what keeps a board awake: see `gateway.awake`."""
        from gateway.awake import activity

        return activity(self._keys, self._endpoint, self._engine, self._arming, now_ms)

    def rest(self, now_ms: int) -> None:
        """Store what is in memory alone: the board sleeps once all is saved and sent."""
        if self._may_record():
            self._home.rest(now_ms)
            if self._clock.unix_s(now_ms) is not None:
                self._keys.ring.store_uses()

    @property
    def has_proven_itself(self) -> bool:
        """Whether an owner's request was served since the start, and nothing is under way."""
        return self._may_record() and self.owner_asked_ms is not None

    @property
    def owner_asked_ms(self) -> "int | None":
        """When an owner last made a request, None if none has since the start."""
        return self._keys.owner_asked_ms

    def at_least_s(self, now_ms: int) -> int:
        """Return what the time is at least, in unix seconds."""
        return self._clock.at_least_s(now_ms)

    @property
    def counters(self) -> "dict[str, int]":
        """What the endpoint has counted."""
        return self._endpoint.counters

    @property
    def wants_restart(self) -> bool:
        """Whether the shell should start the board anew, as after a power cut."""
        return self._home.wants_restart

    @property
    def is_urgent(self) -> bool:
        """Whether a command is about to be sent: no time for anything that can wait."""
        return self._engine.is_active and self._engine.is_urgent()

    @property
    def is_quiet(self) -> bool:
        """Whether the shell has nothing to do but to send datagrams, as after most requests."""
        engine = self._engine
        records = self._records
        return not (
            self._logs
            or engine.frames
            or engine.cancels
            or self.is_routing
            or records.numbered != records.acknowledged
        )

    def next_timeout(self) -> "int | None":
        """Return when `handle_timer` wants to be called, None if nothing is planned."""
        first = self._engine.next_timeout()
        endpoint = self._endpoint.next_timeout()
        if first is None or (endpoint is not None and endpoint < first):
            first = endpoint
        if self._router is not None:
            router = self._router.next_timeout()
            if first is None or (router is not None and router < first):
                first = router
        home = self._home.next_timeout(self._may_record())
        if first is None or (home is not None and home < first):
            first = home
        daily = self._clock.next_timeout()
        if first is None or (daily is not None and daily < first):
            first = daily
        return first

    def saves(self) -> "list[Save]":
        """Return what is not durable yet, in this order: (number, record, bytes or None)."""
        return self._records.take()

    def frames(self) -> "list[Transmission]":
        """Return the frames to give to their controllers now."""
        frames = self._engine.frames
        if frames:
            self._engine.frames = []
        return frames

    def cancels(self) -> "list[Transmission | RoutedFrame]":
        """Return the frames to take back from their controllers."""
        cancels: list[Transmission | RoutedFrame] = self._engine.cancels  # type: ignore[assignment]
        if cancels:
            self._engine.cancels = []
        if self._router is not None and self._router.cancels:
            cancels = cancels + list(self._router.cancels)
            self._router.cancels = []
        return cancels

    def routed(self, now_ms: int) -> "RoutedFrame | None":
        """Return a frame of another bus to give to its controller now, None if there is none."""
        return None if self._router is None else self._router.next_frame(now_ms)

    def datagrams(self) -> "list[tuple[bytes, Hashable]]":
        """Return the datagrams to send now, each with its peer."""
        return self._endpoint.take()

    def logs(self) -> "list[str]":
        """Return the lines to log; they hold no secrets."""
        logs = self._logs
        if logs:
            self._logs = []
        return logs

    def _may_record(self) -> bool:
        """Tell whether a block may be stored: not during a command, nor while storage fails."""
        return not (self._engine.is_active or self._engine.storage_trouble)

    def _settle(self, now_ms: int) -> None:
        """Answer those who wait for the commands that have just ended."""
        while self._engine.finished:
            receipt = self._engine.finished[0]
            answer = answer_of(receipt.state, receipt.payload)
            for pair in list(self._waiting):
                if pair[0] is receipt:
                    request = pair[1]
                    request.after = max(request.after, receipt.change)
                    self._endpoint.respond(request, answer, now_ms)
                    self._waiting.remove(pair)
            # Not an f-string: MicroPython looks each part of one up among all names it knows.
            words = receipt.command, str(receipt.id), receipt.state, "for", receipt.by
            self._logs.append(" ".join(words))
            self._home.note_command(receipt, now_ms)
            self._engine.finished.pop(0)

    def _forget(self, kid: bytes, now_ms: int) -> int:
        """End what a revoked key has asked for, and tell it nothing more.

        Returns:
            The number of the change after which no record of it is left.
        """
        for pair in [pair for pair in self._waiting if pair[0].kid == kid]:
            self._waiting.remove(pair)
        self._engine.revoke(kid, now_ms)
        self._endpoint.forget(kid)
        self._logs.append(f"key {hexlify(kid).decode()} is revoked")
        return self._receipts.forget(kid)

    def _note_pairing(self, name: str, now_ms: int) -> None:
        self._home.ledger.add("keys", name, {"paired": True}, now_ms)

    def _disarm(self, by: str, now_ms: int) -> None:
        """Send nothing from now on, and end the commands under way."""
        self._arming.disarm()
        self.is_armed = False
        self._engine.disarm(now_ms)
        if self._router is not None:
            self._router.clear()
        self._logs.append(f"disarmed by {by}")

    def _describe_bus(self, bus: int, now_ms: int) -> "dict[str, Any]":
        """Return the map that `carport.cddl` calls can-bus."""
        state = self._engine.bus_states[bus]
        is_listening = state == STATE_ACTIVE and not self.is_armed
        described: dict[str, Any] = {
            "bus": self._state.bus_name(bus),
            "state": "listen-only" if is_listening else _STATES[state],
        }
        if bus in self._controllers:
            described.update(self._controllers[bus](now_ms))
        return described

    def _describe(self, now_ms: int, is_owner: bool) -> "dict[str, Any]":
        """Return the map that `carport.cddl` calls system; only an owner hears of a crash."""
        counters = dict(self._endpoint.counters)
        counters.update(self._state.counters)
        described = {
            "gateway": self.settings.name,
            "version": VERSION,
            "profile": self._profile["name"],
            "car": self._profile["title"],
            "uptime_ms": now_ms - self._started_ms,
            "counters": counters,
            "can": [self._describe_bus(i, now_ms) for i in range(len(self._engine.bus_states))],
            "platform": self._platform(),
        }
        if self._is_safe_mode:
            described["safe_mode"] = True
        if is_owner and self._crash is not None:
            described["crash"] = self._crash
        if self._describe_power is not None:
            described["power"] = self._describe_power()
        data = self._home.describe()
        if data is not None:
            described["data"] = data
        if self._router is not None:
            described["routes"] = self._router.describe(self._state.bus_name)
        return described


def router_of(profile: "dict[str, Any]") -> "Router | None":
    """Return the router of a bench; most cars route nothing, and do not load one."""
    if not profile["routes"]:
        return None
    from gateway.can.router import Router

    return Router(profile)
