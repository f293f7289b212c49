"""Several invocations at once, each in a process of its own: all succeed, and disturb nobody."""

import json
import os
import subprocess
import sys

from carport.client.known_gateways import KnownGateway
from tests.fake_gateway import FakeGateway
from tests.patience import CARPORT, NOBODYS_GROUP

TELL_THE_GROUP = """
import atexit
from carport.client import lan
atexit.register(lambda: print(lan.ALL_COAP_NODES))
"""


def _start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*CARPORT, *words, "--timeout", "100", "--json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_commands_at_once_over_the_network_and_the_cable(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    ways = ("lan", "serial", "auto") * 2
    started = [_start("lock", "--via", via) for via in ways]
    receipts = [json.loads(process.communicate()[0]) for process in started]

    assert [receipt["state"] for receipt in receipts] == ["confirmed"] * len(ways)
    assert len(fake_gateway.commands) == len(ways)


def test_a_command_while_another_process_watches(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    with _start("watch", "--count", "2") as watching:
        assert watching.stdout is not None
        watching.stdout.readline()
        with _start("unlock") as unlocking:
            assert json.loads(unlocking.communicate()[0])["state"] == "confirmed"
        fake_gateway.change(Speed=7.0)
        assert json.loads(watching.stdout.readline())["Vehicle.Speed"]["value"] == 7.0
    assert watching.returncode == 0


def test_a_killed_process_gives_its_context_back(
    paired: KnownGateway, fake_gateway: FakeGateway
) -> None:
    fake_gateway.keys.limit = len(fake_gateway.keys.contexts)
    contexts = len(fake_gateway.keys.contexts)
    watching = [_start("watch") for _ in range(contexts)]
    for process in watching:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.communicate()

    with _start("lock") as locking:
        assert json.loads(locking.communicate()[0])["state"] == "confirmed"


def test_what_is_lost_is_looked_for_where_nobody_is_disturbed() -> None:
    *python, code = CARPORT
    done = subprocess.run(
        [*python, TELL_THE_GROUP + code, "--version"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == NOBODYS_GROUP
