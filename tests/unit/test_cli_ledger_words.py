"""`carport data ledger` in the reader's words: one sentence for each thing that can be done."""

from typing import Any

import pytest

from carport.cli.ledger_words import entry_in_words

UNTIL = 1_811_894_400  # a midnight in UTC; the tests' own zone may be another
GRANT = {"purpose": "diary", "interval_s": 30, "keep_days": 90, "until": UNTIL, "by": "vm"}
POWER = {"mode": "stored", "interval_s": 1800, "low_mv": 12_200}
LIMITED = {"name": "anna", "role": "guest", "uses": 5, "dormant": True}
CASES: list[tuple[str, Any, str]] = [
    ("keys", {"paired": True}, "paired over the cable"),
    ("keys", {}, "took one more key of their own"),
    ("keys", {"dormant": True}, "made a backup"),
    ("keys", LIMITED, "invited anna, guest: lock, climate; 5 uses left"),
    ("keys", {"name": "phone", "role": "viewer"}, "made a key for phone, viewer: look only"),
    ("keys", {"ended": True, "name": "anna"}, "revoked anna"),
    ("keys", {"ended": True, "name": "ann", "backups": True}, "revoked the backups of ann"),
    ("keys", {"ended": True, "name": "ann", "others": True}, "revoked the other keys of ann"),
    ("arm", {}, "asked to arm the gateway"),
    ("arm", {"armed": True}, "armed the gateway: its button was pressed"),
    ("arm", {"ended": True}, "disarmed the gateway"),
    ("settings", {"region": "DE", "wifi": "home"}, "set region DE, Wi-Fi home"),
    ("settings", {"wifi": None, "ap": True}, "set Wi-Fi none, access point on"),
    (
        "settings",
        {"power": POWER},
        "set power stored for 30 min at most, low voltage 12.2 V",
    ),
    ("withdrawn", {"group": "driving"}, "withdrew the consent to driving"),
    ("expired", {"groups": ["driving"]}, "stopped recording driving: consent ended"),
    (
        "transfer",
        {"region": "FR", "until": None},
        "allowed keys of FR no data of other regions any more",
    ),
    ("key", {"chain": "5dc9", "step": 0}, "took the key of the records"),
    ("export", {"from": 3}, "began to export, at block 3"),
    ("export", {"first": 3, "last": 9, "times": 8}, "exported blocks 3 to 9"),
    ("denied", {"from": 3, "reason": "it is in FR"}, "was refused block 3: it is in FR"),
    ("denied", {"first": 3, "last": 3, "times": 4}, "was refused block 3"),
    ("erase", {}, "erased all that was recorded"),
    ("erased", {"chain": "5dc9", "step": None}, "destroyed their keys of the records"),
    ("erased", {"chain": "5dc9", "step": 4}, "destroyed their older keys of the records"),
    ("command", {"command": "lock", "state": "confirmed"}, "lock: the car confirmed it"),
    ("command", {"command": "lock", "state": "expired"}, "lock: it was not sent in time"),
    ("ledger", None, "destroyed what the entries before this one said"),
    ("update", {"version": "0.2.0", "sha256": "00ff"}, "started an update to 0.2.0"),
]


@pytest.mark.parametrize(("kind", "detail", "words"), CASES)
def test_an_entry_is_a_sentence(kind: str, detail: Any, words: str) -> None:
    assert entry_in_words(kind, detail) == words


@pytest.mark.parametrize(
    ("kind", "detail", "begin"),
    [
        ("time", {"unix_s": UNTIL}, "told the board the time, 2027-0"),
        ("erase", {"before": UNTIL}, "erased what was recorded before 2027-0"),
        ("transfer", {"region": "FR", "until": UNTIL}, "allowed keys of FR other regions' data"),
        (
            "consent",
            {"group": "driving", "grant": GRANT},
            "consented to driving: each 30 s, kept 90 days, until 2027-0",
        ),
    ],
)
def test_times_are_local(kind: str, detail: Any, begin: str) -> None:
    assert entry_in_words(kind, detail).startswith(begin)


@pytest.mark.parametrize("kind", [*dict.fromkeys(kind for kind, _, _ in CASES), "new"])
@pytest.mark.parametrize("detail", [None, 7, "x", [], {"unknown": 1}, {"unix_s": "x"}])
def test_an_entry_of_another_firmware_is_told_as_it_is(kind: str, detail: Any) -> None:
    words = entry_in_words(kind, detail)
    assert words
    if kind == "new":
        assert words == ("new" if detail is None else f"new: {detail}")
