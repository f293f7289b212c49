"""Who may do what: everything is sent, by everybody, over both ways, and held to one table.

The table is the specification, written down here once more. Each change of a rule is noticed.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from gateway.coap.numbers import (
    DELETE,
    ECHO,
    FETCH,
    FORBIDDEN,
    GET,
    IPATCH,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    PATCH,
    POST,
    PUT,
    UNAUTHORIZED,
)
from gateway.vault.principals import COMMAND, DRIVER, OWNER, VIEWER, Limits, Principal
from tests.models.host import Credential, Host, plain
from tests.models.shell import Shell
from tests.models.slot_board import SlotBoard

NOW_S = 1_800_000_000
STEP_MS = 150  # between two requests: who asks for more is not listened to

METHODS = {
    "GET": GET,
    "POST": POST,
    "PUT": PUT,
    "DELETE": DELETE,
    "FETCH": FETCH,
    "PATCH": PATCH,
    "iPATCH": IPATCH,
}
TABLE = {
    "lock": {"GET": "viewer", "POST": "driver"},
    "climate": {"GET": "viewer", "POST": "driver"},
    "signals": {"GET": "viewer", "FETCH": "viewer"},
    "receipts/1": {"GET": "anyone"},
    "keys": {"GET": "owner", "POST": "anyone", "DELETE": "owner"},
    "time": {"GET": "anyone", "POST": "owner"},
    "arm": {"GET": "viewer", "POST": "owner", "DELETE": "owner"},
    "system": {"GET": "viewer"},
    "settings": {"GET": "owner", "PUT": "owner"},
    "consent": {"GET": "owner", "PUT": "owner", "DELETE": "owner"},
    "records": {"GET": "records", "POST": "records", "DELETE": "owner"},
    "ledger": {"GET": "owner", "DELETE": "owner"},
    "update": {"GET": "owner", "PUT": "owner", "POST": "owner"},
}
# What is not at the path itself but below it, and what is judged only if it makes sense.
BELOW = {
    ("consent", "PUT"): "consent/drives",
    ("consent", "DELETE"): "consent/drives",
    ("records", "POST"): "records/erased",
}
PAYLOADS = {
    ("lock", "POST"): {"id": 1, "command": "lock"},
    ("climate", "POST"): {"id": 1, "command": "climate", "arguments": {"on": True}},
}
NOWHERE = ("wings", "lock/more", "keys/1", "pair", ".well-known/core")

OWNER_MAY = {"owner", "driver", "viewer", "anyone", "records"}
DRIVER_MAY = {"driver", "viewer", "anyone"}
READS = ("GET", "FETCH")

Cell = tuple[str, str]


def in_scope(*scopes: str) -> Callable[[Cell, str], bool]:
    """Return what somebody with a driver's rank and these scopes may do."""

    def may(cell: Cell, least: str) -> bool:
        path, method = cell
        if least == "anyone":
            return True
        is_named = path in scopes or (path + ":read" in scopes and method in READS)
        return is_named and least in DRIVER_MAY | {"records"}

    return may


# Who may do what in a cell of the table; the second argument is what stands there.
MAY: dict[str, Callable[[Cell, str], bool]] = {
    "owner": lambda cell, least: least in OWNER_MAY,
    "driver": lambda cell, least: least in DRIVER_MAY,
    "viewer": lambda cell, least: least in {"viewer", "anyone"},
    "guest": in_scope("lock", "climate"),
    "guest with a use": in_scope("lock", "climate"),
    "guest too early": in_scope(),
    "guest too late": in_scope(),
    "guest used up": in_scope(),
    "guest without time": in_scope(),
    "guest of the records, too late": in_scope(),
    "viewer of the records": lambda cell, least: least == "anyone",
    "viewer of the lock": lambda cell, least: (
        least == "anyone" or (cell == ("lock", "GET") and least == "viewer")
    ),
    "service lock": in_scope("lock"),
    "service climate:read": in_scope("climate:read"),
    "service signals": in_scope("signals"),
    "service records": in_scope("records"),
    "backup": lambda cell, least: cell == ("keys", "POST"),
    "invitation": lambda cell, least: cell == ("keys", "POST"),
    "invitation of an owner": lambda cell, least: cell == ("keys", "POST"),
}
UNKNOWN = ("revoked", "revoked backup", "never known")

