"""What this package needs only for some of its commands, and so may not be installed."""

from importlib.util import find_spec

from carport.errors import CarportError


def check_installed(extra: str, *modules: str) -> None:
    """Check that the modules which come with an extra of this package are there.

    Raises:
        CarportError: one is not; the text says how to get it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise CarportError(
                f"this needs {module}, which is not installed: run `pip install "
                f"'carport-gateway[{extra}]'`"
            )
