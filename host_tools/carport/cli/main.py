"""The entry: finds the command, runs it, and turns what it raises into words and an exit code.

A command's module is imported when the command is run, so that `carport --help` and the shell's
completion are quick.
"""

import importlib
import sys
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS
from typing import Any

import click

import carport
from carport.cli.output import print_error
from carport.errors import CarportError, StoppedError

# name: (where it is, its line in the help)
_COMMANDS = {
    "demo": ("carport.cli.demo:demo", "Show the whole story on this machine."),
    "emulate": ("carport.cli.emulate:emulate", "Run a gateway and its car on this machine."),
    "sim": ("carport.cli.sim:sim", "Steer the emulated world: signals, faults, a drive."),
    "flash": ("carport.cli.flash:flash", "Put MicroPython and Carport on a board."),
    "pair": ("carport.cli.pair:pair", "Pair with a gateway over the cable."),
    "provision": ("carport.cli.provision:provision", "Set up name, Wi-Fi, access point, power."),
    "doctor": ("carport.cli.doctor:doctor", "Look for what is wrong, and say how to cure it."),
    "keys": ("carport.cli.keys:keys", "Share the car, and take it back."),
    "data": ("carport.cli.data:data", "The car's data: consent, export, plot, erase."),
    "arm": ("carport.cli.arm:arm", "Let the gateway send to the car, or only listen."),
    "discover": ("carport.cli.discover:discover", "List the gateways on this network."),
    "lock": ("carport.cli.lock:lock", "Lock the car."),
    "unlock": ("carport.cli.lock:unlock", "Unlock the car."),
    "climate": ("carport.cli.climate:climate", "Heat or cool the car."),
    "status": ("carport.cli.status:status", "Show the car's state."),
    "watch": ("carport.cli.watch:watch", "Show the car's state as it changes."),
    "signals": ("carport.cli.signals:signals", "Show signals by VSS path."),
    "profile": ("carport.cli.profile:profile", "Check, show and compile cars as data."),
    "update": ("carport.cli.update:update", "Bring the gateway this version of the firmware."),
    "can": ("carport.cli.can:can", "Watch, send and replay frames on a CAN bus."),
    "completion": ("carport.cli.completion:completion", "Print a shell's completion script."),
}

_NOT_OURS = {EACCES, EDQUOT, ENOSPC, EPERM, EROFS}  # what this computer's owner has to see to

_EPILOG = """
\b
Exit codes:
  0  done, and confirmed by the car
  1  a fault of our own
  2  wrong usage
  3  refused by an interlock or a policy
  4  not authorised
  5  no answer; the message says until when it may still happen
  6  sent but not confirmed, or not known
"""


class _Commands(click.Group):
    """The commands of the table above, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(
    cls=_Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(carport.__version__, message="%(version)s")
def carport_command() -> None:
    """Your car's gateway, at home: lock, unlock and heat the car with no cloud.

    \b
    First:   carport pair               with the board on the cable
    Then:    carport lock
             carport climate on --temp 21
             carport status
    No board? Try `carport demo`, or `carport emulate` in another terminal.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with DESIGN's exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run the command line; return its exit code."""
    as_json = "--json" in arguments
    try:
        result: Any = carport_command.main(arguments, prog_name="carport", standalone_mode=False)
    except CarportError as error:
        print_error(str(error), error.exit_code, as_json, error.receipt)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "carport"
        message = " ".join(error.format_message().split()).rstrip(".")
        print_error(f"{message}: see `{where} --help`", error.exit_code, as_json)
        return error.exit_code
    except click.ClickException as error:
        print_error(error.format_message(), error.exit_code, as_json)
        return error.exit_code
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
        message = f"{error.filename or 'the output'} cannot be written ({error.strerror})"
        print_error(f"{message}: see to that, then try again", 1, as_json and bool(error.filename))
        return 1
    except (click.Abort, KeyboardInterrupt):
        print_error("interrupted", StoppedError.exit_code, as_json)
        return StoppedError.exit_code
    return result if isinstance(result, int) else 0
