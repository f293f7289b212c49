"""Consent to recording, as an owner gives it and the gateway tells it: gateway/carport.cddl."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import cbor2

from carport.errors import UnreadableError


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What an owner agrees to for a group of signals.

    until: unix seconds. precision: the step that a VSS path is coarsened to, in its unit.
    """

    purpose: str
    interval_s: int
    keep_days: int
    until: int
    precision: dict[str, Fraction] = field(default_factory=dict)

    def as_fields(self) -> dict[str, Any]:
        """Return them as the gateway takes them."""
        fields: dict[str, Any] = {
            "purpose": self.purpose,
            "interval_s": self.interval_s,
            "keep_days": self.keep_days,
            "until": self.until,
        }
        if self.precision:
            fields["precision"] = {
                path: [step.numerator, step.denominator] for path, step in self.precision.items()
            }
        return fields


@dataclass(frozen=True, kw_only=True)
class Consented(Terms):
    """Terms that are in force, or were: by: whose consent; at: when, in unix seconds."""

    by: str
    at: int

    def as_json(self) -> dict[str, Any]:
        """Return it as `carport data consent --json` prints it."""
        precision = {path: float(step) for path, step in self.precision.items()}
        return self.as_fields() | {"precision": precision, "by": self.by, "at": self.at}


@dataclass(frozen=True)
class Transfer:
    """Keys of a region may have blocks of others, until a time in unix seconds."""

    until: int
    by: str
    at: int


@dataclass(frozen=True)
class Consent:
    """All of it: the groups that the car has, what is granted, and transfers by region."""

    groups: list[str]
    grants: dict[str, Consented]
    transfers: dict[str, Transfer]


def decode_consent(payload: bytes) -> Consent:
    """Return what GET /consent answered.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """
    try:
        fields = cbor2.loads(payload)
        grants = {group: _consented(each) for group, each in fields["grants"].items()}
        transfers = {region: Transfer(**each) for region, each in fields["transfers"].items()}
        return Consent([str(group) for group in fields["groups"]], grants, transfers)
    except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableError("the gateway's consents") from error


def _consented(fields: dict[str, Any]) -> Consented:
    steps = fields.get("precision", {})
    precision = {path: Fraction(*step) for path, step in steps.items()}
    return Consented(**{**fields, "precision": precision})
