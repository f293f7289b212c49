"""No secret in what any command about keys prints, in a repr, in an error, or among the processes.

Every master secret, each side's randomness, the passphrase and the invitation's text are looked
for: raw, in hex, in base64 and in base32.
"""

import base64
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from carport.cli.main import run
from carport.client.dormant import DormantContext
from carport.client.invitation import read_invitation
from carport.client.keys import KeyExchange, NewKey
from carport.client.known_gateways import KnownGateway
from carport.client.secret import Secret
from tests.fake_gateway import FakeGateway
from tests.patience import CARPORT
from tests.unit.conftest import Elsewhere

PASSPHRASE = "correct horse battery"


def forms(secret: bytes) -> Iterator[bytes]:
    """Yield what a secret might look like where somebody reads it."""
    yield secret
    yield repr(secret)[2:-1].encode()
    for text in (
        secret.hex(),
        secret.hex(" "),
        base64.b64encode(secret).decode().rstrip("="),
        base64.urlsafe_b64encode(secret).decode().rstrip("="),
        base64.b32encode(secret).decode().rstrip("="),
        str(list(secret))[1:-1],
    ):
        yield text.lower().encode()
        yield text.upper().encode()
        yield text.encode()


def assert_hidden(secrets: list[bytes], output: bytes) -> None:
    for secret in secrets:
        for form in forms(secret):
            assert form not in output, form


@pytest.mark.parametrize("is_json", [False, True])
def test_nothing_that_is_printed_holds_a_secret(
    is_json: bool,
    paired: KnownGateway,
    desk: Path,
    on: Elsewhere,
    fake_gateway: FakeGateway,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    (desk / "passphrase").write_text(PASSPHRASE)
    (desk / "wrong").write_text("another horse battery")
    with_passphrase = ["--passphrase-file", "passphrase"]
    restore = ["keys", "restore", "test.backup", "--keep-others"]
    steps = [
        ("home", 0, ["keys", "add", "anna", "--role", "driver", "--file", "anna.carport"]),
        ("home", 2, ["keys", "add", "anna", "--role", "driver", "--file", "again.carport"]),
        ("home", 2, ["keys", "add", "eve", "--role", "driver", "--file", "anna.carport"]),
        ("home", 0, ["keys", "list"]),
        ("home", 0, ["keys", "backup", "test.backup", *with_passphrase]),
        ("phone", 0, ["pair", "--invitation", "anna.carport"]),
        ("thief", 4, ["pair", "--invitation", "anna.carport"]),
        ("thief", 2, ["pair", "--invitation", "test.backup"]),
        ("phone", 4, ["keys", "list"]),
        ("thief", 4, [*restore, "--passphrase-file", "wrong"]),
        ("thief", 2, ["keys", "restore", "anna.carport", "--keep-others", *with_passphrase]),
        ("new", 0, [*restore, *with_passphrase]),
        ("new", 0, ["pair", "--context", "other"]),
        ("home", 0, ["keys", "revoke", "anna", "--yes"]),
        ("home", 3, ["keys", "revoke", next(iter(fake_gateway.keys.people)), "--yes"]),
    ]
    for computer, exit_code, words in steps:
        on(computer)
        assert run([*words, "-v", *(["--json"] if is_json else [])]) == exit_code, words

    invitation = (desk / "anna.carport").read_text().splitlines()[-1].encode()
    secrets = [*fake_gateway.keys.secrets, PASSPHRASE.encode(), invitation]
    output = capfdbinary.readouterr()
    assert len(secrets) > 15
    assert_hidden(secrets, output.out + output.err)


def test_a_dormant_credential_is_in_the_handed_over_file_alone(
    paired: KnownGateway, desk: Path, tmp_path: Path, on: Elsewhere, fake_gateway: FakeGateway
) -> None:
    assert run(["keys", "add", "anna", "--role", "driver", "--file", "anna.carport"]) == 0
    secret = read_invitation((desk / "anna.carport").read_text()).secret
    on("phone")
    assert run(["pair", "--invitation", "anna.carport"]) == 0

    for computer in ("home", "phone"):
        files = [path for path in (tmp_path / computer).rglob("*") if path.is_file()]
        assert len(files) > 5
        for path in files:
            assert_hidden([bytes(secret)], path.read_bytes())


def test_objects_print_no_secret() -> None:
    secret = Secret(b"sixteen bytes ..")
    key = NewKey(b"\x01", b"\0", secret, "leaf")
    exchange = KeyExchange("enrol")
    context = DormantContext(b"\x01", b"\0", secret, bytes(8))

    printed = f"{secret} {secret!r} {secret!s} {key} {key!r} {asdict(key)} {exchange} {context}"
    printed += f"{ValueError(secret)} {[secret]} {secret:>20}"

    assert_hidden([bytes(secret)], printed.encode())
    assert "[redacted]" in printed
    assert pickle.loads(pickle.dumps(secret)) == secret


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc to look into")
def test_processes_show_no_secret(
    paired: KnownGateway, desk: Path, on: Elsewhere, fake_gateway: FakeGateway
) -> None:
    assert run(["keys", "add", "anna", "--role", "driver", "--file", "anna.carport"]) == 0
    invitation = (desk / "anna.carport").read_text().splitlines()[-1]
    on("phone")
    with subprocess.Popen(
        [*CARPORT, "pair", "--invitation", "-"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as pairing:
        shown = b""
        while not shown:  # for an instant a new process has no arguments yet
            shown = Path(f"/proc/{pairing.pid}/cmdline").read_bytes()
        shown += Path(f"/proc/{pairing.pid}/environ").read_bytes()
        output, _ = pairing.communicate(invitation)
        assert pairing.returncode == 0
    assert b"--invitation" in shown
    assert_hidden([*fake_gateway.keys.secrets, invitation.encode()], shown + output.encode())
