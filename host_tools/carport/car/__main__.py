"""`python -m carport.car`: the simulated car on a real bus, as python-can is configured.

CAN_INTERFACE, CAN_CHANNEL, CAN_BITRATE and CAN_CONFIG, or python-can's configuration file, say
which; the gateway under test must acknowledge what the car sends, so it cannot be silent.
"""

from pathlib import Path

import can
import click

from carport import paths
from carport.car.cars import make_car
from carport.car.runner import Runner


@click.command()
@click.option("--profile", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seed", default=1, show_default=True, help="Equal seeds make equal cars.")
def main(profile: Path | None, seed: int) -> None:
    """Put the simulated car on python-can's configured bus until it is interrupted."""
    folder = profile or paths.device_source_root() / "gateway" / "profiles" / "reference"
    car = make_car(folder, seed)
    runner = Runner(
        car,
        lambda name: can.Bus(),
        press=lambda duration_ms: None,
        buses=(car.command_bus,),
        acknowledges=False,
    )
    runner.start()
    try:
        runner.wait()
    except KeyboardInterrupt:
        runner.stop()


if __name__ == "__main__":
    main()
