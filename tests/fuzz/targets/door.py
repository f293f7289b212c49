"""The datagram door: a paired gateway among strangers, hosts, copies, floods and power cuts."""

from tests.fuzz.sessions import stories
from tests.fuzz.world import play

MODULES = (
    "gateway/answers.py",
    "gateway/blocks.py",
    "gateway/core.py",
    "gateway/echoes.py",
    "gateway/endpoint.py",
    "gateway/limits.py",
    "gateway/observers.py",
    "gateway/plain.py",
    "gateway/proof.py",
    "gateway/request.py",
    "gateway/coap/reliability.py",
    "gateway/resources/*.py",
)


def run(data: bytes) -> None:
    """Let the input happen."""
    play(data)


def seeds() -> list[bytes]:
    """Return recorded sessions."""
    return stories()
