"""The datagram door: a paired gateway among strangers, hosts, copies, floods and power cuts."""

from tests.fuzz.sessions import stories
from tests.fuzz.world import play

MODULES = (
    "gateway/core.py",
    "gateway/endpoint.py",
    "gateway/observers.py",
    "gateway/request.py",
    "gateway/coap/reliability.py",
)


def run(data: bytes) -> None:
    """Let the input happen."""
    play(data)


def seeds() -> list[bytes]:
    """Return recorded sessions."""
    return stories()
