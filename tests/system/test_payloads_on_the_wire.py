"""All that a host and the gateway say to each other in a session, against `carport.cddl`.

The session is tapped on the cable and on the network, and read with the host's keys.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import cbor2
import pytest

from carport.emulator.process import EmulatorProcess
from gateway.coap import message
from gateway.coap.numbers import BAD_REQUEST, CBOR, FETCH, GET, OBSERVE, POST, SENML_CBOR
from tests.models.payloads import CDDL
from tests.system.command_line import CommandLine, run_aiocoap_client
from tests.system.taps import CableTap, Passed, UdpTap
from tests.system.transcript import Said, read
from tests.waiting import wait_until

pycddl = pytest.importorskip("pycddl", reason="pycddl has no wheel here")

SPEED = "Vehicle.Speed"
DOOR = "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"

# What each is, by method and the first segment of the path: the request, and a good response.
RULES = {
    (POST, "pair"): ("pair-request", "pair-response"),
    (POST, "keys"): ("enrol-request", "enrol-response"),
    (GET, "keys"): (None, "principals"),
    (GET, "time"): (None, "told-time"),
    (POST, "time"): ("tell-time", "told-time"),
    (POST, "lock"): ("command", "receipt"),
    (POST, "climate"): ("command", "receipt"),
    (GET, "lock"): (None, "senml"),
    (GET, "climate"): (None, "senml"),
    (GET, "signals"): (None, "senml"),
    (FETCH, "signals"): ("vss-paths", "senml"),
    (GET, "receipts"): (None, "receipt"),
    (GET, "system"): (None, "system"),
}


@cache
def schema(rule: str) -> Any:
    """Return the validator of one rule of the CDDL, instead of any payload."""
    return pycddl.Schema(f"wanted = {rule}\n{CDDL.read_text()}")


def is_notification(passed: Passed) -> bool:
    """Tell whether it tells a host what it observes."""
    options = dict(message.decode(passed.data).options)
    return not passed.is_request and OBSERVE in options


def rule_of(said: Said) -> str | None:
    """Return the rule that something said is to follow; None for an error in words, or nothing."""
    if said.content_format is None:
        assert said.code >= BAD_REQUEST or not said.payload, said
        said.payload.decode()
        return None
    rule = RULES[said.method, said.path.partition("/")[0]][0 if said.is_request else 1]
    assert said.content_format == (SENML_CBOR if rule == "senml" else CBOR), said
    return rule


@pytest.fixture(scope="module")
def transcript(
    emulator: EmulatorProcess, carport_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Said]:
    """All of a session: pairing, every command, each outcome, and another program's requests."""
    owner = CommandLine(carport_home)
    contexts = tmp_path_factory.mktemp("contexts")
    with CableTap(emulator.serial) as cable, UdpTap(emulator.coap) as network:
        owner.run("pair", "--port", cable.port, "--name", "car")
        owner.route("car", network.address)

        owner.run("pair", "--context", str(contexts / "program"))
        owner.run("pair", "--context", str(contexts / "viewer"), "--role", "viewer")
        limits = ("--role", "guest", "--for", "1h", "--uses", "3", "--scope", "lock:read")
        owner.run("keys", "add", "anna", *limits, "--file", str(contexts / "anna.carport"))
        owner.run("keys", "list")
        owner.run("keys", "revoke", "anna", "--yes")
        owner.run("lock", "--port", cable.port)
        with ThreadPoolExecutor(1) as executor:
            watching = executor.submit(owner.run, "watch", "--count", "2")
            wait_until(lambda: any(is_notification(each) for each in network.passed))
            owner.run("unlock")
        watching.result()
        owner.run("climate", "on", "--temp", "21.5", "--passenger-temp", "19", "--defrost")
        owner.run("climate", "set", "--seat", "50", "--seat", "passenger=0")
        owner.run("climate", "set", "--temp", "60", exit_code=2)
        owner.run("climate", "off")
        owner.run("status")
        owner.run("signals")
        owner.run("signals", SPEED)
        owner.run("sim", "set", f"{DOOR}=true")
        owner.run("lock", exit_code=3)
        owner.run("sim", "set", f"{DOOR}=false")
        owner.run("sim", "fault", "stuck-lock")
        owner.run("lock", exit_code=6)
        owner.run("sim", "fault", "clear")
        payload = tmp_path_factory.mktemp("payload") / "unlock.cbor"
        payload.write_bytes(cbor2.dumps({"id": 1, "command": "unlock"}))
        options = ("-m", "POST", "--content-format", "60", "--payload", f"@{payload}")
        run_aiocoap_client(contexts / "program", "lock", *options)
        for path in ("lock", "climate", "signals", "receipts/1"):
            run_aiocoap_client(contexts / "program", path)
        passed = cable.passed + network.passed
    keys = [
        *owner.gateway("car").glob("contexts/*/settings.json"),
        *contexts.glob("*/settings.json"),
    ]
    return list(read(passed, [path.parent for path in keys]))


def test_everything_said_follows_the_cddl(transcript: list[Said]) -> None:
    for said in transcript:
        rule = rule_of(said)
        if rule is not None:
            schema(rule).validate_cbor(said.payload)


def test_each_rule_was_heard_in_each_of_its_roles(transcript: list[Said]) -> None:
    heard = {(said.method, said.path.partition("/")[0], said.is_request) for said in transcript}
    assert heard >= {(*asked, is_request) for asked in RULES for is_request in (True, False)}
    states = {
        cbor2.loads(said.payload)["state"] for said in transcript if rule_of(said) == "receipt"
    }
    assert states == {"confirmed", "refused", "unconfirmed"}


def test_everything_said_is_in_deterministic_cbor(transcript: list[Said]) -> None:
    for said in transcript:
        if rule_of(said) is not None:
            value = cbor2.loads(said.payload)
            assert cbor2.dumps(value, canonical=True) == said.payload, said


def test_the_validator_notices_what_is_wrong(transcript: list[Said]) -> None:
    for said in transcript:
        rule = rule_of(said)
        if rule in (None, "principals", "senml", "vss-paths"):
            continue
        wrong = {**cbor2.loads(said.payload), "more": 1}
        with pytest.raises(pycddl.ValidationError):
            schema(rule).validate_cbor(cbor2.dumps(wrong))
