"""What is sent: idle values for what is not named, the next counter, and the checksum."""

from pathlib import Path
from typing import Any

import cantools
import pytest
from cantools.database.can import Database

from carport.profile import compile_profile
from carport.profile.signals import place
from gateway.can.transmitter import TransmitMessage, Transmitter
from gateway.errors import EncodeError
from tests.differential.frames import checksum, protected

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "gateway" / "profiles" / "reference"
ODD = REPOSITORY / "tests" / "differential" / "odd_car"

PROFILE = compile_profile(REFERENCE)
DATABASE = cantools.database.load_file(REFERENCE / "reference.dbc")
ODD_DATABASE = cantools.database.load_file(ODD / "odd.dbc")
BODY = 0
CLIMATE = 1
WAKE = 2


def places(index: int, values: dict[str, int], folder: Path = REFERENCE) -> dict[int, int]:
    """Return raw values by the names of signals as values by their places."""
    database = DATABASE if folder == REFERENCE else ODD_DATABASE
    assert isinstance(database, Database)
    arbitration_id = (PROFILE if folder == REFERENCE else compile_profile(folder))["transmitted"]
    message = database.get_message_by_frame_id(arbitration_id[index][1])
    return {place(message.get_signal_by_name(name)): raw for name, raw in values.items()}


def decode(index: int, data: bytes) -> dict[str, Any]:
    assert isinstance(DATABASE, Database)
    message = DATABASE.get_message_by_frame_id(PROFILE["transmitted"][index][1])
    return {
        name: value if isinstance(value, int | float) else str(value)
        for name, value in message.decode(data).items()  # type: ignore[union-attr]
    }


def test_what_is_not_named_asks_for_nothing() -> None:
    data = Transmitter(PROFILE).encode(CLIMATE, places(CLIMATE, {"SetpointDriverRequest": 43}))
    told = decode(CLIMATE, data)
    del told["CRC"], told["Counter"]
    assert told == {
        "PowerRequest": "NoRequest",
        "FrontDefrostRequest": "NoRequest",
        "SetpointDriverRequest": 21.5,
        "SetpointPassengerRequest": "NoRequest",
        "SeatHeatDriverRequest": "NoRequest",
        "SeatHeatPassengerRequest": "NoRequest",
    }


@pytest.mark.parametrize(("command", "request_"), [("lock", "Lock"), ("unlock", "Unlock")])
def test_a_command_asks_for_what_its_profile_says(command: str, request_: str) -> None:
    row = PROFILE["commands"][command]
    data = Transmitter(PROFILE).encode(row["transmit"], row["values"])
    assert decode(BODY, data)["LockRequest"] == request_


def test_every_choice_and_both_ends_of_every_range_of_climate() -> None:
    row = PROFILE["commands"]["climate"]
    transmitter = Transmitter(PROFILE)
    for argument in row["arguments"].values():
        if "values" in argument:
            wanted = [("On" if value else "Off", raw) for value, raw in argument["values"]]
        else:
            ends = (argument["minimum"], argument["maximum"])
            wanted = [(end, round((end - argument["offset"]) / argument["scale"])) for end in ends]
        for value, raw in wanted:
            data = transmitter.encode(row["transmit"], {argument["place"]: raw})
            assert value in decode(CLIMATE, data).values()


def test_each_message_counts_by_itself_and_around() -> None:
    transmitter = Transmitter(PROFILE)
    counted = [decode(BODY, transmitter.encode(BODY, {}))["Counter"] for _ in range(18)]
    assert counted == [*range(16), 0, 1]
    assert decode(CLIMATE, transmitter.encode(CLIMATE, {}))["Counter"] == 0


def test_a_counter_may_end_below_its_bits() -> None:
    message = TransmitMessage(compile_profile(ODD)["transmitted"][0])
    assert [message.encode({})[2] >> 4 for _ in range(9)] == [*range(7), 0, 1]


def test_each_frame_carries_its_checksum() -> None:
    transmitter = Transmitter(PROFILE)
    frames = [transmitter.encode(BODY, places(BODY, {"LockRequest": 1})) for _ in range(3)]
    assert frames == [protected(0x200, data) for data in frames]
    assert len({data[0] for data in frames}) == 3


def test_wake_is_sent_as_it_is() -> None:
    assert Transmitter(PROFILE).encode(WAKE, PROFILE["wake"]["frames"][0][2]) == b"\x10\x01"


def test_the_transmitter_knows_where_to_send() -> None:
    transmitter = Transmitter(compile_profile(ODD))
    told = [
        (transmitter.bus(i), transmitter.arbitration_id(i), transmitter.is_extended_id(i))
        for i in range(2)
    ]
    assert told == [(0, 0x102, False), (0, 0x18FF1235, True)]


def test_start_values_signs_and_a_checksum_in_the_middle() -> None:
    row = compile_profile(ODD)["transmitted"][0]
    idle = TransmitMessage(row).encode({})
    assert idle == b"\x03\xfd\x00" + bytes([checksum(0x102, idle, 3)]) + b"\x56\x34\x12"
    data = TransmitMessage(row).encode(places(0, {"Offset": -512}, ODD))
    assert data[:2] == b"\x02\x00"


@pytest.mark.parametrize("raw", [4, -1])
def test_what_does_not_fit_is_not_sent(raw: int) -> None:
    transmitter = Transmitter(PROFILE)
    with pytest.raises(EncodeError):
        transmitter.encode(BODY, places(BODY, {"LockRequest": raw}))
    assert decode(BODY, transmitter.encode(BODY, {}))["Counter"] == 0
