"""The VSS mapping of a profile, in KUKSA's dbc2vss form: which signal tells which path.

    "Vehicle.Cabin.HVAC.IsOn": {
      "type": "actuator", "datatype": "boolean",
      "dbc2vss": {"signal": "Power", "transform": {"mapping": [{"from": "On", "to": true}]}}
    }

A raw value that the DBC names means nothing as a number: without a mapping it is not known. What
a mapping does not name is its "default", if it has one, else not known either. A number in
another unit is transformed with "math": "(x - 32) * 5 / 9", where x is the DBC's value.
"""

import json
import re
from pathlib import Path
from typing import Any

from cantools.database.can import Signal

from carport.profile import signals
from carport.profile.dbc import signal_error
from carport.profile.model import Leaf, Message, Value
from carport.profile.signals import Scale
from carport.profile.source import ProfileError, Source, Table
from carport.profile.transform import read_line as transform_line

_PATH = re.compile(r"Vehicle(\.[A-Z][A-Za-z0-9]*)+")
_TYPES = ("actuator", "attribute", "sensor")
_INTEGERS = {
    **{f"int{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
}
_DATATYPES = ("boolean", "string", "float", "double", *_INTEGERS)


def read_leaves(
    files: list[Path], messages: dict[str, Message], sent: set[str]
) -> tuple[Leaf, ...]:
    """Return the leaves of mappings, sorted by path.

    sent: the names of the messages that the gateway sends itself, which tell nothing.

    Raises:
        ProfileError: a file is not such a mapping, two have the same path, or a signal cannot
            tell what it says.
    """
    leaves: dict[str, Leaf] = {}
    for file in files:
        source = Source(file)
        for path, data in _load(source).items():
            if path in leaves:
                raise source.error(f"{path} is in another mapping too", path)
            leaves[path] = _read_leaf(path, data, source, messages, sent)
    return tuple(leaves[path] for path in sorted(leaves))


def _load(source: Source) -> dict[str, Any]:
    file = source.file

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for i, (key, _) in enumerate(pairs):
            if key in dict(pairs[:i]):
                words = (key, key) if _PATH.fullmatch(key) else ()
                raise source.error(f"{key} is there twice", *words)
        return dict(pairs)

    try:
        paths = json.loads(source.text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ProfileError(file, error.lineno, f"is not JSON: {error.msg}") from error
    if type(paths) is not dict or not paths:
        raise ProfileError(file, None, "holds no VSS paths")
    return paths


def _read_leaf(
    path: str, data: Any, source: Source, messages: dict[str, Message], sent: set[str]
) -> Leaf:
    if not _PATH.fullmatch(path) or type(data) is not dict:
        raise source.error(f"{path!r} is not the path of a VSS leaf", path)
    table = Table(source, data, path)
    kind = table.take("type", str)
    datatype = table.take("datatype", str)
    unit = table.take("unit", str, "") or None
    table.take("description", str, "")
    link = table.take_table("dbc2vss")
    table.finish()
    if kind not in _TYPES:
        raise table.error(f"no type {kind}", "type")
    if datatype not in _DATATYPES:
        raise table.error(f"no datatype {datatype}", "datatype")
    name = link.take("signal", str)
    transform = link.take_table("transform")
    link.finish()
    message, signal = _find(name, link, messages, sent)
    scale = signals.scale(signal)
    mapping = default = None
    if "mapping" in transform:
        mapping, default = _read_mapping(transform, signal, datatype)
    else:
        if "math" in transform:
            text = transform.take("math", str)
            scale = scale.then(*transform.checked(transform_line, text))
        _check_number(table, scale, datatype)
    transform.finish()
    if mapping == {}:
        raise transform.error("the mapping is empty", "mapping")
    return Leaf(path, datatype, unit, message, signal, scale, mapping, default)


def _find(
    name: str, link: Table, messages: dict[str, Message], sent: set[str]
) -> tuple[Message, Signal]:
    """Return the one message that has the signal, and the signal."""
    holders = [message for message in messages.values() if message.signal(name)]
    heard = [message for message in holders if message.name not in sent]
    if not holders:
        raise link.error(f"no message has a signal {name}", "signal")
    if not heard:
        raise link.error(f"{name} is only in {holders[0].name}, which the gateway sends", "signal")
    if len(heard) > 1:
        text = ", ".join(message.name for message in heard)
        raise link.error(f"{name} is in several messages: {text}", "signal")
    message = heard[0]
    signal = message.signal(name)
    assert signal is not None
    if signal.is_float:
        raise signal_error(message, signal, "is an IEEE float, which is not supported")
    selector = message.signal(signal.multiplexer_signal or "")
    if selector and (
        selector.is_signed or selector.multiplexer_ids or len(signal.multiplexer_ids or ()) != 1
    ):
        raise signal_error(message, signal, "is not multiplexed by one value of one signal")
    return message, signal


def _read_mapping(
    transform: Table, signal: Signal, datatype: str
) -> tuple[dict[int, Value], Value | None]:
    mapping: dict[int, Value] = {}
    for entry in transform.take_list("mapping", dict):
        pair = transform.child(entry, "mapping", str(entry.get("from")))
        source, target = pair.take_any("from"), pair.take_any("to")
        pair.finish()
        raw = pair.checked(signals.raw_value, signal, source)
        if raw in mapping:
            raise pair.error(f"{source!r} is mapped twice")
        if not _is_of(target, datatype):
            raise pair.error(f"{target!r} is not a {datatype}")
        mapping[raw] = target
    default = transform.take_any("default", None)
    if default is not None and not _is_of(default, datatype):
        raise transform.error(f"{default!r} is not a {datatype}", "default")
    return mapping, default


def _is_of(value: Any, datatype: str) -> bool:
    if datatype in _INTEGERS:
        low, high = _INTEGERS[datatype]
        return type(value) is int and low <= value <= high
    kinds: dict[str, tuple[type, ...]] = {"boolean": (bool,), "string": (str,)}
    return type(value) in kinds.get(datatype, (int, float))


def _check_number(table: Table, scale: Scale, datatype: str) -> None:
    """Check that a leaf can take its value from the signal without a mapping."""
    signal = scale.signal
    lowest, highest = signals.raw_limits(signal)
    if datatype == "string":
        raise table.error(f"a string needs a mapping from {signal.name}", "signal")
    if datatype == "boolean" and (signal.length != 1 or signal.is_signed or signal.choices):
        raise table.error(f"a boolean needs a mapping from {signal.name}", "signal")
    if lowest > highest:
        raise table.error(f"no value of {signal.name} lies within its range", "signal")
    if len([raw for raw in signals.names(signal) if lowest <= raw <= highest]) > highest - lowest:
        raise table.error(f"{signal.name} has names only: it needs a mapping", "signal")
    denominator = table.checked(scale.whole)[2]
    if datatype in _INTEGERS:
        least, most = _INTEGERS[datatype]
        low, high = scale.limits()
        if denominator != 1 or low < least or high > most:
            raise table.error(f"{signal.name} does not fit in a {datatype}", "datatype")
