"""What an attack is, and what came of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from tests.attack.defence import Defence

Where = Literal["emulator", "core"]


@dataclass
class Outcome:
    """How often it was tried, how often it succeeded, and what stopped it how often."""

    tried: int = 0
    succeeded: int = 0
    stopped_by: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)
    errors: int = 0  # that the board has met meanwhile, and survived or not

    def note(self, has_succeeded: bool, stopped_by: str, tries: int = 1) -> None:
        """Count tries that ended alike."""
        self.tried += tries
        if has_succeeded:
            self.succeeded += tries
        else:
            self.stopped_by[stopped_by] += tries


class Attack(NamedTuple):
    """An attack on a gateway that somebody owns.

    aim: what counts as its success, in a few words.
    where: "emulator" or "core"; `run` is given a stage of that kind, and whether to be quick.
    without: what the control takes out.
    alone: what is taken out for both, so that nothing stands before the defence to be shown.
    limit: why it succeeds, where nothing else is promised; else "".
    network: that the gateway serves, if it is not all of loopback.
    is_timed: nothing else is to run meanwhile.
    """

    name: str
    aim: str
    where: Where
    run: Callable[[Any, bool], Outcome]
    without: tuple[Defence, ...]
    alone: tuple[Defence, ...] = ()
    limit: str = ""
    network: str = ""
    is_timed: bool = False
