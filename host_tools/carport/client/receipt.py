"""What became of a command, and how the gateway knows."""

from dataclasses import dataclass
from typing import Any, Literal, cast

import cbor2

from carport.errors import UnreadableError

State = Literal[
    "accepted", "sent", "confirmed", "refused", "unconfirmed", "expired", "indeterminate"
]


@dataclass(frozen=True)
class Frame:
    """A CAN frame that shows what the car did; id is its arbitration id.

    at_ms: when it was received, from the command's arrival.
    """

    bus: str
    id: int
    data: bytes
    at_ms: int


@dataclass(frozen=True)
class Receipt:
    """The gateway's word on one command; gateway/carport.cddl tells what each field means."""

    id: int
    command: str
    state: State
    by: str
    elapsed_ms: int
    at_ms: dict[str, int]
    evidence: tuple[Frame | str, ...]
    reason: str | None = None
    arguments: dict[str, bool | int | float | str] | None = None

    @property
    def frames(self) -> list[Frame]:
        """The frames among the evidence."""
        return [item for item in self.evidence if isinstance(item, Frame)]

    def as_json(self) -> dict[str, Any]:
        """Return the receipt as JSON takes it: frames' data in hexadecimal."""
        fields: dict[str, Any] = {
            "command": self.command,
            "id": self.id,
            "state": self.state,
            "reason": self.reason,
            "by": self.by,
            "elapsed_ms": self.elapsed_ms,
            "at_ms": self.at_ms,
            "evidence": [_evidence_as_json(item) for item in self.evidence],
        }
        if self.arguments:
            fields["arguments"] = self.arguments
        return fields


def decode_receipt(payload: bytes) -> Receipt:
    """Return the receipt that the gateway sent.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """
    try:
        fields = cbor2.loads(payload)
        return Receipt(
            id=fields["id"],
            command=fields["command"],
            state=cast(State, fields["state"]),
            by=fields["by"],
            elapsed_ms=fields["elapsed_ms"],
            at_ms=dict(fields["at_ms"]),
            evidence=tuple(_decode_evidence(item) for item in fields["evidence"]),
            reason=fields.get("reason"),
            arguments=fields.get("arguments"),
        )
    except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError) as error:
        raise UnreadableError("the gateway's receipt") from error


def _decode_evidence(item: Any) -> Frame | str:
    if isinstance(item, str):
        return item
    return Frame(item["bus"], item["id"], item["data"], item["at_ms"])


def _evidence_as_json(item: Frame | str) -> Any:
    if isinstance(item, str):
        return item
    return {
        "bus": item.bus,
        "id": item.id,
        "data": item.data.hex(),
        "at_ms": item.at_ms,
    }
