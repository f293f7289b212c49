"""Echo values: for whom, from where, and for how long they are good."""

import os

import pytest

from gateway.echoes import Echoes

KID = b"\x01"
HERE = b"\x0a\x4d\x00\x09"


@pytest.fixture
def echoes() -> Echoes:
    return Echoes(lambda size: bytes(range(size)))


def test_a_value_is_good_for_4_to_5_s(echoes: Echoes) -> None:
    early, late = echoes.value(KID, HERE, 7000), echoes.value(KID, HERE, 7999)
    assert early == late
    assert len(early) == 8
    for now_ms in (7000, 7999, 8000, 11_999):
        assert echoes.is_known(early, KID, HERE, now_ms)
    for now_ms in (6999, 12_000, 20_000):
        assert not echoes.is_known(early, KID, HERE, now_ms)


def test_it_is_good_for_its_key_its_source_and_this_boot(echoes: Echoes) -> None:
    value = echoes.value(KID, HERE, 0)
    assert not echoes.is_known(value, b"\x02", HERE, 0)
    assert not echoes.is_known(value, KID, b"\x0a\x4d\x00\x0a", 0)
    assert not echoes.is_known(value, KID, None, 0)
    assert not Echoes(os.urandom).is_known(value, KID, HERE, 0)


def test_where_one_part_ends_and_the_next_begins_is_no_matter_of_taste(echoes: Echoes) -> None:
    assert echoes.value(b"\x01\x0a", b"b", 0) != echoes.value(b"\x01", b"\x0ab", 0)


@pytest.mark.parametrize("size", range(2, 9))
def test_the_first_bytes_of_it_show_where_a_host_is(echoes: Echoes, size: int) -> None:
    value = echoes.value(KID, "10.77.0.9", 0)
    assert echoes.is_known(value[:size], KID, "10.77.0.9", 0)
    assert not echoes.is_known(bytes([value[0] ^ 1]) + value[1:size], KID, "10.77.0.9", 0)


@pytest.mark.parametrize("size", [0, 1, 9])
def test_other_lengths_are_none(echoes: Echoes, size: int) -> None:
    value = echoes.value(KID, HERE, 0) + b"\0"
    assert not echoes.is_known(value[:size], KID, HERE, 0)