GUESTS: dict[str, dict[str, Any]] = {
    "guest": {"not_before": NOW_S - 1, "not_after": NOW_S + 1_000_000},
    "guest with a use": {"uses": 1},
    "guest too early": {"not_before": NOW_S + 1_000_000, "not_after": NOW_S + 2_000_000},
    "guest too late": {"not_after": NOW_S - 1},
    "guest used up": {"uses": 1},
    "guest without time": {"not_after": NOW_S + 1_000_000},
    "guest of the records, too late": {"scopes": ["records"], "not_after": NOW_S - 1},
}


class World:
    """A board with one key of each kind, which is started afresh for each asker."""

    def __init__(self) -> None:
        shell = Shell()
        self.owner = owner = Host.pair(shell, "owner")
        owner.tell_time(NOW_S)
        self.askers: dict[str, Host | Credential] = {"owner": owner}
        for role in ("driver", "viewer"):
            self.askers[role] = owner.enrol(name=role, role=role)
        for name, limits in GUESTS.items():
            self.askers[name] = owner.enrol(name=name, role="guest", **limits)
        for scope in ("lock", "records"):
            name = f"viewer of the {scope}"
            self.askers[name] = owner.enrol(name=name, role="viewer", scopes=[scope])
        for scope in ("lock", "climate:read", "signals", "records"):
            name = f"service {scope}"
            self.askers[name] = owner.enrol(name=name, role="service", scopes=[scope])
        self.askers["backup"] = owner.make_dormant()
        self.askers["invitation"] = owner.make_dormant(name="i", role="driver")
        self.askers["invitation of an owner"] = owner.make_dormant(name="o", role="owner")
        revoked = owner.enrol(name="r", role="owner")
        self.askers["revoked"] = revoked
        self.askers["revoked backup"] = revoked.make_dormant()
        owner.revoke("r")
        self.askers["never known"] = Credential(shell, b"\x77", bytes(16))
        spent = shell.gateway._keys.ring.principal("guest used up")
        assert spent is not None
        assert spent.limits is not None
        assert spent.limits.uses is not None
        spent.limits.uses.reserve()
        spent.limits.uses.spend()
        shell.drain()
        self.storage = shell.storage

    def start(self) -> Shell:
        """Return the shell of a board just started, which takes updates."""
        return SlotBoard(storage=dict(self.storage)).shell

    def host(self, asker: str, on_cable: bool) -> Host:
        """Return an asker on a board just started, known to be where it is, and when it is."""
        shell = self.start()
        self.owner.shell = shell
        if asker != "guest without time":
            self.owner.tell_time(NOW_S)
        known = self.askers[asker]
        known.shell = shell
        host = known.wake() if isinstance(known, Credential) else known
        host.on_cable = on_cable
        host.request(POST, ["keys"])
        return host


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def outcome(host: Host, cell: Cell) -> str:
    """Send a request that changes nothing, and return what the asker may do with it."""
    path = BELOW.get(cell, cell[0])
    host.shell.advance(STEP_MS)
    host.responses()
    host.send(host.protect(METHODS[cell[1]], path.split("/"), PAYLOADS.get(cell)))
    response = host.responses()[-1]
    if response.code == NOT_FOUND and response.payload == b"no such resource":
        return "nowhere"
    if response.code == METHOD_NOT_ALLOWED:
        return "no method"
    if response.code == UNAUTHORIZED and response.option(ECHO) is None:
        return "unknown"
    return "no" if response.code == FORBIDDEN else "yes"


def specified(asker: str, cell: Cell) -> str:
    """Return what the table says."""
    path, method = cell
    if asker in UNKNOWN:
        return "unknown"
    if path in NOWHERE:
        return "nowhere"
    least = TABLE[path].get(method)
    if least is None:
        return "no method"
    return "yes" if MAY[asker](cell, least) else "no"


CELLS = list(product((*TABLE, *NOWHERE), METHODS))


@pytest.mark.parametrize("way", ["LAN", "cable"])
@pytest.mark.parametrize("asker", [*MAY, *UNKNOWN])
def test_everybody_may_do_what_the_table_says_and_nothing_else(
    world: World, asker: str, way: str
) -> None:
    host = world.host(asker, way == "cable")
    done = {cell: outcome(host, cell) for cell in CELLS}
    assert done == {cell: specified(asker, cell) for cell in CELLS}


@pytest.mark.parametrize("way", ["LAN", "cable"])
def test_a_stranger_in_plain_text_finds_out_that_it_is_a_gateway(world: World, way: str) -> None:
    shell = world.start()
    for path, method in CELLS:
        shell.advance(STEP_MS)
        code, payload = plain(shell, METHODS[method], path.split("/"), cable=way == "cable")
        expected = UNAUTHORIZED
        if path == "pair":
            expected = FORBIDDEN
        elif path == ".well-known/core":
            expected = 0x45 if method == "GET" else METHOD_NOT_ALLOWED
        assert code == expected, (path, method)
        if path not in ("pair", ".well-known/core"):
            assert payload in (b"", b"OSCORE is needed here")


