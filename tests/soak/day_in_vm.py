"""Runs in the MicroPython VM: the core through simulated hours, and a line for each of them.

    hour heap_bytes status_us status_us ... | lock_us lock_us ...

heap_bytes is what is in use after a collection at the hour's end. The load is that of a car that
is driven, watched and sometimes locked: its frames, an observer, a status each ten seconds, a lock
and a refused unlock each five minutes, and a stranger each minute. Arguments: the file of inputs
(see tests/bench/inputs.py), and how many hours.
"""

import gc
import os
import time

gc.threshold(4096)  # type: ignore[attr-defined]  # until all is made, as in firmware/main.py

from firmware.aes import AES  # noqa: E402
from firmware.bench_loop import Lock, Refused, Rig, Status  # noqa: E402
from gateway import cbor  # noqa: E402

HOUR_MS = 3_600_000
STATUS_MS = 10_000
LOCK_MS = 300_000
STRANGER_MS = 60_000
SHOWN_EACH = 6  # of the times: enough for a median, few enough for the heap

_STRANGER = b"stranger"


def timed_us(operation) -> int:  # type: ignore[no-untyped-def]
    """Return how long an operation takes, without a collection."""
    operation.prepare()
    gc.collect()
    start = time.ticks_us()  # type: ignore[attr-defined]
    operation.run()
    taken: int = time.ticks_diff(time.ticks_us(), start)  # type: ignore[attr-defined]
    operation.check()
    return taken


def hour(rig, operations, end_ms: int) -> "tuple[list[int], list[int]]":  # type: ignore[no-untyped-def]
    """Live through the time until end_ms; return what a status and a lock took, in us."""
    status, refused, lock = operations
    status_us = []
    lock_us = []
    count = 0
    while rig.now_ms < end_ms:
        rig.advance()
        due_ms = rig.gateway.next_timeout()
        while due_ms is not None and due_ms <= rig.now_ms:
            rig.gateway.handle_timer(rig.now_ms)
            rig.settle()
            due_ms = rig.gateway.next_timeout()
        if rig.now_ms % STRANGER_MS == 0:
            rig.gateway.receive_datagram(os.urandom(40), _STRANGER, rig.now_ms)
            rig.settle()
        if rig.now_ms % LOCK_MS == 0:
            rig.observe()  # again, for its notifications are not acknowledged here
            lock_us.append(timed_us(lock))
            timed_us(refused)
        elif rig.now_ms % STATUS_MS == 0:
            taken_us = timed_us(status)
            count += 1
            if count % SHOWN_EACH == 0:
                status_us.append(taken_us)
    return status_us, lock_us


def main(inputs: str, hours: str) -> None:
    with open(inputs, "rb") as file:
        profile, frames = cbor.decode(file.read())
    rig = Rig(profile, frames, AES, os.urandom)
    rig.observe()  # with an Echo value, so that its host is answered at once
    operations = Status(rig), Refused(rig), Lock(rig)
    gc.threshold(-1)  # type: ignore[attr-defined]
    for number in range(1, int(hours) + 1):
        status_us, lock_us = hour(rig, operations, number * HOUR_MS)
        gc.collect()
        print(number, gc.mem_alloc(), *status_us, "|", *lock_us)  # type: ignore[attr-defined]
        del status_us, lock_us
