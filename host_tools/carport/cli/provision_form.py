"""The form of `carport provision`: each question with what is set now; Enter keeps it."""

from dataclasses import replace

import click

from carport.cli.asking import ask, confirm
from carport.cli.provision_wishes import Wishes, ask_password
from carport.client.known_gateways import check_name
from carport.client.settings import (
    BoardSettings,
    Power,
    check_interval,
    check_mode,
    check_region,
    check_ssid,
    check_voltage,
)
from carport.errors import UsageError

_NONE = "none"


def ask_wishes(present: BoardSettings, name: str) -> Wishes:
    """Return what is to be set, as it is answered; name: what the gateway is called here."""
    click.echo("Enter keeps what is in brackets.", err=True)
    wishes = Wishes(
        name=ask("Name", _name, name),
        region=ask("Country of the car, as DE, or none", _region, present.region or _NONE),
    )
    wishes = _ask_wifi(wishes, present.wifi)
    wishes = replace(wishes, access_point=_ask_access_point(present.ap))
    return _ask_power(wishes, present.power or Power())


def _ask_wifi(wishes: Wishes, ssid: str | None) -> Wishes:
    answer = ask("Wi-Fi network to join, or none", check_ssid, ssid or _NONE)
    if answer == _NONE:
        return replace(wishes, wifi=False)
    if answer == ssid and not confirm("Has its password changed?", default=False):
        return wishes
    return replace(wishes, wifi=answer, wifi_password=ask_password(answer))


def _ask_access_point(ssid: str | None) -> bool | None:
    """Return whether there is to be one, None for the one that there is."""
    if not confirm("A network of its own, for a car away from home?", default=ssid is not None):
        return False
    if ssid is None or confirm("A new password for it?", default=False):
        return True
    return None


def _ask_power(wishes: Wishes, power: Power) -> Wishes:
    mode = ask("Power: reachable (always awake) or stored (sleeps)", check_mode, power.mode)
    wishes = replace(wishes, power=mode)
    if mode == "stored":
        interval_s = ask("It sleeps at most", check_interval, _interval(power.interval_s))
        wishes = replace(wishes, interval_s=interval_s)
    low_mv = ask("Below how many volts it sleeps in any case", _volts, f"{power.low_mv / 1000:g}")
    return replace(wishes, low_mv=low_mv)


def _name(text: str) -> str:
    check_name(text)
    return text


def _region(text: str) -> str | None:
    return None if text == _NONE else check_region(text)


def _interval(seconds: int) -> str:
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


def _volts(text: str) -> int:
    try:
        return check_voltage(float(text))
    except ValueError as error:
        raise UsageError(f"{text!r} is no number of volts: write 12.2") from error