def test_the_table_names_every_resource(world: World) -> None:
    shell = world.start()
    named = {path.split("/")[0].encode() for path in TABLE}
    assert set(shell.gateway._endpoint.resources) == named


# ---- each change of a rule is noticed ----

LEVELS: tuple[int | None, ...] = (None, VIEWER, DRIVER, COMMAND, OWNER)
WITNESSES = (
    *("owner", "driver", "viewer", "guest too late", "service records"),
    *("viewer of the records", "guest of the records, too late"),
)
# Only a command that was given before tells DRIVER from COMMAND: tests/unit/test_core_guests.py.
ELSEWHERE = [(("lock", "POST"), DRIVER), (("climate", "POST"), DRIVER)]


def mutations() -> Iterator[tuple[Cell, int | None]]:
    """Yield each cell with each least rank that it might have, None for no such method."""
    for mutation in product(product(TABLE, METHODS), LEVELS):
        if mutation not in ELSEWHERE:
            yield mutation


def test_each_rank_but_the_right_one_is_noticed(world: World) -> None:
    hosts = {}
    for asker in WITNESSES:
        host = world.host(asker, on_cable=True)
        hosts[asker] = host, host.shell.gateway._endpoint.resources
    unnoticed = []
    for cell, level in mutations():
        path, method = cell
        is_noticed = False
        for asker, (host, resources) in hosts.items():
            resource = resources[path.split("/")[0].encode()]
            right = resource.roles
            if right.get(METHODS[method]) == level:
                is_noticed = True  # no change
                break
            others = {code: rank for code, rank in right.items() if code != METHODS[method]}
            resource.roles = others if level is None else {**others, METHODS[method]: level}
            try:
                is_noticed |= outcome(host, cell) != specified(asker, cell)
            finally:
                resource.roles = right
        if not is_noticed:
            unnoticed.append((cell, level))
    assert unnoticed == []


def rank_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    def may(principal: Principal, segment: bytes, code: int, least: int, now_ms: int) -> bool:
        limits = principal.limits
        return limits is None or limits.allow(segment, code, least, now_ms)

    patch.setattr(Principal, "may", may)


def limits_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Limits, "allow", lambda limits, segment, code, least, now_ms: True)


def scopes_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    def allow(limits: Limits, segment: bytes, code: int, least: int, now_ms: int) -> bool:
        return least == COMMAND or not limits.refusal(now_ms)

    patch.setattr(Limits, "allow", allow)


def time_and_uses_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Limits, "refusal", lambda limits, now_ms: "")


def scopes_for_reading_are_for_everything(patch: pytest.MonkeyPatch) -> None:
    original = Limits.allow

    def allow(limits: Limits, segment: bytes, code: int, least: int, now_ms: int) -> bool:
        return original(limits, segment, GET, least, now_ms)

    patch.setattr(Limits, "allow", allow)


def nothing_is_always_allowed(patch: pytest.MonkeyPatch) -> None:
    def allow(limits: Limits, segment: bytes, code: int, least: int, now_ms: int) -> bool:
        return segment in (limits.scopes or ()) and not limits.refusal(now_ms)

    patch.setattr(Limits, "allow", allow)


def a_dormant_key_is_its_principal(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("gateway.vault.dormant.Enroller", lambda principal: principal)


@pytest.mark.parametrize(
    ("plant", "askers"),
    [
        (rank_is_not_compared, ["viewer"]),
        (limits_are_not_asked, ["guest", "service lock"]),
        (scopes_are_not_asked, ["guest", "service lock", "viewer of the lock"]),
        (time_and_uses_are_not_asked, ["guest too early", "guest too late", "guest used up"]),
        (time_and_uses_are_not_asked, ["guest without time"]),
        (scopes_for_reading_are_for_everything, ["service climate:read"]),
        (nothing_is_always_allowed, ["guest too late", "service signals"]),
        (a_dormant_key_is_its_principal, ["backup", "invitation", "invitation of an owner"]),
    ],
)
def test_a_rule_that_is_left_out_is_noticed(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    askers: list[str],
) -> None:
    plant(monkeypatch)
    for asker in askers:
        host = world.host(asker, on_cable=True)
        assert any(outcome(host, cell) != specified(asker, cell) for cell in CELLS), asker
