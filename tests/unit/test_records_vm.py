"""Both interpreters record the same bytes."""

from gateway import cbor
from tests.models.shell import profile
from tests.vm import Both


def test_both_interpreters_store_the_same(both: Both) -> None:
    saves = both("tests.differential.keeping", "record", cbor.encode(profile()), 300)
    names = [name for name, _ in saves]
    assert {"root", "consent", "data", "ledger", "settings", "block-s1", "block-l1"} < set(names)
    assert names.count("block-1") > 1
    assert "block-3" in names
    assert ["block-1", None] not in saves  # the erasure's turn had not come
