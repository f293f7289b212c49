"""The socketcand protocol's text, and the words that Carport's own port adds to it.

Messages are `< word argument ... >`; what stands between them is ignored. Ids are hexadecimal: 3
digits are a standard id, 8 an extended one. DATA is hexadecimal and may be empty. TIME is in
seconds since 1970 with six decimals.

    client                              hub
                                        < hi >
    < open CHANNEL >                    < ok >
    < rawmode >                         < ok >, from now on frames
    < send ID DLC BYTE ... >
                                        < frame ID TIME DATA >    sent by another client
    < echo >                            < echo >
    anything else                       < error TEXT >

That is what any socketcand client sees. A client that wants to be a controller chip rather than a
PC says so in place of `< rawmode >`; from then on it gets `received` in place of `frame`, and an
answer to each transmit buffer it fills. RATE must be the bus's; DEPTH is the receive FIFO's; MODE
is normal or silent. Saying it again resets the controller.

    < controller DEPTH MODE RATE >      < ok >, or < error TEXT >
    < filters ID MASK [ID MASK ...] >   < ok >    before the first one nothing is received
    < transmit INDEX ID DLC BYTE ... >  later < transmitted INDEX TIME >, or
                                        < failed INDEX > if bus-off discarded it
    < cancel INDEX >                    < cancelled INDEX >, or < transmitted > if it was too late
                                        < received ID DATA >      takes a place in the FIFO
    < read COUNT >                      that many places are free again
                                        < state TEC REC NAME >    active, warning, passive, bus-off
                                        < overrun COUNT >         frames lost since the last one
    < broken >                          < broken COUNT >< ok >    on the wire so far, as heard here
    < restart >                         < ok >    nothing is pending any more; bus-off will end
    < stop >                            < ok >    off the bus, until the next `controller`

Source: github.com/linux-can/socketcand, doc/protocol.md (raw mode).
"""

from carport.hub.frame import Frame
from carport.hub.node import Filter, State

MESSAGE_MAX = 512  # longer than `< filters >` with FILTERS_MAX extended ids and masks
FILTERS_MAX = 14
STATE_NAMES = {
    State.ACTIVE: "active",
    State.WARNING: "warning",
    State.PASSIVE: "passive",
    State.BUS_OFF: "bus-off",
}

_STANDARD_DIGITS = 3
_EXTENDED_DIGITS = 8


class ProtocolError(Exception):
    """A message that the hub does not understand or cannot obey; its text goes to the client."""


def split_messages(received: bytes) -> tuple[list[list[str]], bytes]:
    """Return the words of each complete message, and the bytes that wait for more."""
    *complete, rest = received.split(b">")
    messages = []
    for each in complete:
        _, bracket, message = each.rpartition(b"<")
        if bracket:
            messages.append(message.decode("ascii", "replace").split())
    return messages, rest


def parse_number(word: str, base: int = 10) -> int:
    """Return the number, which has no sign and no separators.

    Raises:
        ProtocolError: it is not one.
    """
    if not word.isalnum():
        raise ProtocolError(f"{word} is not a number")
    try:
        return int(word, base)
    except ValueError:
        raise ProtocolError(f"{word} is not a number") from None


def parse_frame(words: list[str]) -> Frame:
    """Return the frame of `ID DLC BYTE ...`.

    Raises:
        ProtocolError: it is none; remote frames, which have a DLC and no bytes, are refused too.
    """
    if len(words) < 2 or len(words[0]) not in (_STANDARD_DIGITS, _EXTENDED_DIGITS):
        raise ProtocolError("a frame is an id of 3 or 8 digits, a DLC and its bytes")
    values = [parse_number(word, 16) for word in words]
    if values[1] != len(values) - 2 or any(value > 0xFF for value in values[2:]):
        raise ProtocolError(f"{len(values) - 2} bytes with a DLC of {values[1]}")
    try:
        return Frame(values[0], len(words[0]) == _EXTENDED_DIGITS, bytes(values[2:]))
    except ValueError as error:
        raise ProtocolError(str(error)) from None


def parse_filters(words: list[str]) -> list[Filter]:
    """Return the filters of `ID MASK ...`.

    Raises:
        ProtocolError: a mask is missing, of the wrong kind or there are too many.
    """
    if len(words) % 2 or len(words) > 2 * FILTERS_MAX:
        raise ProtocolError(f"filters are at most {FILTERS_MAX} pairs of id and mask")
    filters = []
    for id_word, mask_word in zip(words[::2], words[1::2], strict=True):
        digits = len(id_word)
        if digits not in (_STANDARD_DIGITS, _EXTENDED_DIGITS) or len(mask_word) != digits:
            raise ProtocolError("id and mask of a filter have 3 digits, or 8")
        is_extended_id = digits == _EXTENDED_DIGITS
        filters.append(
            Filter(parse_number(id_word, 16), parse_number(mask_word, 16), is_extended_id)
        )
    return filters


def format_id(frame: Frame) -> str:
    """Return the id with as many digits as its kind has."""
    digits = _EXTENDED_DIGITS if frame.is_extended_id else _STANDARD_DIGITS
    return f"{frame.arbitration_id:0{digits}X}"


def format_frame(frame: Frame, time_us: int) -> str:
    """Return the frame as an ordinary client reads it; time_us counts from 1970."""
    return f"< frame {format_id(frame)} {format_time(time_us)} {frame.data.hex().upper()} >"


def format_received(frame: Frame) -> str:
    """Return the frame as a controller reads it."""
    return f"< received {format_id(frame)} {frame.data.hex().upper()} >"


def format_time(time_us: int) -> str:
    """Return microseconds as seconds with six decimals."""
    return f"{time_us // 1_000_000}.{time_us % 1_000_000:06d}"
