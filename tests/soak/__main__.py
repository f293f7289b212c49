"""`make soak`: a simulated day, then an hour of real time (SOAK_MINUTES=N for another while).

It ends with exit code 0 if the heap stayed flat; latencies are shown, for a reader to judge.
"""

import os
import sys

from tests.soak import day, hour

DAY_HOURS = 24
DAY_TIMEOUT_S = 1800.0
SETTLED = 2  # hours or minutes, until all that is made once is made
MAX_GROWTH_BYTES = 4096  # 16 to 32 answers are remembered, now more, now fewer


def main() -> int:
    minutes = int(os.environ.get("SOAK_MINUTES", "60"))
    print(f"{DAY_HOURS} hours simulated, the core in the VM with a board's heap")
    print("hour  heap in use  status  lock")
    heaps = []
    for each in day.live_through(DAY_HOURS, DAY_TIMEOUT_S):
        heaps.append(each.heap_bytes)
        times = f"{each.status_us:3.0f} us  {each.lock_us:4.0f} us"
        print(f"{each.number:4}  {each.heap_bytes:9} B  {times}")
    is_flat = judge(heaps)
    print(f"\n{minutes} minutes of real time, the whole firmware in the VM, over loopback")
    print("minute  heap in use  status  lock to frame")
    heaps = []
    for minute in hour.live_through(minutes):
        status_us, lock_us = minute.medians
        heaps.append(minute.heap_bytes)
        print(
            f"{minute.number:6}  {minute.heap_bytes:9} B  {status_us:3.0f} us  {lock_us:4.0f} us",
            flush=True,
        )
    return 0 if judge(heaps) and is_flat else 1


def judge(heaps: list[int]) -> bool:
    """Say how much the heap grew once it had settled, and whether that is nothing to speak of."""
    settled = heaps[SETTLED:]
    if not settled:
        return True
    growth = max(settled[len(settled) // 2 :]) - max(settled[: len(settled) // 2 + 1])
    is_flat = growth <= MAX_GROWTH_BYTES
    print(
        f"heap: {growth:+} B from the first half to the second: {'flat' if is_flat else 'GROWS'}"
    )
    return is_flat


if __name__ == "__main__":
    sys.exit(main())
