"""What went on the bus, and when the board was killed, held against its receipts."""

from collections import Counter
from dataclasses import dataclass, field

import can

from carport.client.receipt import Receipt
from tests.car_rig import load_database

MOST_FRAMES = 5  # that ask for one thing
OLD_S = 0.05  # after a kill: nothing that starts anew is as fast
DATABASE = load_database()
OURS = {
    DATABASE.get_message_by_name("GW_BodyCommand").frame_id: ("lock", "LockRequest"),
    DATABASE.get_message_by_name("GW_ClimateCommand").frame_id: ("climate", "PowerRequest"),
}


@dataclass
class Heard:
    """A frame of the gateway's, and what it asks for."""

    time_s: float
    path: str
    wanted: str


@dataclass
class Asked:
    """A command, when it was asked for and told (in seconds since 1970), and its receipt.

    wanted: what its frames ask for, by the names of the DBC.
    """

    path: str
    wanted: str
    asked_s: float
    told_s: float = 0.0
    receipt: Receipt | None = None

    def is_at(self, time_s: float) -> bool:
        return self.asked_s <= time_s <= self.told_s + OLD_S

    def is_for(self, heard: Heard) -> bool:
        """Tell whether a frame may be this command's."""
        is_wanted = (heard.path, heard.wanted) == (self.path, self.wanted)
        return is_wanted and self.is_at(heard.time_s)


@dataclass
class Witness:
    """All that happened."""

    asked: list[Asked] = field(default_factory=list)
    kills_s: list[float] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    shown: set[tuple[int, bytes]] = field(default_factory=set)  # the car's frames

    def hear(self, frame: can.Message) -> None:
        """Keep a frame that was on the bus."""
        if frame.arbitration_id not in OURS:
            self.shown.add((frame.arbitration_id, bytes(frame.data)))
            return
        path, name = OURS[frame.arbitration_id]
        signals = DATABASE.decode_message(frame.arbitration_id, bytes(frame.data))
        assert isinstance(signals, dict)
        self.heard.append(Heard(frame.timestamp, path, str(signals[name])))

    def states(self) -> Counter[str]:
        """Return how many receipts there are of each state."""
        return Counter(asked.receipt.state for asked in self.asked if asked.receipt)

    def interrupted(self) -> int:
        """Return during how many commands the board was killed."""
        return sum(any(map(asked.is_at, self.kills_s)) for asked in self.asked)

    def check(self) -> None:
        """Hold each receipt against what was heard.

        Raises:
            AssertionError: a receipt is not true, or something acted twice or unasked.
        """
        for asked in self.asked:
            self._check(asked)
        for heard in self.heard:
            assert any(asked.is_for(heard) for asked in self.asked), (
                f"nobody has asked for {heard}"
            )

    def _check(self, asked: Asked) -> None:
        receipt = asked.receipt
        assert receipt is not None, f"{asked} has no receipt"
        kills_s = [kill_s for kill_s in self.kills_s if asked.is_at(kill_s)]
        sent_s = [heard.time_s for heard in self.heard if asked.is_for(heard)]
        what = f"{asked}, frames at {sent_s}, killed at {kills_s}"
        # The board lives from one kill to the next; who acts in two lives has acted twice.
        lives = {sum(time_s > kill_s + OLD_S for kill_s in kills_s) for time_s in sent_s}
        assert len(lives) <= 1, f"it acted twice: {what}"
        assert len(sent_s) <= MOST_FRAMES, f"it acted too often: {what}"
        if receipt.state == "indeterminate":
            assert kills_s, f"it was not interrupted: {what}"
        elif receipt.state in ("confirmed", "unconfirmed"):
            assert lives, f"it did not act: {what}"
            evidence = {(frame.id, frame.data) for frame in receipt.frames}
            assert evidence <= self.shown, f"the car has not said so: {what}"
        else:
            assert not lives, f"it acted: {what}"
