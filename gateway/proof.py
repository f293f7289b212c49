"""Who has proven to be where it says, and what everybody else is answered.

Rules:

1. A host has proven its address for a key by an Echo value that was sent there for that key: the
   newest such address counts. Whoever sits at the cable needs none.
2. Anybody else is answered nothing larger than the request: an error loses its text; instead of
   what is larger still comes a challenge, its Echo value cut to what fits. So a forged address
   directs no large answer, and no stream of them, at somebody.
3. After a reboot, when the replay window is unknown, a request without an Echo value of this boot
   is challenged, each number once: copies of old requests cost a sequence number of ours each,
   and never two.

Source: RFC 8613 Appendix B.1.2, RFC 9175 section 2.4.
"""

from gateway.coap.message import body_bytes
from gateway.coap.numbers import BAD_REQUEST, ECHO, UNAUTHORIZED
from gateway.const import const
from gateway.echoes import ECHO_BYTES, MIN_ECHO_BYTES, Echoes
from gateway.errors import ReplayError
from gateway.oscore.replay_window import ReplayWindow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.answers import Answers
    from gateway.limits import Limits
    from gateway.request import Answer, Request
    from gateway.vault.key import Key

_CHALLENGE_BYTES = const(3)  # its code, and what stands in front of the Echo value


class Proof:
    """Judges requests, and challenges them."""

    def __init__(
        self,
        answers: "Answers",
        limits: "Limits",
        random: "Callable[[int], bytes]",
        counters: "dict[str, int]",
    ) -> None:
        self._answers = answers
        self._limits = limits
        self._echoes = Echoes(random)
        self._counters = counters

    def check_new(self, key: "Key", piv: "bytes | None") -> None:
        """Make sure, before it is decrypted, that a request was not challenged before.

        Raises:
            ReplayError: it was.
        """
        challenged = key.challenged
        if challenged is not None and not challenged.is_new(int.from_bytes(piv or b"", "big")):
            raise ReplayError("request was challenged before")

    def judge(self, request: "Request", key: "Key") -> bool:
        """Note whether a request is fresh and its host proven; tell whether it may be served."""
        source = request.source
        request.is_proven = source is None or source == key.source
        echo = request.echo
        has_echo = False
        if echo is not None:
            has_echo = self._echoes.is_known(echo, key.kid, source, request.now_ms)
            if has_echo:
                request.is_fresh = len(echo) == ECHO_BYTES
                request.is_proven = True
                if source is not None:
                    key.source = source
        assert key.oscore is not None
        window = key.oscore.replay_window
        if window.is_known:
            return True
        assert request.protected is not None
        sequence = request.protected.sequence
        if has_echo:
            window.initialize(sequence)
            key.challenged = None
        else:
            if key.challenged is None:
                key.challenged = ReplayWindow(True)
            key.challenged.accept(sequence)
        return has_echo

    def challenge(self, request: "Request") -> None:
        """Ask for proof that a request was made now, and comes from where it says."""
        source = request.source
        value = request.known_key.challenge(self._echoes, source, request.now_ms)
        if source is not None and not request.is_proven:
            value = value[: max(self._answers.room(request) - _CHALLENGE_BYTES, 0)]
            if len(value) < MIN_ECHO_BYTES or not self._limits.may_challenge(
                source, request.now_ms
            ):
                self._counters["unanswered"] += 1
                return
        self._counters["challenged"] += 1
        self._answers.answer(request, (UNAUTHORIZED, [(ECHO, value)], b""))

    def answer(self, request: "Request", answer: "Answer") -> None:
        """Answer with what the host may be sent."""
        if not request.is_proven:
            code, options, payload = answer
            room = self._answers.room(request) - 1  # behind the code
            if body_bytes(options, payload) > room:
                if code < BAD_REQUEST:
                    self.challenge(request)
                    return
                answer = code, options if body_bytes(options, b"") <= room else [], b""
        self._answers.answer(request, answer)
