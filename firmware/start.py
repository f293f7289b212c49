"""Puts the firmware together: the core, its sources, and the loop around them.

What the board cannot do without, and only its owner can mend, is no crash: when the storage is
damaged, a controller does not answer, or there is no profile or no place for keys, the board says
so on the cable (firmware/no_gateway.py). In safe mode it says so of whatever goes wrong here.
"""

import gc
import os

from firmware.aes import AES
from firmware.board import Board
from firmware.cable import Cable
from firmware.can_bus import CanBus
from firmware.health import Health, reason_of
from firmware.runner import Runner
from firmware.storage import Storage
from firmware.udp import Link, Udp
from gateway import profile_file
from gateway.const import const
from gateway.core import Gateway
from gateway.errors import GatewayError
from gateway.slipmux import Decoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from firmware.clock import Clock
    from firmware.crash_log import CrashLog
    from firmware.slot_writer import SlotWriter

DAMAGED = "the storage is damaged: to erase it, keys too, hold the button for 10 s after power-on"
NO_PROFILE = "there is no valid profile of a car: run carport flash"
NOT_A_BENCH = (
    "this profile routes between buses, which is for a bench alone: in a car Carport is a leaf. "
    'If this board is in no car, let its board.json say "bench": true'
)

_FACTORY_RESET_MS = const(10_000)


class NotReadyError(Exception):
    """There can be no gateway; the text says why, and what its owner can do."""


def start(
    board: Board, clock: "Clock", crashes: "CrashLog", is_trial: bool = False, slot: int = 0
) -> Runner:
    """Return the runner of this board's gateway, or of what says why there is none.

    Raises:
        NotReadyError: there can be no gateway, on a trial, which has failed then.
    """
    try:
        return _start_gateway(board, clock, crashes, is_trial, slot)
    except NotReadyError as error:
        if is_trial:
            raise
        reason = str(error)
    except Exception as error:
        if not crashes.is_safe_mode:
            raise
        reason = "safe mode, and still " + reason_of(error)
    return _start_without_gateway(board, clock, crashes, reason)


def open_storage(board: Board) -> Storage:
    """Return the board's storage, erased if it is new or the button asks for it.

    Raises:
        NotReadyError: it is damaged, or there is no place for keys.
    """
    is_factory_reset = board.is_button_held(_FACTORY_RESET_MS)
    try:
        keys = board.open_key_partition()
        if is_factory_reset:
            keys.save(b"")
            board.log("factory reset: everything is erased")
        root = keys.load()
    except OSError as error:
        raise NotReadyError(f"there is no place for keys ({error})")
    try:
        storage = Storage(board.mount(), keys)
        if root == b"":
            storage.wipe()  # now: what is kept of a crash is read before the records
        return storage
    except OSError:
        if root:
            raise NotReadyError(DAMAGED)
    board.format()  # without the root nobody can ever read what is there
    return Storage(board.mount(), keys)


def read_profile(board: Board) -> "dict[str, Any]":
    """Return the compiled car.

    Raises:
        NotReadyError: there is none, it is damaged, or it is not for this board.
    """
    try:
        profile: dict[str, Any] = profile_file.decode(board.read_profile())
    except (OSError, GatewayError):
        raise NotReadyError(NO_PROFILE)
    if profile["routes"] and not board.is_bench:
        raise NotReadyError(NOT_A_BENCH)
    return profile


