"""`carport flash` before it looks at a board: which MicroPython it takes, and if any will do."""

from pathlib import Path

import pytest

from carport.cli.main import run
from tests.models import esp_images

S3_OCTAL = "ESP32_GENERIC_S3-SPIRAM_OCT"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run it where it is of no use; return what it says."""
    assert run(["flash", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("--board t-2can", f"get {S3_OCTAL}-DATE"),
        ("--board devkit-mcp2515 --car leaf-2016", "get ESP32_GENERIC-SPIRAM-DATE"),
    ],
)
def test_where_a_stock_one_will_do_it_says_which(
    words: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert advice in said(capsys, *words.split())


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("words", "why", "others"),
    [
        (
            "--board t-2can --car leaf-2016",
            "2 buses take the CAN controller of the chip itself",
            "devkit-mcp2515",
        ),
        (
            "--board waveshare-s3",
            "the bus takes the CAN controller of the chip itself",
            "devkit-mcp2515, esp32-can-x2, t-2can",
        ),
        (
            "--board t-can485",
            "it has no PSRAM and the bus takes the CAN controller of the chip itself",
            "devkit-mcp2515, esp32-can-x2, t-2can",
        ),
    ],
)
def test_nobody_is_asked_to_get_one_that_will_not_do(
    words: str, why: str, others: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, *words.split())

    assert "micropython.org" not in told
    assert f"for {why}: follow docs/building.md and name it with --image" in told
    assert told.endswith(f"or take a board that needs none: {others}")


@pytest.mark.usefixtures("home")
def test_a_stock_one_that_is_there_already_will_not_do_either(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = esp_images.app(chip="esp32s3", build=S3_OCTAL)
    (desk / f"{S3_OCTAL}-20260601-v1.29.0.bin").write_bytes(esp_images.micropython("esp32s3", app))

    assert "2 buses take a CAN controller" in said(
        capsys, "--board", "t-2can", "--car", "leaf-2016", "--merged", "m.bin"
    )
    assert not (desk / "m.bin").exists()


@pytest.mark.usefixtures("desk")
def test_too_few_controllers_are_too_few_with_any(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "--board", "t-can485", "--car", "leaf-2016")

    assert "choose another board" in told
    assert "--image" not in told
