"""The steps of the story: each does something, and says what is expected and what really happened.

A step that is not as expected raises UnexpectedError and so ends the demo.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from carport.client.known_gateways import find_gateway
from carport.client.lan import parse_address
from carport.demo.network import OUTSIDE, isolate, packets_sent, why_unreachable
from carport.demo.stage import Skipped, Stage, expect
from carport.demo.tap import Tap, send_from_elsewhere
from carport.emulator.firmware_process import HEAP_BYTES
from carport.emulator.vm import find_micropython
from gateway.coap import message as coap
from gateway.coap.numbers import OSCORE, UNAUTHORIZED

Step = Callable[[Stage], None]

CABIN = "Vehicle.Cabin.HVAC.AmbientAirTemperature"
OUTSIDE_AIR = "Vehicle.Exterior.AirTemperature"
SPEED = "Vehicle.Speed"
PARKED = "Vehicle.Powertrain.Transmission.IsParkLockEngaged"

_TARGET_CELSIUS = 21.0
_NEARLY_CELSIUS = 1.5
_TIME_SCALE = 20
_SAMPLE_S = 0.8
_WARM_TIMEOUT_S = 60.0
_DRIVE_TIMEOUT_S = 60.0
_HEARD_TIMEOUT_S = 20.0
_SILENCE_S = 1.0
_LOCKED = {True}
_UNLOCKED = {False}


def cut_off(stage: Stage) -> None:
    """Leave every network but the loopback interface, before anything is started."""
    reason = isolate()
    if reason is not None:
        raise Skipped(f"{reason}; what follows is on 127.0.0.1 all the same, but without proof")
    stage.is_isolated = True
    before = packets_sent()
    unreachable = why_unreachable(OUTSIDE)
    expect(list(before) == ["lo"], "no interface but lo", f"there are {', '.join(before)}")
    expect(unreachable is not None, f"no route to {OUTSIDE}", "the system did not say so")
    sent = sum(packets_sent().values()) - sum(before.values())
    expect(sent == 0, "no packet sent", f"{sent} were")
    stage.report.say(
        f"The only interface is lo. Connecting to {OUTSIDE}: {unreachable}, {sent} packets sent."
    )


def switch_on(stage: Stage) -> None:
    """Start the gateway's firmware and the car."""
    begin_s = time.monotonic()
    stage.start()
    seconds = time.monotonic() - begin_s
    ready = [line for line in stage.emulator.read_log().splitlines() if ": ready after" in line]
    expect(len(ready) == 1, "a board that says that it is ready", stage.emulator.read_log())
    version = ".".join(map(str, find_micropython().version))
    car = stage.car()
    stage.report.say(
        f"MicroPython {version} runs the firmware in {HEAP_BYTES // 1024} KiB of heap: an ESP32's "
        f"{HEAP_BYTES // 2048} KiB, for objects are twice as large in this VM."
    )
    stage.report.say(ready[0])
    stage.report.say(
        f"A simulated car is on the bus, unlocked, {car[CABIN]:.1f} °C inside, "
        f"{car[OUTSIDE_AIR]:.1f} °C outside. All is up after {seconds:.1f} s."
    )
    expect(stage.locked() == _UNLOCKED, "an unlocked car", f"its locks are {stage.locked()}")


def pair(stage: Stage) -> None:
    """Become the owner, over the cable."""
    paired = stage.carport("pair")
    expect(
        paired["serial"] == stage.emulator.serial,
        f"a pairing over {stage.emulator.serial}",
        f"it was over {paired['serial']}",
    )
    stage.report.say(
        f"{paired['gateway']} ({paired['car']}) knows its owner now. Cable {paired['serial']}, "
        f"network {paired['address']}."
    )


def lock(stage: Stage) -> None:
    """Lock over the LAN."""
    heard = len(stage.listener.frames)
    receipt = stage.carport("lock", "--via", "lan")
    _show_confirmed(stage, receipt, heard)
    expect(stage.locked() == _LOCKED, "a locked car", f"its locks are {stage.locked()}")


