"""`carport update`."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carport.cli import asking
from carport.cli.options import Options, complete_car, gateway_options
from carport.cli.output import print_json
from carport.duration import duration
from carport.errors import StoppedError, UsageError
from carport.extras import check_installed

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

    from carport.client import Client
    from carport.client.update import Firmware, Phase

_WORDS = {
    "sending": "Sending to {name}",
    "starting": "{name} restarts with it",
    "trial": "On trial: it is kept once it has run well for a minute",
}
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--package", "file", type=_FILE, metavar="FILE", help="This package, not a new one.")
@click.option(
    "--car", metavar="NAME", shell_complete=complete_car, help="With another car's profile."
)
@click.option(
    "--force",
    "is_forced",
    is_flag=True,
    help="Also what runs already, or over the cable an older version.",
)
@click.option("--build", "build", type=_FILE, metavar="FILE", help="Only write the package.")
@click.option("--board", metavar="NAME", help="With --build: for which board.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@gateway_options
def update(
    options: Options,
    file: Path | None,
    car: str | None,
    is_forced: bool,
    build: Path | None,
    board: str | None,
    is_sure: bool,
) -> None:
    """Bring the gateway this program's version of the firmware.

    It goes beside the firmware that runs, is verified, and started on trial. If it fails, or no
    owner reaches it, the board goes back by itself. If the link breaks, or you press Ctrl-C, run
    it again: it goes on where it was. Keys, settings and data stay. See docs/updating.md.

    \b
    Examples:
      carport update
      carport update --car leaf-2018
      carport update --build t-2can.carport --board t-2can --car leaf-2016
      carport update --package t-2can.carport --via serial --force
    """
    if (build is None) != (board is None):
        raise UsageError("--build and --board go together: say which file, and for which board")
    if build is not None and (file is not None or is_forced):
        raise UsageError("--build only writes a file: leave out --package and --force")
    if file is not None and car is not None:
        raise UsageError("the package has its car inside: leave out --car, or --package")
    check_installed("flash", "cantools")
    if build is not None and board is not None:
        _build(build, board, car, options.as_json)
    else:
        _update(options, file, car, is_forced, is_sure)


def _build(file: Path, board: str, car: str | None, as_json: bool) -> None:
    """Write a package for a board that is elsewhere."""
    from carport.install.package import build_package, read_header

    if car is None:
        raise UsageError("nobody can ask that board which car it is in: add --car NAME")
    package = build_package(board, car)
    header = read_header(package)
    try:
        file.write_bytes(package)
    except OSError as error:
        raise UsageError(f"{file} cannot be written ({error.strerror}): name another") from error
    if as_json:
        print_json({"file": str(file), "bytes": len(package), **_printable(header)})
    else:
        click.echo(f"Wrote {file}: {header['version']} for {board} with {car}, {_kb(package)}.")


def bring(
    options: Options, file: Path | None, car: str | None, is_forced: bool, is_sure: bool
) -> dict[str, Any]:
    """Bring a gateway a package, or a new one for that car; return what `--json` tells of it.

    Raises:
        StoppedError: somebody pressed Ctrl-C.
        CarportError: the gateway does not run it.
    """
    progress = _Progress(options.as_json)
    begun_s = time.monotonic()

    async def work(client: "Client") -> dict[str, Any]:
        with progress:
            told = await _bring(client, progress, file, car, is_forced, is_sure)
        if "car" in told:
            client.gateway = client.gateway.has_profile(told["car"])
        return told

    try:
        told = options.run(work)
    except (KeyboardInterrupt, click.Abort, StoppedError) as error:
        raise StoppedError(progress.interrupted()) from error
    return {**told, "elapsed_ms": round((time.monotonic() - begun_s) * 1000)}


def _update(
    options: Options, file: Path | None, car: str | None, is_forced: bool, is_sure: bool
) -> None:
    told = bring(options, file, car, is_forced, is_sure)
    if options.as_json:
        print_json(told)
    elif told["state"] == "confirmed":
        click.echo(
            f"{told['gateway']} runs {told['version']}, and has confirmed it: it took "
            f"{duration(told['elapsed_ms'])}."
        )
    else:
        click.echo(f"{told['gateway']} runs this very firmware already: {told['version']}.")


async def _bring(
    client: "Client",
    progress: "_Progress",
    file: Path | None,
    car: str | None,
    is_forced: bool,
    is_sure: bool,
) -> dict[str, Any]:
    """Update a gateway; return what is told about it."""
    from carport.client.update import Update, Updates, check, wait_for_trial
    from carport.install.package import read_header

    updates = Updates(client)
    firmware = await updates.firmware()
    progress.name, progress.version = updates.name, firmware.version
    if firmware.is_trial:
        firmware = await wait_for_trial(updates, firmware, progress.show)
    if file is None:
        car = car or (await client.system()).profile
        package = await asyncio.to_thread(_built, firmware.board, car)
    else:
        package = _read(file)
    header = read_header(package)
    told = {"gateway": updates.name, "from": firmware.version, **_printable(header)}
    if firmware.sha256 == header["sha256"] and not is_forced:
        return {**told, "state": "unchanged"}
    check(header, firmware, is_forced, updates.is_on_cable)
    _make_sure(is_sure, updates.name, firmware, header)
    progress.total = len(package)
    await Update(updates, package, header, is_forced, progress.show).run(firmware)
    return {**told, "state": "confirmed"}


def _built(board: str, car: str) -> bytes:
    from carport.install.package import build_package

    return build_package(board, car)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}): name another") from error


def _make_sure(is_sure: bool, name: str, firmware: "Firmware", header: dict[str, Any]) -> None:
    """Let the owner agree, if one is there to be asked: it goes back by itself if it fails."""
    if is_sure or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    car = f" with {header['car']}" if "car" in header else ""
    question = f"{name} runs {firmware.version}: bring it {header['version']}{car}?"
    if not asking.confirm(question, default=True):
        raise UsageError("nothing was changed: answer y to update")


def _printable(header: dict[str, Any]) -> dict[str, Any]:
    return {**header, "sha256": header["sha256"].hex()}


def _kb(package: bytes) -> str:
    return f"{len(package) / 1000:.0f} kB"


class _Progress:
    """What is shown on stderr meanwhile: a bar in a terminal, else a line for each phase.

    name, version: the gateway's, before the update. total: the package's bytes.
    """

    def __init__(self, is_quiet: bool) -> None:
        self.name = self.version = ""
        self.total = 0
        self._is_quiet = is_quiet
        self._phase: Phase | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()

    def show(self, phase: "Phase", done: int) -> None:
        """Move on."""
        if phase != self._phase:
            self._phase = phase
            self._end()
            if not self._is_quiet:
                self._begin(phase)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)

    def interrupted(self) -> str:
        """Return what Ctrl-C leaves behind now."""
        if self._phase in (None, "sending"):
            kept = ", and keeps what it has of the update" if self._phase else ""
            return (
                f"interrupted: {self.name or 'the gateway'} runs what it ran before{kept}; run "
                "this again to go on"
            )
        return (
            f"interrupted: {self.name} has the update on trial, and goes back to {self.version} "
            "by itself unless it runs well and an owner asks it; run `carport update` again to see"
        )

    def _begin(self, phase: "Phase") -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        words = _WORDS[phase].format(name=self.name)
        if not sys.stderr.isatty():
            click.echo(words, err=True)
            return
        columns: list[ProgressColumn] = [TextColumn(words)]
        if phase == "sending":
            columns += [
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
            ]
        else:
            columns.append(TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=self.total if phase == "sending" else None)
        self._bar.start()

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
