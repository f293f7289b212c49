"""What keeps the board from sleeping, as far as the core knows; loaded where a board may sleep."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.endpoint import Endpoint
    from gateway.vault.arming import Arming
    from gateway.vault.keys import Keys
    from gateway.vehicle.commands import CommandEngine

_KEEP_AWAKE = ("owner", "driver", "guest")  # not those who only look, nor programs


def activity(
    keys: "Keys", endpoint: "Endpoint", engine: "CommandEngine", arming: "Arming", now_ms: int
) -> "tuple[int | None, bool, bool]":
    """Return what is going on.

    Returns:
        When somebody who may command last asked for anything, None if nobody has; whether such
        a one observes; whether something goes on that must not be cut off.
    """
    asked_ms = None
    for principal in keys.ring.principals:
        used_ms = principal.used_ms
        if used_ms is not None and principal.role in _KEEP_AWAKE:
            asked_ms = used_ms if asked_ms is None else max(asked_ms, used_ms)
    is_observed = False
    for principal in endpoint.observing():
        is_observed = is_observed or principal.role in _KEEP_AWAKE
    is_held = engine.has_work or keys.pairing.is_under_way(now_ms) or arming.button_ms(now_ms) > 0
    return asked_ms, is_observed, is_held
