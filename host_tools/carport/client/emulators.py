"""The emulators that run on this machine, as they announce themselves in the runtime folder."""

import json
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from carport import paths


@dataclass(frozen=True)
class Emulator:
    """address: "host:port" of its CoAP server; serial_port: its cable."""

    address: str
    serial_port: str


def running_emulators() -> list[Emulator]:
    """Return all that run now."""
    emulators = []
    for path in sorted(paths.runtime_dir().glob("emulator-*.json")):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            os.kill(entry["pid"], 0)
            emulators.append(Emulator(urlsplit(entry["coap"]).netloc, entry["serial"]))
        except (OSError, ValueError, LookupError, TypeError):  # it has ended, or is none
            continue
    return emulators
