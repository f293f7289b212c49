"""What every contact about the data begins with: learn what is allowed here, and obey erasures.

An erasure is for everybody: this host destroys its keys, then its samples, and tells the board so.
A host that dies in between does all of it again next time: the board waits until it is told.
"""

from dataclasses import dataclass

from carport.client.consent import Consent
from carport.client.data import DataRequests, Records
from carport.data.holdings import Holdings


@dataclass(frozen=True)
class Contact:
    """What the board says; obeyed: how many erasures by others were carried out here."""

    name: str
    region: str | None
    consent: Consent
    records: Records
    obeyed: int


async def make_contact(requests: DataRequests, holdings: Holdings) -> Contact:
    """Ask the board how things stand, and do what an erasure asks of this host."""
    me = next(each for each in await requests.client.principals() if each.is_you)
    region = await requests.region()
    consent = await requests.consent()
    holdings.regions.learn(me.region, region, consent.transfers)
    records = await requests.records()
    obeyed = await obey(requests, holdings, records, me.name)
    if obeyed:
        records = await requests.records()
    return Contact(me.name, region, consent, records, obeyed)


async def obey(requests: DataRequests, holdings: Holdings, records: Records, name: str) -> int:
    """Carry out the erasures that wait for us, called name; return how many there were."""
    obeyed = 0
    for erasure in records.erasures:
        first = holdings.keys.first_step(erasure.chain)
        has_keys = first is not None and (erasure.step is None or first < erasure.step)
        if has_keys or name in erasure.waiting:
            holdings.keys.forget(erasure.chain, erasure.step)
            holdings.archive.erase(erasure.chain, erasure.step)
            await requests.confirm_erased(erasure.chain, erasure.step)
            obeyed += 1
    return obeyed


async def take_key(requests: DataRequests, holdings: Holdings) -> bool:
    """Fetch the chain's present key, which makes a chain if there is none.

    Returns:
        Whether the board's ledger is another one than before: it began anew.
    """
    return holdings.keys.take(await requests.take_key())
