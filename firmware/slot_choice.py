"""Which slot is to run; see firmware/loader.py for the rules.

A port is firmware/ports/*/slots.py.
"""

from firmware.slots import DAMAGED, FACTORY, NAMES, SLOTS, UNPROVEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.slots import Slots

_WHY = ("", "has not proven itself", "is damaged")


def mount_chosen(port: "Any", flash: str) -> "tuple[int, bool]":
    """Mount the slot that is to run; return it, 0 if there is none, and whether it is on trial."""
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


def mount_any(port: "Any", flash: str) -> int:
    """Mount the first slot that is whole, from now on; return it, 0 if there is none."""
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
    head = slots.head(slot)
    if head is None or not slots.is_whole(slot, head):
        return False
    port.mount(slots.device(slot), head)
    print("loader: slot", NAMES[slot], "runs:", head.name + said)
    return True


def port_of(platform: str) -> "Any":
    """Return the module that knows where the slots are."""
    if platform == "esp32":
        from firmware.ports.esp32 import slots as esp32_slots

        return esp32_slots
    from firmware.ports.unix import slots

    return slots
