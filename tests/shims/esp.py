"""`esp`, as far as the firmware uses it; see tests/shims."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOG_NONE = 0


def osdebug(__uart_no: "Any", __level: int = 1) -> None:
    pass
