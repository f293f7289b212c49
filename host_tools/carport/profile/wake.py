"""How the bus of a profile is woken: `[wake]`.

period_ms    the frames are sent again so often
timeout_ms   how long the bus has until it must be awake
until        "awake": the frames end when the bus is heard; "done": when the command has ended
frames       [{ message, signals, after_ms }, ...]; after_ms counts from the first, 0 if left out
"""

from carport.profile.commands import Car, check_complete, take_message, take_values
from carport.profile.model import Wake, WakeFrame
from carport.profile.source import Table

_UNTIL = {"awake": False, "done": True}


def read_wake(table: Table, car: Car) -> Wake:
    """Return how the bus is woken.

    Raises:
        ProfileError: it names a message, a signal or a value that is not there, or goes back in
            time.
    """
    period_ms = table.take_positive("period_ms")
    timeout_ms = table.take_positive("timeout_ms")
    until = table.take("until", str)
    if until not in _UNTIL:
        raise table.error(f'until is {until!r}, not "awake" or "done"', "until")
    frames: list[WakeFrame] = []
    for index, data in enumerate(table.take_list("frames", dict)):
        item = table.child(data, "frames", *["message"] * index)
        after_ms = item.take("after_ms", int, 0)
        message = take_message(item, car)
        values = take_values(item, message, car)
        item.finish()
        check_complete(item, message, set(values), car)
        if after_ms < (frames[-1].after_ms if frames else 0) or after_ms >= period_ms:
            raise item.error("after_ms goes up, and stays below period_ms", "after_ms")
        if frames and message.bus != frames[0].message.bus:
            raise item.error(f"{message.name} is on another bus", "message")
        frames.append(WakeFrame(after_ms, message, values))
    table.finish()
    if not frames:
        raise table.error("frames is empty", "frames")
    return Wake(tuple(frames), period_ms, timeout_ms, _UNTIL[until])
