"""The ledger on the host: read, verified against the head that this host keeps.

    mac(i) = HMAC-SHA-256(mac_key, mac(i - 1) | i (8 bytes) | SHA-256(sealed(i)))[:16]

A chain that is whole but ends before the head that was seen here has lost its tail; one whose
entry at the head has another MAC was rewritten.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from carport.client.data import DataRequests
from carport.data.keychain import MAC_BYTES, LedgerKeys
from carport.errors import UnreadableError

_NONCE_BYTES = 13
_TAG_BYTES = 8


@dataclass(frozen=True)
class Entry:
    """One entry as it is stored."""

    number: int
    sealed: bytes
    mac: bytes


@dataclass(frozen=True)
class Page:
    """What one GET /ledger/{n} answers: before is the MAC of the entry before its first one."""

    first: int
    next: int
    before: bytes
    entries: list[Entry]


@dataclass(frozen=True)
class Told:
    """What an entry says; unix_s is None if the board did not know the time."""

    number: int
    unix_s: int | None
    uptime_ms: int
    kind: str
    by: str
    detail: Any


@dataclass(frozen=True)
class Verdict:
    """Whether the chain is whole; if not, the first entry that is not as it was, and why.

    head: the newest entry's number and MAC.
    """

    head: tuple[int, bytes]
    broken_at: int | None = None
    problem: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was changed, dropped, swapped or cut off."""
        return self.broken_at is None


def decode_page(payload: bytes) -> Page:
    """Return a page.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """
    try:
        fields = cbor2.loads(payload)
        entries = [
            Entry(int(n), bytes(sealed), bytes(mac)) for n, sealed, mac in fields["entries"]
        ]
        return Page(int(fields["first"]), int(fields["next"]), bytes(fields["before"]), entries)
    except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError) as error:
        raise UnreadableError("the ledger") from error


async def read_pages(requests: DataRequests) -> list[Page]:
    """Return the whole ledger as far as the board gives it."""
    pages = [decode_page(await requests.ledger(0))]
    while pages[-1].entries and pages[-1].entries[-1].number + 1 < pages[-1].next:
        pages.append(decode_page(await requests.ledger(pages[-1].entries[-1].number + 1)))
    return pages


def verify(pages: Iterable[Page], keys: LedgerKeys) -> Verdict:
    """Check all pages, in their order, and the head that was seen before."""
    announced = 1
    number: int | None = None
    mac = bytes(MAC_BYTES)
    head = keys.head
    for page in pages:
        announced = page.next
        if number is None:
            number, mac = page.first, page.before
            if number == 1 and mac != bytes(MAC_BYTES):
                return Verdict((0, mac), 1, "the chain does not begin at its beginning")
            if head is not None and head[0] == number - 1 and head[1] != mac:
                return Verdict((number - 1, mac), number, "what came before was rewritten")
        for entry in page.entries:
            expected = next_mac(keys.mac_key, mac, number, entry.sealed)
            if entry.number != number:
                return Verdict((number - 1, mac), number, "an entry was dropped or swapped")
            if not hmac.compare_digest(entry.mac, expected):
                return Verdict((number - 1, mac), number, "an entry was changed")
            if head is not None and head[0] == number and head[1] != expected:
                return Verdict((number, expected), number, "the chain was rewritten")
            mac = expected
            number += 1
    last = 0 if number is None else number - 1
    if head is not None and head[0] > last:
        return Verdict((last, mac), last + 1, f"its end was cut off: {head[0]} entries were seen")
    if number is not None and number < announced:
        return Verdict((last, mac), number, "an entry is missing")
    return Verdict((last, mac))


def next_mac(mac_key: bytes, before: bytes, number: int, sealed: bytes) -> bytes:
    """Return the MAC of an entry."""
    message = before + number.to_bytes(8, "big") + hashlib.sha256(sealed).digest()
    return hmac.digest(mac_key, message, "sha256")[:MAC_BYTES]


def open_entry(entry: Entry, keys: LedgerKeys) -> Told | None:
    """Return what an entry says, None if its key was destroyed, or never was here."""
    key = keys.detail_key(entry.number)
    if key is None:
        return None
    nonce, ciphertext = entry.sealed[:_NONCE_BYTES], entry.sealed[_NONCE_BYTES:]
    try:
        plaintext = AESCCM(key, tag_length=_TAG_BYTES).decrypt(
            nonce, ciphertext, entry.number.to_bytes(8, "big")
        )
    except InvalidTag:
        return None
    unix_s, uptime_ms, kind, by, detail = cbor2.loads(plaintext)
    return Told(entry.number, unix_s, uptime_ms, kind, by, detail)
