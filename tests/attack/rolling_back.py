"""Somebody takes the flash chip off the board, and puts an older copy of its content back."""

from gateway.coap.numbers import GET, OBSERVE
from tests.aes import RecordingAES
from tests.attack.attack import Outcome
from tests.attack.core_stage import CoreStage
from tests.models.host import Host
from tests.models.shell import Shell

_NOTIFICATIONS = 5


def roll_back(stage: CoreStage, is_quick: bool) -> Outcome:
    """Restore the whole flash of yesterday: what comes back, and which nonces come twice?"""
    outcome = Outcome()
    ciphers: dict[bytes, RecordingAES] = {}

    def cipher(key: bytes) -> RecordingAES:
        return ciphers.setdefault(key, RecordingAES(key))

    shell = Shell(aes=cipher)
    owner = Host.pair(shell)
    bob = owner.enrol(name="bob", role="driver")
    yesterday = dict(shell.storage)
    for _ in range(2):
        shell = Shell(dict(yesterday), aes=cipher)
        owner.shell = bob.shell = shell
        owner.request(GET, ["system"], options=[(OBSERVE, b"")])
        bob.request(GET, ["lock"])
        shell.advance(10_000 * _NOTIFICATIONS)
        owner.revoke("bob")
    twice = sum(len(each.nonces) - len(set(each.nonces)) for each in ciphers.values())
    shell = Shell(dict(yesterday), aes=cipher)
    bob.shell = shell
    is_back = bob.request(GET, ["lock"]).code >> 5 == 2
    outcome.note(is_back, "")
    outcome.note(twice > 0, "")
    outcome.figures["a revoked key is back"] = is_back
    outcome.figures["nonces that came twice"] = twice
    return outcome
