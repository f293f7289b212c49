"""How warm the cabin is: two lumped masses between the sun, the outside air and the climate unit.

                 sun (20 %)                     sun (80 %), seat heating
                     v                                   v
    outside ──UA── air and trim ──────coupling────── seats, dashboard, glass
                     ^
              climate unit

    C_air dT_air/dt   = UA (T_out - T_air) + k (T_mass - T_air) + 0.2 S + P_climate
    C_mass dT_mass/dt = k (T_air - T_mass) + 0.8 S + P_seats,          S = aperture x irradiance

C_air is 3 m3 of air (3.6 kJ/K) with the thin surfaces that follow it; C_mass is about 80 kg of
foam, plastics and glass at 1.2 kJ/(kg K). UA is a closed car's at rest, the aperture that of its
glass after reflection and tint. So the air's time constant is two minutes, the whole cabin's 55,
and in full sun (1 kW/m2) the air of a parked car settles 18 K above that outside.

The equations are integrated in steps of at most a second (Euler; the fastest time constant, that
of the climate unit's control, is about 10 s).
"""

from dataclasses import dataclass

AIR_J_PER_K = 15_000
MASS_J_PER_K = 100_000
UA_W_PER_K = 50
COUPLING_W_PER_K = 90
APERTURE_M2 = 0.9
SUN_ON_AIR = 0.2
LONGEST_STEP_S = 1.0


@dataclass
class World:
    """What surrounds the car; time_scale makes the cabin, and nothing else, live faster."""

    outside_celsius: float
    sun_w_per_m2: float
    time_scale: float = 1.0


@dataclass
class Cabin:
    """The temperatures of the air, which is what a sensor shows, and of the mass in the cabin."""

    air_celsius: float
    mass_celsius: float

    def advance(self, step_s: float, world: World, air_w: float, mass_w: float) -> None:
        """Let a step of at most LONGEST_STEP_S pass, with this heat into the air and the mass."""
        sun_w = APERTURE_M2 * world.sun_w_per_m2
        exchange_w = COUPLING_W_PER_K * (self.mass_celsius - self.air_celsius)
        leak_w = UA_W_PER_K * (world.outside_celsius - self.air_celsius)
        air_w += leak_w + exchange_w + SUN_ON_AIR * sun_w
        mass_w += (1 - SUN_ON_AIR) * sun_w - exchange_w
        self.air_celsius += air_w * step_s / AIR_J_PER_K
        self.mass_celsius += mass_w * step_s / MASS_J_PER_K
