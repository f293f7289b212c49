"""Somebody with a small key takes all the room there is, so that the owner finds none."""

from contextlib import suppress

from gateway.coap import block
from gateway.coap.numbers import BLOCK1, BLOCK2, CONTENT, ECHO, ETAG, FETCH, GET, OBSERVE, POST
from tests.attack.attack import Outcome
from tests.attack.lan import Lan
from tests.attack.stage import Stage
from tests.models.host import Host, Response

CONTEXTS = 4

_HALF_READ = 12
_SZX = 5
_PATHS = (
    "Vehicle.Speed",
    "Vehicle.TraveledDistance",
    "Vehicle.Body.Trunk.Rear.IsLocked",
    "Vehicle.Body.Trunk.Rear.IsOpen",
    "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked",
    "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen",
    "Vehicle.Cabin.HVAC.AmbientAirTemperature",
    "Vehicle.Exterior.AirTemperature",
)


def half_read(stage: Stage, is_quick: bool) -> Outcome:
    """Begin many transfers between two blocks of the owner's, and send first blocks of some."""
    outcome = Outcome()
    viewers = _viewers(stage)
    before = heap_used(stage)
    starts = stage.starts()
    for _ in range(2 if is_quick else 20):
        first = _read_block(stage.owner, 0)
        for i in range(_HALF_READ):
            for viewer in viewers:
                _begin_transfer(stage, viewer, i)
        later = _read_block(stage.owner, 1)
        outcome.note(not _are_one(first, later), "room for each key")
        if later is None:
            break
    outcome.figures["half-read transfers"] = outcome.tried * _HALF_READ * len(viewers)
    _note_state(stage, starts, before, outcome)
    return outcome


def all_observers(stage: Stage, is_quick: bool) -> Outcome:
    """Register as many observations as possible; then the owner wants one."""
    outcome = Outcome()
    viewers = _viewers(stage)
    watcher = stage.enrol()
    before = heap_used(stage)
    starts = stage.starts()
    for viewer in viewers:
        for path in _PATHS:
            _observe(viewer, FETCH, "signals", [path])
            outcome.tried += 1
    is_told = _observe(watcher, GET, "lock", None)
    outcome.succeeded = int(not is_told)
    outcome.stopped_by["room for each key"] = outcome.tried - outcome.succeeded
    _note_state(stage, starts, before, outcome)
    return outcome


def _observe(host: Host, code: int, path: str, payload: object) -> bool:
    """Register, from an address that is proven if need be; return whether there is room."""
    options: list[tuple[int, bytes]] = [(OBSERVE, b"")]
    for _ in range(2):
        host.send(host.protect(code, [path], payload, options=options))
        responses = host.responses()
        echo = responses[-1].option(ECHO) if responses else None
        if echo is None:
            return any(response.option(OBSERVE) is not None for response in responses)
        options = [(OBSERVE, b""), (ECHO, echo)]
    return False


def _note_state(stage: Stage, starts: int, heap: int, outcome: Outcome) -> None:
    """Count each restart as a success; note what is left on the heap."""
    restarts = stage.starts() - starts
    outcome.succeeded += restarts
    outcome.figures["restarts"] = restarts
    with suppress(AssertionError):  # the owner is not served
        outcome.figures["heap grew by, bytes"] = heap_used(stage) - heap


def _viewers(stage: Stage) -> list[Host]:
    """Return the contexts of one viewer."""
    first = stage.enrol(name="crowd", role="viewer")
    viewers = [first]
    for _ in range(CONTEXTS - 1):
        viewers.append(first.enrol())
        stage.move(viewers[-1])
    for viewer in viewers:
        viewer.request(GET, ["lock"])  # its address is proven by that
    return viewers


def _begin_transfer(stage: Stage, viewer: Host, i: int) -> None:
    """Fetch the first 16 bytes of something, and send the first block of something else."""
    assert isinstance(viewer.shell, Lan)
    fetched = [_PATHS[i % len(_PATHS)], _PATHS[i // 2]]
    smallest = [(BLOCK2, block.encode(0, False, 0))]
    part = [(BLOCK1, block.encode(0, True, 2))]
    for data in (
        viewer.protect(FETCH, ["signals"], fetched, options=smallest),
        viewer.protect(POST, ["lock"], bytes(64), options=part),
    ):
        stage.deliver(viewer.shell, data)


def _read_block(owner: Host, num: int) -> Response | None:
    part = [(BLOCK2, block.encode(num, False, _SZX))]
    owner.send(owner.protect(GET, ["signals"], options=part))
    responses = owner.responses()
    return responses[-1] if responses else None


def _are_one(first: Response | None, later: Response | None) -> bool:
    """Tell whether these are blocks of one answer."""
    if first is None or later is None or not first.code == later.code == CONTENT:
        return False
    return first.option(ETAG) == later.option(ETAG)


def heap_used(stage: Stage) -> int:
    """Return what the board's heap holds, with as little garbage as can be seen."""
    return min(int(stage.system()["platform"]["heap_used"]) for _ in range(30))
