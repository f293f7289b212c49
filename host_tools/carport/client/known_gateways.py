"""The gateways that this user has paired with: a folder each in the configuration.

gateways/NAME/gateway.json      addresses, serial port, what the board said of itself
gateways/NAME/contexts/         the OSCORE contexts (see contexts.py)
"""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from carport.client.contexts import ContextPool
from carport.client.principals import Role
from carport.client.private_files import make_private_folder, put_folder, write_private
from carport.errors import CarportError, UsageError
from carport.paths import config_dir

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_MAX_ADDRESSES = 4


@dataclass(frozen=True)
class KnownGateway:
    """A gateway's folder and what is known about it.

    addresses: "host:port", the one that answered last first. serial_port: as pyserial names it.
    role: ours, where it is known. key_names: whom an owner last saw in its list of keys.
    wakes_each_s: it sleeps, and when nothing else wakes it, then this often; None if it does not.
    """

    folder: Path
    addresses: list[str] = field(default_factory=list)
    serial_port: str | None = None
    profile: str | None = None
    role: Role | None = None
    key_names: list[str] = field(default_factory=list)
    wakes_each_s: int | None = None

    @property
    def name(self) -> str:
        """What its owner calls it."""
        return self.folder.name

    @property
    def asleep(self) -> str:
        """What to say when it does not answer, "" if it never sleeps."""
        if self.wakes_each_s is None:
            return ""
        each_s = self.wakes_each_s
        each = f"{each_s} s" if each_s < 120 else f"{each_s / 60:.0f} min"
        return f"it may be asleep, and wakes each {each}, or when the car does"

    @property
    def contexts(self) -> ContextPool:
        """The OSCORE contexts that we share with it."""
        return ContextPool(self.folder / "contexts")

    def save(self) -> None:
        """Write gateway.json."""
        fields = asdict(self)
        del fields["folder"]
        write_private(self.folder / "gateway.json", json.dumps(fields, indent=1) + "\n")

    def reached(self, address: str | None, serial_port: str | None) -> "KnownGateway":
        """Remember where the gateway was reached, where not None; return what is now known."""
        addresses = self.addresses
        if address is not None and addresses[:1] != [address]:
            others = [known for known in addresses if known != address]
            addresses = [address, *others][:_MAX_ADDRESSES]
        updated = replace(self, addresses=addresses, serial_port=serial_port or self.serial_port)
        if updated != self:
            updated.save()
        return updated

    def knows_keys(self, names: list[str]) -> "KnownGateway":
        """Remember whose keys there are, for the shell's completion; return what is now known."""
        updated = replace(self, key_names=names)
        if updated != self:
            updated.save()
        return updated

    def has_profile(self, profile: str) -> "KnownGateway":
        """Remember which car's profile it has; return what is now known."""
        updated = replace(self, profile=profile)
        if updated != self:
            updated.save()
        return updated

    def sleeps(self, wakes_each_s: int | None) -> "KnownGateway":
        """Remember whether it sleeps, for when it does not answer; return what is now known."""
        updated = replace(self, wakes_each_s=wakes_each_s)
        if updated != self:
            updated.save()
        return updated


def known_gateways() -> list[KnownGateway]:
    """Return all gateways that this user has paired with, by name."""
    return [_load(path.parent) for path in sorted(_root().glob("[!.]*/gateway.json"))]


def find_gateway(name: str | None) -> KnownGateway:
    """Return the gateway of that name, or the only one there is.

    Raises:
        UsageError: none is paired, none has this name, or several are and no name is given.
    """
    gateways = known_gateways()
    names = ", ".join(gateway.name for gateway in gateways)
    if not gateways:
        raise UsageError("no gateway is paired yet: connect one by cable and run `carport pair`")
    if name is None:
        if len(gateways) > 1:
            raise UsageError(f"several gateways are paired: add --gateway, one of {names}")
        return gateways[0]
    for gateway in gateways:
        if gateway.name == name:
            return gateway
    raise UsageError(f"no gateway is called {name!r}: use one of {names}, or run `carport pair`")


def check_name(name: str) -> None:
    """Raise UsageError unless name can be a gateway's."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a gateway's name: use up to 32 letters, digits, dots and dashes"
        )


def suggest_name(board_name: str) -> str:
    """Return the name that a board gives itself, made fit for a folder."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", board_name).strip(".-")[:32]
    return name or "gateway"


def check_free(name: str, replace: bool) -> None:
    """Raise UsageError if a gateway of that name is known and must not be replaced."""
    if not replace and (_root() / name).exists():
        raise UsageError(
            f"a gateway called {name} is paired already: add --name for another name, "
            "or --replace to forget the old keys"
        )


@contextmanager
def new_gateway() -> Iterator[KnownGateway]:
    """Give a gateway with a folder that vanishes unless it is kept (see keep)."""
    with tempfile.TemporaryDirectory(
        dir=_root(), prefix=".new-", ignore_cleanup_errors=True
    ) as scratch:
        folder = Path(scratch, "gateway")
        make_private_folder(folder / "contexts")
        yield KnownGateway(folder)


def keep(gateway: KnownGateway, name: str, replace: bool) -> KnownGateway:
    """Move a new gateway to its place under its name, and return it from there.

    Raises:
        UsageError: there is one of that name by now.
    """
    gateway.save()
    path = _root() / name
    try:
        put_folder(gateway.folder, path, replace)
    except OSError:
        check_free(name, replace)
        raise
    return _load(path)


def rename(gateway: KnownGateway, name: str) -> KnownGateway:
    """Call a gateway by another name from now on; return what is now known.

    Raises:
        UsageError: the name is taken or cannot be one, or another program talks to the gateway.
    """
    check_name(name)
    if (_root() / name).exists():
        raise UsageError(f"another gateway is called {name} here: choose another name")
    if not gateway.contexts.is_idle():
        raise UsageError(
            f"another program talks to {gateway.name}: end it, then run this again to call it "
            f"{name} here too"
        )
    put_folder(gateway.folder, _root() / name)
    return replace(gateway, folder=_root() / name)


def _root() -> Path:
    root = config_dir() / "gateways"
    make_private_folder(root)
    return root


def _load(folder: Path) -> KnownGateway:
    try:
        fields = json.loads((folder / "gateway.json").read_text(encoding="utf-8"))
        return KnownGateway(folder, **fields)
    except (OSError, ValueError, TypeError) as error:
        raise CarportError(
            f"{folder / 'gateway.json'} cannot be read: mend it, or remove the folder and "
            "pair again"
        ) from error
