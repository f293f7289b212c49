"""Where things are: the user's own folders, and what this distribution carries.

The user's folders are the platform's own, or all below CARPORT_HOME where that is set. Each is
made when first asked for, for its owner alone: keys lie in them.
"""

import os
import sys
from pathlib import Path

from platformdirs import PlatformDirs

import carport
import gateway
from carport.errors import CarportError

_DIRS = PlatformDirs("carport", appauthor=False)


def config_dir() -> Path:
    """Return the folder of the gateways this user has paired with: names, addresses, keys."""
    return _private_dir("config", _DIRS.user_config_path)


def state_dir() -> Path:
    """Return the folder of what a command leaves but nobody set, such as emulated gateways."""
    return _private_dir("state", _DIRS.user_state_path)


def data_dir() -> Path:
    """Return the folder of what cars have recorded: a folder a gateway, with keys and archive."""
    return _private_dir("data", _DIRS.user_data_path)


def runtime_dir() -> Path:
    """Return the folder where running emulators announce themselves, some of them dead by now.

    It is no platform's runtime folder: where nobody logged in, that is one in /tmp for everybody.
    """
    return _private_dir("run", _DIRS.user_state_path / "run")


def cache_dir() -> Path:
    """Return the folder of what can be made again, such as compiled device code."""
    return _private_dir("cache", _DIRS.user_cache_path)


def device_source_root() -> Path:
    """Return the folder that holds `gateway/` and `firmware/`: the clone's, or site-packages."""
    return Path(gateway.__file__).resolve().parent.parent


def boards_dir() -> Path:
    """Return the folder of the boards' descriptions, one TOML file a board."""
    installed = Path(carport.__file__).resolve().parent / "boards"
    return installed if installed.is_dir() else device_source_root() / "hw" / "boards"


def _private_dir(name: str, platform_default: Path) -> Path:
    """Make the folder if need be, so that nobody but its owner can enter it.

    Raises:
        CarportError: it cannot be made, or belongs to somebody else.
    """
    home = os.environ.get("CARPORT_HOME")
    path = Path(home).absolute() / name if home else platform_default
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            path.chmod(0o700)  # fails unless we own it
    except OSError as error:
        raise CarportError(
            f"cannot use the folder {path} ({error.strerror}): "
            "set CARPORT_HOME to a folder of your own"
        ) from error
    return path
