"""The harness itself: what both interpreters agree on, and what it must notice."""

from pathlib import Path

import pytest

from tests.vm import VM, Both, VmError, run_script

PROBES = "tests.differential.probes"

VALUES = [
    None,
    True,
    0,
    -(2**64),
    0.1,
    5e-324,
    float("inf"),
    float("nan"),
    -0.0,
    "",
    "quotes ' \" and \\ and\nlines\tand \u00fc \u20ac \U0001f600 \x7f",
    bytes(range(256)),
    bytearray(b"\x00\xff"),
    [1, [2.5, ()], {"a": {b"b": (1,)}}],
    ("single",),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_cross_without_loss(both: Both, value: object) -> None:
    assert repr(both(PROBES, "identity", value)) == repr(value)


def test_an_error_of_both_is_raised(both: Both) -> None:
    with pytest.raises(ZeroDivisionError):
        both(PROBES, "divide", 1, 0)


def test_an_error_in_the_vm_names_its_class(vm: VM) -> None:
    with pytest.raises(VmError, match="ZeroDivisionError") as caught:
        vm.call(PROBES, "divide", 1, 0)
    assert caught.value.name == "ZeroDivisionError"


@pytest.mark.parametrize("function", ["different_value", "different_type", "different_error"])
def test_a_difference_is_noticed(both: Both, function: str) -> None:
    with pytest.raises(AssertionError):
        both(PROBES, function)


@pytest.mark.parametrize("function", ["raises_here", "raises_there"])
def test_an_error_of_one_only_is_noticed(both: Both, function: str) -> None:
    with pytest.raises(AssertionError):
        both(PROBES, function)


def test_a_vm_that_does_not_answer_is_killed() -> None:
    with VM(timeout_s=0.2) as stuck, pytest.raises(AssertionError, match="hang"):
        stuck.call(PROBES, "hang")


def test_a_script_gets_its_arguments_path_and_heap(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("NAME = 'beside'\n")
    source = "import sys, gc, beside\nimport gateway\n"
    source += "print(sys.argv[1:], beside.NAME, gc.mem_free() + gc.mem_alloc() < 230000)\n"
    out = run_script(source, heapsize="222k", args=["one", "2"], path=[tmp_path])
    assert out == "['one', '2'] beside True\n"


def test_a_script_that_fails_shows_its_traceback() -> None:
    with pytest.raises(AssertionError, match="ValueError: told"):
        run_script("raise ValueError('told')\n")
