"""A home in network namespaces: board, owner's PC and router on a LAN, the world behind it.

    board 10.77.0.2 ─┐
    PC    10.77.0.3 ─┴─ bridge, router 10.77.0.1 ─────────── 198.51.100.53, a world that answers
          10.77.0.0/24, 2001:db8:77::/64                     198.51.100.0/24, 2001:db8:99::/64

Board and PC have routes into the world, for IPv4 and IPv6, and a resolver there: if nothing leaves
it is not for want of a way.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.audit.place import Namespace
from tests.audit.world import World

LAN = IPv4Network("10.77.0.0/24")
LAN_6 = IPv6Network("2001:db8:77::/64")
BOARD = IPv4Address("10.77.0.2")
PC = IPv4Address("10.77.0.3")
WORLD = IPv4Address("198.51.100.53")
WORLD_6 = IPv6Address("2001:db8:99::53")

_ROUTER = ("10.77.0.1", "2001:db8:77::1")
_GATE = ("198.51.100.1", "2001:db8:99::1")


def why_not() -> str:
    """Return why no such home can be built on this machine, "" if one can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "`ip` is missing: install iproute2"
    return ""


class Home:
    """The namespaces, from the `with`'s begin to its end.

    Attributes:
        board, pc, router, outside: namespaces; eth0 is the way out of each, the router's is wan.
        world: what would answer there.
    """

    def __init__(self) -> None:
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with self._parts:
            folder = self._parts.enter_context(tempfile.TemporaryDirectory(prefix="carport-home-"))
            resolver = Path(folder, "resolv.conf")
            resolver.write_text(f"nameserver {WORLD}\noptions timeout:1 attempts:1\n")
            self.router, self.board, self.pc, self.outside = (
                self._namespace(name, resolver) for name in ("router", "board", "pc", "world")
            )
            self._build()
            self.world = self._parts.enter_context(World(self.outside))
            self._parts = self._parts.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._parts.close()

    def cut_wan(self) -> None:
        """Cut the way into the world."""
        _ip("-n", self.router.name, "link", "set", "wan", "down")

    def _namespace(self, role: str, resolver: Path) -> Namespace:
        name = f"carport-{os.getpid()}-{role}"
        _ip("netns", "add", name)
        self._parts.callback(_ip, "netns", "delete", name)
        return Namespace(name, resolver)

    def _build(self) -> None:
        router = self.router.name
        _ip("-n", router, "link", "add", "lan", "type", "bridge")
        for role, namespace in (("board", self.board), ("pc", self.pc)):
            _pair(router, role, namespace.name)
            _ip("-n", router, "link", "set", role, "master", "lan", "up")
        _pair(router, "wan", self.outside.name)
        _up(router, "lan", _ROUTER)
        _up(router, "wan", _GATE)
        _up(self.board.name, "eth0", (str(BOARD), "2001:db8:77::2"), _ROUTER)
        _up(self.pc.name, "eth0", (str(PC), "2001:db8:77::3"), _ROUTER)
        _up(self.outside.name, "eth0", (str(WORLD), str(WORLD_6)), _GATE)
        self.router.call(_forward)


def _pair(router: str, name: str, namespace: str) -> None:
    """Lay a wire from the router to eth0 of a namespace."""
    peer = ("peer", "name", "eth0", "netns", namespace)
    _ip("-n", router, "link", "add", name, "type", "veth", *peer)


def _up(
    namespace: str, interface: str, addresses: tuple[str, str], way: tuple[str, str] | None = None
) -> None:
    """Give an interface its addresses, and the namespace its way out."""
    _ip("-n", namespace, "link", "set", "lo", "up")
    _ip("-n", namespace, "address", "add", f"{addresses[0]}/24", "dev", interface)
    _ip("-n", namespace, "address", "add", f"{addresses[1]}/64", "dev", interface, "nodad")
    _ip("-n", namespace, "link", "set", interface, "up")
    for gate in way or ():
        _ip("-n", namespace, "route", "add", "default", "via", gate)


def _forward() -> None:
    for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        Path("/proc/sys/net", path).write_text("1")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
