"""The first of our code that a board runs: it chooses a slot, and starts what is in it.

    no slot is active               what was flashed runs: frozen code, or an emulator's own
    on trial, no tries left         back to the previous one, and that one runs
    on trial                        one try less, durably; then it runs
    its package is not whole        back to the previous one, and that one runs
    any other error                 the same on trial; else the previous one, for this start
    nothing was flashed that runs   a slot that is whole, for nothing else could run; on trial if
                                    there are two, for one of them may have failed

An update never changes this file: it has to work whatever is in the slots. An error here costs the
slot, not the start. The slot's firmware is imported under the same names, so ours are forgotten
first. What chooses is a module of its own (firmware/slot_choice.py), so that nothing is left of it
but heap for the firmware.

`firmware.main.main(is_trial, slot)` is all that this knows of the firmware.
"""

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_OURS = ("firmware", "gateway")
_SLOT = "/slot/"


def run(flash: str = "") -> None:
    """Run the firmware for ever, if there is any; flash: the image file of a PC's flash chip."""
    slot, is_trial = 0, False
    try:
        from firmware.slot_choice import mount_chosen, port_of

        slot, is_trial = mount_chosen(port_of(sys.platform), flash)
        del mount_chosen, port_of
    except Exception as error:  # noqa: BLE001 - whatever it is, the board starts
        print("loader:", repr(error))
    try:
        main = _import_main(slot)
        if main is None and not slot:
            from firmware.slot_choice import mount_any, port_of

            slot, is_trial = mount_any(port_of(sys.platform), flash)
            if not slot:
                print("loader: there is no firmware: run carport flash")
                return  # to the REPL
            main = _import_main(slot)
        if main is not None:
            main(is_trial, slot)
            return
    except Exception as error:  # noqa: BLE001 - and so it starts again, as long as it may
        sys.print_exception(error)
    _restart()


def _import_main(slot: int) -> "Callable[[bool, int], None] | None":
    """Return what runs the firmware, None if there is none: in the slot, unless it is frozen."""
    for name in list(sys.modules):
        if name.split(".")[0] in _OURS:
            sys.modules.pop(name)
    gc.collect()
    try:
        from firmware.main import main
    except ImportError as error:
        print("loader:", error)
        return None
    file = sys.modules["firmware.main"].__file__ or ""
    if slot and file.startswith("/") and not file.startswith(_SLOT):
        print("loader: there is no firmware in the slot")
        return None
    return main


def _restart() -> None:
    if sys.platform == "esp32":
        import machine

        machine.reset()
    sys.exit(1)  # the emulator starts it again
