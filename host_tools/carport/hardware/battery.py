"""How long a car's 12 V battery lasts with a board on it: a projection, nothing was measured.

    average = asleep + (awake - asleep) * up / (up + interval)       in the mode stored
    days    = half of the battery / (the average + what the car takes itself) / 24 h

A board's current is taken from the data sheets of its parts at 5 V, and through the converter:

    at the battery = at 5 V * 5 V / 12.5 V / efficiency + what the converter takes itself

`python -m carport.hardware.battery` prints the table of docs/power.md.
"""

from dataclasses import dataclass

BATTERY_AH = 40.0
CAR_MA = 20.0
"""What a parked car takes by itself: an assumption, and a car that sleeps well."""

UP_S = 65.0
"""Of a wake-up by the timer that nobody uses: firmware/power.py's minute, and the start."""

INTERVALS_S = (300, 900, 3600, 21600)

_BATTERY_V = 12.5
_LOGIC_V = 5.0
_EFFICIENCY = 0.8
_CONVERTER_MA = 5.0  # TI, LM2596 (SNVS124): quiescent current, typical

# Of a DevKit, at 5 V: each with where it is from.
_CHIP_AWAKE_MA = 31.1  # ESP-IDF, "Low Power Mode in Wi-Fi Scenarios", ESP32: modem sleep, DTIM 1
_DEVKIT_MA = 3.8  # lucidar.me measured a DevKitC V4 in deep sleep: regulator, USB converter, LED
_CONTROLLER_AWAKE_MA = 5.0  # Microchip, DS20001801, MCP2515: an assumption, 10 are its most
_TRANSCEIVER_MA = 5.0  # NXP, TJA1050 and TJA1051: recessive, typical; a module never lets it rest
_DIVIDER_MA = 0.11  # 115 kOhm at the battery


@dataclass(frozen=True)
class Draw:
    """What a board takes from the battery, in mA."""

    title: str
    awake_ma: float
    asleep_ma: float


def at_battery_ma(logic_ma: float) -> float:
    """Return what is taken from the battery for a current at 5 V."""
    return logic_ma * _LOGIC_V / _BATTERY_V / _EFFICIENCY + _CONVERTER_MA


_ASLEEP_MA = at_battery_ma(_DEVKIT_MA + _TRANSCEIVER_MA) + _DIVIDER_MA
_AWAKE_MA = (
    at_battery_ma(_DEVKIT_MA + _TRANSCEIVER_MA + _CHIP_AWAKE_MA + _CONTROLLER_AWAKE_MA)
    + _DIVIDER_MA
)

DRAWS = {
    "devkit-mcp2515": Draw("DevKit, one module, LM2596", _AWAKE_MA, _ASLEEP_MA),
    "rejsacan-3": Draw("RejsaCAN v3.4, by its maker's figures", 50.0, 7.0),  # 4 of each: its LED
    "good": Draw("a board of 20 mA awake, 0.5 mA asleep", 20.0, 0.5),
    "poor": Draw("a board of 80 mA awake, 15 mA asleep", 80.0, 15.0),
}
"""By the name in hw/boards, where anybody says what a board takes; and two to compare with."""


def average_ma(draw: Draw, interval_s: float | None) -> float:
    """Return what a board takes on average; interval_s: None if it is always reachable."""
    if interval_s is None:
        return draw.awake_ma
    share = UP_S / (UP_S + interval_s)
    return draw.asleep_ma + (draw.awake_ma - draw.asleep_ma) * share


def days_until_half_empty(board_ma: float) -> float:
    """Return for how long a full battery feeds a board and its car until half of it is gone."""
    return BATTERY_AH * 1000 / 2 / (board_ma + CAR_MA) / 24


def table() -> str:
    """Return the table of docs/power.md."""
    heads = ["days until half empty", "`reachable`"]
    heads += [f"`stored`, {interval_s // 60} min" for interval_s in INTERVALS_S]
    rows = [heads, ["---"] * len(heads)]
    rows.append(["without a board", *[f"{days_until_half_empty(0):.0f}"] * (len(heads) - 1)])
    for draw in DRAWS.values():
        row = [draw.title]
        for interval_s in (None, *INTERVALS_S):
            row.append(f"{days_until_half_empty(average_ma(draw, interval_s)):.0f}")
        rows.append(row)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(table(), end="")
