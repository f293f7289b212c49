"""What `carport provision` tells in the end: what is set, and what does not work."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from carport.cli.options import Options
from carport.cli.output import print_json
from carport.duration import duration
from carport.errors import CarportError, UsageError

if TYPE_CHECKING:
    from carport.client.settings import BoardSettings, Wifi


@dataclass(frozen=True)
class Outcome:
    """What is set by now, how Wi-Fi fares and which car it is if known, and what does not work."""

    settings: "BoardSettings"
    wifi: "Wifi | None" = None
    car: str | None = None
    problem: CarportError | None = None


def tell(
    options: Options,
    name: str,
    outcome: Outcome,
    changed: list[str],
    ap_password: str | None = None,
) -> int:
    """Print what is set, and the new password of the access point; return the exit code.

    Raises:
        CarportError: something does not work, and it was not told as JSON.
    """
    problem = outcome.problem
    if options.as_json:
        print_json(_as_json(name, outcome, changed, ap_password))
        return 0 if problem is None else problem.exit_code
    _show(name, outcome)
    if ap_password is not None:
        _show_access_point(str(outcome.settings.ap), ap_password)
    if problem is not None:
        raise problem
    return 0


def _as_json(
    name: str, outcome: Outcome, changed: list[str], ap_password: str | None
) -> dict[str, Any]:
    settings, wifi, problem = outcome.settings, outcome.wifi, outcome.problem
    fields: dict[str, Any] = {
        "gateway": name,
        "changed": changed,
        "name": settings.name,
        "car": outcome.car,
        "region": settings.region,
        "home": settings.home,
        "wifi": None,
        "access_point": None,
        "power": asdict(settings.power) if settings.power else None,
    }
    if settings.wifi is not None:
        fields["wifi"] = {"ssid": settings.wifi, **(asdict(wifi) if wifi else {"state": None})}
    if settings.ap is not None:
        fields["access_point"] = {"ssid": settings.ap}
        if ap_password is not None:
            fields["access_point"]["password"] = ap_password
    if problem is not None:
        fields |= {"error": str(problem), "exit_code": problem.exit_code}
    return fields


def _show(name: str, outcome: Outcome) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    settings, wifi = outcome.settings, outcome.wifi
    rows = {"gateway": name if name == settings.name else f"{name} ({settings.name} on the board)"}
    rows["car"] = outcome.car or "not known"
    rows["region"] = settings.region or "not said"
    state = f", {wifi.state}" if wifi else ""
    signal = f", {wifi.rssi} dBm" if wifi and wifi.rssi is not None else ""
    rows["Wi-Fi"] = f"{settings.wifi}{state}{signal}" if settings.wifi else "none"
    rows["access point"] = settings.ap or "none"
    if power := settings.power:
        sleeps = f", sleeps {duration(power.interval_s * 1000)} at most"
        rows["power"] = power.mode + (sleeps if power.mode == "stored" else "")
        rows["low voltage"] = f"below {power.low_mv / 1000:g} V"
    table = Table.grid(padding=(0, 2))
    for label, text in rows.items():
        table.add_row(label, escape(text))
    Console().print(table)


def _show_access_point(ssid: str, password: str) -> None:
    """Show the password this once, and as a QR code if the terminal can draw one."""
    from carport.cli.qr import check_terminal, print_qr
    from carport.client.settings import wifi_uri

    click.echo(f"\nThe network {ssid} has the password {password}")
    click.echo("Write it down: it is not shown again. At that network the board is 192.168.4.1.")
    with suppress(UsageError):
        check_terminal()
        print_qr(wifi_uri(ssid, password))
