"""Compiled profiles as files, in a cache that is keyed by what they are made of."""

import os
import tempfile
from pathlib import Path

from carport.profile.compile import compiled, fingerprint
from carport.profile.load import load
from gateway.profile_file import encode


def compile_to_file(folder: Path, cache: Path) -> Path:
    """Return the compiled profile as the gateway's file in cache, made now if it is not there yet.

    The file appears complete or not at all.

    Raises:
        ProfileError: something in the profile is wrong.
    """
    profile = load(folder)
    file = cache / f"{profile.name}-{fingerprint(profile)}.cbor"
    if file.exists():
        return file
    data = encode(compiled(profile))
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache, suffix=".new", delete=False) as new:
        new.write(data)
    os.replace(new.name, file)
    return file
