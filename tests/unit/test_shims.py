"""What tests/shims stands in for, by the stubs of MicroPython for the ESP32: no more than that.

Each function, method and constant of a shim is in the stub, and each call that a shim takes, the
stub takes: the firmware that runs with the shims calls nothing that a board does not know.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHIMS = REPOSITORY / "tests" / "shims"
STUBS = REPOSITORY / "typings"
MODULES = ("esp", "esp32", "machine", "neopixel", "network", "socket")
NOT_STANDING_IN = {"__init__", "chip", "twai"}
UNKNOWN_TO_THE_STUBS = {"Pin.__init__ takes no hold="}  # MicroPython: ports/esp32/machine_pin.c
FLASH_STREAM = {"ioctl"}  # of a stream in Python: in C, select.poll asks another way

needs_stubs = pytest.mark.skipif(not STUBS.exists(), reason="`make setup` fetches the stubs")

Names = dict[str, list[ast.stmt]]


@dataclass(frozen=True)
class Signature:
    """What a function takes: how many by their places, and which by their names."""

    least: int
    most: int
    keywords: frozenset[str]
    needed: frozenset[str]
    is_open: bool

    @classmethod
    def of(cls, function: ast.FunctionDef, is_method: bool) -> "Signature":
        """Return a function's, without its self; what begins with __ is no keyword."""
        arguments = function.args
        by_place = [*arguments.posonlyargs, *arguments.args]
        is_static = any(ast.unparse(each) == "staticmethod" for each in function.decorator_list)
        if is_method and not is_static:
            by_place = by_place[1:]
        only_by_place = {each.arg for each in arguments.posonlyargs}
        named = [each for each in by_place if each.arg not in only_by_place]
        needed = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        return cls(
            least=len(by_place) - len(arguments.defaults),
            most=99 if arguments.vararg else len(by_place),
            keywords=frozenset(
                each.arg
                for each in [*named, *arguments.kwonlyargs]
                if not each.arg.startswith("__")
            ),
            needed=frozenset(each.arg for each, default in needed if default is None),
            is_open=arguments.kwarg is not None,
        )


def differences(shim: ast.Module, stub: ast.Module) -> Iterator[str]:
    """Yield what a shim has, or takes, that the stub does not."""
    yield from _differences(_names(shim), _names(stub), "")


def _differences(shim: Names, stub: Names, prefix: str) -> Iterator[str]:
    for name, (node, *_) in shim.items():
        if name.startswith("_") and not name.startswith("__"):
            continue
        where = prefix + name
        if name not in stub:
            if name not in FLASH_STREAM:
                yield f"there is no {where}"
        elif isinstance(node, ast.ClassDef):
            real = stub[name][0]
            assert isinstance(real, ast.ClassDef)
            yield from _differences(_names(node), _inherited(real), f"{where}.")
        elif isinstance(node, ast.FunctionDef):
            own = Signature.of(node, bool(prefix))
            real_ones = [
                Signature.of(each, bool(prefix))
                for each in stub[name]
                if isinstance(each, ast.FunctionDef)
            ]
            yield from (f"{where} {problem}" for problem in _calls(own, real_ones))
        elif (value := _value(node)) is not None:
            real_value = _value(stub[name][0])
            if real_value not in (value, "...", None):
                yield f"{where} is {real_value}, not {value}"


def _calls(own: Signature, real_ones: list[Signature]) -> Iterator[str]:
    """Yield the calls that a shim takes, and none of the overloads."""
    for count in range(own.least, own.most + 1):
        if not any(each.least <= count <= each.most for each in real_ones):
            yield f"takes no {count} arguments"
    for keyword in sorted(own.keywords):
        if not any(keyword in each.keywords or each.is_open for each in real_ones):
            yield f"takes no {keyword}="
    if not any(each.needed <= own.needed for each in real_ones):
        yield "needs more than this"
    if own.is_open and not any(each.is_open for each in real_ones):
        yield "does not take any keyword"


def _names(tree: ast.Module | ast.ClassDef) -> Names:
    names: Names = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names.setdefault(node.targets[0].id, []).append(node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.setdefault(node.target.id, []).append(node)
    names.pop("TYPE_CHECKING", None)
    return names


def _inherited(stub: ast.ClassDef) -> Names:
    """Return what a class has, with what a base of the stubs' own adds that is not written out."""
    names = _names(stub)
    if any(ast.unparse(base) == "_NeoPixelBase" for base in stub.bases):
        names.setdefault("__getitem__", [])
    return names


def _value(node: ast.stmt) -> str | None:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return None if value is None else ast.unparse(value)


@needs_stubs
@pytest.mark.parametrize("module", MODULES)
def test_a_shim_has_and_takes_only_what_the_board_does(module: str) -> None:
    shim = ast.parse((SHIMS / f"{module}.py").read_text())
    stub = ast.parse((STUBS / f"{module}.pyi").read_text())
    assert set(differences(shim, stub)) <= UNKNOWN_TO_THE_STUBS


def test_every_shim_is_compared() -> None:
    assert {path.stem for path in SHIMS.glob("*.py")} - NOT_STANDING_IN == set(MODULES)


STUB = """
FAST: Final[int] = 3
OTHER: Incomplete
def go(speed: int, /) -> None: ...
class Motor:
    UP: Final[int] = 1
    @overload
    def turn(self) -> int: ...
    @overload
    def turn(self, angle: int, /) -> None: ...
    def __init__(self, id: int, *, pole: int, hard: bool = False) -> None: ...
    @staticmethod
    def find(label: str = "") -> None: ...
"""


@pytest.mark.parametrize(
    ("shim", "noticed"),
    [
        ("FAST = 3\nOTHER = 7\n_ours = 1\ndef go(__speed): ...", []),
        ("FAST = 4", ["FAST is 3, not 4"]),
        ("SLOW = 1", ["there is no SLOW"]),
        ("def stop(): ...", ["there is no stop"]),
        ("def go(): ...", ["go takes no 0 arguments"]),
        ("def go(__speed=1): ...", ["go takes no 0 arguments"]),
        ("def go(speed): ...", ["go takes no speed="]),
        ("def go(__speed, *, far=1): ...", ["go takes no far="]),
        ("def go(__speed, **more): ...", ["go does not take any keyword"]),
        ("class Motor:\n UP = 1\n def turn(self, __angle=0): ...", []),
        ("class Motor:\n UP = 2", ["Motor.UP is 1, not 2"]),
        ("class Motor:\n def turn(self, __a, __b): ...", ["Motor.turn takes no 2 arguments"]),
        ("class Motor:\n def brake(self): ...", ["there is no Motor.brake"]),
        ("class Motor:\n def __init__(self, id, *, pole): ...", []),
        (
            "class Motor:\n def __init__(self, id, *, pole=1): ...",
            ["Motor.__init__ needs more than this"],
        ),
        ("class Motor:\n @staticmethod\n def find(label=''): ...", []),
        ("class Servo:\n def __init__(self): ...", ["there is no Servo"]),
    ],
)
def test_planted_differences_are_noticed(shim: str, noticed: list[str]) -> None:
    assert list(differences(ast.parse(shim), ast.parse(STUB))) == noticed
