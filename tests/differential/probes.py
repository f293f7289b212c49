"""Functions that agree or differ between the interpreters on purpose, for testing the harness."""

import sys

ON_MICROPYTHON = sys.implementation.name == "micropython"


def identity(value: object) -> object:
    return value


def divide(a: int, b: int) -> float:
    return a / b


def hang() -> None:
    while True:
        pass


def different_value() -> int:
    return 1 if ON_MICROPYTHON else 2


def different_type() -> int:
    return True if ON_MICROPYTHON else 1


def different_error() -> None:
    raise (ValueError if ON_MICROPYTHON else KeyError)("told apart")


def raises_here() -> None:
    if not ON_MICROPYTHON:
        raise ValueError("in CPython only")


def raises_there() -> None:
    if ON_MICROPYTHON:
        raise ValueError("in MicroPython only")
