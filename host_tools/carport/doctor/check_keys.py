"""Who may do what with the car, whether the gateway may send, and whether it knows the time."""

from collections.abc import Iterator

from carport.doctor.finding import Finding, note, ok, warning
from carport.doctor.gathered import Gathered

_TOLERANCE_S = 60


def check_keys(gathered: Gathered) -> Iterator[Finding]:
    """Yield what there is to say of owners, backups and invitations."""
    if gathered.owned is None:
        yield note("keys", "only an owner is told of them", "run this as an owner")
        return
    principals = gathered.owned.principals
    owners = [each for each in principals if each.role == "owner"]
    backups = sum(each.backups for each in owners)
    if backups:
        plural = "s" if backups > 1 else ""
        yield ok("keys", f"{_count(len(owners), 'owner')}, {backups} backup{plural}")
    elif len(owners) == 1:
        cure = "run `carport keys backup FILE`, and keep the file elsewhere"
        yield warning("keys", "one owner without a backup: a lost computer means a reset", cure)
    else:
        cure = "run `carport keys backup FILE`, and keep the file elsewhere"
        yield note("keys", f"{len(owners)} owners, no backup", cure)
    waiting = sum(each.invitations for each in principals)
    if waiting:
        cure = "see `carport keys list`, and revoke those that are not meant to be used any more"
        yield note("keys", f"{_count(waiting, 'invitation')} not used yet", cure)


def check_arming(gathered: Gathered) -> Iterator[Finding]:
    """Yield whether the gateway may send."""
    if gathered.is_armed:
        yield ok("arming", "it may send to the car")
    elif gathered.is_armed is not None:
        cure = "run `carport arm`, once it is wired and the buses are well"
        yield note("arming", "it only listens to the car, and refuses every command", cure)


def check_time(gathered: Gathered) -> Iterator[Finding]:
    """Yield whether the gateway knows the time."""
    told = gathered.time
    if told is None:
        return
    by_cable = "run `carport status --via serial` on a computer whose clock is right"
    if told.unix_s is None:
        why = f" ({told.refusal})" if told.refusal else ""
        text = f"it does not know the time{why}: guests stay outside, and nothing is recorded"
        yield warning("time", text, by_cable)
    elif abs(told.unix_s - told.here_s) > _TOLERANCE_S:
        minutes = round(abs(told.unix_s - told.here_s) / 60)
        order = "behind" if told.unix_s < told.here_s else "ahead of"
        text = f"its clock is {_count(minutes, 'minute')} {order} this computer's"
        yield warning("time", text, by_cable)
    else:
        yield ok("time", "it knows the time")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
