"""What the host tools raise when they cannot do as asked.

Each message is one sentence that says what to do next: the command line prints it as it is.
"""


class CarportError(Exception):
    """The base of every error of the host tools; `exit_code` is what the process ends with."""

    exit_code = 1
