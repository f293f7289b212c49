"""The user's folders are made for their owner alone, below CARPORT_HOME where that is set."""

import sys
from pathlib import Path

import pytest

from carport.errors import CarportError
from carport.paths import (
    boards_dir,
    cache_dir,
    config_dir,
    device_source_root,
    runtime_dir,
    state_dir,
)

USER_FOLDERS = {"config": config_dir, "state": state_dir, "cache": cache_dir, "run": runtime_dir}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")


@pytest.mark.parametrize("name", USER_FOLDERS)
def test_a_folder_is_made_below_carport_home_for_its_owner_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path / "home"))
    folder = USER_FOLDERS[name]()
    assert folder == tmp_path / "home" / name
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_could_enter_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path))
    (tmp_path / "config").mkdir(mode=0o777)
    (tmp_path / "config").chmod(0o777)
    assert config_dir().stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_one_sentence_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path / "file"))
    with pytest.raises(CarportError, match="set CARPORT_HOME to a folder of your own"):
        state_dir()


def test_the_distribution_carries_the_device_sources() -> None:
    assert (device_source_root() / "gateway" / "errors.py").is_file()
    assert (device_source_root() / "firmware").is_dir()
    assert boards_dir().name == "boards"
