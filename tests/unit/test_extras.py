"""What an owner reads whose installation lacks an extra: one sentence, before anything is done."""

import sys
from pathlib import Path

import pytest

from carport.cli.main import run


@pytest.mark.parametrize(
    ("words", "missing", "extra"),
    [
        (["emulate"], "can", "emulator"),
        (["demo"], "cantools", "emulator"),
        (["can", "dump"], "can", "emulator"),
        (["profile", "show", "reference"], "cantools", "emulator"),
        (["flash", "--board", "t-2can"], "esptool", "flash"),
        (["update"], "cantools", "flash"),
        (
            ["update", "--build", "x", "--board", "t-2can", "--car", "reference"],
            "cantools",
            "flash",
        ),
        (["provision", "--car", "reference"], "cantools", "flash"),
    ],
)
def test_it_says_what_to_install(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    missing: str,
    extra: str,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert run(words) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert missing in told
    assert f"pip install 'carport-gateway[{extra}]'" in told
