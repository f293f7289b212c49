"""What the host tools raise when they cannot do as asked.

Each message is one sentence that says what to do next: the command line prints it as it is, and
ends with the class's exit code.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from carport.client.receipt import Receipt


class CarportError(Exception):
    """The base of every error of the host tools; `exit_code` is what the process ends with.

    receipt: the gateway's, where the error is about a command that has one.
    """

    exit_code = 1

    def __init__(self, message: str, receipt: "Receipt | None" = None) -> None:
        super().__init__(message)
        self.receipt = receipt


class BoardFaultError(CarportError):
    """The board is there, and has no gateway to offer: its own words say why."""


class UnreadableError(CarportError):
    """What the gateway has sent is not as gateway/carport.cddl says; what: its name."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} cannot be read: update the board and this program together")


class UsageError(CarportError):
    """What was asked for makes no sense: an unknown name, a value out of its range."""

    exit_code = 2


class RefusedError(CarportError):
    """An interlock or a policy of the gateway forbids the command now; nothing was sent."""

    exit_code = 3


class NotAuthorisedError(CarportError):
    """The gateway does not know our key, or its role may not do this."""

    exit_code = 4


class StoppedError(CarportError):
    """Somebody pressed Ctrl-C; the message says what may happen all the same."""

    exit_code = 130


class NoAnswerError(CarportError):
    """The gateway did not answer in time: what became of the request is not known."""

    exit_code = 5


class NotConfirmedError(CarportError):
    """The car has not shown that it did what it was asked: the receipt tells how far it got."""

    exit_code = 6
