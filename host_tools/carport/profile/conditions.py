"""The conditions of a profile: what must hold before a command, and what confirms it."""

from typing import Any

from carport.profile.model import Condition, Interlock, Leaf
from carport.profile.source import Table

_OPERATIONS = ("equals", "above", "below")
_SILENT = {"allow": True, "refuse": False}


def read_interlocks(tables: dict[str, Table], leaves: dict[str, Leaf]) -> dict[str, Interlock]:
    """Return the interlocks by name.

    Raises:
        ProfileError: one names a path that is not known, or a value it never has.
    """
    interlocks = {}
    for name, table in tables.items():
        silent = table.take("silent", str)
        if silent not in _SILENT:
            raise table.error(f'silent is {silent!r}, not "allow" or "refuse"', "silent")
        conditions = read_conditions(table, "all", table.take_list("all", dict), leaves)
        if not conditions:
            raise table.error(f"interlock {name} has no conditions", "all")
        buses = {leaves[one.path].message.bus for one in conditions}
        if _SILENT[silent] and len(buses) > 1:
            raise table.error("its signals are on several buses: make an interlock of each", "all")
        table.finish()
        interlocks[name] = Interlock(_SILENT[silent], conditions)
    return interlocks


def read_conditions(
    table: Table, key: str, items: list[dict[str, Any]], leaves: dict[str, Leaf]
) -> tuple[Condition, ...]:
    """Return the conditions in items, which are the value of key in table.

    Raises:
        ProfileError: one names a path that is not known, or a value it never has.
    """
    conditions = []
    for item in items:
        condition = table.child(item, key, str(item.get("vss", "vss")))
        leaf = take_leaf(condition, leaves)
        operations = [name for name in _OPERATIONS if name in condition]
        if len(operations) != 1:
            raise condition.error('needs one of "equals", "above" and "below"')
        operation = operations[0]
        value = condition.take_any(operation)
        condition.finish()
        check = leaf.check_can_equal if operation == "equals" else leaf.check_can_pass
        condition.checked(check, value)
        conditions.append(Condition(leaf.path, operation, value))
    return tuple(conditions)


def take_leaf(table: Table, leaves: dict[str, Leaf]) -> Leaf:
    """Return the leaf that the table's vss names.

    Raises:
        ProfileError: the profile maps no signal to it.
    """
    path = table.take("vss", str)
    if path not in leaves:
        raise table.error(f"{path} is not in the VSS mapping", path)
    return leaves[path]
