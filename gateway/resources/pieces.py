"""Large answers in pieces of a block, as the endpoint sends them."""

from gateway.request import MAX_BLOCK_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def in_pieces(payload: bytes) -> "Any":
    """Return a payload as it is if it fits a block, else in a list of blocks."""
    size = len(payload)
    if size <= MAX_BLOCK_BYTES:
        return payload
    return [payload[at : at + MAX_BLOCK_BYTES] for at in range(0, size, MAX_BLOCK_BYTES)]
