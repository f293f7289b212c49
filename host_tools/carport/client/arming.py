"""Whether a gateway may send at all."""

from dataclasses import dataclass

import cbor2

from carport.errors import UnreadableError


@dataclass(frozen=True)
class Arming:
    """The gateway's word on it.

    button_s: how long a short press of the board's button still arms it, 0 if nobody has asked.
    """

    is_armed: bool
    button_s: float = 0.0


def decode_arming(payload: bytes) -> Arming:
    """Return what the gateway says.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """
    try:
        fields = cbor2.loads(payload)
        return Arming(fields["armed"], fields.get("button_ms", 0) / 1000)
    except (cbor2.CBORDecodeError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableError("the gateway's answer") from error
