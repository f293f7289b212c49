"""A log sent again: looked through first, so that nothing is sent of one that is broken."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import can

from carport.errors import UsageError
from carport.traffic.dictionary import Dictionary
from carport.traffic.logs import read_log
from carport.traffic.selection import IdFilter, id_text
from carport.traffic.sender import Sender

COLLIDES = "the car or its gateway sends this id"

_ONLY_FRAME_GAP_S = 0.1
_SLICE_S = 0.2


@dataclass(frozen=True)
class Selection:
    """Which frames of a log are sent, and where.

    channels: {the log's channel: the bus's}, with None for whatever the log calls its only one.
    dictionary: knows the ids that the car or its gateway send themselves, the collisions.
    """

    channels: Mapping[str | None, str]
    filters: Sequence[IdFilter]
    dictionary: Dictionary
    with_collisions: bool

    def channel(self, frame: can.Message) -> str | None:
        """Return the bus's channel for a frame, None if it is left out for its channel."""
        return self.channels.get(None, self.channels.get(str(frame.channel)))

    def left_out(self, frame: can.Message) -> str | None:
        """Return why a frame is not sent, None if it is."""
        if frame.is_error_frame or frame.is_remote_frame or frame.is_fd:
            return "no data frame of classic CAN"
        if self.filters and not any(
            each.means(frame.arbitration_id, frame.is_extended_id) for each in self.filters
        ):
            return "not in --filter"
        if self.channel(frame) is None:
            return "its channel is not in --map"
        if self.with_collisions or self.dictionary.find(frame) is None:
            return None
        return COLLIDES


@dataclass
class Survey:
    """What is in a log: frames in all, and selected ones, which last so many seconds.

    left_out: {why: how many}. collisions: what the ids are called that the car or its gateway
    send themselves, of all that are meant otherwise.
    """

    frames: int = 0
    selected: int = 0
    seconds: float = 0.0
    channels: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    collisions: dict[str, str] = field(default_factory=dict)

    @property
    def gap_s(self) -> float:
        """The time from one frame to the next on average."""
        return self.seconds / (self.selected - 1) if self.selected > 1 else _ONLY_FRAME_GAP_S


def survey(path: Path, selection: Selection) -> Survey:
    """Look through a log without sending anything.

    Raises:
        LogError: it cannot be read, to its end.
        UsageError: it is of several channels, and nobody said which goes where.
    """
    found = Survey()
    first_s = last_s = None
    for frame in read_log(path):
        found.frames += 1
        if frame.channel is not None:
            found.channels.add(str(frame.channel))
        reason = selection.left_out(frame)
        message = selection.dictionary.find(frame) if reason in (None, COLLIDES) else None
        if message is not None:
            text = id_text(frame.arbitration_id, frame.is_extended_id)
            found.collisions[text] = message.name
        if reason is not None:
            found.left_out[reason] += 1
            continue
        found.selected += 1
        first_s = frame.timestamp if first_s is None else first_s
        last_s = frame.timestamp
    if first_s is not None and last_s is not None:
        found.seconds = max(last_s - first_s, 0.0)
    if None in selection.channels and len(found.channels) > 1:
        names = sorted(found.channels)
        maps = " ".join(f"--map {name}={selection.channels[None]}" for name in names)
        raise UsageError(
            f"{path} is of several channels, {', '.join(names)}: say which go where, as {maps}"
        )
    return found


def replay(
    path: Path,
    selection: Selection,
    senders: Mapping[str, Sender],
    speed: float,
    is_ending: Callable[[], bool],
    progress: Callable[[], None],
) -> None:
    """Send a log, each frame as long after the first as it was recorded, divided by speed.

    A speed of 0 is as fast as the bus takes it. senders: one for each channel of the bus.
    is_ending: whether to send no more. progress: called for each frame that was sent.

    Raises:
        LogError: the log cannot be read any more.
        NoAnswerError: a bus is gone, or takes no frames.
    """
    begin_s = time.monotonic()
    first_s = None
    for frame in read_log(path):
        if selection.left_out(frame) is not None:
            continue
        channel = selection.channel(frame)
        assert channel is not None
        sender = senders[channel]
        first_s = frame.timestamp if first_s is None else first_s
        due_s = begin_s + (frame.timestamp - first_s) / speed if speed else begin_s
        while (wait_s := due_s - time.monotonic()) > 0 and not is_ending():
            sender.idle(min(wait_s, _SLICE_S))
        if is_ending():
            break
        sender.send(
            can.Message(
                arbitration_id=frame.arbitration_id,
                is_extended_id=frame.is_extended_id,
                data=frame.data,
            )
        )
        progress()
    for sender in senders.values():
        sender.flush()
