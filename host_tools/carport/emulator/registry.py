"""How an emulator announces itself: a file in the user's runtime folder while it runs."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from carport.paths import runtime_dir


@contextmanager
def announced(entry: Mapping[str, Any]) -> Iterator[None]:
    """Announce this process while the context lasts; clear away what killed ones left."""
    folder = runtime_dir()
    for path in folder.glob("emulator-*.json"):
        _remove_if_ended(path)
    path = folder / f"emulator-{os.getpid()}.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"pid": os.getpid(), **entry}))
    new.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _remove_if_ended(path: Path) -> None:
    try:
        os.kill(int(path.stem.removeprefix("emulator-")), 0)
    except ProcessLookupError:
        path.unlink(missing_ok=True)
    except (OSError, ValueError):  # somebody else's, so it runs; or no emulator's
        pass
