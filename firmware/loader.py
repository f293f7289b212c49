"""The first of our code that a board runs: it chooses a slot, and starts what is in it.

    no slot is active               what was flashed runs: frozen code, or an emulator's own
    on trial, no tries left         back to the previous one, and that one runs
    on trial                        one try less, durably; then it runs
    its package is not whole        back to the previous one, and that one runs
    any other error                 the same on trial; else the previous one, for this start
    nothing was flashed that runs   any slot that is whole, for then nothing else could run

An update never changes this file: it has to work whatever is in the slots. An error here costs the
slot, not the start. The slot's firmware is imported under the same names, so ours are forgotten
first, and nothing here is kept by a name of this module: what the firmware needs is heap.

`firmware.main.main(is_trial, slot)` is all that this knows of the firmware.
"""

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from firmware.slots import Slots

_OURS = ("firmware", "gateway")


def run(flash: str = "") -> None:
    """Run the firmware for ever, if there is any; flash: the image file of a PC's flash chip."""
    slot, is_trial = 0, False
    try:
        slot, is_trial = _mount(flash)
    except Exception as error:  # noqa: BLE001 - whatever it is, the board starts
        print("loader:", repr(error))
    try:
        main = _import_main()
        if main is None and not slot:
            slot = _mount_any(flash)
            if not slot:
                print("loader: there is no firmware: run carport flash")
                return  # to the REPL
            main = _import_main()
        if main is not None:
            main(is_trial, slot)
            return
    except Exception as error:  # noqa: BLE001 - and so it starts again, as long as it may
        sys.print_exception(error)
    _restart()


def _import_main() -> "Callable[[bool, int], None] | None":
    """Return what runs the firmware, None if there is none."""
    for name in list(sys.modules):
        if name.split(".")[0] in _OURS:
            sys.modules.pop(name)
    gc.collect()
    try:
        from firmware.main import main
    except ImportError as error:
        print("loader:", error)
        return None
    return main


def _mount(flash: str) -> "tuple[int, bool]":
    """Mount the slot that is to run; return it, 0 if there is none, and whether it is on trial."""
    from firmware.slots import DAMAGED, FACTORY, NAMES

    port = _port()
    slots = port.open_slots(flash)
    while slots.active != FACTORY:
        slot = slots.active
        try:
            outcome = _try(port, slots, slot)
            if not outcome:
                return slot, slots.is_trial
            why = _WHY[outcome]
        except Exception as error:  # noqa: BLE001 - not this slot, then
            outcome = DAMAGED if slots.is_trial else 0
            why = repr(error)
        print("loader: slot", NAMES[slot], why, "- back to", NAMES[slots.previous])
        try:
            slots.go_back(outcome)
        except OSError as error:  # then in this start
            print("loader:", repr(error))
    return FACTORY, False


def _mount_any(flash: str) -> int:
    """Mount the first slot that is whole, from now on; return it, 0 if there is none."""
    from firmware.slots import FACTORY, NAMES, SLOTS

    port = _port()
    try:
        slots = port.open_slots(flash)
    except OSError:
        return FACTORY
    for slot in SLOTS:
        try:
            if _mount_whole(port, slots, slot, ", for there is nothing else"):
                break
        except Exception as error:  # noqa: BLE001 - maybe the other one
            print("loader: slot", NAMES[slot], repr(error))
    else:
        return FACTORY
    try:
        if slots.active == FACTORY:  # else it can be read by now
            slots.active = slot
            slots.save()
    except OSError as error:  # then in this start
        print("loader:", repr(error))
    return slot


def _try(port: "Any", slots: "Slots", slot: int) -> int:
    """Mount a slot; return 0, or why it must not run."""
    from firmware.slots import DAMAGED, UNPROVEN

    if not slots.tries:
        return UNPROVEN
    trial = ""
    if slots.is_trial:
        slots.tries -= 1
        slots.save()
        port.start_watchdog()
        trial = ", on trial"
    return 0 if _mount_whole(port, slots, slot, trial) else DAMAGED


def _mount_whole(port: "Any", slots: "Slots", slot: int, said: str) -> bool:
    """Mount a slot if its package is whole; tell whether it is."""
    from firmware.slots import NAMES

    head = slots.head(slot)
    if head is None or not slots.is_whole(slot, head):
        return False
    port.mount(slots.device(slot), head)
    print("loader: slot", NAMES[slot], "runs:", head.name + said)
    return True


def _port() -> "Any":
    if sys.platform == "esp32":
        from firmware.ports.esp32 import slots as esp32_slots

        return esp32_slots
    from firmware.ports.unix import slots

    return slots


def _restart() -> None:
    if sys.platform == "esp32":
        import machine

        machine.reset()
    sys.exit(1)  # the emulator starts it again


_WHY = ("", "has not proven itself", "is damaged")
