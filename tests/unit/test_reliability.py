"""CoAP's message layer: what is remembered, and what is sent again when."""

from gateway.coap.reliability import Deduplicator, Retransmitter


def known(seen: Deduplicator) -> list[int]:
    """Return the message ids that are remembered."""
    return [n for n in range(40) if seen.answer((n, b"t", "peer")) is not None]


def test_the_newest_requests_are_remembered() -> None:
    seen = Deduplicator()
    for message_id in range(40):
        seen.remember((message_id, b"t", "peer"), b"answer %d" % message_id)
    assert known(seen) == list(range(16, 40))  # a whole generation, and half of the next
    assert seen.answer((39, b"t", "peer")) == b"answer 39"
    assert seen.answer((39, b"t", "other")) is None
    assert seen.answer((39, b"u", "peer")) is None


def test_never_fewer_than_a_generation_are_remembered() -> None:
    seen = Deduplicator()
    for message_id in range(40):
        seen.remember((message_id, b"t", "peer"), b"")
        seen.remember((message_id, b"t", "peer"), b"answer")
        newest = range(max(0, message_id - 15), message_id + 1)
        assert known(seen)[-len(newest) :] == list(newest)
        assert len(known(seen)) <= 32


def test_large_answers_are_remembered_within_a_budget() -> None:
    seen = Deduplicator()
    for message_id in range(40):
        seen.remember((message_id, b"t", "peer"), b"")
        seen.remember((message_id, b"t", "peer"), bytes(640))
        assert message_id < 2 or known(seen)[-3:] == list(range(message_id - 2, message_id + 1))
        assert 640 * len(known(seen)) <= 4096


def test_one_answer_is_remembered_however_large() -> None:
    seen = Deduplicator()
    seen.remember((1, b"t", "peer"), bytes(10_000))
    assert seen.answer((1, b"t", "peer")) is not None
    seen.remember((2, b"t", "peer"), b"")
    seen.remember((2, b"t", "peer"), bytes(10_000))
    seen.remember((3, b"t", "peer"), b"")
    assert known(seen) == [2, 3]


def test_an_answer_replaces_the_one_before() -> None:
    seen = Deduplicator()
    for _ in range(100):
        seen.remember((1, b"t", "peer"), bytes(2000))
        seen.remember((2, b"t", "peer"), bytes(2000))
    assert seen.answer((1, b"t", "peer")) is not None
    assert seen.answer((2, b"t", "peer")) is not None


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
