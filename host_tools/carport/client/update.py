"""Updating a gateway: a package goes into its other slot, is started on trial, and proves itself.

    sending -> starting -> trial -> confirmed
                  '-----------'----> rolled back

`sending` may end and begin again at any block, in this process or a later one. What was sent is
not started before `starting`, which the board does only with a package that is whole. Then the
board keeps what it started once it has run for a while and an owner has reached it, which our
own questions do; else it goes back by itself.

gateway/carport.cddl has the payloads of /update.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import aiocoap
import cbor2

from carport.client.client import Client, successful, text_of
from carport.client.upload import BLOCK_BYTES, blocks, put_block
from carport.errors import (
    CarportError,
    NoAnswerError,
    NotAuthorisedError,
    NotConfirmedError,
    RefusedError,
)
from gateway.package import numbers_of

T = TypeVar("T")
Phase = Literal["sending", "starting", "trial"]
Progress = Callable[[Phase, int], None]
"""Is told where an update is: bytes that the board has, or seconds of its trial."""

_BLOCK_S = 10.0  # for one block: a sector is erased meanwhile, or the whole package verified
_PATIENCE_S = 60.0  # with a link that is broken, or a board that restarts
_TRIAL_S = 660.0  # the board ends a trial that nobody has looked at after 600 s
_POLL_S = 1.0
_MOST_FAILURES = 5

_SILENT = (
    "{name} has not answered since it was to start the update: leave it powered, for it goes back "
    "by itself if that does not run, and run `carport update` again to see"
)


@dataclass(frozen=True)
class Receiving:
    """A package on its way: how many of its bytes are in the board's flash."""

    sha256: bytes
    size: int
    received: int


@dataclass(frozen=True)
class Firmware:
    """What a gateway says of its firmware.

    running: the slot, "a" or "b", or "factory" for what was flashed. rolled_back: why the last
    update was given up, if it was. sha256: of the running package, None if it came with a flash.
    """

    version: str
    board: str
    running: str
    is_trial: bool
    receiving: Receiving | None
    rolled_back: str | None
    sha256: bytes | None


def decode_firmware(payload: bytes) -> Firmware:
    """Return what the gateway says.

    Raises:
        CarportError: it is not as gateway/carport.cddl says.
    """
    try:
        fields = cbor2.loads(payload)
        receiving = fields.get("receiving")
        return Firmware(
            fields["version"],
            fields["board"],
            fields["running"],
            fields["trial"],
            receiving and Receiving(receiving["sha256"], receiving["size"], receiving["received"]),
            fields.get("rolled_back"),
            fields.get("sha256"),
        )
    except (cbor2.CBORDecodeError, LookupError, TypeError, AttributeError) as error:
        raise CarportError(
            "the gateway's answer cannot be read: update the board over the cable, with "
            "`carport flash`"
        ) from error


class Updates:
    """The requests about updates, over a client; see Client for what they raise."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def name(self) -> str:
        """The gateway's name."""
        return self.client.gateway.name

    @property
    def is_on_cable(self) -> bool:
        """Whether the last answer came over the cable."""
        return self.client.route is not None and self.client.route.port is not None

    async def firmware(self) -> Firmware:
        """Return what runs, and what is on its way."""
        response = await self.client.request(aiocoap.GET, "update")
        return decode_firmware(accepted(response).payload)

    async def boot(self) -> bytes:
        """Return what tells this run of the board from all others."""
        return await self.client.boot()

    async def put(self, package: bytes, number: int, is_forced: bool) -> aiocoap.Message:
        """Send a block of a package."""
        return await put_block(self.client, _path(is_forced), package, number, _BLOCK_S)

    async def activate(self, sha256: bytes, is_forced: bool) -> None:
        """Let the board restart with the package that it has."""
        payload = cbor2.dumps({"sha256": sha256}, canonical=True)
        accepted(await self.client.request(aiocoap.POST, _path(is_forced), payload))


class Update:
    """One update of one gateway.

    header: the package's, as read_header() returns it. progress: is told where it is.
    """

    def __init__(
        self,
        updates: Updates,
        package: bytes,
        header: dict[str, Any],
        is_forced: bool,
        progress: Progress,
    ) -> None:
        self._updates = updates
        self._package = package
        self._header = header
        self._is_forced = is_forced
        self._progress = progress

    async def run(self, before: Firmware) -> Firmware:
        """Bring the package, start it, and return what the gateway says once it is confirmed.

        Raises:
            RefusedError: the gateway does not take this package, or not now.
            NotConfirmedError: it has gone back to what it ran before, or its trial does not end.
            NotAuthorisedError: we are no owner.
            NoAnswerError: it has been silent for a minute.
        """
        name = self._updates.name
        await _unless_silent(
            self._send(self._next(before)),
            f"{name} does not answer: it runs what it ran before, and keeps what it has of the "
            "update, so run `carport update` again to go on",
        )
        self._progress("starting", 0)
        started = await _unless_silent(self._start(before), _SILENT.format(name=name))
        return await wait_for_trial(self._updates, started, self._progress)

    async def _send(self, number: int) -> None:
        """Send all blocks from one on; where one is lost, go on where the board says."""
        failures = 0
        is_resumed = number > 0
        while number < blocks(self._package):
            self._progress("sending", number * BLOCK_BYTES)
            try:
                response = await self._updates.put(self._package, number, self._is_forced)
                is_lost = response.code is aiocoap.REQUEST_ENTITY_INCOMPLETE
            except NoAnswerError:
                is_lost = True
            if not is_lost and response.code is aiocoap.UNPROCESSABLE_ENTITY and is_resumed:
                number, is_resumed = 0, False  # what was there was not all ours
            elif not is_lost:
                accepted(response)
                number += 1
                failures = 0
            elif failures < _MOST_FAILURES:
                failures += 1
                number = self._next(await persist(self._updates.firmware))
            else:
                raise NoAnswerError("it takes no more blocks")
        self._progress("sending", len(self._package))

    def _next(self, firmware: Firmware) -> int:
        """Return the first block of our package that the board lacks."""
        receiving = firmware.receiving
        if receiving is None or receiving.sha256 != self._header["sha256"]:
            return 0
        if receiving.received >= receiving.size:
            return blocks(self._package)
        return receiving.received // BLOCK_BYTES

    async def _start(self, before: Firmware) -> Firmware:
        """Let the board restart with the package; return what it says once the other slot runs."""
        boot = await persist(self._updates.boot)
        begun_s = _now()
        is_heard = False
        while _now() - begun_s < _PATIENCE_S:
            try:
                if not is_heard:
                    await self._updates.activate(self._header["sha256"], self._is_forced)
                is_heard = True
            except NoAnswerError:
                pass  # it may have heard us
            except RefusedError:
                if await persist(self._updates.boot) == boot:
                    raise
            await asyncio.sleep(_POLL_S)
            firmware = await persist(self._updates.firmware)
            if firmware.running != before.running:
                if firmware.sha256 == self._header["sha256"]:
                    return firmware
                raise _went_back(self._updates, firmware)
            if firmware.rolled_back and await persist(self._updates.boot) != boot:
                raise _went_back(self._updates, firmware)
        raise NotConfirmedError(
            f"{self._updates.name} has the update, and has not started it: run `carport update` "
            "again"
        )


