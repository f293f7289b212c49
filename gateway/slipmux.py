"""Slipmux: CoAP messages and log lines on one serial line (draft-bormann-t2trg-slipmux-03).

Frames are SLIP's (RFC 1055), with an END in front as well, so that noise before them is cut off.
The first byte tells the kind:

    C0  0A  text in UTF-8 ...                      C0    a diagnostic line
    C0  A9  CoAP message ...   FCS low   FCS high  C0    a message, with the FCS-16 of RFC 1662

The FCS covers A9 and the message. Within a frame C0 is sent as DB DC, and DB as DB DD; DB C0
aborts the frame.
"""

from gateway.const import const

LOG = const(0x0A)
COAP = const(0xA9)

END = b"\xc0"
ESCAPE = b"\xdb"
ESCAPED_END = b"\xdb\xdc"
ESCAPED_ESCAPE = b"\xdb\xdd"

GOOD_FCS = const(0xF0B8)


def encode_coap(message: bytes) -> bytes:
    """Return the frame for a CoAP message."""
    content = b"\xa9" + message
    check = fcs(content) ^ 0xFFFF
    return frame(content + bytes((check & 0xFF, check >> 8)))


def encode_log(text: str) -> bytes:
    """Return the frame for one log line."""
    return frame(b"\x0a" + text.encode())


def frame(content: bytes) -> bytes:
    """Return content escaped, between two ENDs."""
    return END + content.replace(ESCAPE, ESCAPED_ESCAPE).replace(END, ESCAPED_END) + END


def fcs(data: bytes) -> int:
    """Return the FCS-16 of data before its final complement; over data and its FCS it is F0B8.

    Source: RFC 1662 appendix C.2; x**16 + x**12 + x**5 + 1 in closed form instead of a table.
    """
    check = 0xFFFF
    for byte in data:
        byte ^= check & 0xFF
        byte ^= byte << 4 & 0xFF
        check = check >> 8 ^ byte << 8 ^ byte << 3 ^ byte >> 4
    return check


class Decoder:
    """Cuts a stream of serial bytes into frames; anything may be lost or garbled on the way.

    Holds at most twice max_bytes + 3, whatever is fed. The counters tell what was dropped:
    bad_frames (a wrong checksum, a bad escape, an abort), oversized_frames and unknown_frames.
    """

    __slots__ = (
        "_held",
        "_is_skipping",
        "bad_frames",
        "max_bytes",
        "oversized_frames",
        "unknown_frames",
    )

    def __init__(self, max_bytes: int = 1280) -> None:
        """max_bytes is the largest message or line accepted."""
        self.max_bytes = max_bytes
        self.bad_frames = 0
        self.oversized_frames = 0
        self.unknown_frames = 0
        self._held = b""
        self._is_skipping = False

    def feed(self, data: "bytes | bytearray | memoryview") -> "list[tuple[int, bytes]]":
        """Return what data completes: (COAP, message) and (LOG, UTF-8 text) in their order."""
        data = bytes(data)
        frames = []
        start = 0
        end = data.find(END)
        while end >= 0:
            self._hold(data[start:end])
            kind, content = self._end_frame()
            if kind:
                frames.append((kind, content))
            start = end + 1
            end = data.find(END, start)
        self._hold(data[start:])
        return frames

    def _hold(self, piece: bytes) -> None:
        if not self._is_skipping:
            if len(self._held) + len(piece) <= 2 * (self.max_bytes + 3):
                self._held += piece
            else:
                self._is_skipping = True
                self._held = b""

    def _end_frame(self) -> tuple[int, bytes]:
        """Return the kind and the content of the frame that ended, or kind 0 for none."""
        content = self._held
        self._held = b""
        if self._is_skipping:
            self._is_skipping = False
            self.oversized_frames += 1
            return 0, b""
        if not content:
            return 0, b""
        escapes = content.count(ESCAPE)
        if escapes:
            if escapes != content.count(ESCAPED_END) + content.count(ESCAPED_ESCAPE):
                self.bad_frames += 1
                return 0, b""
            content = content.replace(ESCAPED_END, END).replace(ESCAPED_ESCAPE, ESCAPE)
        kind = content[0]
        if kind == COAP:
            if len(content) > self.max_bytes + 3:
                self.oversized_frames += 1
            elif fcs(content) != GOOD_FCS:
                self.bad_frames += 1
            else:
                return COAP, content[1:-2]
        elif kind == LOG:
            if len(content) <= self.max_bytes + 1:
                return LOG, content[1:]
            self.oversized_frames += 1
        else:
            self.unknown_frames += 1
        return 0, b""
