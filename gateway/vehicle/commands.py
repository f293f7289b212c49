"""The command engine: nothing is done twice or late, and nothing is called done before the car
says so.

A command waits for the earlier ones of its resource, then goes through these phases:

    CHECK    wait until the bus is awake and every interlock is known; wake it meanwhile.
             violated: refused. Still unknown when the wait is over: refused, but for a bus that is
             silent and free of errors where the profile allows that
    SAVE     wait until the intent is durable, then judge the interlocks once more
    SEND     send the frame each period until confirmed, or `count` times. A frame that nobody has
             acknowledged by its deadline is cancelled; if none ever was: expired. A controller
             that says nothing of the first one for a second more: indeterminate
             what the profile wants to follow is sent once, after the last of them
    (SEND)   every condition seen in a frame received after ours, and all sent: confirmed
             not within `confirm_ms`: unconfirmed

Whatever is not sent within the command's lifetime has expired. Bus-off ends all commands of the
bus. While the gateway is not armed, every command is refused before anything else happens; while
storage takes no records, every command that needs one. A command that was confirmed with its
profile's `limit` argument is undone by the gateway itself when that time has passed, if the car
still shows it.
"""

from gateway.can.transmitter import Transmitter
from gateway.const import const
from gateway.errors import BusyError, CommandError
from gateway.vehicle import interlocks, receipts
from gateway.vehicle.command import CHECK, NEVER_MS, SAVE, SEND, Command, Transmission
from gateway.vehicle.receipts import Receipt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.vault.records import Records
    from gateway.vehicle.receipts import Receipts
    from gateway.vehicle.state import VehicleState

STATE_STOPPED = 0  # machine.CAN's, as in its documentation
STATE_ACTIVE = 1
STATE_BUS_OFF = 4
FLAG_EXT_ID = 2

QUEUE_LENGTH = 4
OWNERS_PLACES = 2
MAX_OF_ONE = 2  # context of an owner, or anybody else: a context's durable receipts hold two

NOT_ARMED = "not armed: carport arm, then press the board's button"

_BUS_SILENT_MS = const(1000)
_CHECK_MS = const(2000)
_REPORT_MS = const(1000)


