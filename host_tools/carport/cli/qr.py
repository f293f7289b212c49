"""A QR code in a terminal."""

import sys

import click

from carport.errors import UsageError

_BORDER = 4  # modules, as ISO/IEC 18004 asks for
_BLACK_ON_WHITE = "\x1b[30;107m"
_AS_BEFORE = "\x1b[0m"
_HALF_BLOCKS = {(0, 0): " ", (0, 1): "▄", (1, 0): "▀", (1, 1): "█"}


def check_terminal() -> None:
    """Raise UsageError unless stdout is a terminal that can draw a QR code."""
    if not sys.stdout.isatty():
        raise UsageError("a QR code is drawn in a terminal only: add --file KEY.carport")
    try:
        "".join(_HALF_BLOCKS.values()).encode(sys.stdout.encoding)
    except UnicodeEncodeError as error:
        raise UsageError("this terminal cannot draw a QR code: add --file KEY.carport") from error


def print_qr(text: str) -> None:
    """Draw the text, two modules in a character, whatever the terminal's own colours are."""
    import segno

    code = segno.make_qr(text, error="l")
    rows = [list(row) for row in code.matrix_iter(border=_BORDER)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        line = "".join(_HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        click.echo(f"{_BLACK_ON_WHITE}{line}{_AS_BEFORE}")
