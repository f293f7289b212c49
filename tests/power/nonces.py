"""Every nonce that seals something, as it shows on the wire: none may ever seal two things.

A host's key seals requests, each with the Partial IV that it brings. The board's key seals the
answers, with a Partial IV of the board's own or, where they bring none, with their request's. A
datagram that is sent again is the same bytes, and no second use.
"""

from bisect import bisect_right
from collections.abc import Hashable

from gateway.coap import message
from gateway.coap.message import Message
from gateway.coap.numbers import OSCORE
from gateway.oscore import option

Context = tuple[bytes, bytes | None]  # kid and kid context
Nonce = tuple[Context, str, int]  # whose key seals, and who chose which number


class NonceReusedError(AssertionError):
    """A key sealed two things with one nonce, or a number went back."""


class Nonces:
    """What was seen in one stretch of power.

    before: what was seen until a mark in the stretches before it, which counts too.
    """

    def __init__(self, before: "tuple[Nonces, int] | None" = None) -> None:
        self._before = before
        self._sealed: dict[Nonce, tuple[int, bytes]] = {}  # the mark, and what was sealed
        # The mark and the board's own number, for each that was higher than all before.
        self._highest: dict[Context, list[tuple[int, int]]] = {}
        self._asked: dict[tuple[Hashable, bytes], tuple[Context, int]] = {}  # by peer and token

    def __len__(self) -> int:
        return len(self._sealed)

    def request(self, data: bytes, peer: Hashable) -> None:
        """Look at a datagram on its way to the board."""
        outer = message.decode(data)
        value = oscore_option(outer)
        if value is None:
            return
        piv, kid_context, kid = option.decode(value)
        assert piv is not None
        assert kid is not None
        context = kid, kid_context
        number = int.from_bytes(piv, "big")
        self._asked[peer, outer.token] = context, number
        self._note((context, "host seals, its number", number), 0, outer.payload)

    def response(self, data: bytes, peer: Hashable, mark: int = 0) -> None:
        """Look at a datagram that the board has sent.

        Raises:
            NonceReusedError: it was sealed with a nonce that had sealed something else.
        """
        outer = message.decode(data)
        value = oscore_option(outer)
        if value is None:
            return
        piv, _, _ = option.decode(value)
        context, number = self._asked[peer, outer.token]
        if piv is None:
            self._note((context, "board seals, host's number", number), mark, outer.payload)
            return
        number = int.from_bytes(piv, "big")
        if not self._note((context, "board seals, its number", number), mark, outer.payload):
            return
        if self._before is not None:
            earlier, until = self._before
            if number <= earlier.highest(context, until):
                raise NonceReusedError(f"number {number} of {context} was passed before")
        numbers = self._highest.setdefault(context, [])
        if not numbers or number > numbers[-1][1]:
            numbers.append((mark, number))

    def highest(self, context: Context, until: int) -> int:
        """Return the board's highest number until a mark, -1 if it used none."""
        numbers = self._highest.get(context, [])
        place = bisect_right(numbers, until, key=lambda entry: entry[0])
        own = numbers[place - 1][1] if place else -1
        if self._before is None:
            return own
        earlier, earlier_until = self._before
        return max(own, earlier.highest(context, earlier_until))

    def _note(self, nonce: Nonce, mark: int, ciphertext: bytes) -> bool:
        """Note a use; tell whether it is the first one."""
        before = self._find(nonce, mark)
        if before is None:
            self._sealed[nonce] = mark, ciphertext
        elif before != ciphertext:
            raise NonceReusedError(f"{nonce} sealed two things")
        return before is None

    def _find(self, nonce: Nonce, until: int) -> bytes | None:
        """Return what a nonce has sealed until a mark."""
        known = self._sealed.get(nonce)
        if known is not None and known[0] <= until:
            return known[1]
        if self._before is None:
            return None
        earlier, earlier_until = self._before
        return earlier._find(nonce, earlier_until)


def oscore_option(outer: Message) -> bytes | None:
    """Return the value of a message's OSCORE option, None if it has none."""
    return next((value for number, value in outer.options if number == OSCORE), None)
