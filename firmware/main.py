"""What the board runs: the firmware, from its start to its end, which is a restart."""

import gc
import time

from firmware.board import Board
from firmware.clock import Clock
from firmware.crash_log import CrashLog
from gateway.const import const

_BOOT_THRESHOLD_BYTES = const(4096)


def main(is_trial: bool = False, slot: int = 0) -> None:
    """Run the gateway for ever; whatever ends it is kept, and the board starts again.

    is_trial: this firmware has still to prove itself, or the loader goes back to the one before.
    slot: where it is, see firmware/slots.py.

    What is made at the start stays for ever. Garbage in between would leave a heap full of small
    holes, so for this once it is collected early and often.

    Only Ctrl-C comes out of here, for somebody who held the button at the start.
    """
    gc.threshold(_BOOT_THRESHOLD_BYTES)
    board = Board()
    clock = Clock(time.ticks_ms, time.ticks_diff)
    crashes = CrashLog()
    try:
        from firmware.start import start

        runner = start(board, clock, crashes, is_trial, slot)
        gc.threshold(-1)
        runner.run()
    except Exception as error:  # noqa: BLE001 - whatever it is
        from firmware.health import reason_of, trace_of

        trace = trace_of(error)
        for line in trace.splitlines():
            board.log(line)
        crashes.note(reason_of(error), trace, clock.now_ms(), {"heap_free": gc.mem_free()})
    board.reset()


if __name__ == "__main__":
    main()
