"""Who has recorded an update, or has another key, or waits, or floods: nothing starts by that."""

from random import Random

import pytest

from gateway.coap import block, message
from gateway.coap.numbers import (
    BLOCK1,
    CHANGED,
    CONTENT,
    ECHO,
    GET,
    POST,
    PUT,
    UNAUTHORIZED,
)
from tests.models.host import Host, Response, client_context
from tests.models.slot_board import (
    PIECE,
    SlotBoard,
    activate,
    hash_of,
    make,
    put,
    send,
    told,
)

LATE_MS = 60_000
PAUSE_MS = 200
SMALL = make(3 * PIECE)


@pytest.fixture
def board() -> SlotBoard:
    return SlotBoard()


@pytest.fixture
def owner(board: SlotBoard) -> Host:
    return Host.pair(board.shell)


def record(board: SlotBoard) -> list[bytes]:
    """Return the list to which each datagram that is sent from now on is added."""
    recorded: list[bytes] = []
    receive = board.shell.receive_datagram

    def heard(data: bytes, peer: object, on_cable: bool = False) -> None:
        recorded.append(data)
        receive(data, peer, on_cable)

    board.shell.receive_datagram = heard  # type: ignore[method-assign,assignment]
    return recorded


def first_block(owner: Host, echo: bytes) -> Response:
    """Send the first block with an Echo value that somebody had before."""
    options = [(BLOCK1, block.encode(0, True, 5)), (ECHO, echo)]
    owner.send(owner.protect(PUT, ["update"], SMALL[:PIECE], options=options))
    return owner.responses()[-1]


def challenge(owner: Host) -> bytes:
    """Return a fresh Echo value."""
    options = [(BLOCK1, block.encode(0, True, 5))]
    owner.send(owner.protect(PUT, ["update"], SMALL[:PIECE], options=options))
    echo = owner.responses()[-1].option(ECHO)
    assert echo is not None
    return echo


@pytest.mark.parametrize("peer", ["host", "somebody else"])
@pytest.mark.parametrize("reboots", [0, 1, 2])
def test_a_recorded_update_does_nothing_when_it_is_sent_again(
    board: SlotBoard, owner: Host, reboots: int, peer: str
) -> None:
    recorded = record(board)
    send(owner, SMALL)
    assert activate(owner, SMALL).code == CHANGED
    for _ in range(reboots):
        board = board.reboot()
    flash = bytes(board.flash.chip.image)
    for data in list(recorded):
        board.shell.advance(PAUSE_MS)
        board.shell.receive_datagram(data, owner.peer if peer == "host" else peer)
    board.shell.advance(LATE_MS)
    assert bytes(board.flash.chip.image) == flash


def test_an_echo_value_is_fresh_for_a_moment_only(board: SlotBoard, owner: Host) -> None:
    echo = challenge(owner)
    board.shell.advance(LATE_MS)
    late = first_block(owner, echo)
    assert (late.code, late.option(ECHO) is None) == (UNAUTHORIZED, False)
    assert "receiving" not in told(owner)
    assert first_block(owner, challenge(owner)).code != UNAUTHORIZED


def test_nor_does_it_start_anything_later(board: SlotBoard, owner: Host) -> None:
    send(owner, SMALL)
    echo = challenge_of_start(owner)
    board.shell.advance(LATE_MS)
    payload = {"sha256": hash_of(SMALL)}
    owner.send(owner.protect(POST, ["update"], payload, options=[(ECHO, echo)]))
    assert owner.responses()[-1].code == UNAUTHORIZED
    assert board.reboot().slot == 0


def challenge_of_start(owner: Host) -> bytes:
    owner.send(owner.protect(POST, ["update"], {"sha256": hash_of(SMALL)}))
    echo = owner.responses()[-1].option(ECHO)
    assert echo is not None
    return echo


def test_an_echo_value_of_another_boot_is_not_fresh(board: SlotBoard, owner: Host) -> None:
    send(owner, SMALL)
    echo = challenge_of_start(owner)
    board = board.reboot()
    owner.shell = board.shell
    owner.send(owner.protect(POST, ["update"], {"sha256": hash_of(SMALL)}, options=[(ECHO, echo)]))
    assert owner.responses()[-1].code == UNAUTHORIZED
    assert board.reboot().slot == 0


def test_another_key_opens_nothing(board: SlotBoard, owner: Host) -> None:
    send(owner, SMALL)
    flash = bytes(board.flash.chip.image)
    stranger = Host(board.shell, client_context(bytes(16), owner.kid, b"\0"), peer="stranger")
    for code, payload in ((PUT, SMALL[:PIECE]), (POST, {"sha256": hash_of(SMALL)}), (GET, None)):
        stranger.send(stranger.protect(code, ["update"], payload))
        assert all(answer.code >> 5 == 4 for answer in stranger.responses())
    assert bytes(board.flash.chip.image) == flash


def test_a_flipped_bit_of_a_block_keeps_it_out(board: SlotBoard, owner: Host) -> None:
    assert put(owner, SMALL, 0).code >> 5 == 2
    options = [(BLOCK1, block.encode(1, True, 5))]
    data = owner.protect(PUT, ["update"], SMALL[PIECE : 2 * PIECE], options=options)
    flash = bytes(board.flash.chip.image)
    random = Random(1)
    sealed = len(message.decode(data).payload)
    for offset in range(len(data) - sealed, len(data), 7):
        changed = bytearray(data)
        changed[offset] ^= 1 << random.randrange(8)
        board.shell.advance(PAUSE_MS)
        board.shell.receive_datagram(bytes(changed), owner.peer)
    assert bytes(board.flash.chip.image) == flash
    board.shell.advance(LATE_MS)
    board.shell.datagrams.clear()
    assert put(owner, SMALL, 1).code >> 5 == 2


def test_who_is_revoked_sends_no_further_block(board: SlotBoard, owner: Host) -> None:
    other = owner.enrol(name="eve", role="owner")
    assert put(other, SMALL, 0).code >> 5 == 2
    owner.revoke("eve")
    before = told(owner)
    assert put(other, SMALL, 1).code == UNAUTHORIZED
    assert told(owner) == before


def test_a_second_owner_cannot_mix_in_what_is_not_the_firsts(
    board: SlotBoard, owner: Host
) -> None:
    other = owner.enrol(name="eve", role="owner")
    assert put(owner, SMALL, 0).code >> 5 == 2
    evil = make(3 * PIECE, seed=6)
    for num in (0, 1, 2):
        assert put(other, evil, num).code >> 5 != 2
    for num in (1, 2):
        assert put(owner, SMALL, num).code >> 5 == 2
    assert told(owner)["receiving"]["sha256"] == hash_of(SMALL)
    assert activate(other, evil).code >> 5 == 4


def test_a_flood_of_strangers_only_delays_it(board: SlotBoard, owner: Host) -> None:
    random = Random(2)
    for num in range(3):
        for _ in range(50):
            junk = random.randbytes(random.randrange(4, 600))
            board.shell.receive_datagram(junk, f"stranger {random.randrange(20)}")
        board.shell.datagrams = [each for each in board.shell.datagrams if each[1] == owner.peer]
        assert put(owner, SMALL, num).code >> 5 == 2
    assert activate(owner, SMALL).code == CHANGED
    assert board.reboot().slot == 1
    assert owner.request(GET, ["system"]).code == CONTENT
