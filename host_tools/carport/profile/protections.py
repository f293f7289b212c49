"""What protects the frames of a profile: `[[protection]]`, each for some of the messages.

algorithm = "crc8-j1850-id" or "sum-id"             checksum, counter: the names of signals
messages = [...]                                    left out: all others that have the signals

algorithm = "autosar-e2e-2" or "autosar-e2e-5"
data_ids = { MESSAGE = [16 numbers] }               or = { MESSAGE = number }
"""

from cantools.database.can import Signal

from carport.profile.model import Message, Protection
from carport.profile.source import Table
from gateway.can.protection import E2E_2, E2E_5, ID_CRC8, ID_SUM

ALGORITHMS = {
    "crc8-j1850-id": ID_CRC8,
    "sum-id": ID_SUM,
    "autosar-e2e-2": E2E_2,
    "autosar-e2e-5": E2E_5,
}


def read_protections(table: Table, messages: dict[str, Message]) -> dict[str, Protection]:
    """Return what protects each message that is protected.

    Raises:
        ProfileError: an algorithm, a message, a signal or a data ID that does not exist.
    """
    protections: dict[str, Protection] = {}
    rest: list[tuple[Table, int, tuple[str, str]]] = []
    for index, data in enumerate(table.take_list("protection", dict, [])):
        entry = table.child(data, *["[[protection]]"] * (index + 1))
        algorithm = entry.take("algorithm", str)
        if algorithm not in ALGORITHMS:
            known = ", ".join(ALGORITHMS)
            raise entry.error(f"no algorithm {algorithm}: use {known}", "algorithm")
        kind = ALGORITHMS[algorithm]
        names = entry.take("checksum", str), entry.take("counter", str)
        data_ids = _take_data_ids(entry, kind)
        is_rest = not data_ids and "messages" not in entry
        named = list(data_ids) or entry.take_list("messages", str, [])
        entry.finish()
        for name in named:
            if name not in messages:
                raise entry.error(f"no DBC has a message {name}", name)
            if name in protections:
                raise entry.error(f"{name} is protected twice", name)
            taken = [_take_signal(entry, messages[name], each) for each in names]
            protections[name] = Protection(kind, taken[0], taken[1], data_ids.get(name, b""))
        if is_rest:
            rest.append((entry, kind, names))
    for entry, kind, names in rest:
        found = False
        for message in messages.values():
            checksum, counter = (message.signal(name) for name in names)
            if (checksum or counter) and message.name not in protections:
                protections[message.name] = Protection(kind, checksum, counter, b"")
                found = True
        if not found:
            raise entry.error(f"no message has a signal {' or '.join(names)}", "checksum")
    return protections


def _take_signal(entry: Table, message: Message, name: str) -> Signal:
    signal = message.signal(name)
    if signal is None:
        raise entry.error(f"{message.name} has no signal {name}", name)
    return signal


def _take_data_ids(entry: Table, kind: int) -> dict[str, bytes]:
    """Take the data IDs of an E2E profile by message, as gateway.can.protection reads them."""
    if kind not in (E2E_2, E2E_5):
        return {}
    ids = entry.child(entry.take("data_ids", dict, {}))
    taken = {}
    for name in ids.names():
        if kind == E2E_2:
            numbers = ids.take_list(name, int)
            if len(numbers) != 16 or not all(0 <= one <= 0xFF for one in numbers):
                raise ids.error("profile 2 has 16 data IDs of one byte", name)
            taken[name] = bytes(numbers)
        else:
            number = ids.take(name, int)
            if not 0 <= number <= 0xFFFF:
                raise ids.error("profile 5 has one data ID of two bytes", name)
            taken[name] = number.to_bytes(2, "little")
    if not taken:
        raise entry.error("data_ids is empty: it names the messages", "algorithm")
    return taken
