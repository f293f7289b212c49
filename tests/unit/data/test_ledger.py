"""`carport data ledger`: what is told, and that no change of it goes unnoticed."""

import json
from dataclasses import replace
from hashlib import sha256
from hmac import digest

import cbor2
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from carport.data.holdings import open_holdings
from carport.data.keychain import LedgerKeys
from carport.data.ledger import Entry, Page, decode_page, open_entry, verify
from carport.errors import CarportError
from tests.unit.data.conftest import LAST_DAY, NAME, Owner

MAC_KEY, DETAIL_KEY = bytes(range(32)), bytes(range(16))


def chain(count: int, mac_key: bytes = MAC_KEY) -> list[Entry]:
    """Return a whole ledger, made by its definition in carport.cddl."""
    entries, mac = [], bytes(16)
    for number in range(1, count + 1):
        counted = number.to_bytes(8, "big")
        nonce = bytes(8) + number.to_bytes(5, "big")
        plaintext = cbor2.dumps([1_800_000_000 + number, number, "time", "ann", None])
        sealed = nonce + AESCCM(DETAIL_KEY, tag_length=8).encrypt(nonce, plaintext, counted)
        mac = digest(mac_key, mac + counted + sha256(sealed).digest(), "sha256")[:16]
        entries.append(Entry(number, sealed, mac))
    return entries


def pages(entries: list[Entry], announced: int | None = None) -> list[Page]:
    """Return the entries in pages of four, as the board gives them."""
    end = announced if announced is not None else entries[-1].number + 1
    told = []
    before = bytes(16)
    for first in range(0, len(entries), 4):
        page = entries[first : first + 4]
        told.append(Page(1, end, before, page))
        before = page[-1].mac
    return told


def keys(head: tuple[int, bytes] | None = None) -> LedgerKeys:
    return LedgerKeys(MAC_KEY, {1: DETAIL_KEY}, head)


def test_a_whole_chain_verifies_up_to_its_head() -> None:
    entries = chain(11)
    verdict = verify(pages(entries), keys((7, entries[6].mac)))
    assert (verdict.is_whole, verdict.head) == (True, (11, entries[10].mac))
    assert [told.by for entry in entries if (told := open_entry(entry, keys()))] == ["ann"] * 11


@pytest.mark.parametrize("number", range(1, 11))
def test_the_first_entry_that_is_not_as_it_was_is_named(number: int) -> None:
    entries = chain(11)
    head = (11, entries[10].mac)
    at = number - 1

    changed = list(entries)
    changed[at] = replace(entries[at], sealed=bytes([entries[at].sealed[0] ^ 1]) + bytes(30))
    assert verify(pages(changed), keys(head)).broken_at == number
    wrong_mac = list(entries)
    wrong_mac[at] = replace(entries[at], mac=bytes(16))
    assert verify(pages(wrong_mac), keys(head)).broken_at == number
    dropped = entries[:at] + entries[at + 1 :]
    assert verify(pages(dropped), keys(head)).broken_at == number
    swapped = list(entries)
    swapped[at], swapped[at + 1] = entries[at + 1], entries[at]
    assert verify(pages(swapped), keys(head)).broken_at == number
    if number > 1:
        assert verify(pages(entries[:at]), keys(head)).broken_at == number
    assert verify(pages(entries[:number], 12), keys()).broken_at == number + 1


def test_a_chain_that_was_made_anew_is_noticed_at_the_head() -> None:
    entries = chain(8)
    head = (5, bytes(16))
    assert verify(pages(entries), keys(head)).broken_at == 5
    assert verify(pages(chain(8, bytes(32))), keys()).broken_at == 1
    assert verify([Page(1, 1, bytes(16), [])], keys((3, bytes(16)))).broken_at == 1


def test_an_entry_of_another_key_stays_closed() -> None:
    entry = chain(1)[0]
    assert open_entry(entry, LedgerKeys(MAC_KEY, {})) is None
    assert open_entry(entry, LedgerKeys(MAC_KEY, {1: bytes(16)})) is None


@pytest.mark.parametrize("payload", [b"", b"\x00", cbor2.dumps({"first": 1}), b"\xff"])
def test_what_is_no_page_is_an_error_with_a_cure(payload: bytes) -> None:
    with pytest.raises(CarportError, match="update the board"):
        decode_page(payload)


def test_the_ledger_tells_what_was_done(owner: Owner) -> None:
    owner.consent()
    owner.drive(70)
    owner.run("export", "-o", "day.csv")

    shown = owner.run("ledger")

    words = " ".join(shown.split())
    assert "took the key of the records" in words
    assert f"consented to driving: each 1 s, kept 90 days, until {LAST_DAY}, for test" in words
    assert "began to export, at block" in words
    assert "{" not in words  # nothing is told as it is stored
    assert "The ledger is whole" in shown
    told = owner.told("ledger")
    numbers = [entry["number"] for entry in told["entries"]]
    assert numbers == list(range(1, told["entries_seen"] + 1))
    late = owner.told("ledger", "--since", "2099-01-01")["entries"]
    assert {entry["unix_s"] for entry in late} == {None}  # it may have been then


def test_a_long_ledger_comes_in_pages(owner: Owner) -> None:
    owner.consent()
    for region in ("FR", "AT", "CH", "IT", "ES", "PL", "CZ") * 3:
        owner.run("consent", "--transfer", region, "--until", str(LAST_DAY))
    told = owner.told("ledger", "--verify")
    assert told["whole"] is True
    assert told["entries_seen"] > 24


def test_a_tail_that_was_cut_off_is_named(owner: Owner) -> None:
    owner.consent()
    before = dict(owner.board.shell.storage)
    owner.run("consent", "--transfer", "FR", "--until", str(LAST_DAY))
    seen = owner.told("ledger", "--verify")["entries_seen"]
    with owner.board.paused() as shell:
        for name in [name for name in shell.storage if name.startswith("block-l")]:
            shell.storage[name] = before[name]
    owner.board.reboot()

    said = owner.run("ledger", "--verify", exit_code=1)

    assert f"broken at entry {seen} (" in said
    assert "find out who had the board" in said
    told = owner.told("ledger", exit_code=1)
    assert (told["whole"], told["broken_at"]) == (False, seen)


def test_the_head_is_kept_by_this_computer(owner: Owner) -> None:
    owner.consent()
    seen = owner.told("ledger", "--verify")["entries_seen"]
    with open_holdings(NAME) as holdings:
        assert holdings.keys.ledger is not None
        assert holdings.keys.ledger.head is not None
        assert holdings.keys.ledger.head[0] == seen


def test_a_look_at_the_ledger_does_not_let_recording_go_on(owner: Owner) -> None:
    owner.consent()
    owner.run("erase", "--all", "--yes")
    with open_holdings(NAME) as holdings:
        path = holdings.folder / "keys.json"
    path.write_text(json.dumps({"chains": {}}))

    assert "which an erasure has ended" in owner.run("ledger", exit_code=2)
    assert owner.told("status")["recording"] == []
