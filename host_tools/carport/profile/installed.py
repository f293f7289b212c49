"""The profiles that came with this installation."""

from pathlib import Path

from carport.errors import UsageError
from carport.paths import device_source_root


def installed_profiles() -> dict[str, Path]:
    """Return the folder of each profile by its name, in their order."""
    profiles = device_source_root() / "gateway" / "profiles"
    return {file.parent.name: file.parent for file in sorted(profiles.glob("*/profile.toml"))}


def profile_folder(car: str) -> Path:
    """Return the profile's folder of a car.

    Raises:
        UsageError: there is no such car.
    """
    installed = installed_profiles()
    if car not in installed:
        raise UsageError(f"there is no car {car}: there are {', '.join(installed)}")
    return installed[car]
