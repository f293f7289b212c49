"""The value of the OSCORE option: how a message names its key and its number.

     0 1 2 3 4 5 6 7  <------------- n bytes ------------->
    +-+-+-+-+-+-+-+-+--------------------------------------
    |0 0 0|h|k|  n  |       Partial IV (if any) ...
    +-+-+-+-+-+-+-+-+--------------------------------------

     <- 1 byte -> <----- s bytes ------>
    +------------+----------------------+------------------+
    | s (if any) | kid context (if any) | kid (if any) ... |
    +------------+----------------------+------------------+

An option with nothing in it is empty. A field that is absent is None here: a kid of no bytes is a
kid.

Source: RFC 8613 section 6.1.
"""

from gateway.const import const
from gateway.errors import DecodeError

MAX_PIV_BYTES = 5

_KID_CONTEXT_FLAG = const(0x10)
_KID_FLAG = const(0x08)
_RESERVED_FLAGS = const(0xE0)


def encode(piv: "bytes | None", kid_context: "bytes | None", kid: "bytes | None") -> bytes:
    """Return the option's value; the fields are as long as a `Context` allows."""
    flags = 0
    fields = b""
    if piv is not None:
        flags = len(piv)
        fields = piv
    if kid_context is not None:
        flags |= _KID_CONTEXT_FLAG
        fields += bytes((len(kid_context),)) + kid_context
    if kid is not None:
        flags |= _KID_FLAG
        fields += kid
    if flags == 0:
        return b""
    return bytes((flags,)) + fields


def decode(value: bytes) -> "tuple[bytes | None, bytes | None, bytes | None]":
    """Return (piv, kid_context, kid), each None if absent.

    Raises:
        DecodeError: reserved flags, a field cut short, bytes left over, a Partial IV of more than
            5 bytes or with leading zeros, or an only byte of zero, which had to be left out.
    """
    if not value:
        return None, None, None
    flags = value[0]
    if flags == 0 or flags & _RESERVED_FLAGS:
        raise DecodeError("OSCORE option with reserved flags")
    end = 1
    piv = None
    piv_bytes = flags & 7
    if piv_bytes:
        end += piv_bytes
        if piv_bytes > MAX_PIV_BYTES or end > len(value):
            raise DecodeError("OSCORE option with a bad Partial IV length")
        piv = value[1:end]
        if piv_bytes > 1 and piv[0] == 0:
            raise DecodeError("Partial IV with leading zeros")
    kid_context = None
    if flags & _KID_CONTEXT_FLAG:
        if end == len(value):
            raise DecodeError("OSCORE option cut short")
        kid_context = value[end + 1 : end + 1 + value[end]]
        end += 1 + value[end]
        if end > len(value):
            raise DecodeError("OSCORE option cut short")
    if flags & _KID_FLAG:
        return piv, kid_context, value[end:]
    if end != len(value):
        raise DecodeError("OSCORE option with bytes left over")
    return piv, kid_context, None
