"""Consent: what may be recorded, for what, how exactly, how often, and until when.

Out of the box nothing may. An owner grants a group of signals, each grant ends at its date, and
can be withdrawn before. A transfer lets keys of another region have blocks, until its date.

Durable form: record "consent" = {"grants": {group: grant}, "transfers": {region: transfer}}, as
`carport.cddl` has them.
"""

from gateway import cbor
from gateway.const import const
from gateway.errors import DecodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.vault.records import Records

_RECORD = "consent"
_FIELDS = ("purpose", "interval_s", "keep_days", "until", "precision")
_MAX_PURPOSE_BYTES = const(120)
_MAX_INTERVAL_S = const(3600)
_MAX_KEEP_DAYS = const(3650)
_LONGEST_S = const(157_852_800)  # five years, two of them leap years
_MAX_STEP = const(1 << 30)
_MAX_TRANSFERS = const(8)


class Consents:
    """Every grant and transfer; a grant is the map that `carport.cddl` calls so.

    They are decoded when they are asked for: the heap keeps only when each ends.
    """

    def __init__(self, records: "Records") -> None:
        self._records = records
        grants, transfers = self.all()
        self._ends: dict[str, int] = {group: grants[group]["until"] for group in grants}
        self._transfer_ends: dict[str, int] = {
            region: transfers[region]["until"] for region in transfers
        }

    def all(self) -> "tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]":
        """Return the grants by group, and the transfers by region."""
        stored = self._records.get(_RECORD)
        if stored is None:
            return {}, {}
        decoded = cbor.decode(stored)
        return decoded["grants"], decoded["transfers"]

    def in_force(self, group: str, now_s: int) -> bool:
        """Tell whether a group may be recorded at this time."""
        return now_s < self._ends.get(group, 0)

    def ends_s(self, now_s: int) -> "int | None":
        """Return when the next of the grants in force ends, None if none is."""
        ends = [until for until in self._ends.values() if now_s < until]
        return min(ends) if ends else None

    def allows_transfer(self, region: str, now_s: int) -> bool:
        """Tell whether keys of a region may have blocks of another at this time."""
        return now_s < self._transfer_ends.get(region, 0)

    def grant(self, group: str, grant: "dict[str, Any]") -> int:
        """Grant a group, or anew; return the change's number."""
        grants, transfers = self.all()
        grants[group] = grant
        self._ends[group] = grant["until"]
        return self._store(grants, transfers)

    def withdraw(self, group: str) -> "int | None":
        """Withdraw a grant; return the change's number, None if there was none."""
        grants, transfers = self.all()
        if grants.pop(group, None) is None:
            return None
        self._ends.pop(group)
        return self._store(grants, transfers)

    def allow_transfer(self, region: str, transfer: "dict[str, Any]") -> int:
        """Allow transfers to a region; return the change's number.

        Raises:
            DecodeError: there are too many.
        """
        grants, transfers = self.all()
        if region not in transfers and len(transfers) >= _MAX_TRANSFERS:
            raise DecodeError("transfers to 8 regions at most")
        transfers[region] = transfer
        self._transfer_ends[region] = transfer["until"]
        return self._store(grants, transfers)

    def end_transfer(self, region: str) -> int:
        """End the transfers to a region; return the change's number."""
        grants, transfers = self.all()
        transfers.pop(region, None)
        self._transfer_ends.pop(region, None)
        return self._store(grants, transfers)

    def _store(self, grants: "dict[str, Any]", transfers: "dict[str, Any]") -> int:
        stored = {"grants": grants, "transfers": transfers}
        return self._records.put(_RECORD, cbor.encode(stored))


def read_grant(payload: bytes, now_s: int) -> "dict[str, Any]":
    """Return the grant that `carport.cddl` calls consent-request.

    Raises:
        DecodeError: it is none, or its date is not within five years from now.
    """
    fields = _map(payload, _FIELDS)
    purpose = fields.get("purpose")
    if type(purpose) is not str or not 0 < len(purpose.encode()) <= _MAX_PURPOSE_BYTES:
        raise DecodeError("purpose is 1 to 120 bytes of text")
    _check_number(fields, "interval_s", _MAX_INTERVAL_S)
    _check_number(fields, "keep_days", _MAX_KEEP_DAYS)
    _check_until(fields, now_s)
    steps = fields.get("precision", {})
    if type(steps) is not dict:
        raise DecodeError("precision is a map")
    for path in steps:
        step = steps[path]
        if type(path) is not str or type(step) is not list or len(step) != 2:
            raise DecodeError("precision is {path: [numerator, denominator]}")
        for number in step:
            if type(number) is not int or not 0 < number < _MAX_STEP:
                raise DecodeError("a precision's numbers are positive")
    return fields


def read_transfer(payload: bytes, now_s: int) -> "dict[str, Any]":
    """Return the transfer that `carport.cddl` calls transfer-request.

    Raises:
        DecodeError: it is none, or its date is not within five years from now.
    """
    fields = _map(payload, ("until",))
    _check_until(fields, now_s)
    return fields


def region_of(code: "bytes | str") -> "str | None":
    """Return the region that this is the code of (ISO 3166-1 alpha-2), None if of none."""
    letters = code.encode() if isinstance(code, str) else code
    if len(letters) != 2:
        return None
    for letter in letters:
        if not 65 <= letter <= 90:  # A to Z
            return None
    return str(letters, "ascii")


def _map(payload: bytes, allowed: "tuple[str, ...]") -> "dict[str, Any]":
    fields = cbor.decode(payload)
    if type(fields) is not dict:
        raise DecodeError("this takes a map")
    for field in fields:
        if field not in allowed:
            raise DecodeError(f"there is no field {field}")
    return fields


def _check_number(fields: "dict[str, Any]", name: str, highest: int) -> None:
    number = fields.get(name)
    if type(number) is not int or not 1 <= number <= highest:
        raise DecodeError(f"{name} is 1 to {highest}")


def _check_until(fields: "dict[str, Any]", now_s: int) -> None:
    until = fields.get("until")
    if type(until) is not int or not now_s < until <= now_s + _LONGEST_S:
        raise DecodeError("until is in the future, and not more than five years ahead")