def heat(stage: Stage) -> None:
    """Switch the climate on and see the cabin warm up."""
    stage.carport("sim", "set", f"time_scale={_TIME_SCALE}")
    course = [stage.read(CABIN, is_told=True)]
    heard = len(stage.listener.frames)
    receipt = stage.carport("climate", "on", "--temp", f"{_TARGET_CELSIUS:g}")
    _show_confirmed(stage, receipt, heard)
    stage.report.say(
        f"It was {course[0]:.1f} °C in the cabin, which lives {_TIME_SCALE} times faster than a "
        "real one here:"
    )
    warm = _TARGET_CELSIUS - _NEARLY_CELSIUS
    begin_s = time.monotonic()
    seconds = 0.0
    while seconds < _WARM_TIMEOUT_S and course[-1] < warm:
        time.sleep(_SAMPLE_S)
        course.append(stage.read(CABIN))
        seconds = time.monotonic() - begin_s
        bar = "█" * round(2 * max(0.0, course[-1]))
        stage.report.say(f"{seconds:4.1f} s {course[-1]:5.1f} °C {bar}")
    expect(
        course[0] < _TARGET_CELSIUS / 2 and course[-1] >= warm,
        f"a cold cabin that comes within {_NEARLY_CELSIUS} of {_TARGET_CELSIUS:g} °C",
        f"it was {', '.join(map(str, course))} °C",
    )
    stage.report.say(f"{seconds:.1f} s stand for {seconds * _TIME_SCALE / 60:.1f} minutes.")


def unlock(stage: Stage) -> None:
    """Unlock over the cable."""
    heard = len(stage.listener.frames)
    receipt = stage.carport("unlock", "--via", "serial")
    _show_confirmed(stage, receipt, heard)
    expect(stage.locked() == _UNLOCKED, "an unlocked car", f"its locks are {stage.locked()}")


def send_again(stage: Stage) -> None:
    """Record an unlock on its way, and send it again when the car is locked."""
    gateway = parse_address(stage.emulator.coap.removeprefix("coap://"))
    stage.carport("lock")
    with Tap(gateway) as tap:
        recorded = _record_unlock(stage, tap)
        stage.carport("lock")
        before = stage.system().counters
        heard = len(stage.listener.frames)
        same = [tap.send_again(data) for data in recorded]
    other = [send_from_elsewhere(data, gateway) for data in recorded]
    stage.listener.wait_for(stage.listener.is_ours, heard, _SILENCE_S)
    acted = len(stage.listener.ours_since(heard))
    after = stage.system().counters
    repeated, replayed = (after[name] - before[name] for name in ("repeated", "replayed"))
    refusals = [coap.decode(answer) for answer in other if answer is not None]
    expect(acted == 0, "no frame of ours on the bus", f"there were {acted}")
    expect(stage.locked() == _LOCKED, "a car that stays locked", f"locks: {stage.locked()}")
    expect(
        len(refusals) == len(recorded) == replayed
        and all(refusal.code == UNAUTHORIZED for refusal in refusals),
        f"{len(recorded)} answers 4.01, and as many replays counted",
        f"there were {len(refusals)}, and {replayed} counted",
    )
    expect(
        None not in same and repeated >= len(recorded),
        f"{len(recorded)} old answers, and as many repetitions counted",
        f"there were {len(same) - same.count(None)}, and {repeated} counted",
    )
    stage.report.say(
        "Sent again byte for byte from the same address: the old answers came back "
        f"(repeated +{repeated})."
    )
    stage.report.say(
        f"And from another address: 4.01 {refusals[-1].payload.decode()} (replayed +{replayed})."
    )
    others = len(stage.listener.frames) - heard
    stage.report.say(
        f"The listener heard {others} frames of the car since, and {acted} of the gateway: "
        "the car stays locked."
    )


def drive(stage: Stage) -> None:
    """Ask for an unlock while the car drives."""
    stage.carport("sim", "drive", "--kph", "30", "--seconds", "60")
    stage.wait_for(SPEED, lambda kph: kph > 10, _DRIVE_TIMEOUT_S)
    heard = len(stage.listener.frames)
    refused = stage.carport("unlock", exit_code=3)
    kph = stage.car()[SPEED]
    acted = len(stage.listener.ours_since(heard))
    stage.report.say(f"Refused: {refused['reason']}. Exit code 3.")
    stage.report.say(f"The car was driving at {kph:.0f} km/h; {acted} frames went to the car.")
    expect(refused["state"] == "refused", "state refused", f"it is {refused['state']}")
    expect(acted == 0, "no frame of ours on the bus", f"there were {acted}")
    stage.carport("sim", "drive", "stop")
    stage.wait_for(PARKED, bool, _DRIVE_TIMEOUT_S)


