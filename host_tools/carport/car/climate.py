"""What a climate unit is: it works on the cabin, for a while, if it can.

The unit switches everything off when its time is over, and at once when the traction battery falls
below 5 %. A faulty unit says so, does nothing and obeys nothing.
"""

from math import ceil

from carport.car.cabin import LONGEST_STEP_S, Cabin, World
from carport.car.ecu import Ecu
from carport.car.profile import Profile

RESERVE_PERCENT = 5


class Climate(Ecu):
    """The climate unit and the cabin it works on; electric_w is what it draws."""

    node = "Climate"

    def __init__(self, profile: Profile, seed: int, world: World) -> None:
        super().__init__(profile, seed)
        warmth = world.outside_celsius + self.random.uniform(0, 3)
        self.cabin = Cabin(warmth, warmth)
        self.electric_w = 0.0
        self.is_faulty = False
        self.has_power = True
        self.world = world
        self.ends_s: float | None = None

    @property
    def is_able(self) -> bool:
        """Whether it can do anything."""
        return self.has_power and not self.is_faulty

    @property
    def is_running(self) -> bool:
        """Whether anything is switched on."""
        raise NotImplementedError

    def advance(self, elapsed_s: float, now_s: float) -> None:
        """Let the unit work on the cabin for elapsed_s, times the world's time_scale."""
        if self.ends_s is not None and now_s >= self.ends_s:
            self.end(now_s)
        if not self.is_able:
            self.switch_off()
        scaled_s = elapsed_s * self.world.time_scale
        steps = max(ceil(scaled_s / LONGEST_STEP_S), 1)
        for _ in range(steps):
            air_w, mass_w = self.work()
            self.cabin.advance(scaled_s / steps, self.world, air_w, mass_w)

    def end(self, now_s: float) -> None:
        """Do what is to be done when its time is over."""
        self.switch_off()

    def switch_off(self) -> None:
        """Switch everything off."""
        raise NotImplementedError

    def work(self) -> tuple[float, float]:
        """Choose fan and power; return the heat into the air and into the mass, in watts."""
        raise NotImplementedError
