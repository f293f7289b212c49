"""Erasing, as an owner asks for it: the board destroys its keys and blocks, this host its own.

Keys go before data, on both. What the board could not reach (an exported file, a backup, a host
that never comes back) stays, and is not hidden: see `Records.erasures`.
"""

from carport.client.data import DataRequests, Records
from carport.data.contact import make_contact
from carport.data.holdings import Holdings


async def erase_records(requests: DataRequests, holdings: Holdings, before: int | None) -> Records:
    """Erase all, or what began before a time in unix seconds; return how the records stand then.

    The board goes first: what it has asked of the holders of keys is asked of this host, too.
    """
    await requests.erase(before)
    erase_here(holdings, before)
    return (await make_contact(requests, holdings)).records


def erase_here(holdings: Holdings, before: int | None) -> int:
    """Erase the same on this host alone; return how many blocks' samples it were.

    With a time, the keys stay: which of them are too old is for the board to say.
    """
    if before is not None:
        return holdings.archive.erase_before(before)
    for chain in holdings.keys.chains:
        holdings.keys.forget(chain)
    return holdings.archive.erase()
