"""How people say how long something takes."""


def duration(ms: int) -> str:
    """Return a duration as people say it: 420 ms, 1.5 s, 12 s, 3 min, 5 h, 2 days."""
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"
