"""Which slot is to run; see firmware/loader.py for the rules.

A port is firmware/ports/*/slots.py.
"""

from firmware.slots import CONFIRMED, DAMAGED, FACTORY, NAMES, SLOTS, TRIES, UNPROVEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.slots import Slots

_WHY = ("", "has not proven itself", "is damaged")


def mount_chosen(port: "Any", flash: str) -> "tuple[int, bool]":
    """Mount the slot that is to run; return it, 0 if there is none, and whether it is on trial."""
    return _mount(port, port.open_slots(flash))


def mount_any(port: "Any", flash: str) -> "tuple[int, bool]":
    """Mount a slot that is whole, from now on: the first one, on trial if both are."""
    try:
        slots = port.open_slots(flash)
    except OSError:
        return FACTORY, False
    whole = [slot for slot in SLOTS if _is_whole(slots, slot)]
    if not whole:
        return FACTORY, False
    print("loader: nothing says which slot is to run")
    slots.active, slots.previous, slots.tries = whole[0], FACTORY, CONFIRMED
    if len(whole) > 1:
        slots.previous, slots.tries = whole[1], TRIES
    try:
        slots.save()
    except OSError as error:  # then in this start
        print("loader:", repr(error))
    return _mount(port, slots)


def _mount(port: "Any", slots: "Slots") -> "tuple[int, bool]":
    """Mount the active slot, or what is to run in its place."""
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


def _try(port: "Any", slots: "Slots", slot: int) -> int:
    """Mount a slot; return 0, or why it must not run."""
    if not slots.tries:
        return UNPROVEN
    trial = ""
    if slots.is_trial:
        slots.tries -= 1
        slots.save()
        port.start_watchdog()
        trial = ", on trial"
    head = slots.head(slot)
    if head is None or not slots.is_whole(slot, head):
        return DAMAGED
    port.mount(slots.device(slot), head)
    print("loader: slot", NAMES[slot], "runs:", head.name + trial)
    return 0


def _is_whole(slots: "Slots", slot: int) -> bool:
    """Tell whether a slot holds a package that is whole, and can be read."""
    try:
        head = slots.head(slot)
        return head is not None and slots.is_whole(slot, head)
    except OSError:
        return False


def port_of(platform: str) -> "Any":
    """Return the module that knows where the slots are."""
    if platform == "esp32":
        from firmware.ports.esp32 import slots as esp32_slots

        return esp32_slots
    from firmware.ports.unix import slots

    return slots
