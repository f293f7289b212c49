"""The doctor's checks: what was gathered in, findings out, each with a cure."""

from dataclasses import replace
from typing import Any

import pytest

from carport.client.principals import Principal
from carport.doctor.check_board import check_firmware, check_health, check_memory
from carport.doctor.check_cable import check_cable
from carport.doctor.check_can import check_can
from carport.doctor.check_keys import check_arming, check_keys, check_time
from carport.doctor.check_network import check_network
from carport.doctor.check_power import check_power, check_supply
from carport.doctor.diagnosis import Check, diagnose, is_healthy
from carport.doctor.finding import Level
from carport.doctor.gathered import Gathered, Owned, Port, Sample, Time

NOW_S = 1_800_000_000
OWNER = Principal(name="ann", role="owner", contexts=1, backups=1)
GUEST = Principal(name="bob", role="guest", invitations=2)
BUS = {
    "bus": "body",
    "state": "active",
    "tec": 0,
    "rec": 0,
    "overruns": 0,
    "bus_offs": 0,
    "tx_pending": 0,
    "frames_per_second": 40,
    "load_percent": 7,
    "broken": 0,
}
SYSTEM: dict[str, Any] = {
    "gateway": "leaf",
    "version": "0.1.0",
    "profile": "reference",
    "car": "a car",
    "uptime_ms": 7_200_000,
    "counters": {},
    "platform": {
        "heap_free": 40_000,
        "heap_used": 60_000,
        "storage_free": 1_000_000,
        "errors": 0,
        "wifi": {"state": "connected", "rssi": -60},
    },
}
SAID_BY_BOARD = "the storage is damaged: hold the button for 10 s at start"