async def wait_for_trial(updates: Updates, firmware: Firmware, tell: Progress) -> Firmware:
    """Return what the gateway says once its trial is over; our questions are what it waits for.

    Raises:
        NotConfirmedError: it went back, or the trial does not end.
        NoAnswerError: it has been silent for a minute.
    """
    slot = firmware.running
    begun_s = _now()
    while firmware.is_trial and firmware.running == slot:
        elapsed_s = _now() - begun_s
        if elapsed_s > _TRIAL_S:
            raise NotConfirmedError(
                f"{updates.name} still has {firmware.version} on trial: leave it powered, and "
                "run `carport update` again to see what became of it"
            )
        tell("trial", int(elapsed_s))
        await asyncio.sleep(_POLL_S)
        firmware = await _unless_silent(
            persist(updates.firmware), _SILENT.format(name=updates.name)
        )
    if firmware.running != slot:
        raise _went_back(updates, firmware)
    return firmware


def check(header: dict[str, Any], firmware: Firmware, is_forced: bool, is_on_cable: bool) -> None:
    """See that a package is one for this gateway, before anything of it is sent.

    Raises:
        RefusedError: it is not; the gateway would say so as well.
    """
    if header["board"] != firmware.board:
        raise RefusedError(
            f"the package is for {header['board']}, and this board is {firmware.board}: leave out "
            "--package, and the right one is built"
        )
    if numbers_of(header["version"]) < numbers_of(firmware.version) and not (
        is_forced and is_on_cable
    ):
        raise RefusedError(
            f"the package has {header['version']}, which is older than {firmware.version}: to go "
            "back all the same, connect the cable, and add --via serial --force"
        )


def _went_back(updates: Updates, firmware: Firmware) -> NotConfirmedError:
    reason = firmware.rolled_back or "it does not say why"
    return NotConfirmedError(
        f"{updates.name} went back to {firmware.version} ({reason}): keys, settings and data are "
        "as before, so report this, or try again"
    )


async def _unless_silent(work: Awaitable[T], what_then: str) -> T:
    """Return what work returns; if the gateway does not answer, say what that means now."""
    try:
        return await work
    except NoAnswerError as error:
        raise NoAnswerError(what_then) from error


async def persist(ask: Callable[[], Awaitable[T]]) -> T:
    """Return the answer to a question, asked for a minute if the link breaks.

    Raises:
        NoAnswerError: there is none for that long.
    """
    begun_s = _now()
    while True:
        try:
            return await ask()
        except NoAnswerError:
            if _now() - begun_s > _PATIENCE_S:
                raise
        await asyncio.sleep(_POLL_S)


def accepted(response: aiocoap.Message) -> aiocoap.Message:
    """Return the response if it is a success, else raise what its code and text say."""
    text = text_of(response)
    if response.code in (aiocoap.UNAUTHORIZED, aiocoap.FORBIDDEN):
        raise NotAuthorisedError(f"only an owner may update ({text}): ask the gateway's owner")
    if response.code in (aiocoap.CONFLICT, aiocoap.SERVICE_UNAVAILABLE):
        raise RefusedError(f"the gateway does not take the update now ({text}): see to that first")
    if response.code is aiocoap.UNPROCESSABLE_ENTITY:
        raise CarportError(f"the update has not arrived as it was sent ({text}): run it again")
    if response.code is aiocoap.INTERNAL_SERVER_ERROR:
        raise CarportError(
            f"the board has trouble with it ({text}), and runs what it ran before: try again, or "
            "flash it with `carport flash`"
        )
    if response.code in (aiocoap.NOT_FOUND, aiocoap.METHOD_NOT_ALLOWED):
        raise CarportError(
            f"the gateway's firmware knows no updates ({text}): bring one that does with "
            "`carport flash`"
        )
    return successful(response)


def _path(is_forced: bool) -> str:
    return "update?force" if is_forced else "update"


def _now() -> float:
    return asyncio.get_running_loop().time()
