"""`carport doctor`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from carport.cli.options import Options, gateway_options
from carport.cli.output import print_json

if TYPE_CHECKING:
    from carport.client.known_gateways import KnownGateway
    from carport.doctor.finding import Finding

_STYLES = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "bold red"}
_TROUBLE = 1


@click.command()
@gateway_options
def doctor(options: Options) -> int:
    """Look for what is wrong with cable, board, Wi-Fi, CAN wiring, keys and battery.

    Each finding comes with its cure. It changes nothing, sends nothing to the car, and takes a few
    seconds to listen to its buses. The exit code is 0, or 1 if there is a problem.

    \b
    Examples:
      carport doctor
      carport doctor --port /dev/ttyUSB0
      carport doctor --json | jq '.findings[] | select(.level != "ok")'
    """
    import asyncio

    from carport.doctor.diagnosis import diagnose, is_healthy
    from carport.doctor.gather import gather

    gateway = _gateway(options)
    gathered = asyncio.run(gather(gateway, options.via, options.port, options.timeout_s))
    findings = diagnose(gathered)
    healthy = is_healthy(findings)
    if options.as_json:
        told = [asdict(finding) for finding in findings]
        print_json({"gateway": gathered.gateway, "healthy": healthy, "findings": told})
    else:
        _show(findings)
    return 0 if healthy else _TROUBLE


def _gateway(options: Options) -> "KnownGateway | None":
    """Return the gateway that is meant, None if there is none yet."""
    from carport.client.known_gateways import find_gateway, known_gateways

    if not known_gateways() and options.gateway is None:
        return None
    return find_gateway(options.gateway)


def _show(findings: "list[Finding]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for finding in findings:
        cure = f"\n[dim]-> {escape(finding.cure)}[/dim]" if finding.cure else ""
        style = _STYLES[finding.level]
        level = f"[{style}]{finding.level.value}[/]"
        table.add_row(level, escape(finding.about), f"{escape(finding.text)}{cure}")
    Console().print(table)
