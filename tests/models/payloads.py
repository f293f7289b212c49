"""Every payload against `carport.cddl`, by a validator that is not ours."""

from functools import cache
from pathlib import Path
from typing import Any

CDDL = Path(__file__).resolve().parents[2] / "gateway" / "carport.cddl"


@cache
def schema() -> Any:
    """Return the validator, None where it has no wheel."""
    try:
        import pycddl
    except ImportError:
        return None
    return pycddl.Schema(CDDL.read_text())


def check(payload: bytes) -> None:
    """Raise unless the payload is one that the CDDL knows."""
    validator = schema()
    if validator is not None:
        validator.validate_cbor(payload)
