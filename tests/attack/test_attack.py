"""A few of the attacks, quickly, so that neither they nor their controls rot."""

import pytest

from tests.attack.attack import Attack
from tests.attack.control import run_control
from tests.attack.suite import ATTACKS, run
from tests.vm import VM

QUICK = (
    "replay",
    "reflection",
    "highest number",
    "guest out of time",
    "Observe hijack",
    "update replayed",
)


@pytest.fixture
def home(
    vm: VM, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep what emulators and clients write away from the user's own; skip without a VM."""
    monkeypatch.setenv("CARPORT_HOME", str(tmp_path_factory.getbasetemp() / "attack"))


def attack(name: str) -> Attack:
    (found,) = [each for each in ATTACKS if each.name == name]
    return found


@pytest.mark.parametrize("name", QUICK)
def test_it_fails_and_its_control_succeeds(name: str, home: None) -> None:
    outcome = run(attack(name), is_quick=True)
    assert outcome.tried > 0
    assert outcome.succeeded == 0, outcome
    assert run_control(attack(name)).succeeded > 0


def test_names_are_unique() -> None:
    names = [each.name for each in ATTACKS]
    assert len(set(names)) == len(names)


def test_each_defence_is_where_a_control_takes_it_out() -> None:
    for defence in [defence for each in ATTACKS for defence in each.alone + each.without]:
        assert set(defence.places()) == set(defence.lines)
