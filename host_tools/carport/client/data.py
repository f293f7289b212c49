"""What an owner may ask about the car's data: settings, consent, records and their keys, ledger.

gateway/carport.cddl has the payloads. All of it is the owner's; aiocoap answers the gateway's
demand for a fresh Echo by itself.
"""

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import aiocoap
import cbor2

from carport.client.client import Client, successful, text_of
from carport.client.consent import Consent, Terms, decode_consent
from carport.errors import RefusedError, UnreadableError

T = TypeVar("T")

_RANDOM_BYTES = 32


@dataclass(frozen=True)
class Clock:
    """The board's time: boot tells one run of it from all others; unix_s is None if unknown."""

    boot: bytes
    uptime_ms: int
    unix_s: int | None


@dataclass(frozen=True)
class Erasure:
    """Keys of a chain below a step, or all of them, that somebody has still to destroy."""

    chain: bytes
    step: int | None
    waiting: list[str]


@dataclass(frozen=True)
class Records:
    """How the records stand on the board; rows, bytes and writes are counted since its boot.

    open: the block that still grows, None if none was stored yet.
    """

    recording: list[str]
    chain: bytes | None
    step: int | None
    first: int
    next: int
    open: int | None
    holders: list[str]
    erasing: bool
    erasures: list[Erasure]
    rows: int
    bytes: int
    writes: int


@dataclass(frozen=True)
class Indexed:
    """What the board's index says of a block."""

    number: int
    chain: bytes
    step: int
    region: str
    schema: int
    start_ms: int
    end_ms: int
    boot_unix_s: int | None
    size: int


class DataRequests:
    """The requests, over a client; see Client for what they raise.

    What the gateway refuses because something is missing or not allowed is a RefusedError.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    async def clock(self) -> Clock:
        """Return what the board knows of the time.

        The client, if it is an owner's, has told the time by then, or tried to.
        """
        await self._get("time")
        await self.client.settle()
        fields = await self._map("time")
        return _read(lambda: Clock(fields["boot"], fields["uptime_ms"], fields.get("unix_s")))

    async def region(self) -> str | None:
        """Return the region that was declared, None if none was."""
        return (await self._map("settings")).get("region")

    async def declare_region(self, region: str) -> None:
        """Declare where the board is: ISO 3166-1 alpha-2."""
        await self._ask(aiocoap.PUT, "settings", {"region": region})

    async def consent(self) -> Consent:
        """Return what may be recorded, and what is consented to."""
        return decode_consent(await self._get("consent"))

    async def paths(self, group: str) -> list[str]:
        """Return the VSS paths of a group."""
        return list((await self._map(f"consent/{quote(group)}"))["paths"])

    async def grant(self, group: str, terms: Terms) -> None:
        """Let a group be recorded."""
        await self._ask(aiocoap.PUT, f"consent/{quote(group)}", terms.as_fields())

    async def withdraw(self, group: str) -> None:
        """Stop recording a group at once."""
        await self._ask(aiocoap.DELETE, f"consent/{quote(group)}")

    async def allow_transfer(self, region: str, until: int) -> None:
        """Let keys of a region have blocks of others, until a time in unix seconds."""
        await self._ask(aiocoap.PUT, f"consent/transfers/{quote(region)}", {"until": until})

    async def end_transfer(self, region: str) -> None:
        """Give keys of a region their own blocks alone."""
        await self._ask(aiocoap.DELETE, f"consent/transfers/{quote(region)}")

    async def records(self) -> Records:
        """Return how the records stand."""
        return decode_records(await self._get("records"))

    async def index(self, number: int) -> list[Indexed]:
        """Return the first of the blocks from a number on, none if there is none."""
        payload = await self._get(f"records/index/{number}")
        return _read(lambda: [Indexed(*row) for row in cbor2.loads(payload)])

    async def block(self, number: int) -> bytes | None:
        """Return a block as it is sealed, None if it is gone."""
        response = await self.client.request(aiocoap.GET, f"records/{number}")
        if response.code is aiocoap.NOT_FOUND:
            return None
        return bytes(successful(response).payload)

    async def schema(self, number: int) -> bytes:
        """Return a schema as the board tells it."""
        return await self._get(f"records/schemas/{number}")

    async def live(self) -> AsyncGenerator[bytes, None]:
        """Yield what carport.cddl calls live, now and with each new row."""
        async with aclosing(self.client.observe("records/live")) as payloads:
            async for payload in payloads:
                yield payload

    async def take_key(self) -> bytes:
        """Return the present key of the chain, which is made if there is none: chain-key."""
        return await self._ask(
            aiocoap.POST, "records/key", {"random": secrets.token_bytes(_RANDOM_BYTES)}
        )

    async def erase(self, before: int | None = None) -> Records:
        """Erase everything that was recorded, or what began before a time in unix seconds."""
        query = "" if before is None else f"?before={before}"
        return decode_records(await self._ask(aiocoap.DELETE, f"records{query}"))

    async def confirm_erased(self, chain: bytes, step: int | None) -> None:
        """Tell the board that we hold no key of a chain below a step, or none at all."""
        fields: dict[str, Any] = {"chain": chain}
        if step is not None:
            fields["step"] = step
        await self._ask(aiocoap.POST, "records/erased", fields)

    async def change_owner(self) -> None:
        """Let the board forget everything, our key too."""
        response = await self.client.request(aiocoap.DELETE, "records?owner-change", is_once=True)
        successful(response)

    async def ledger(self, number: int) -> bytes:
        """Return a page of the ledger from an entry on, as the board tells it."""
        return await self._get(f"ledger/{number}")

    async def forget_ledger_details(self) -> None:
        """Destroy the key of what the ledger's entries say; their chain stays."""
        await self._ask(aiocoap.DELETE, "ledger")

    async def _get(self, path: str) -> bytes:
        return await self._ask(aiocoap.GET, path)

    async def _map(self, path: str) -> dict[str, Any]:
        payload = await self._get(path)
        return _read(lambda: dict(cbor2.loads(payload)))

    async def _ask(self, code: Any, path: str, fields: dict[str, Any] | None = None) -> bytes:
        payload = b"" if fields is None else cbor2.dumps(fields, canonical=True)
        response = await self.client.request(code, path, payload)
        if response.code is aiocoap.CONFLICT:
            raise RefusedError(f"the gateway refuses ({text_of(response)}): see to that first")
        return bytes(successful(response).payload)


def decode_records(payload: bytes) -> Records:
    """Return what GET /records answered.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """

    def read() -> Records:
        fields = cbor2.loads(payload)
        return Records(
            recording=list(fields["recording"]),
            chain=fields.get("chain"),
            step=fields.get("step"),
            first=fields["first"],
            next=fields["next"],
            open=fields.get("open"),
            holders=list(fields["holders"]),
            erasing=fields["erasing"],
            erasures=[
                Erasure(each["chain"], each.get("step"), list(each["waiting"]))
                for each in fields["erasures"]
            ],
            rows=fields["rows"],
            bytes=fields["bytes"],
            writes=fields["writes"],
        )

    return _read(read)


def _read(read: Callable[[], T]) -> T:
    """Return what read() makes of an answer.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """
    try:
        return read()
    except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableError("the gateway's records") from error
