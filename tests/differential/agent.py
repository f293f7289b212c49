"""Runs in the MicroPython VM: calls what its standard input asks for, one line a call.

A request is a line with the length of the next, since the VM reads a line byte by byte and a known
length at once; then `module`, `function` (dotted: `Class.method` works) and a tuple of arguments,
separated by tabs. An answer is `=` and the value, or `!` and the class and text of the exception.
The functions called must not print.
"""

import sys

from tests.differential.values import dumps, loads


def resolve(module: str, function: str):  # type: ignore[no-untyped-def]
    """Import module and return what the dotted name function means in it."""
    found = __import__(module)
    for name in module.split(".")[1:] + function.split("."):
        found = getattr(found, name)
    return found


def answer(line: str) -> str:
    """Make the call that line asks for and return the line that tells its outcome."""
    module, function, args = line.split("\t", 2)
    try:
        return "=" + dumps(resolve(module, function)(*loads(args)))  # type: ignore[misc]
    except Exception as error:  # noqa: BLE001 - the outcome, whatever it is
        return "!" + type(error).__name__ + "\t" + dumps(str(error))


def serve() -> None:
    """Answer until standard input ends."""
    while True:
        length = sys.stdin.readline()
        if not length:
            return
        sys.stdout.write(answer(sys.stdin.read(int(length))) + "\n")


if __name__ == "__main__":
    serve()
