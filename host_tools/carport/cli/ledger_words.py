"""An entry of the ledger in the reader's words; gateway/carport.cddl has the kinds."""

from collections.abc import Callable
from typing import Any

from carport.cli.data_words import each, last_day
from carport.cli.grants import in_words, local_time
from carport.client.principals import decode_grant
from carport.duration import duration

_OUTCOMES = {
    "confirmed": "the car confirmed it",
    "unconfirmed": "the car did not confirm it",
    "expired": "it was not sent in time",
    "indeterminate": "nobody knows whether it was sent",
}


def entry_in_words(kind: str, detail: Any) -> str:
    """Return what somebody did: "revoked anna". An entry that is none of ours is told as it is."""
    try:
        return _WORDS[kind](detail)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError):
        return kind if detail is None else f"{kind}: {detail}"


def _keys(detail: dict[str, Any]) -> str:
    if "ended" in detail:
        whose = {"backups": "the backups of ", "others": "the other keys of "}
        which = [words for what, words in whose.items() if what in detail]
        return f"revoked {''.join(which)}{detail['name']}"
    if "role" in detail:
        made = "invited" if "dormant" in detail else "made a key for"
        grant = decode_grant(detail)
        return f"{made} {grant.name}, {grant.role}: {in_words(grant)}"
    if "paired" in detail:
        return "paired over the cable"
    return "made a backup" if "dormant" in detail else "took one more key of their own"


def _arm(detail: dict[str, Any]) -> str:
    if "armed" in detail:
        return "armed the gateway: its button was pressed"
    return "disarmed the gateway" if "ended" in detail else "asked to arm the gateway"


def _settings(detail: dict[str, Any]) -> str:
    return "set " + ", ".join(_setting(name, value) for name, value in detail.items())


def _setting(name: str, value: Any) -> str:
    if name == "power":
        sleeps = f" for {duration(value['interval_s'] * 1000)} at most"
        low = f"low voltage {value['low_mv'] / 1000:g} V"
        return f"power {value['mode']}{sleeps if value['mode'] == 'stored' else ''}, {low}"
    named = {"wifi": "Wi-Fi", "ap": "access point"}.get(name, name)
    shown = {None: "none", True: "on", False: "off"}.get(value, value)
    return f"{named} {shown}"


def _consent(detail: dict[str, Any]) -> str:
    grant = detail["grant"]
    return (
        f"consented to {detail['group']}: {each(grant['interval_s'])}, kept "
        f"{grant['keep_days']} days, until {last_day(grant['until'])}, for {grant['purpose']}"
    )


def _transfer(detail: dict[str, Any]) -> str:
    until = detail["until"]
    allowed = "no data of other regions any more"
    if until is not None:
        allowed = f"other regions' data until {last_day(until)}"
    return f"allowed keys of {detail['region']} {allowed}"


def _export(detail: dict[str, Any]) -> str:
    if "from" in detail:
        return f"began to export, at block {detail['from']}"
    return f"exported {_blocks(detail)}"


def _denied(detail: dict[str, Any]) -> str:
    if "from" in detail:
        return f"was refused block {detail['from']}: {detail['reason']}"
    return f"was refused {_blocks(detail)}"


def _blocks(detail: dict[str, Any]) -> str:
    first, last = detail["first"], detail["last"]
    return f"block {first}" if first == last else f"blocks {first} to {last}"


def _erase(detail: dict[str, Any]) -> str:
    if "before" not in detail:
        return "erased all that was recorded"
    return f"erased what was recorded before {local_time(detail['before'])}"


def _erased(detail: dict[str, Any]) -> str:
    return f"destroyed their {'' if detail['step'] is None else 'older '}keys of the records"


def _command(detail: dict[str, Any]) -> str:
    return f"{detail['command']}: {_OUTCOMES[detail['state']]}"


_WORDS: dict[str, Callable[[Any], str]] = {
    "keys": _keys,
    "time": lambda detail: f"told the board the time, {local_time(detail['unix_s'])}",
    "arm": _arm,
    "settings": _settings,
    "consent": _consent,
    "withdrawn": lambda detail: f"withdrew the consent to {detail['group']}",
    "expired": lambda detail: f"stopped recording {', '.join(detail['groups'])}: consent ended",
    "transfer": _transfer,
    "key": lambda detail: "took the key of the records",
    "export": _export,
    "denied": _denied,
    "erase": _erase,
    "erased": _erased,
    "command": _command,
    "ledger": lambda detail: "destroyed what the entries before this one said",
    "update": lambda detail: f"started an update to {detail['version']}",
}
