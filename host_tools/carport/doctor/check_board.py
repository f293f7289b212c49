"""The board itself: its firmware, its heap, its flash, and what it has been through."""

from collections.abc import Iterator

from carport.data.wear import project
from carport.doctor.finding import Finding, note, ok, problem, warning
from carport.doctor.gathered import Gathered
from carport.duration import duration

_LEAST_HEAP_BYTES = 6 * 1024  # as the board tells it: garbage counts as used
_LEAST_STORAGE_BYTES = 64 * 1024  # 16 blocks: a day of records, and room to tidy up
_LEAST_YEARS = 5
_RECENT_MS = 86_400_000
_KNOWN_MS = 3_600_000  # what the first minutes write says nothing of the years

_REPORT = "report it with what `carport doctor --json` prints"


def check_firmware(gathered: Gathered) -> Iterator[Finding]:
    """Yield how the firmware's version stands to this program's, and how an update does."""
    about = "firmware"
    theirs, ours = gathered.system["version"], gathered.version
    if theirs == ours:
        yield ok(about, f"version {theirs}, as this program")
    elif _number(theirs) < _number(ours):
        yield warning(
            about, f"version {theirs} is older than this program's {ours}", "run `carport update`"
        )
    else:
        cure = "update this program: pip install -U carport-gateway"
        yield warning(about, f"version {theirs} is newer than this program's {ours}", cure)
    update = gathered.owned.update if gathered.owned else None
    if update is not None and update.get("trial"):
        cure = "nothing: it is kept after a minute without an error, now that an owner has asked"
        yield note(about, "an update is on trial", cure)
    if update is not None and update.get("rolled_back"):
        text = f"the last update was given up: {update['rolled_back']}"
        yield warning(
            about, text, f"run `carport update` again; if it is given up again, {_REPORT}"
        )


def check_health(gathered: Gathered) -> Iterator[Finding]:
    """Yield crashes, safe mode and errors."""
    about = "health"
    system = gathered.system
    crash = system.get("crash")
    uptime = duration(system["uptime_ms"])
    errors = gathered.of_platform("errors")
    if system.get("safe_mode"):
        cure = f"run `carport update --via serial`, or `carport flash`; {_REPORT}"
        yield problem(about, "safe mode: it crashed again and again, and does little now", cure)
    if crash is not None:
        found = warning if system["uptime_ms"] < _RECENT_MS or crash.get("early") else note
        times = "once" if crash["count"] == 1 else f"{crash['count']} times"
        yield found(about, f"it has crashed {times}, the last time by {crash['reason']}", _REPORT)
    if errors:
        cure = f"watch its log with `carport status -v --via serial`; {_REPORT}"
        yield warning(about, f"{errors} errors since it started {uptime} ago", cure)
    elif not system.get("safe_mode"):
        yield ok(about, f"running for {uptime} without an error")


def check_memory(gathered: Gathered) -> Iterator[Finding]:
    """Yield how full heap and flash are, and how long the flash lasts."""
    platforms = [sample.system["platform"] for sample in gathered.samples]
    free = max(each.get("heap_free", _LEAST_HEAP_BYTES) for each in platforms)
    kib = free // 1024
    if free < _LEAST_HEAP_BYTES:
        cure = f"restart it; if it comes back, {_REPORT}. A board with PSRAM has plenty"
        yield warning("heap", f"only {kib} KiB are free", cure)
    else:
        yield ok("heap", f"{kib} KiB are free, garbage not counted")
    storage = gathered.of_platform("storage_free", _LEAST_STORAGE_BYTES)
    if storage < _LEAST_STORAGE_BYTES:
        cure = "keep less: `carport data export`, then `carport data erase --before DATE`"
        yield warning("flash", f"only {storage // 1024} KiB are free", cure)
    else:
        yield ok("flash", f"{storage // 1024} KiB are free")
    yield from _check_wear(gathered)


def _check_wear(gathered: Gathered) -> Iterator[Finding]:
    data = gathered.system.get("data")
    if data is None or gathered.system["uptime_ms"] < _KNOWN_MS:
        return
    wear = project(data["writes"], data["bytes"], gathered.system["uptime_ms"])
    if wear.is_known and wear.years < _LEAST_YEARS:
        cure = "record less often: `carport data consent GROUP --every 5m`"
        yield warning("flash", f"at this rate it wears out in {wear.years:.1f} years", cure)
    elif wear.is_known:
        yield ok("flash", f"at this rate it lasts {wear.years:.0f} years")


def _number(version: str) -> list[int]:
    """Return a version as numbers, as far as it has any."""
    return [int(part) if part.isdigit() else 0 for part in version.split(".")]
