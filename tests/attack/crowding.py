"""Somebody with a small key takes all the room there is, so that the owner finds none."""

from gateway.coap import block
from gateway.coap.numbers import BLOCK1, BLOCK2, CONTENT, ETAG, FETCH, GET, OBSERVE, POST
from tests.attack.attack import Outcome
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
    for _ in range(2 if is_quick else 20):
        first = _read_block(stage.owner, 0)
        for i in range(_HALF_READ):
            for viewer in viewers:
                _begin_transfer(viewer, i)
        later = _read_block(stage.owner, 1)
        is_lost = later.code != CONTENT or later.option(ETAG) != first.option(ETAG)
        outcome.note(is_lost, "room for each key")
    outcome.figures["half-read transfers"] = outcome.tried * _HALF_READ * len(viewers)
    outcome.figures["heap grew by, bytes"] = heap_used(stage) - before
    return outcome


def all_observers(stage: Stage, is_quick: bool) -> Outcome:
    """Register as many observations as possible; then the owner wants one."""
    outcome = Outcome()
    for viewer in _viewers(stage):
        for path in _PATHS:
            viewer.request(FETCH, ["signals"], [path], options=[(OBSERVE, b"")])
            outcome.tried += 1
    watcher = stage.enrol()
    is_refused = watcher.request(GET, ["lock"], options=[(OBSERVE, b"")]).option(OBSERVE) is None
    outcome.succeeded = int(is_refused)
    outcome.stopped_by["room for each key"] = outcome.tried - outcome.succeeded
    return outcome


def _viewers(stage: Stage) -> list[Host]:
    """Return the contexts of one viewer."""
    first = stage.enrol(name="crowd", role="viewer")
    viewers = [first]
    for _ in range(CONTEXTS - 1):
        viewers.append(first.enrol())
        stage.move(viewers[-1])
    return viewers


def _begin_transfer(viewer: Host, i: int) -> None:
    """Fetch the first 16 bytes of something, and send the first block of something else."""
    smallest = [(BLOCK2, block.encode(0, False, 0))]
    viewer.request(FETCH, ["signals"], [_PATHS[i % len(_PATHS)], _PATHS[i // 2]], options=smallest)
    part = bytes(64)
    viewer.request(POST, ["lock"], part, options=[(BLOCK1, block.encode(0, True, 2))])


def _read_block(owner: Host, num: int) -> Response:
    return owner.request(GET, ["signals"], options=[(BLOCK2, block.encode(num, False, _SZX))])


def heap_used(stage: Stage) -> int:
    """Return what the board's heap holds, with as little garbage as can be seen."""
    return min(int(stage.system()["platform"]["heap_used"]) for _ in range(30))
