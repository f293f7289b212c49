"""Compiled profiles as files, in a cache that is keyed by what they are made of."""

import os
import tempfile
from pathlib import Path

from carport.profile.compile import compile_profile, fingerprint
from gateway.cbor import encode


def compile_to_file(folder: Path, cache: Path) -> Path:
    """Return the compiled profile as a CBOR file in cache, made now if it is not there yet.

    The file appears complete or not at all.

    Raises:
        ProfileError: something in the profile is wrong.
    """
    file = cache / f"{folder.resolve().name}-{fingerprint(folder)}.cbor"
    if file.exists():
        return file
    data = encode(compile_profile(folder))
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache, suffix=".new", delete=False) as new:
        new.write(data)
    os.replace(new.name, file)
    return file
