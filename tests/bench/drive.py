"""An hour of driving, second by second: what the reference car says on its bus, by cantools."""

import math
from pathlib import Path
from typing import Any

from tests.differential.frames import protected
from tests.models.car import CLOSED, LOCKS, database

SECONDS = 3600

_TRIP_S = 900


def write(path: Path) -> list[int]:
    """Write the frames' 8 bytes of each second behind each other; return their ids, in order."""
    ids: list[int] = []
    odometer_km = 12_345.0
    with path.open("wb") as file:
        for second in range(SECONDS):
            signals = _signals(second, odometer_km)
            odometer_km += signals["DRV_Status"]["Speed"] / 3600
            ids = []
            for name, values in signals.items():
                message = database().get_message_by_name(name)
                counter = second % (int(message.get_signal_by_name("Counter").maximum) + 1)
                data = message.encode({**values, "CRC": 0, "Counter": counter})
                file.write(protected(message.frame_id, data).ljust(8, b"\0"))
                ids.append(message.frame_id)
    return ids


def _signals(second: int, odometer_km: float) -> dict[str, dict[str, Any]]:
    """Return every message's signals: a quarter of an hour each in town, with stops, and out."""
    phase = second % _TRIP_S
    is_town = second % (2 * _TRIP_S) < _TRIP_S
    wave = math.sin(2 * math.pi * phase / (60 if is_town else 300))
    speed_kph = max(0.0, round((22 + 30 * wave) if is_town else (85 + 15 * wave), 2))
    way_deg = second * 1.2e-4
    return {
        "BODY_DoorStatus": {**CLOSED, **dict.fromkeys(LOCKS, 1)},
        "CLIM_Status": {
            "Power": 1,
            "AirConditioningActive": 1,
            "FrontDefrostActive": 0,
            "SetpointDriver": 21,
            "SetpointPassenger": 20.5,
            "FanSpeed": 30 + 10 * (second // 120 % 3),
            "SeatHeatDriver": 40,
            "SeatHeatPassenger": 0,
        },
        "CLIM_Temperatures": {
            "CabinTemperature": round(21 - 16 * math.exp(-second / 400), 1),
            "OutsideTemperature": round(4 + math.sin(second / 500), 1),
        },
        "BATT_Status": {
            "StateOfCharge": round(80 - second / 240, 1),
            "Current": round(20 + speed_kph * (0.8 + wave), 1),
            "LowVoltage": round(13.8 + 0.1 * math.sin(second / 7), 1),
        },
        "DRV_Status": {"Gear": 3, "Speed": speed_kph, "PowerState": 2},
        "DRV_Odometer": {"Odometer": round(odometer_km, 3)},
        "NAV_Latitude": {"Latitude": round(48.1 + way_deg * math.cos(second / 900), 7)},
        "NAV_Longitude": {"Longitude": round(11.5 + way_deg * math.sin(second / 700), 7)},
    }
