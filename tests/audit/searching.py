"""The flash image is searched for what nobody may find there."""

import os
import time
from typing import Any

import can

from carport.emulator.emulator import CHANNELS
from gateway.coap.numbers import POST
from gateway.vault.key import master_secret
from tests.audit import flash_image
from tests.audit.board import Board
from tests.audit.canaries import LATITUDE, LONGITUDE, PASSWORD, SSID, VIN, search
from tests.audit.check import Build, Depth, Outcome
from tests.waiting import wait_until

_RECORDED_S = {Depth.QUICK: 1.5, Depth.USUAL: 6.0, Depth.FULL: 65.0}
_VIN_ID = 0x405  # where a Tesla Model 3 tells it, in three frames
_LATITUDE = "Vehicle.CurrentLocation.Latitude"
_LONGITUDE = "Vehicle.CurrentLocation.Longitude"


def search_flash(build: Build, depth: Depth) -> Outcome:
    """Record a car with a canary on board, and search the flash; the key partition apart."""
    with Board(build) as board:
        board.sim("set", values={_LATITUDE: LATITUDE, _LONGITUDE: LONGITUDE})
        board.pair()
        _tell_vin(board)
        _use(board)
        time.sleep(_RECORDED_S[depth])

        def stored() -> Any:
            board.next_day()
            return board.owner.fetch("records", "index", "1").value

        index = wait_until(stored, lambda: "for a record")
        image = board.flash()
        secrets = {
            "the VIN": VIN.encode(),
            "the Wi-Fi's name": SSID.encode(),
            "the Wi-Fi's password": PASSWORD.encode(),
            **board.secrets,
        }
        errors = board.errors()
    for root in flash_image.roots(image):
        keys = set(flash_image.byte_strings(root))
        secrets |= {f"key {number} of the root": key for number, key in enumerate(sorted(keys))}
    outcome = Outcome(len(image) // flash_image.BLOCK_BYTES)
    for name, form, offset in search(flash_image.without_keys(image), secrets):
        outcome.found[f"{name}, {form}, in block {offset // flash_image.BLOCK_BYTES}"] += 1
    outcome.figures["secrets"] = len(secrets) + 2
    outcome.figures["blocks of records"] = len(index)
    outcome.figures["errors on the board"] = errors
    return outcome


def _tell_vin(board: Board) -> None:
    """Let the car tell its VIN on the bus, as cars do."""
    where = board.emulator.can
    for channel in CHANNELS:
        with can.Bus(
            interface="socketcand", host=where["host"], port=where["port"], channel=channel
        ) as bus:
            for part in range(3):
                data = bytes((0x10 + part,)) + VIN[7 * part : 7 * part + 7].encode().ljust(7)
                bus.send(can.Message(arbitration_id=_VIN_ID, is_extended_id=False, data=data))


def _use(board: Board) -> None:
    """Make everything that is stored: keys of each kind, receipts, a ledger."""
    random = os.urandom(32)
    fields = {"random": random, "name": "guest", "role": "guest", "uses": 3}
    guest = board.host.request(POST, ["keys"], fields).value
    secret = master_secret(random, guest["random"], b"carport enrol")
    board.secrets["a guest's OSCORE master secret"] = secret
    board.secrets["a backup's master secret"] = board.host.make_dormant().secret
    invitation = board.host.make_dormant(name=VIN, role="driver")
    board.secrets["an invitation's master secret"] = invitation.secret
    assert board.lock("lock") == "confirmed"
    assert board.climate(True) == "confirmed"
