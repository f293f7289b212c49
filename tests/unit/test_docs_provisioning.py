"""docs/provisioning.md: its file is one, and its commands have the options that it names."""

import re
from pathlib import Path

from carport.car.faults import FAULTS
from carport.cli.doctor import doctor
from carport.cli.provision import provision
from carport.cli.provision_wishes import Wishes, from_file
from carport.client.settings import BoardSettings, Power
from carport.emulator.board_faults import BOARD_FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "provisioning.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_file_in_it_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "leaf.toml").write_text(block)
    (tmp_path / "wifi.txt").write_text("hunter2hunter2")
    wishes = from_file(tmp_path / "leaf.toml")
    assert wishes.wifi_password == "hunter2hunter2"
    assert wishes.applied_to(BoardSettings("carport")) == BoardSettings(
        "leaf", "DE", None, "home", "leaf", Power("stored", 1800, 12_200)
    )


def test_every_option_is_in_it_and_no_other() -> None:
    ours = {option for each in provision.params for option in [*each.opts, *each.secondary_opts]}
    common = {option for each in doctor.params for option in [*each.opts, *each.secondary_opts]}
    named = set(re.findall(r"`[^`]*`|^carport .*$", TEXT, re.MULTILINE))
    options = {
        word
        for text in named
        if "carport can" not in text
        for word in re.findall(r"--[a-z-]+", text)
    }
    assert ours - common <= options
    assert options <= ours | common
    assert repr(Wishes(wifi_password="hunter2")).count("hunter2") == 0


def test_the_faults_that_it_names_are_there() -> None:
    faults = re.search(r"`carport sim fault (.*?)\. Nothing", TEXT, re.DOTALL)
    assert faults is not None
    names = re.findall(r"[a-z]+(?:-[a-z]+)+|babbler", faults[1])
    assert len(names) == 5
    assert set(names) <= {*FAULTS, *BOARD_FAULTS}
