"""What acts on the car: `/lock` and `/climate`. GET shows, POST commands."""

from hashlib import sha256

from gateway import cbor
from gateway.coap.numbers import (
    CHANGED,
    CONFLICT,
    CONTENT,
    FORBIDDEN,
    GATEWAY_TIMEOUT,
    GET,
    POST,
)
from gateway.endpoint import CHALLENGE
from gateway.errors import BusyError, DecodeError
from gateway.request import CBOR_FORMAT, SENML_FORMAT, diagnostic
from gateway.vault.principals import COMMAND, OWNER, VIEWER
from gateway.vehicle.receipts import CONFIRMED, DIGEST_BYTES, REFUSED, Receipt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.request import Answer, Request
    from gateway.resources.signals import Selection
    from gateway.vehicle.commands import CommandEngine
    from gateway.vehicle.receipts import Receipts

MAX_ID = 0xFFFFFFFF
MAX_ASKERS = 4

_FIELDS = ("id", "command", "arguments", "lifetime_ms")


class CommandResource:
    """A part of the car: the leaves that show it, and the commands whose profile names it.

    `waiting` holds who asked for commands that are under way: (receipt, request), at most 4 each.
    """

    segments = 1
    roles = {GET: VIEWER, POST: COMMAND}

    def __init__(
        self,
        name: str,
        selection: "Selection",
        engine: "CommandEngine",
        receipts: "Receipts",
        waiting: "list[tuple[Receipt, Request]]",
    ) -> None:
        self._name = name
        self._selection = selection
        self._engine = engine
        self._receipts = receipts
        self._waiting = waiting

    def version(self, request: "Request") -> int:
        """Return a number that changes when one of the leaves does."""
        return self._selection.version()

    def handle(self, request: "Request") -> "Answer | None":
        """Show the state, or begin a command; its receipt is the answer, once it is final.

        Raises:
            DecodeError: the payload is no command.
            CommandError: the car's profile does not allow it.
            BusyError: too many are under way.
        """
        if request.code == GET:
            return CONTENT, SENML_FORMAT, self._selection.pack(request.now_ms)
        return self._command(request)

    def _command(self, request: "Request") -> "Answer | None":
        command_id, command, arguments, lifetime_ms = self._decode(request.payload)
        digest = sha256(request.payload).digest()[:DIGEST_BYTES]
        key = request.known_key
        if command_id <= self._receipts.last_id(key.kid):
            return self._repeat(request, command_id, digest)
        limits = key.principal.limits
        if limits is not None:
            refusal = limits.refusal(request.now_ms)
            if refusal:
                return diagnostic(FORBIDDEN, refusal)
        if not request.is_fresh:
            return CHALLENGE
        receipt = Receipt(
            key.kid, command_id, digest, command, arguments, key.principal.name, request.now_ms
        )
        if limits is not None:
            receipt.uses = limits.uses
        self._waiting.append((receipt, request))
        try:
            is_owners = key.principal.rank == OWNER
            self._engine.submit(receipt, lifetime_ms, request.now_ms, is_owners)
        except Exception:
            self._waiting.remove((receipt, request))
            raise
        return None

    def _repeat(self, request: "Request", command_id: int, digest: bytes) -> "Answer | None":
        """Answer a command whose id was used before with what became, or becomes, of the first.

        Raises:
            BusyError: too many wait for that.
        """
        kid = request.known_key.kid
        known = self._receipts.under_way(kid, command_id)
        if known is not None and known.digest == digest:
            if len([pair for pair in self._waiting if pair[0] is known]) == MAX_ASKERS:
                raise BusyError("enough requests wait for this command")
            self._waiting.append((known, request))
            return None
        final = self._receipts.final(kid, command_id)
        if final is not None and final[0] == digest:
            request.after = max(request.after, self._receipts.change)
            return answer_of(final[1], final[2])
        text = f"id {command_id} was used for another command, or long ago; ids count up"
        return diagnostic(CONFLICT, text)

    def _decode(self, payload: bytes) -> "tuple[int, str, dict[str, Any], int | None]":
        """Return id, command, arguments and lifetime of a payload."""
        fields = cbor.decode(payload)
        if type(fields) is not dict:
            raise DecodeError("a command is a map")
        for field in fields:
            if field not in _FIELDS:
                raise DecodeError(f"a command has no field {field}")
        command_id = fields.get("id")
        command = fields.get("command")
        arguments = fields.get("arguments", {})
        lifetime_ms = fields.get("lifetime_ms")
        if type(command_id) is not int or not 0 <= command_id <= MAX_ID:
            raise DecodeError("id is an unsigned integer of 32 bits")
        if type(command) is not str or self._engine.resource_of(command) != self._name:
            raise DecodeError("this car has no such command at /" + self._name)
        if type(arguments) is not dict:
            raise DecodeError("arguments are a map")
        if lifetime_ms is not None and (
            type(lifetime_ms) is not int or not 0 < lifetime_ms <= MAX_ID
        ):
            raise DecodeError("lifetime_ms is a positive integer of 32 bits")
        return command_id, command, arguments, lifetime_ms


def answer_of(state: str, payload: bytes) -> "Answer":
    """Return the answer that a final receipt makes."""
    code = CHANGED if state == CONFIRMED else CONFLICT if state == REFUSED else GATEWAY_TIMEOUT
    return code, CBOR_FORMAT, payload


def leaves_of_resources(profile: "dict[str, Any]") -> "dict[str, list[int]]":
    """Return the leaves that each resource shows: those that its commands change."""
    shown: dict[str, set[int]] = {}
    for command in profile["commands"].values():
        leaves = shown.setdefault(command["resource"], set())
        leaves.update([condition[0] for condition in command["confirm"]])
        leaves.update([argument["leaf"] for argument in command["arguments"].values()])
    return {name: sorted(leaves) for name, leaves in shown.items()}
