"""Frames through a router, in both interpreters: what crosses, and what its routes count."""

from gateway.can.router import Router

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STANDARD_IDS = 0x800
EXT_ID = 2  # machine.CAN's flag
STEP_MS = 10_000  # no rate is a limit


def crossing(
    profile: "dict[str, Any]", extended_ids: "list[int]", lengths: "list[int]"
) -> "list[tuple[int, int, int, int, int]]":
    """Return (from, to, id, flags, length) of each frame that crosses.

    Sent are, on each bus, all standard ids and these extended ones, each with all lengths.
    """
    router = Router(profile)
    crossed: list[tuple[int, int, int, int, int]] = []
    now_ms = 0
    for bus in range(len(profile["buses"])):
        for length in lengths:
            data = memoryview(bytes(range(length)))
            for flags, ids in ((0, range(STANDARD_IDS)), (EXT_ID, extended_ids)):
                for arbitration_id in ids:
                    now_ms += STEP_MS
                    router.receive(bus, [arbitration_id, data, flags, 0], now_ms)
                    frame = router.next_frame(now_ms)
                    while frame is not None:
                        assert frame.data == data
                        row = (bus, frame.bus, frame.arbitration_id, frame.flags, length)
                        crossed.append(row)
                        frame.ring.finish(True)
                        frame = router.next_frame(now_ms)
    return crossed


def route(
    profile: "dict[str, Any]", frames: "list[tuple[int, int, int, bytes, int]]"
) -> "list[list[int]]":
    """Return the counts of each route after frames (bus, id, flags, data, now_ms).

    Each bus's controller sends what it is given before the next frame comes.
    """
    router = Router(profile)
    for bus, arbitration_id, flags, data, now_ms in frames:
        router.receive(bus, [arbitration_id, memoryview(data), flags, 0], now_ms)
        frame = router.next_frame(now_ms)
        while frame is not None:
            frame.ring.finish(True)
            frame = router.next_frame(now_ms)
    return [each.counts for each in router.routes]