def _start_gateway(
    board: Board, clock: "Clock", crashes: "CrashLog", is_trial: bool, slot: int
) -> Runner:
    storage = open_storage(board)
    crashes.open(storage, board.ended_by)
    if is_trial:
        crashes.end_row()  # an update's crashes do not bring what it replaces into safe mode
    is_safe_mode = crashes.is_safe_mode
    health = Health(crashes, board.feed, board.reset, is_safe_mode)
    decoder = Decoder()
    link = Link(board.subnets)
    profile = read_profile(board)
    was_low, alarms, at_least_s = _what_was_kept(board)
    try:
        gateway = Gateway(
            profile,
            _load(storage),
            AES,
            os.urandom,
            clock.now_ms(),
            board.name,
            _platform(board, health, link, decoder),
            board.is_bench,
            read_block=storage.read_block,
            is_safe_mode=is_safe_mode,
            crash=crashes.last,
            at_least_s=at_least_s,
        )
    except GatewayError as error:  # the root: damaged, or of another version
        raise NotReadyError(str(error))
    board.feed()
    _take_updates(gateway, board, crashes, health, is_trial, slot)
    buses = _open_buses(gateway, board, profile)
    cable = Cable(gateway, board.open_uart(), decoder)
    opened = [] if is_safe_mode else board.open_sockets(gateway.settings)
    sockets = [Udp(gateway, each, link) for each in opened]
    server = sockets[0] if sockets else None
    runner = Runner(gateway, clock, storage, board.log, board.reset, server, cable, buses, health)
    for listener in sockets[1:]:
        runner.add(listener)
    runner.add(board.open_button(gateway))
    power = gateway.settings.power
    if board.power.supply_mv() is not None or (power is not None and power["mode"] == "stored"):
        from firmware.sleeper import Sleeper

        runner.sleeper = Sleeper(
            board, gateway, cable, buses, health, was_low, alarms, clock.now_ms()
        )
    light = board.open_light()
    if light is not None:
        from firmware.led import Led, watch

        runner.led = Led(light, watch(gateway, board, health, is_safe_mode))
    if is_safe_mode:
        board.log("safe mode: there is only the cable")
    gc.collect()
    board.log(f"ready after {clock.now_ms()} ms, {gc.mem_free()} bytes free")
    return runner


def _load(storage: Storage) -> "dict[str, bytes]":
    try:
        return storage.load()
    except OSError:
        raise NotReadyError(DAMAGED)


def _platform(
    board: Board, health: Health, link: Link, decoder: Decoder
) -> "Callable[[], dict[str, int | str]]":
    """Return what tells of the board, and of what the core does not see."""

    def platform() -> "dict[str, int | str]":
        described = board.platform()
        described["errors"] = health.errors
        described["off_link"] = link.off_link
        described["cable_bad_frames"] = decoder.bad_frames
        described["cable_oversized_frames"] = decoder.oversized_frames
        described["cable_unknown_frames"] = decoder.unknown_frames
        return described

    return platform


def _take_updates(
    gateway: Gateway,
    board: Board,
    crashes: "CrashLog",
    health: Health,
    is_trial: bool,
    slot: int,
) -> None:
    """Let owners update what runs from this slot, and judge it if it is on trial."""
    slots = board.open_slots() if is_trial else None

    def open_writer() -> "SlotWriter":
        from firmware.slot_writer import SlotWriter

        return SlotWriter(slots or board.open_slots(), board.model, crashes, slot)

    gateway.attach_updates(open_writer)
    if slots is not None:
        from firmware.trial import Trial

        health.trial = Trial(slots, gateway, crashes, board.log, board.reset)


def _open_buses(gateway: Gateway, board: Board, profile: "dict[str, Any]") -> "list[CanBus]":
    """Return the controllers of the car's buses, silent."""
    buses = []
    for index, (name, bitrate) in enumerate(profile["buses"]):
        try:
            can, wakeup = board.open_can(index, bitrate)
        except (OSError, ValueError) as error:  # a loose wire, a crystal that does not fit
            raise NotReadyError(f"the CAN controller of {name} does not work: {error}")
        filters = profile["filters"][index]
        buses.append(CanBus(gateway, index, can, bitrate, wakeup, filters))
    return buses


def _what_was_kept(board: Board) -> "tuple[bool, int, int]":
    """Return what outlived the sleep that has just ended, as firmware.kept has it."""
    if not board.power.kept:
        return False, 0, 0
    from firmware import kept

    return kept.decode(board.power.kept, board.power.rtc_s())


def _start_without_gateway(
    board: Board, clock: "Clock", crashes: "CrashLog", reason: str
) -> Runner:
    from firmware.no_gateway import NoGateway

    gateway = NoGateway(reason)
    health = Health(crashes, board.feed, board.reset, True)
    cable = Cable(gateway, board.open_uart(), Decoder())
    runner = Runner(gateway, clock, None, board.log, board.reset, None, cable, [], health)
    runner.add(board.open_button(gateway))
    light = board.open_light()
    if light is not None:
        from firmware.led import FAULT, Led

        runner.led = Led(light, lambda now_ms: FAULT)
    board.log(f"ready after {clock.now_ms()} ms, but without a gateway: {reason}")
    return runner
