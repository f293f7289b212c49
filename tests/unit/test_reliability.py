"""CoAP's message layer: what is remembered, and what is sent again when."""

from gateway.coap.reliability import Deduplicator, Retransmitter


def known(seen: Deduplicator) -> list[int]:
    """Return the message ids that are remembered."""
    return [n for n in range(40) if seen.answer(("peer", n, b"t")) is not None]


def test_the_newest_requests_are_remembered() -> None:
    seen = Deduplicator()
    for message_id in range(40):
        seen.remember(("peer", message_id, b"t"), b"answer %d" % message_id)
    assert known(seen) == list(range(16, 40))
    assert seen.answer(("peer", 39, b"t")) == b"answer 39"
    assert seen.answer(("other", 39, b"t")) is None
    assert seen.answer(("peer", 39, b"u")) is None


def test_large_answers_are_remembered_within_a_budget() -> None:
    seen = Deduplicator()
    for message_id in range(40):
        seen.remember(("peer", message_id, b"t"), b"")
        seen.remember(("peer", message_id, b"t"), bytes(1100))
    assert known(seen) == list(range(37, 40))


def test_one_answer_is_remembered_however_large() -> None:
    seen = Deduplicator()
    seen.remember(("peer", 1, b"t"), bytes(10_000))
    assert seen.answer(("peer", 1, b"t")) is not None
    seen.remember(("peer", 2, b"t"), b"")
    assert seen.answer(("peer", 1, b"t")) is None


def test_an_answer_replaces_the_one_before() -> None:
    seen = Deduplicator()
    for _ in range(100):
        seen.remember(("peer", 1, b"t"), bytes(2000))
        seen.remember(("peer", 2, b"t"), bytes(2000))
    assert seen.answer(("peer", 1, b"t")) is not None
    assert seen.answer(("peer", 2, b"t")) is not None


def test_retransmissions_double_their_distance_then_end() -> None:
    retransmitter = Retransmitter()
    retransmitter.add(b"data", "peer", 7, "about", jitter=0, now_ms=0)
    times = []
    while True:
        due_ms = retransmitter.next_timeout()
        assert due_ms is not None
        again, given_up = retransmitter.due(due_ms)
        if given_up:
            break
        assert [message.data for message in again] == [b"data"]
        times.append(due_ms)
    assert times == [2000, 6000, 14000, 30000]
    assert [message.about for message in given_up] == ["about"]
    assert retransmitter.next_timeout() is None


def test_an_acknowledgement_ends_it_for_its_peer_only() -> None:
    retransmitter = Retransmitter()
    retransmitter.add(b"data", "peer", 7, None, jitter=255, now_ms=0)
    assert retransmitter.find("other", 7) is None
    assert retransmitter.find("peer", 8) is None
    assert retransmitter.next_timeout() == 2996
    found = retransmitter.find("peer", 7)
    assert found is not None
    retransmitter.end(found)
    assert retransmitter.next_timeout() is None
