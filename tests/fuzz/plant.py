"""Bugs put into the gateway's code on purpose: part of a function is replaced while it runs."""

import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from tests.fuzz.targets import load

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Plant:
    """A bug: in file, new stands for old, which is there once, and has as many lines.

    target is who must notice it.
    """

    target: str
    file: str
    what: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.target}: {self.what}"


def put(plant: Plant) -> list[tuple[FunctionType, CodeType]]:
    """Change the code of the functions concerned; return them with the code that they had.

    The functions stay the same objects, so whoever has imported them gets the bug too.

    Raises:
        LookupError: the code to be replaced is not there, not once, or in no function.
    """
    source = (REPOSITORY / plant.file).read_text()
    if source.count(plant.old) != 1:
        raise LookupError(f"{plant}: {plant.file} has changed, plant this bug anew")
    module = importlib.import_module(plant.file.removesuffix(".py").replace("/", "."))
    right = compile(source, plant.file, "exec")
    wrong = compile(source.replace(plant.old, plant.new), plant.file, "exec")
    changed = []
    for name, code in differing(right, wrong, ""):
        function = function_of(module, name)
        changed.append((function, function.__code__))
        function.__code__ = code
    if not changed:
        raise LookupError(f"{plant}: no function is changed by it")
    return changed


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    """Put a bug in for a while."""
    changed = put(plant)
    try:
        yield
    finally:
        for function, code in changed:
            function.__code__ = code


def noticed_by(plant: Plant, inputs: Iterable[bytes]) -> bytes | None:
    """Return the first of inputs with which a bug is noticed."""
    target = load(plant.target)
    with planted(plant):
        for data in inputs:
            try:
                target.run(data)
            except Exception:  # noqa: BLE001 - whatever the bug makes of it
                return data
    return None


def differing(right: CodeType, wrong: CodeType, prefix: str) -> Iterator[tuple[str, CodeType]]:
    """Yield each function of a module or a class that differs, by its qualified name."""
    pairs = zip(right.co_consts, wrong.co_consts, strict=False)
    for ours, theirs in pairs:
        if isinstance(ours, CodeType) and isinstance(theirs, CodeType) and ours != theirs:
            name = prefix + ours.co_name
            if ours.co_flags & CO_OPTIMIZED:  # a function: a class's body is not
                yield name, theirs
            else:
                yield from differing(ours, theirs, name + ".")


def function_of(module: object, name: str) -> FunctionType:
    """Return a function of a module, or of a class in it, also one behind a property."""
    found: Any = module
    for part in name.split("."):
        found = vars(found)[part]
    function = found.fget if isinstance(found, property) else found
    assert isinstance(function, FunctionType)
    return function