def system(buses: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    return {**SYSTEM, "can": [BUS] if buses is None else buses, **fields}


def gathered(**fields: Any) -> Gathered:
    """Return what is gathered where all is well, but for these fields."""
    well = Gathered(
        ports=[Port("/dev/ttyUSB0", said="gateway")],
        version="0.1.0",
        gateway="leaf",
        way="cable",
        samples=[Sample(at_s, system()) for at_s in (0.0, 1.2, 2.4)],
        lan=True,
        is_armed=True,
        time=Time(NOW_S, NOW_S),
        owned=Owned([OWNER], True, False, {"trial": False}),
        bitrates={"body": 500_000},
        supply_volts=12.7,
    )
    return replace(well, **fields)


def told(check: Check, found: Gathered) -> list[tuple[str, str]]:
    """Return level and text of a check's findings; whatever is not well has a cure."""
    findings = list(check(found))
    for each in findings:
        assert each.cure or each.level in (Level.OK, Level.NOTE)
        assert each.text[-1] not in ".:"
        assert "\n" not in each.text + each.cure
    return [(each.level.value, each.text) for each in findings]


def with_system(**fields: Any) -> Gathered:
    return gathered(samples=[Sample(0.0, system(**fields))])


def with_platform(**fields: Any) -> Gathered:
    return with_system(platform={**SYSTEM["platform"], **fields})


def listened(*looks: dict[str, Any]) -> Gathered:
    """Return what is gathered if the bus looked so, one time after the other."""
    samples = [Sample(float(at_s), system([{**BUS, **look}])) for at_s, look in enumerate(looks)]
    return gathered(samples=samples)


def test_where_all_is_well_nothing_else_is_said() -> None:
    findings = diagnose(gathered())
    assert {finding.level for finding in findings} == {Level.OK}
    assert is_healthy(findings)
    assert len({finding.about for finding in findings}) == 13


# ---- the wires to the car ----

SILENT = {"frames_per_second": 0, "load_percent": 0}
LISTENING = {**SILENT, "state": "listen-only"}


@pytest.mark.parametrize(
    ("looks", "level", "text"),
    [
        ([{}, {}, {}], "ok", "40 frames/s for us, 7 % of the bus"),
        ([{}, {"load_percent": 0}], "ok", "40 frames/s for us, less than 1 % of the bus"),
        (
            [{"state": "listen-only"}] * 3,
            "ok",
            "40 frames/s for us, 7 % of the bus, it only listens",
        ),
        ([SILENT] * 3, "note", "nothing is heard, and nothing breaks"),
        (
            [{"broken": 5}, {"broken": 9}, {"broken": 12}],
            "warning",
            "frames arrive, and others break all the time",
        ),
        (
            [{"broken": 5}, {"broken": 6}, {"broken": 6}],
            "note",
            "frames arrive, and one broke meanwhile, which happens: run this again",
        ),
        (
            [{**LISTENING, "broken": 0}, {**LISTENING, "broken": 1}, {**LISTENING, "broken": 1}],
            "problem",
            "nothing but broken frames is heard at 500 kbit/s",
        ),
        (
            [{"rec": 130, "state": "passive"}] * 3,
            "warning",
            "frames arrive, but so many broke before that it is error passive",
        ),
        (
            [{**SILENT, "tx_pending": 1, "tec": 128, "state": "passive"}] * 3,
            "problem",
            "nobody acknowledges what the gateway sends, and nothing is heard",
        ),
    ],
)
def test_a_bus_is_judged_by_what_arrives_and_what_breaks(
    looks: list[dict[str, Any]], level: str, text: str
) -> None:
    assert told(check_can, listened(*looks)) == [(level, text)]


@pytest.mark.parametrize(
    ("looks", "level"),
    [
        ([{**LISTENING}] * 3, "note"),  # its counters stand still: nothing is known
        ([{**SILENT, "rec": 0}, {**SILENT, "rec": 90}, {**SILENT, "rec": 128}], "problem"),
        ([{**SILENT, "rec": 128, "state": "passive"}] * 3, "problem"),
        ([SILENT] * 3, "note"),
    ],
)
def test_without_a_count_of_broken_frames_the_error_counter_tells(
    looks: list[dict[str, Any]], level: str
) -> None:
    found = listened(*looks)
    for sample in found.samples:
        del sample.system["can"][0]["broken"]
    ((said, text),) = told(check_can, found)
    assert said == level
    assert ("cannot tell" in text) == (looks[0].get("state") == "listen-only")


def test_the_cure_of_a_wrong_bit_rate_names_none_that_is_not_known() -> None:
    (finding,) = check_can(listened({**LISTENING, "broken": 0}, {**LISTENING, "broken": 9}))
    assert "crystal" in finding.cure
    assert "carport can dump --interface slcan" in finding.cure
    assert "Do not arm" in finding.cure


@pytest.mark.parametrize(
    ("looks", "first"),
    [
        (
            [{"bus_offs": 1}, {"bus_offs": 3}],
            ("problem", "the gateway is forced off the bus again and again, 3 times by now"),
        ),
        (
            [{"bus_offs": 1, "state": "bus-off"}] * 2,
            ("problem", "the gateway is forced off the bus again and again, 1 times by now"),
        ),
        (
            [{"bus_offs": 2}] * 2,
            ("warning", "the gateway was forced off the bus 2 times since it started"),
        ),
    ],
)
def test_bus_off_is_told_first(looks: list[dict[str, Any]], first: tuple[str, str]) -> None:
    assert told(check_can, listened(*looks))[0] == first


def test_only_new_overruns_are_told() -> None:
    lost = ("warning", "frames come faster than the board takes them, and are lost")
    assert lost in told(check_can, listened({"overruns": 5}, {"overruns": 6}))
    assert lost not in told(check_can, listened({"overruns": 5}, {"overruns": 5}))


def test_each_bus_is_told_of() -> None:
    other = {**BUS, "bus": "powertrain", **SILENT}
    found = gathered(samples=[Sample(at_s, system([BUS, other])) for at_s in (0.0, 1.2)])
    assert [finding.about for finding in check_can(found)] == ["CAN body", "CAN powertrain"]


# ---- the cable ----


@pytest.mark.parametrize(
    ("port", "level", "text", "cure"),
    [
        (
            Port("/dev/ttyUSB0", "CP2102", trouble="no rights", group="dialout"),
            "problem",
            "you may not open /dev/ttyUSB0 (CP2102)",
            "sudo usermod -aG dialout $USER, then log out and in again",
        ),
        (
            Port("/dev/ttyUSB0", trouble="no rights", group="dialout", is_member=True),
            "problem",
            "you may not open /dev/ttyUSB0",
            "you are in the group dialout since you logged in: log out, and in again",
        ),
        (
            Port("/dev/ttyUSB0", trouble="busy", users=("screen",)),
            "problem",
            "screen has /dev/ttyUSB0 open",
            "end screen, then run this again",
        ),
        (
            Port("/dev/ttyUSB0", trouble="busy"),
            "problem",
            "another program has /dev/ttyUSB0 open",
            "end another program, then run this again",
        ),
        (
            Port("/dev/ttyUSB0", trouble="gone"),
            "problem",
            "/dev/ttyUSB0 cannot be opened",
            "unplug",
        ),
        (
            Port("/dev/ttyUSB0", said="bootloader"),
            "problem",
            "the board at /dev/ttyUSB0 is in its bootloader",
            "press its reset button",
        ),
        (
            Port("/dev/ttyUSB0", said="repl"),
            "problem",
            "MicroPython's prompt answers at /dev/ttyUSB0, not a gateway",
            "press its reset button",
        ),
        (
            Port("/dev/ttyUSB0", said="nothing"),
            "warning",
            "nothing answers at /dev/ttyUSB0",
            "press the board's reset button",
        ),
        (
            Port("/dev/ttyUSB0", said="no gateway", words=SAID_BY_BOARD),
            "problem",
            f"the board at /dev/ttyUSB0 has no gateway: {SAID_BY_BOARD}",
            "do what it says",
        ),
    ],
)
def test_a_port_is_a_problem_if_nothing_else_leads_to_a_gateway(
    port: Port, level: str, text: str, cure: str
) -> None:
    (finding,) = check_cable(Gathered([port], "0.1.0"))
    assert (finding.level, finding.text) == (level, text)
    assert finding.cure.startswith(cure)

    elsewhere = Gathered([port], "0.1.0", "leaf", "network")
    (finding,) = check_cable(elsewhere)
    assert finding.level == ("problem" if port.said == "no gateway" else "note")


def test_no_port_is_a_problem_unless_the_network_leads_there() -> None:
    assert told(check_cable, Gathered([], "0.1.0"))[0][0] == "problem"
    assert told(check_cable, Gathered([], "0.1.0", "leaf", "network"))[0][0] == "note"


# ---- the gateway ----


def test_a_gateway_that_cannot_be_asked_is_a_problem_with_the_errors_own_cure() -> None:
    failure = "leaf cannot be reached: connect the cable"
    found = gathered(way=None, samples=[], failure=failure)
    findings = diagnose(found)
    assert not is_healthy(findings)
    assert findings[-1].text == "leaf cannot be asked: leaf cannot be reached"
    assert findings[-1].cure == "connect the cable"


def test_a_gateway_that_may_be_asleep_is_no_problem_yet() -> None:
    asleep = "it may be asleep, and wakes each 15 min, or when the car does"
    findings = diagnose(gathered(way=None, samples=[], failure="no answer: x", asleep=asleep))
    assert findings[-1].text == f"leaf does not answer: {asleep}"
    assert is_healthy(findings)


def test_a_new_computer_is_told_to_pair() -> None:
    found = Gathered([Port("/dev/ttyUSB0", said="gateway")], "0.1.0")
    assert [finding.level for finding in diagnose(found)] == ["ok", "note"]
    assert diagnose(found)[-1].cure == "run `carport pair`"


@pytest.mark.parametrize(
    ("check", "found", "expected"),
    [
        (
            check_firmware,
            with_system(version="0.0.9"),
            [("warning", "version 0.0.9 is older than this program's 0.1.0")],
        ),
        (
            check_firmware,
            with_system(version="0.10.0"),
            [("warning", "version 0.10.0 is newer than this program's 0.1.0")],
        ),
        (
            check_firmware,
            gathered(owned=Owned([OWNER], True, False, {"trial": True})),
            [("ok", "version 0.1.0, as this program"), ("note", "an update is on trial")],
        ),
        (
            check_firmware,
            gathered(owned=Owned([OWNER], True, False, {"rolled_back": "watchdog"})),
            [
                ("ok", "version 0.1.0, as this program"),
                ("warning", "the last update was given up: watchdog"),
            ],
        ),
        (
            check_health,
            with_system(safe_mode=True, crash={"reason": "OSError: 5", "count": 3, "early": 3}),
            [
                ("problem", "safe mode: it crashed again and again, and does little now"),
                ("warning", "it has crashed 3 times, the last time by OSError: 5"),
            ],
        ),
        (
            check_health,
            with_system(
                uptime_ms=3 * 86_400_000, crash={"reason": "watchdog", "count": 1, "early": 0}
            ),
            [
                ("note", "it has crashed once, the last time by watchdog"),
                ("ok", "running for 3 days without an error"),
            ],
        ),
        (
            check_health,
            with_platform(errors=2),
            [("warning", "2 errors since it started 2 h ago")],
        ),
        (
            check_memory,
            with_platform(heap_free=2048, heap_used=100_000, storage_free=8192),
            [("warning", "only 2 KiB are free"), ("warning", "only 8 KiB are free")],
        ),
        (
            check_memory,
            with_system(data={"writes": 7200, "bytes": 460_800}),
            [
                ("ok", "39 KiB are free, garbage not counted"),
                ("ok", "976 KiB are free"),
                ("warning", "at this rate it wears out in 1.0 years"),
            ],
        ),
        (
            check_memory,
            with_system(data={"writes": 120, "bytes": 7680}),
            [
                ("ok", "39 KiB are free, garbage not counted"),
                ("ok", "976 KiB are free"),
                ("ok", "at this rate it lasts 62 years"),
            ],
        ),
        (check_arming, gathered(is_armed=None), []),
        (
            check_arming,
            gathered(is_armed=False),
            [("note", "it only listens to the car, and refuses every command")],
        ),
        (check_keys, gathered(owned=None), [("note", "only an owner is told of them")]),
        (
            check_keys,
            gathered(owned=Owned([replace(OWNER, backups=0), GUEST], True, True, None)),
            [
                ("warning", "one owner without a backup: a lost computer means a reset"),
                ("note", "2 invitations not used yet"),
            ],
        ),
        (
            check_keys,
            gathered(owned=Owned([replace(OWNER, backups=0)] * 2, True, True, None)),
            [("note", "2 owners, no backup")],
        ),
        (
            check_time,
            gathered(time=Time(None, NOW_S, "the time was not taken: too late")),
            [
                (
                    "warning",
                    "it does not know the time (the time was not taken: too late): guests stay "
                    "outside, and nothing is recorded",
                )
            ],
        ),
        (
            check_time,
            gathered(time=Time(NOW_S - 600, NOW_S)),
            [("warning", "its clock is 10 minutes behind this computer's")],
        ),
        (
            check_time,
            gathered(time=Time(NOW_S + 61, NOW_S)),
            [("warning", "its clock is 1 minute ahead of this computer's")],
        ),
        (
            check_network,
            with_platform(wifi={"state": "wrong password"}),
            [
                ("problem", "its password is wrong"),
                ("ok", "the gateway answers on the network"),
            ],
        ),
        (
            check_network,
            replace(with_platform(wifi={"state": "no such network"}), lan=False),
            [
                ("problem", "its network is not there"),
                ("warning", "the gateway does not answer on the network"),
            ],
        ),
        (
            check_network,
            replace(with_platform(wifi={"state": "connecting"}), lan=None),
            [("warning", "it is not joined yet")],
        ),
        (
            check_network,
            with_platform(wifi={"state": "connected", "rssi": -80}),
            [
                ("note", "it is joined, and rather weak: -80 dBm"),
                ("ok", "the gateway answers on the network"),
            ],
        ),
        (
            check_network,
            with_platform(wifi={"state": "connected", "rssi": -90}),
            [
                ("warning", "it is joined, but too weak: -90 dBm"),
                ("ok", "the gateway answers on the network"),
            ],
        ),
        (
            check_network,
            gathered(
                samples=[Sample(0.0, system(platform={}))],
                lan=None,
                owned=Owned([OWNER], False, False, None),
            ),
            [("note", "none is set: only the cable leads to the gateway")],
        ),
        (
            check_network,
            gathered(
                samples=[Sample(0.0, system(platform={}))],
                lan=None,
                owned=Owned([OWNER], False, True, None),
            ),
            [("ok", "it joins none, and opens a network of its own")],
        ),
        (
            check_supply,
            gathered(supply_volts=11.4),
            [("problem", "11.4 V, says the car: nearly empty")],
        ),
        (
            check_supply,
            with_system(power={"mode": "reachable", "state": "reachable", "supply_mv": 12_000}),
            [("warning", "12.0 V, says the board: less than half full")],
        ),
        (
            check_supply,
            gathered(supply_volts=15.3),
            [("warning", "15.3 V, says the car: too high")],
        ),
        (
            check_supply,
            gathered(supply_volts=None),
            [("note", "neither board nor car say how the 12 V battery is")],
        ),
        (check_power, gathered(), []),
        (
            check_power,
            with_system(power={"mode": "stored", "state": "stored", "interval_s": 900}),
            [("note", "stored: it sleeps, and wakes each 15 min or when the car does")],
        ),
        (
            check_power,
            with_system(power={"mode": "reachable", "state": "stored", "forced": True}),
            [("warning", "the 12 V battery is low, so the board sleeps whatever is set")],
        ),
    ],
)
def test_findings(check: Check, found: Gathered, expected: list[tuple[str, str]]) -> None:
    assert told(check, found) == expected
