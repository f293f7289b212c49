"""The hub's protocol as a list of what is said and answered, at given times, with no socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carport.hub.channel import Channel
from carport.hub.frame import Frame, wire_bits
from carport.hub.node import Controller
from carport.hub.protocol import split_messages
from carport.hub.session import HOLD_US, Session

EPOCH_US = 1_700_000_000_000_000


class Bench:
    """A channel `can0` with sessions, and the time, which `pass_us` moves."""

    def __init__(self) -> None:
        self.now_us = 0
        self.channel = Channel("can0", 500_000)

    def session(self) -> Session:
        return Session({"can0": self.channel})

    def say(self, session: Session, text: str) -> str:
        messages, rest = split_messages(text.encode())
        assert rest == b""
        for words in messages:
            session.handle(words, self.now_us)
        return self.read(session)

    def read(self, session: Session) -> str:
        return session.take_output(self.now_us, EPOCH_US)

    def pass_us(self, duration_us: int) -> None:
        self.now_us += duration_us
        self.channel.advance(self.now_us)

    def ordinary(self) -> Session:
        session = self.session()
        assert self.say(session, "< open can0 >< rawmode >") == "< hi >< ok >< ok >"
        session.handle(["echo"], self.now_us)
        self.read(session)
        return session

    def controller(self, fifo_depth: int = 8, mode: str = "normal") -> Session:
        session = self.session()
        self.say(session, f"< open can0 >< controller {fifo_depth} {mode} 500000 >")
        assert self.say(session, "< filters 000 000 00000000 00000000 >") == "< ok >"
        return session


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_each_step_of_the_handshake_has_its_own_answer(bench: Bench) -> None:
    session = bench.session()
    assert bench.read(session) == "< hi >"
    assert bench.say(session, "< open can0 >") == "< ok >"
    assert bench.say(session, "< rawmode >") == "< ok >"
    assert bench.say(session, "< echo >") == "< echo >"


@pytest.mark.parametrize(
    ("sent", "frame", "received"),
    [
        ("< send 123 0  >", Frame(0x123, False, b""), "< frame 123 {}  >"),
        ("< send 7FF 2 0 a5 >", Frame(0x7FF, False, b"\0\xa5"), "< frame 7FF {} 00A5 >"),
        ("< send 00000123 1 FF >", Frame(0x123, True, b"\xff"), "< frame 00000123 {} FF >"),
    ],
)
def test_a_frame_as_python_can_reads_it(
    bench: Bench, sent: str, frame: Frame, received: str
) -> None:
    one, other = bench.ordinary(), bench.ordinary()
    assert bench.say(one, sent) == ""
    bench.pass_us(1000)
    assert bench.read(one) == ""
    assert bench.read(other) == received.format(f"1700000000.{2 * wire_bits(frame):06}")


def test_frames_wait_for_an_ok_to_be_read_alone(bench: Bench) -> None:
    sender, silent, talking = bench.ordinary(), bench.session(), bench.session()
    for session in (silent, talking):
        bench.say(session, "< open can0 >")
        assert bench.say(session, "< rawmode >") == "< ok >"
    bench.say(sender, "< send 123 0 >")
    bench.pass_us(1000)
    assert bench.read(silent) == bench.read(talking) == ""
    assert bench.say(talking, "< send 456 0 >").startswith("< frame 123 ")
    assert silent.next_timeout() == HOLD_US
    bench.pass_us(HOLD_US)
    assert bench.read(silent).count("< frame ") == 2
    assert silent.next_timeout() is None


@pytest.mark.parametrize(
    "text",
    [
        "< send 800 0 >",
        "< send 20000000 0 >",
        "< send 12 0 >",
        "< send 123 2 1 >",
        "< send 123 9 1 2 3 4 5 6 7 8 9 >",
        "< send 123 1 100 >",
        "< send 123 1 -1 >",
        "< send 1_3 0 >",
        "< send 123 4  >",
        "< send 123 >",
        "< send >",
        "<>",
        "< open can0 >",
        "< rawmode now >",
        "< bcmmode >",
        "< transmit 0 123 0 >",
        "< controller 0 normal 500000 >",
        "< controller 8 loud 500000 >",
        "< controller 8 normal 250000 >",
    ],
)
def test_what_is_wrong_is_an_error_and_nothing_else(bench: Bench, text: str) -> None:
    session, other = bench.ordinary(), bench.ordinary()
    assert bench.say(session, text).startswith("< error ")
    bench.pass_us(10_000)
    assert bench.read(other) == ""
    bench.say(session, "< send 123 0 >")
    bench.pass_us(10_000)
    assert bench.read(other).startswith("< frame 123 ")


@pytest.mark.parametrize(
    "text",
    [
        "< send 123 0 >",
        "< rawmode >",
        "< transmit 3 123 0 >",
        "< transmit x 123 0 >",
        "< cancel >",
        "< read 1 >",
        "< filters 123 >",
        "< filters 123 00000123 >",
        "< filters" + " 123 7FF" * 15 + " >",
    ],
)
def test_what_a_controller_cannot_say(bench: Bench, text: str) -> None:
    assert bench.say(bench.controller(), text).startswith("< error ")


def test_nobody_acknowledges_before_it_is_clear_what_it_is(bench: Bench) -> None:
    session = bench.session()
    bench.say(session, "< open can0 >")
    assert bench.channel.bus.nodes == []
    bench.say(session, "< controller 8 silent 500000 >")
    assert not bench.channel.bus.nodes[0].acknowledges


def test_send_needs_no_rawmode_but_nothing_is_received_without(bench: Bench) -> None:
    mute, other = bench.session(), bench.ordinary()
    bench.say(mute, "< open can0 >< send 123 0 >")
    bench.say(other, "< send 124 0 >")
    bench.pass_us(1000)
    assert bench.read(other).startswith("< frame 123 ")
    assert bench.say(mute, "< rawmode >") == "< ok >"
    bench.pass_us(HOLD_US)
    assert bench.read(mute) == ""


def test_unknown_channel(bench: Bench) -> None:
    assert bench.say(bench.session(), "< open can7 >") == "< hi >< error no channel can7 >"


def test_transmit_buffers_are_answered_by_index(bench: Bench) -> None:
    chip, other = bench.controller(), bench.ordinary()
    bench.say(chip, "< transmit 2 300 0 >< transmit 0 100 1 AB >< transmit 1 00000200 0 >")
    assert bench.say(chip, "< transmit 1 200 0 >") == "< error transmit buffer 1 is not free >"
    bench.pass_us(1000)
    answers = bench.read(chip).split("<")[1:]
    assert [answer.split()[:2] for answer in answers] == [
        ["transmitted", "1"],
        ["transmitted", "0"],
        ["transmitted", "2"],
    ]
    assert [each.split()[1] for each in bench.read(other).split("<")[1:]] == [
        "00000200",
        "100",
        "300",
    ]


def test_cancel(bench: Bench) -> None:
    chip = bench.controller()
    bench.say(chip, "< transmit 0 300 0 >")
    bench.pass_us(100)
    assert bench.say(chip, "< cancel 0 >") == ""
    bench.pass_us(1000)
    assert bench.read(chip) == "< state 8 0 active >< cancelled 0 >"
    assert bench.say(chip, "< cancel 0 >") == ""


def test_received_frames_take_places_until_they_are_read(bench: Bench) -> None:
    chip, other = bench.controller(fifo_depth=2), bench.ordinary()
    for i in range(4):
        bench.say(other, f"< send 10{i} 1 {i} >")
    bench.pass_us(10_000)
    assert bench.read(chip) == "< overrun 2 >< received 100 00 >< received 101 01 >"
    bench.say(chip, "< read 1 >")
    bench.say(other, "< send 00000104 0 >< send 105 0 >")
    bench.pass_us(10_000)
    assert bench.read(chip) == "< overrun 1 >< received 00000104  >"


def test_bus_off_is_told_and_ended_by_a_restart(bench: Bench) -> None:
    chip, other = bench.controller(), bench.ordinary()
    bench.say(other, "< send 000 0 >")
    bench.say(chip, "< transmit 1 300 0 >")
    bench.channel.force_bus_off(bench.now_us)
    assert bench.read(chip) == "< state 256 0 bus-off >< failed 1 >"
    assert bench.say(chip, "< transmit 1 300 0 >") == "< failed 1 >"
    assert bench.say(chip, "< restart >") == "< ok >"
    bench.pass_us(128 * 11 * 2)
    assert bench.read(chip) == "< state 0 0 active >"


def test_a_completion_before_a_restart_is_not_told_after_it(bench: Bench) -> None:
    chip, other = bench.controller(), bench.ordinary()
    bench.say(chip, "< transmit 1 300 0 >")
    bench.pass_us(10_000)
    assert bench.say(chip, "< restart >") == "< ok >"
    assert bench.read(other).startswith("< frame 300 ")


def test_a_cut_wire_is_no_acknowledgement_until_it_is_mended(bench: Bench) -> None:
    chip, other = bench.controller(), bench.ordinary()
    bench.channel.set_connected(False, bench.now_us)
    bench.say(chip, "< transmit 0 300 0 >")
    bench.say(other, "< send 123 0 >")
    bench.pass_us(100_000)
    assert bench.read(chip) == "< state 128 0 passive >"
    assert bench.read(other) == ""
    later = bench.controller()
    bench.channel.set_connected(True, bench.now_us)
    bench.pass_us(1_000)
    assert "< received 123  >" in bench.read(chip)
    assert "< received 123  >" in bench.read(later)
    assert bench.read(other).startswith("< frame 300 ")


def test_stop_and_controller_begin_afresh(bench: Bench) -> None:
    chip, other = bench.controller(), bench.ordinary()
    bench.say(chip, "< transmit 0 300 0 >")
    assert bench.say(chip, "< stop >") == "< ok >"
    assert bench.say(chip, "< transmit 0 300 0 >").startswith("< error ")
    assert len(bench.channel.bus.nodes) == 1
    assert bench.say(chip, "< controller 8 silent 500000 >") == "< ok >"
    bench.say(chip, "< transmit 0 300 0 >")
    bench.pass_us(10_000)
    assert bench.read(chip) == bench.read(other) == ""


def test_close_takes_the_node_off_the_bus(bench: Bench) -> None:
    session = bench.ordinary()
    assert len(bench.channel.bus.nodes) == 1
    session.close(bench.now_us)
    assert bench.channel.bus.nodes == []


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_messages_are_the_same_however_they_are_cut(pieces: list[bytes]) -> None:
    whole, rest = split_messages(b"".join(pieces))
    messages: list[list[str]] = []
    waiting = b""
    for piece in pieces:
        complete, waiting = split_messages(waiting + piece)
        messages += complete
    assert (messages, waiting) == (whole, rest)


@given(st.lists(st.text(st.characters(codec="ascii"), max_size=12), max_size=6))
def test_no_message_raises(words: list[str]) -> None:
    bench = Bench()
    for session in (bench.session(), bench.ordinary(), bench.controller()):
        for verb in ("send", "transmit", "filters", "controller", "cancel", "read", "open"):
            session.handle(words, 0)
            session.handle([verb, *words], 0)


# ---- faults of the wire ----


@pytest.mark.parametrize(("mode", "rec"), [("normal", 2), ("silent", 0)])
def test_a_controller_counts_what_breaks_even_if_it_is_silent(
    bench: Bench, mode: str, rec: int
) -> None:
    listener = bench.controller(mode=mode)
    bench.ordinary()
    sender = bench.ordinary()
    bench.channel.bus.breaks_every = 2
    for _ in range(4):
        bench.say(sender, "< send 123 1 AA >")
        bench.pass_us(10_000)
    heard = bench.say(listener, "< broken >")
    assert heard.count("< received 123 AA >") == 4  # what breaks is sent again
    assert "< broken 3 >< ok >" in heard
    (node,) = [node for node in bench.channel.bus.nodes if isinstance(node, Controller)]
    assert node.rec <= rec


def test_at_another_bit_rate_everything_breaks_until_it_is_right_again(bench: Bench) -> None:
    listener = bench.controller()
    sender = bench.ordinary()
    bench.ordinary()
    bench.channel.set_wrong_bitrate(bench.now_us)
    for _ in range(150):
        bench.say(sender, "< send 123 1 AA >")
        bench.pass_us(1000)
    heard = bench.say(listener, "< broken >")
    assert "received" not in heard
    assert "< state 0 150 passive >" in heard
    assert "< broken 150 >" in heard
    assert bench.channel.bus.frames == 150

    bench.channel.set_connected(True, bench.now_us)
    bench.say(sender, "< send 123 1 AA >")
    bench.pass_us(1000)
    assert "< received 123 AA >" in bench.read(listener)
