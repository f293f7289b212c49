"""The import rules of ARCHITECTURE.md, and no Python that MicroPython lacks, by the syntax tree.

`firmware -> gateway <- host_tools`; within gateway a layer knows only what lies below it; in
host_tools only the demo knows the command line.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

OURS = {"gateway", "firmware", "carport", "tests"}

SPEAKERS = ("carport/cli/", "carport/demo/")

CORE_LIBRARY = {"binascii", "hashlib", "struct"}

MICROPYTHON_LIBRARY = CORE_LIBRARY | {
    *("array", "asyncio", "collections", "cryptolib", "deflate", "errno", "esp", "esp32", "gc"),
    *("io", "json", "machine", "math", "micropython", "neopixel", "network", "os", "platform"),
    *("random", "select", "socket", "sys", "termios", "time", "uctypes", "vfs"),
}

# What the files of a layer must not know, not even for the type checker.
LAYERS = {
    "gateway/cbor.py": (
        "can",
        "coap",
        "core",
        "oscore",
        "resources",
        "slipmux",
        "vault",
        "vehicle",
    ),
    "gateway/slipmux.py": (
        "can",
        "cbor",
        "coap",
        "core",
        "oscore",
        "resources",
        "vault",
        "vehicle",
    ),
    "gateway/coap/": ("can", "core", "oscore", "resources", "slipmux", "vault", "vehicle"),
    "gateway/oscore/": ("can", "core", "resources", "slipmux", "vault", "vehicle"),
    "gateway/can/": ("coap", "core", "oscore", "resources", "slipmux", "vault", "vehicle"),
    "gateway/vehicle/": ("coap", "core", "oscore", "resources", "slipmux"),
    "gateway/vault/": ("can", "core", "resources", "slipmux", "vehicle"),
    "gateway/data/": ("can", "coap", "core", "endpoint", "home", "resources", "slipmux"),
    "gateway/resources/": ("core", "home", "slipmux"),
}


def imports(path: str, tree: ast.AST, for_types: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield each imported name in full, and whether only the type checker imports it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.split("/")[: -node.level] if node.level else []
            module = ".".join([*package, *filter(None, [node.module])])
            yield from ((f"{module}.{alias.name}", for_types) for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from imports(path, ast.Module(node.body, []), True)
            yield from imports(path, ast.Module(node.orelse, []), for_types)
        else:
            yield from imports(path, node, for_types)


def absent_syntax(tree: ast.AST) -> Iterator[str]:
    """Yield what MicroPython's compiler refuses, or, as with metaclasses, silently ignores."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Match):
            yield "match"
        elif isinstance(node, ast.arguments) and node.posonlyargs:
            yield "positional-only arguments"
        elif isinstance(node, ast.Dict) and None in node.keys:
            yield "{**d}"
        elif isinstance(node, ast.ClassDef) and node.keywords:
            yield "metaclass"


def violations(path: str, source: str) -> list[str]:
    """Return what the file breaks; path is relative to the import root, with slashes."""
    tree = ast.parse(source)
    package = path.split("/")[0]
    found = []
    for name, for_types in imports(path, tree):
        root = name.split(".")[0]
        if package == "carport":
            is_above = f"{name}.".startswith("carport.cli.") and not path.startswith(SPEAKERS)
            allowed = root not in {"firmware", "tests"} and not is_above
        elif root in OURS:
            allowed = root in {package, "gateway"}
        else:
            library = CORE_LIBRARY if package == "gateway" else MICROPYTHON_LIBRARY
            allowed = for_types or root in library
        if not allowed:
            found.append(f"{path} imports {name}")
    for layer, unknown in LAYERS.items():
        if path.startswith(layer):
            found += [
                f"{path} knows {name}"
                for name, _ in imports(path, tree)
                if name.startswith("gateway.") and name.split(".")[1] in unknown
            ]
    if package in {"gateway", "firmware"}:
        found += [f"{path} uses {what}" for what in absent_syntax(tree)]
    return found


def source_files() -> Iterator[tuple[str, Path]]:
    """Yield every file of the three packages, with its path from its import root."""
    for root, package in ((".", "gateway"), (".", "firmware"), ("host_tools", "carport")):
        base = REPOSITORY / root
        for file in sorted((base / package).rglob("*.py")):
            yield file.relative_to(base).as_posix(), file