class CommandEngine:
    """All commands of a car: one under way for each resource, the others behind it.

    The caller drains `frames`, `cancels` and `finished` after each call.
    """

    def __init__(
        self,
        profile: "dict[str, Any]",
        state: "VehicleState",
        records: "Records",
        store: "Receipts",
    ) -> None:
        self._specs = profile["commands"]
        self._interlocks = profile["interlocks"]
        self._wake = profile["wake"]
        self._state = state
        self._records = records
        self._store = store
        self._transmitter = Transmitter(profile)
        self._queues: dict[str, list[Command]] = {
            spec["resource"]: [] for spec in self._specs.values()
        }
        self._limits: dict[str, int] = {}  # command -> when its limit argument is undone
        self.bus_states = [STATE_STOPPED for _ in profile["buses"]]
        self.is_armed = False
        self.storage_trouble = ""  # why what needs a record is refused
        self.is_active = False
        self.frames: list[Transmission] = []
        self.cancels: list[Transmission] = []
        self.finished: list[Receipt] = []

    @property
    def has_work(self) -> bool:
        """Whether a command is under way, or one is to be undone when its time is over."""
        return self.is_active or bool(self._limits)

    def resource_of(self, command: str) -> "str | None":
        """Return the resource that takes a command, None if the car has no such command."""
        spec = self._specs.get(command)
        return None if spec is None else spec["resource"]

    def submit(
        self, receipt: Receipt, lifetime_ms: "int | None", now_ms: int, is_owners: bool
    ) -> None:
        """Begin a command, whose receipt is new. In each queue two places are for owners alone.

        Raises:
            CommandError: the profile does not allow these arguments.
            BusyError: too many commands are under way.
        """
        spec = self._specs[receipt.command]
        longest = spec["lifetime_ms"]
        if lifetime_ms is None or lifetime_ms > longest:
            lifetime_ms = longest
        command = Command(receipt, spec, self._wake, lifetime_ms, now_ms)
        queue = self._queues[spec["resource"]]
        if self.is_active:
            own = 0
            for other in self._under_way():
                theirs = other.receipt
                if theirs.kid == receipt.kid or (not is_owners and theirs.by == receipt.by):
                    own += 1
            length = QUEUE_LENGTH + OWNERS_PLACES if is_owners else QUEUE_LENGTH
            if len(queue) >= length or own >= MAX_OF_ONE:
                raise BusyError("too many commands are under way")
        longer_queue = queue + [command]
        self._store.add(receipt)
        self._queues[spec["resource"]] = longer_queue
        self.is_active = True
        if not queue:
            self._start(command, now_ms)

    def frame_accepted(self, now_ms: int) -> None:
        """Look whether the frame just received lets a command go on, or confirms it."""
        self._advance_all(now_ms)

    def saved(self, now_ms: int) -> None:
        """Go on with what waited for a record."""
        self.storage_trouble = ""
        if self.is_active:
            self._advance_all(now_ms)

    def saving_failed(self, reason: str, now_ms: int) -> None:
        """Refuse what waits for its intent, and what comes until something is `saved`."""
        self.storage_trouble = reason
        for command in self._under_way():
            is_waiting = self._records.acknowledged < command.receipt.change
            if command.phase == SAVE and is_waiting and not command.receipt.is_final:
                self._store.withdraw(command.receipt)
                self._refuse(command, reason, now_ms)

    def frame_sent(self, transmission: Transmission, now_ms: int) -> None:
        """Take note that a frame was acknowledged on the wire."""
        command = transmission.command
        if transmission is command.wake.outstanding:
            command.wake.outstanding = None
            self._advance(command, now_ms)
            return
        if transmission is not command.outstanding:
            return
        command.outstanding = None
        command.last_sent_ms = now_ms
        command.sends_left -= 1
        if command.sent_ms < 0:
            command.sent_ms = now_ms
            command.confirm_until_ms = now_ms + command.spec["confirm_ms"]
            command.receipt.reach(receipts.SENT, now_ms)
        self._advance(command, now_ms)

    def frame_failed(self, transmission: Transmission, now_ms: int) -> None:
        """Take note that a frame will not be sent."""
        command = transmission.command
        if transmission is command.wake.outstanding:
            command.wake.outstanding = None
            self._advance(command, now_ms)
            return
        if transmission is not command.outstanding:
            return
        command.outstanding = None
        if command.sent_ms < 0:
            reason = "the controller did not send the frame"
            if transmission.is_cancelled:
                waited_ms = command.spec["deadline_ms"]
                reason = f"no node acknowledged the frame within {waited_ms} ms"
            self._finish(command, receipts.EXPIRED, now_ms, reason)
        else:
            self._advance(command, now_ms)

    def bus_state(self, bus: int, state: int, now_ms: int) -> None:
        """Take note of a controller's state; bus-off ends the bus's commands."""
        self.bus_states[bus] = state
        if state != STATE_BUS_OFF:
            return
        for command in self._under_way():
            if command.is_over:  # refused, when the one before it had ended
                continue
            if self._transmitter.bus(command.spec["transmit"]) == bus:
                outcome = receipts.EXPIRED if command.sent_ms < 0 else receipts.UNCONFIRMED
                self._finish(command, outcome, now_ms, "the controller went bus-off")

    def disarm(self, now_ms: int) -> None:
        """Send nothing from now on; what is under way ends with what is known of it."""
        self.is_armed = False
        for command in self._under_way():
            if command.is_over:  # refused, when the one before it had ended
                continue
            frame = command.outstanding
            outcome = receipts.EXPIRED
            if command.sent_ms >= 0:
                outcome = receipts.UNCONFIRMED
            elif frame is not None and frame not in self.frames:  # the controller has it
                outcome = receipts.INDETERMINATE
            self._finish(command, outcome, now_ms, "the gateway was disarmed")

    def revoke(self, kid: bytes, now_ms: int) -> None:
        """Refuse what a revoked key has asked for, unless a controller has its frame already.

        That runs on to its outcome.
        """
        for command in self._under_way():
            if command.receipt.kid != kid or command.is_over:
                continue
            frame = command.outstanding
            if command.sent_ms < 0 and (frame is None or frame in self.frames):
                self._refuse(command, "key revoked", now_ms)

    def handle_timer(self, now_ms: int) -> None:
        """Do what is due."""
        if self._limits:
            for name in list(self._limits):
                if now_ms >= self._limits[name]:
                    del self._limits[name]
                    self._undo(name, now_ms)
        if self.is_active:
            self._advance_all(now_ms)

    def is_urgent(self) -> bool:
        """Tell whether a command waits for nothing but us: neither its turn nor the car."""
        for queue in self._queues.values():
            if queue and queue[0].sent_ms < 0 and not queue[0].wake.is_on:
                return True
        return False

    def next_timeout(self) -> "int | None":
        """Return when `handle_timer` has something to do."""
        first = None
        for name in self._limits:
            if first is None or self._limits[name] < first:
                first = self._limits[name]
        if self.is_active:
            for command in self._under_way():
                is_first = self._queues[command.spec["resource"]][0] is command
                due_ms = self._due_ms(command) if is_first else command.expires_ms
                if first is None or due_ms < first:
                    first = due_ms
        return first

    def _under_way(self) -> "list[Command]":
        commands: list[Command] = []
        for queue in self._queues.values():
            commands += queue
        return commands

    def _start(self, command: Command, now_ms: int) -> None:
        wait_ms = _CHECK_MS if self._wake is None else self._wake["timeout_ms"]
        command.check_until_ms = min(now_ms + wait_ms, command.expires_ms)
        self._advance(command, now_ms)

    def _advance_all(self, now_ms: int) -> None:
        for command in self._under_way():
            self._advance(command, now_ms)

    def _advance(self, command: Command, now_ms: int) -> None:
        """Do whatever a command can do now."""
        if command.outstanding is not None or command.wake.outstanding is not None:
            self._cancel_late(command, now_ms)
        if command.receipt.is_final:
            if not command.is_over:
                self._conclude(command, now_ms)
            return
        if command.sent_ms < 0 and now_ms >= self._report_due_ms(command):
            reason = "the controller did not say whether it sent the frame"
            self._finish(command, receipts.INDETERMINATE, now_ms, reason)
            return
        if command.sent_ms < 0 and now_ms >= command.expires_ms and command.outstanding is None:
            self._finish(command, receipts.EXPIRED, now_ms, "its lifetime was over")
            return
        if self._queues[command.spec["resource"]][0] is not command:
            return
        if command.phase == CHECK and self._check(command, now_ms):
            if not command.receipt.has_intent:
                self._store.store_intent(command.receipt)
            command.phase = SAVE
        is_saved = self._records.acknowledged >= command.receipt.change
        if command.phase == SAVE and is_saved and self._check(command, now_ms):
            command.phase = SEND
            command.next_send_ms = now_ms
        if command.phase == SEND:
            self._send(command, now_ms)
        if not command.receipt.is_final:
            self._keep_awake(command, now_ms)

    def _check(self, command: Command, now_ms: int) -> bool:
        """Tell whether the command may be sent now; refuse it if it must not be."""
        if not self.is_armed:
            self._refuse(command, NOT_ARMED, now_ms)
            return False
        if command.unavailable is not None:
            self._refuse(command, command.unavailable, now_ms)
            return False
        if self.storage_trouble and command.receipt.kid and not command.receipt.has_intent:
            self._refuse(command, self.storage_trouble, now_ms)
            return False
        bus = self._transmitter.bus(command.spec["transmit"])
        is_silent = self._is_silent(bus, now_ms)
        silent = [bus] if is_silent else []
        reason = "the bus is silent" if is_silent else ""
        silence_allowed = True
        for name in command.interlocks:
            interlock = self._interlocks[name]
            verdict, leaf, value = interlocks.judge(self._state, interlock["all"], now_ms)
            if verdict == interlocks.HOLDS:
                continue
            path = self._state.paths[leaf]
            if verdict == interlocks.VIOLATED:
                reason = "".join((name, ": ", path, " is ", _text(value)))
                self._refuse(command, reason, now_ms)
                return False
            reason = reason or f"{name}: {path} is not known"
            told_on = self._state.bus_of(leaf)
            if not interlock["silent_allows"] or not self._is_silent(told_on, now_ms):
                silence_allowed = False
            elif told_on not in silent:
                silent.append(told_on)
        if not reason:
            return not command.wake.is_half_done
        if now_ms < command.check_until_ms:
            if silent:
                command.wake.begin(now_ms)
            return False
        if silence_allowed and all(self.bus_states[one] == STATE_ACTIVE for one in silent):
            if not command.receipt.evidence:
                for one in silent:
                    note = {"bus": self._state.bus_name(one), "note": "bus silent"}
                    command.receipt.evidence.append(note)
            return True
        self._refuse(command, reason, now_ms)
        return False

    def _is_silent(self, bus: int, now_ms: int) -> bool:
        heard_ms = self._state.bus_heard_ms(bus)
        return heard_ms is None or now_ms - heard_ms >= _BUS_SILENT_MS

    def _send(self, command: Command, now_ms: int) -> None:
        """Send what is due, and look for the car's confirmation."""
        if command.sent_ms >= 0 and self._is_shown(command, now_ms):
            if command.is_whole:
                self._confirm(command, now_ms)
                return
            if not command.is_following:
                command.sends_left = 0  # the car need not be asked again
        if now_ms >= command.confirm_until_ms:
            self._finish(command, receipts.UNCONFIRMED, now_ms, self._doubt(command, now_ms))
            return
        if command.sends_left <= 0 and command.outstanding is None and command.follow_up:
            _, _, after_ms, command.raw_values = command.follow_up
            command.follow_up = None
            command.is_following = True
            command.sends_left = 1
            command.next_send_ms = command.last_sent_ms + after_ms
        if now_ms >= command.expires_ms:
            command.next_send_ms = NEVER_MS
        may_send = command.outstanding is None and command.sends_left > 0
        if may_send and now_ms >= command.next_send_ms:
            deadline_ms = min(now_ms + command.spec["deadline_ms"], command.expires_ms)
            command.outstanding = self._transmission(
                command, command.spec["transmit"], command.raw_values, deadline_ms
            )
            command.next_send_ms = now_ms + command.spec["period_ms"]
            self.frames.append(command.outstanding)

    def _doubt(self, command: Command, now_ms: int) -> str:
        """Return why a command is not confirmed."""
        _, leaf, value = interlocks.judge(self._state, command.conditions, now_ms)
        if leaf >= 0:
            shown = "not known" if value is None else _text(value)
            return f"{self._state.paths[leaf]} is {shown}"
        if not command.is_whole:
            return "the frame that follows was not acknowledged"
        return "the car showed nothing new"

    def _is_shown(self, command: Command, now_ms: int) -> bool:
        """Tell whether every condition shows in a frame received after ours was sent."""
        state = self._state
        for leaf, operation, limit in command.conditions:
            received_ms = state.received_ms(leaf)
            if received_ms is None or received_ms <= command.sent_ms:
                return False
            value = state.value(leaf, now_ms)
            if value is None or not interlocks.holds(value, operation, limit):
                return False
        return True

    def _confirm(self, command: Command, now_ms: int) -> None:
        """Finish the command with the frames that show what it asked for."""
        state = self._state
        receipt = command.receipt
        evidence = list(receipt.evidence)
        seen = []
        for leaf, _, _ in command.conditions:
            bus, arbitration_id, data = state.frame_of(leaf)
            if (bus, arbitration_id) in seen:
                continue
            seen.append((bus, arbitration_id))
            received_ms = state.received_ms(leaf)
            assert received_ms is not None
            evidence.append(
                {
                    "bus": state.bus_name(bus),
                    "id": arbitration_id,
                    "data": data,
                    "at_ms": received_ms - receipt.accepted_ms,
                }
            )
        receipt.evidence = evidence
        self._note_limit(command, now_ms)
        self._finish(command, receipts.CONFIRMED, now_ms)

    def _refuse(self, command: Command, reason: str, now_ms: int) -> None:
        self._finish(command, receipts.REFUSED, now_ms, reason)

    def _finish(self, command: Command, state: str, now_ms: int, reason: str = "") -> None:
        """Enter the last state, and do what that means."""
        command.receipt.reach(state, now_ms, reason)
        self._conclude(command, now_ms)

    def _conclude(self, command: Command, now_ms: int) -> None:
        """Take back what is still queued, keep the outcome, and let the next command begin.

        If the heap is full half-way, the command is not over, and this is done again.
        """
        for transmission in (command.outstanding, command.wake.outstanding):
            if transmission is not None:
                self._cancel(transmission)
        command.outstanding = command.wake.outstanding = None
        finished = self.finished + [command.receipt]
        resource = command.spec["resource"]
        queue = self._queues[resource]
        was_first = queue[0] is command
        left = list(queue)
        left.remove(command)
        is_active = len(self._under_way()) > 1
        self._store.finish(command.receipt)
        command.is_over = True
        self.finished = finished
        self._queues[resource] = left
        self.is_active = is_active
        if was_first and left:
            self._start(left[0], now_ms)

    def _transmission(
        self, command: Command, index: int, raw_values: "dict[int, int]", deadline_ms: int
    ) -> Transmission:
        transmitter = self._transmitter
        return Transmission(
            transmitter.bus(index),
            transmitter.arbitration_id(index),
            FLAG_EXT_ID if transmitter.is_extended_id(index) else 0,
            transmitter.encode(index, raw_values),
            deadline_ms,
            command,
        )

    def _cancel(self, transmission: Transmission) -> None:
        if not transmission.is_cancelled:
            transmission.is_cancelled = True
            if transmission in self.frames:
                self.frames.remove(transmission)
            else:
                self.cancels.append(transmission)

    def _cancel_late(self, command: Command, now_ms: int) -> None:
        """Take back the frames whose deadline has passed."""
        for transmission in (command.outstanding, command.wake.outstanding):
            if transmission is None or now_ms < transmission.deadline_ms:
                continue
            is_taken = transmission not in self.frames
            self._cancel(transmission)
            if not is_taken:
                self.frame_failed(transmission, now_ms)

    def _report_due_ms(self, command: Command) -> int:
        """Return when the controller has been silent too long about a frame it was given."""
        if command.outstanding is None:
            return NEVER_MS
        return command.outstanding.deadline_ms + _REPORT_MS

    def _keep_awake(self, command: Command, now_ms: int) -> None:
        """Send the next frame of the wake-up, once the bus was found asleep."""
        bus = self._transmitter.bus(command.spec["transmit"])
        frame = command.wake.next_frame(not self._is_silent(bus, now_ms), now_ms)
        if frame is not None:
            command.wake.outstanding = self._transmission(command, *frame)
            self.frames.append(command.wake.outstanding)

    def _due_ms(self, command: Command) -> int:
        """Return when the first command of a queue wants to be looked at again."""
        due = command.confirm_until_ms
        if command.sent_ms < 0:
            is_waiting = command.outstanding is None
            due = min(due, command.expires_ms if is_waiting else self._report_due_ms(command))
        is_saved = self._records.acknowledged >= command.receipt.change
        if command.phase == CHECK or (command.phase == SAVE and is_saved):
            due = min(due, command.check_until_ms)
        for transmission in (command.outstanding, command.wake.outstanding):
            if transmission is not None and not transmission.is_cancelled:
                due = min(due, transmission.deadline_ms)
        if command.phase == SEND and command.outstanding is None and command.sends_left > 0:
            due = min(due, command.next_send_ms)
        wake_ms = command.wake.next_ms()
        return due if wake_ms is None else min(due, wake_ms)

    def _note_limit(self, command: Command, now_ms: int) -> None:
        """Remember when to undo what was switched on, or that it was switched off."""
        limit = command.spec["limit"]
        if limit is None or limit[0] not in command.receipt.arguments:
            return
        name = command.receipt.command
        if command.receipt.arguments[limit[0]]:
            self._limits[name] = now_ms + limit[1] * 1000
        else:
            self._limits.pop(name, None)

    def _undo(self, name: str, now_ms: int) -> None:
        """Switch off what a command switched on, unless the car has done so or sleeps."""
        argument = self._specs[name]["limit"][0]
        leaf = self._specs[name]["arguments"][argument]["leaf"]
        if self._state.value(leaf, now_ms) is not True:
            return
        receipt = Receipt(b"", 0, b"", name, {argument: False}, "gateway", now_ms)
        try:
            self.submit(receipt, None, now_ms, True)
        except (BusyError, CommandError):
            self._limits[name] = now_ms + 1000


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
