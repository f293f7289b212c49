"""The backup's file: what it is made of, and what is refused when it is read."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from carport.client.backup import read_backup, seal_backup
from carport.client.dormant import Dormant, decode_dormant
from carport.client.principals import Grant
from carport.client.secret import Secret
from carport.errors import NotAuthorisedError, UsageError

PASSPHRASE = "Straße der Ölsardinen"
DORMANT = Dormant(
    gateway="leaf",
    addresses=["192.168.1.7:5683"],
    grant=Grant(name="desk", role="owner"),
    sender_id=b"\x07",
    recipient_id=b"\0",
    secret=Secret(range(16)),
)


@pytest.fixture(scope="module")
def text() -> str:
    return seal_backup(DORMANT, PASSPHRASE)


def changed(text: str, **changes: Any) -> bytes:
    fields = json.loads(text)
    fields["kdf"] |= {name: changes.pop(name) for name in ("n", "r", "p") if name in changes}
    return json.dumps({**fields, **changes}).encode()


def test_what_was_sealed_is_opened(text: str) -> None:
    assert read_backup(text.encode()).open(PASSPHRASE) == DORMANT


def test_the_format_is_as_documented(text: str) -> None:
    fields = json.loads(text)
    sealed = bytes.fromhex(fields.pop("sealed"))
    kdf = fields["kdf"]
    assert (kdf["name"], kdf["n"], kdf["r"], kdf["p"]) == ("scrypt", 2**17, 8, 1)
    key = Scrypt(bytes.fromhex(kdf["salt"]), 32, 2**17, 8, 1).derive(PASSPHRASE.encode())
    header = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()

    opened = ChaCha20Poly1305(key).decrypt(bytes.fromhex(fields["nonce"]), sealed, header)

    assert decode_dormant(opened) == DORMANT
    assert (fields["carport"], fields["version"], fields["gateway"]) == ("backup", 1, "leaf")


def test_a_passphrase_is_the_same_however_its_letters_are_composed(text: str) -> None:
    assert read_backup(text.encode()).open("Straße der O\u0308lsardinen") == DORMANT


def test_two_backups_share_nothing(text: str) -> None:
    first, second = json.loads(text), json.loads(seal_backup(DORMANT, PASSPHRASE))

    assert first["kdf"]["salt"] != second["kdf"]["salt"]
    assert first["nonce"] != second["nonce"]


@pytest.mark.parametrize("field", ["gateway", "owner", "made"])
def test_whoever_changes_the_header_opens_nothing(text: str, field: str) -> None:
    with pytest.raises(NotAuthorisedError):
        read_backup(changed(text, **{field: 0})).open(PASSPHRASE)


@pytest.mark.parametrize("at", [0, 20, -1])
def test_a_changed_bit_opens_nothing(text: str, at: int) -> None:
    sealed = bytearray.fromhex(json.loads(text)["sealed"])
    sealed[at] ^= 1

    with pytest.raises(NotAuthorisedError):
        read_backup(changed(text, sealed=sealed.hex())).open(PASSPHRASE)


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 2**19},
        {"n": 2**16},
        {"n": 2**17 + 1},
        {"n": True},
        {"n": "131072"},
        {"r": 64},
        {"p": 0},
        {"p": 5},
        {"kdf": {}},
        {"kdf": None},
        {"nonce": "00"},
        {"nonce": "xx"},
        {"sealed": None},
        {"cipher": "none"},
        {"version": 2},
        {"carport": "invitation"},
    ],
)
def test_what_no_backup_says_is_refused_before_any_work(
    text: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="no backup"):
        read_backup(changed(text, **changes))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"7", b"\xff", b"{" * 10_000, b" " * 70_000])
def test_other_files_are_no_backups(data: bytes) -> None:
    with pytest.raises(UsageError, match="no backup"):
        read_backup(data)
