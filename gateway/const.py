"""`const` for both interpreters: MicroPython's compiler folds it, CPython calls it."""


def const(value: int) -> int:
    """Return the value: a name so marked never changes."""
    return value
