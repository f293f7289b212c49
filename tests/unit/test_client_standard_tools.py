"""A context that was enrolled for another program serves an unmodified aiocoap-client."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cbor2

from carport.cli.main import run
from carport.client.known_gateways import KnownGateway


def test_aiocoap_client_uses_an_enrolled_context(tmp_path: Path, paired: KnownGateway) -> None:
    folder = tmp_path / "phone"
    assert run(["pair", "--context", str(folder)]) == 0

    done = subprocess.run(
        [
            *(sys.executable, "-m", "aiocoap.cli.client", "--quiet"),
            *("--credentials", str(folder / "credentials.json")),
            f"coap://{paired.addresses[0]}/signals",
        ],
        env={**os.environ, "AIOCOAP_CLIENT_TRANSPORT": "oscore:simple6"},
        capture_output=True,
        timeout=100,
        check=True,
    )

    names = [record[0] for record in cbor2.loads(done.stdout)]
    assert names == ["Speed", "Cabin.HVAC.IsOn"]
    assert json.loads((folder / "sequence.json").read_text())["next-to-send"] > 0