@pytest.mark.parametrize(("path", "file"), list(source_files()), ids=str)
def test_file_keeps_the_rules(path: str, file: Path) -> None:
    assert violations(path, file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_exists(layer: str) -> None:
    assert (REPOSITORY / layer).exists()


@pytest.mark.parametrize(
    ("path", "planted", "noticed"),
    [
        ("gateway/core.py", "import time", "imports time"),
        ("gateway/core.py", "import os.path", "imports os.path"),
        ("gateway/core.py", "from typing import Any", "imports typing.Any"),
        ("gateway/core.py", "from enum import IntEnum", "imports enum.IntEnum"),
        ("gateway/core.py", "from dataclasses import dataclass", "imports dataclasses.dataclass"),
        ("gateway/core.py", "def f():\n    import machine", "imports machine"),
        (
            "gateway/core.py",
            "try:\n    import cryptolib\nexcept ImportError: pass",
            "imports crypt",
        ),
        ("gateway/core.py", "if not TYPE_CHECKING:\n    import typing", "imports typing"),
        ("gateway/core.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import abc", "imports abc"),
        ("gateway/core.py", "if TYPE_CHECKING:\n    import carport", "imports carport"),
        ("gateway/core.py", "from firmware.runner import Runner", "imports firmware.runner"),
        ("gateway/core.py", "from tests.vm import VM", "imports tests.vm"),
        ("gateway/cbor.py", "from gateway.coap import message", "knows gateway.coap"),
        ("gateway/slipmux.py", "import gateway.vault.keys", "knows gateway.vault"),
        ("gateway/coap/message.py", "from gateway.core import Gateway", "knows gateway.core"),
        ("gateway/coap/message.py", "from ..vehicle import state", "knows gateway.vehicle"),
        ("gateway/coap/message.py", "from gateway import vault", "knows gateway.vault"),
        ("gateway/oscore/ccm.py", "from gateway.can.codec import f", "knows gateway.can"),
        ("gateway/can/codec.py", "from gateway.vehicle.state import S", "knows gateway.vehicle"),
        ("gateway/vehicle/state.py", "from gateway.oscore import ccm", "knows gateway.oscore"),
        (
            "gateway/vehicle/state.py",
            "if TYPE_CHECKING:\n    from gateway.coap import message",
            "knows gateway.coap",
        ),
        ("gateway/vault/keys.py", "from gateway.resources import keys", "knows gateway.resources"),
        ("gateway/core.py", "match 1:\n    case 1: pass", "uses match"),
        ("gateway/core.py", "def f(a, /): pass", "uses positional-only"),
        ("gateway/core.py", "d = {**e}", "uses {**d}"),
        ("gateway/core.py", "class C(metaclass=M): pass", "uses metaclass"),
        ("firmware/runner.py", "import carport.paths", "imports carport"),
        ("firmware/runner.py", "import logging", "imports logging"),
        ("firmware/ports/unix/udp.py", "from host_tools.carport import x", "imports host_tools"),
        ("firmware/runner.py", "match 1:\n    case 1: pass", "uses match"),
        ("carport/cli.py", "from firmware import runner", "imports firmware"),
        ("carport/cli.py", "def f():\n    import firmware.main", "imports firmware.main"),
        ("carport/cli.py", "from tests.vm import VM", "imports tests.vm"),
        ("carport/client/route.py", "from carport.cli import vss", "imports carport.cli"),
    ],
)
def test_planted_violation_is_noticed(path: str, planted: str, noticed: str) -> None:
    assert len(found := violations(path, planted)) == 1
    assert noticed in found[0]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("gateway/core.py", "from gateway.vehicle.state import State\nimport struct, hashlib"),
        (
            "gateway/core.py",
            "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Any",
        ),
        ("gateway/oscore/option.py", "from gateway.coap.message import Message"),
        ("gateway/oscore/option.py", "from ..errors import DecodeError\nfrom . import ccm"),
        ("gateway/core.py", "d = {1: 2}\ndef f(a, *, b): pass\nclass C(Exception): pass"),
        ("firmware/runner.py", "import asyncio, machine\nfrom gateway.core import Gateway"),
        ("carport/cli.py", "import gateway.cbor, typing\nd = {**e}"),
    ],
)
def test_what_is_allowed_is_not_noticed(path: str, allowed: str) -> None:
    assert violations(path, allowed) == []
