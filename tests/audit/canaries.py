"""What is searched for: things that nobody may find in clear, in every form they might take."""

import base64
import struct
from collections.abc import Iterator
from itertools import product

import cbor2

VIN = "WCANARY7K30915264"
NAME = f"car {VIN}"  # an owner's name for a gateway, for a consent's purpose
SSID = "canary-of-the-network"
PASSWORD = "canary of the pass phrase"
LATITUDE = 48.1372154
LONGITUDE = 11.5761329

_SCALES = [10**digits for digits in range(5, 8)]  # with fewer digits chance would find some
_FEWEST_BYTES = 4
_TEXT_DIGITS = 5


def forms_of_bytes(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what to search for, each with a name; CBOR holds bytes and texts as they are."""
    yield "raw", value
    yield "hex", value.hex().encode()
    yield "HEX", value.hex().upper().encode()
    for skipped in range(3):  # wherever it stands in what was encoded
        whole = value[-skipped % 3 :]
        inner = base64.b64encode(whole[: len(whole) // 3 * 3])
        yield "base64", inner
        yield "base64url", inner.replace(b"+", b"-").replace(b"/", b"_")


def forms_of_degrees(value: float) -> Iterator[tuple[str, bytes]]:
    """Yield what to search for: texts, floats and scaled integers, also as CBOR has them."""
    text = f"{value:.{_TEXT_DIGITS + 1}f}"[:-1]
    for form, needle in forms_of_bytes(text.encode()):
        yield f"text, {form}", needle
    for order, size in product("<>", "fd"):
        yield f"float {order}{size}", struct.pack(order + size, value)
    for scale, order, size in product(_SCALES, "<>", "iq"):
        for scaled in {int(value * scale), round(value * scale)}:
            yield f"integer {order}{size} of 1/{scale}", struct.pack(order + size, scaled)
            yield f"CBOR integer of 1/{scale}", cbor2.dumps(scaled)


def search(image: bytes, secrets: dict[str, bytes]) -> Iterator[tuple[str, str, int]]:
    """Yield (what, form, offset) of each secret's first place in an image, in each form."""
    needles = [(name, *form) for name, value in secrets.items() for form in forms_of_bytes(value)]
    for name, degrees in (("the latitude", LATITUDE), ("the longitude", LONGITUDE)):
        needles += [(name, *form) for form in forms_of_degrees(degrees)]
    for name, form, needle in needles:
        assert len(needle) >= _FEWEST_BYTES, (name, form)
        offset = image.find(needle)
        if offset >= 0:
            yield name, form, offset