def stick(stage: Stage) -> None:
    """Unlock a car with a lock that does not move, then mend it and unlock again."""
    stage.carport("sim", "fault", "stuck-lock", "front-left")
    receipt = stage.carport("unlock", exit_code=6)
    stage.report.say(
        f"Sent to the car after {receipt['at_ms']['sent']} ms, but it did not do it within "
        f"{receipt['elapsed_ms'] / 1000:.1f} s: {receipt['reason']}. Exit code 6."
    )
    expect(receipt["state"] == "unconfirmed", "state unconfirmed", f"it is {receipt['state']}")
    expect(stage.locked() == {True, False}, "a lock that is stuck", f"locks: {stage.locked()}")
    stage.carport("sim", "fault", "clear")
    heard = len(stage.listener.frames)
    receipt = stage.carport("unlock")
    _show_confirmed(stage, receipt, heard)
    expect(stage.locked() == _UNLOCKED, "an unlocked car", f"its locks are {stage.locked()}")


def switch_off(stage: Stage) -> None:
    """End everything."""
    code = stage.stop()
    expect(code == 0, "an emulator that ends with exit code 0", f"it was {code}")
    is_left = Path(stage.emulator.state).exists()
    expect(not is_left, "an emulator that leaves nothing", f"{stage.emulator.state} is left")
    stage.report.say("The emulator ended with exit code 0, and its folder is gone.")
    if stage.is_isolated:
        interfaces = ", ".join(f"{name} {count}" for name, count in packets_sent().items())
        stage.report.say(f"Packets sent in all this time, by interface: {interfaces}.")


STORY: tuple[tuple[str, Step], ...] = (
    ("No way out: a network without a route to anywhere", cut_off),
    ("A gateway and its car", switch_on),
    ("Paired over the cable", pair),
    ("Locked over the LAN, confirmed by the car", lock),
    ("Heated to 21 degrees", heat),
    ("Unlocked over the cable", unlock),
    ("An unlock that somebody recorded, sent again", send_again),
    ("An unlock while driving: refused", drive),
    ("A stuck lock: reported as not confirmed, then mended", stick),
    ("Switched off", switch_off),
)


def _show_confirmed(stage: Stage, receipt: dict[str, Any], heard: int) -> None:
    """Show a receipt; expect that the listener heard the frame that it names as evidence."""
    expect(receipt["state"] == "confirmed", "state confirmed", f"it is {receipt['state']}")
    states = ("accepted", "sent", "confirmed")
    times = ", ".join(f"{state} {receipt['at_ms'][state]} ms" for state in states)
    evidence = [item for item in receipt["evidence"] if isinstance(item, dict)]
    expect(bool(evidence), "a frame as evidence", "the receipt has none")
    frame = evidence[-1]
    data = bytes.fromhex(frame["data"])
    witness = stage.listener.wait_for(
        lambda heard: heard.arbitration_id == frame["id"] and bytes(heard.data) == data,
        heard,
        _HEARD_TIMEOUT_S,
    )
    expect(witness is not None, "the confirming frame on the bus", "the listener heard none")
    stage.report.say(f"Receipt {receipt['id']}: {times} after it arrived.")
    stage.report.say(
        f"Confirmed by frame {frame['id']:03X} {stage.listener.name(frame['id'])}: "
        f"{data.hex(' ').upper()}. The listener heard it too."
    )


def _record_unlock(stage: Stage, tap: Tap) -> list[bytes]:
    """Unlock through the tap; return the protected datagrams that passed it."""
    heard = len(stage.listener.frames)
    known = find_gateway(None)
    replace(known, addresses=[tap.address]).save()
    stage.carport("unlock", "--via", "lan")
    known.save()
    tap.stop()
    stage.listener.wait_for(stage.listener.is_ours, heard, _HEARD_TIMEOUT_S)
    acted = len(stage.listener.ours_since(heard))
    recorded = [data for data in dict.fromkeys(tap.passed) if _is_protected(data)]
    expect(bool(recorded) and acted > 0, "a recorded unlock that acted", f"{acted} frames went")
    stage.report.say(
        f"Recorded on the way: {len(recorded)} protected datagrams, the last of "
        f"{len(recorded[-1])} bytes. {acted} frames of the gateway followed on the bus."
    )
    return recorded


def _is_protected(data: bytes) -> bool:
    return any(number == OSCORE for number, _ in coap.decode(data).options)
