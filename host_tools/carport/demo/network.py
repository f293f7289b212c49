"""A network without a way out: this process, and all it starts, see the loopback interface alone.

On Linux an ordinary user may have a network namespace inside a user namespace, where the machine
allows that. It has an interface `lo`, which is down at first, and no route.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

OUTSIDE = "192.0.2.1"
"""An address that is nobody's: RFC 5737 keeps it for documentation."""

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_IFREQ = struct.Struct("16sH22x")
_CONNECT_TIMEOUT_S = 2.0


def isolate() -> str | None:
    """Move this process, which must have one thread only, into a network of its own.

    Returns why that cannot be, or None if it is done. A child tries it first: a machine may allow
    the namespace and then refuse to bring its loopback interface up.
    """
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    child = os.fork()
    if child == 0:
        try:
            _isolate()
        except OSError as error:
            os._exit(error.errno or errno.EIO)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        return f"this machine allows no network namespace ({os.strerror(abs(code))})"
    _isolate()
    return None


def why_unreachable(address: str) -> str | None:
    """Try to connect to address; return the system's reason why there is no route, else None."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
        attempt.settimeout(_CONNECT_TIMEOUT_S)
        try:
            attempt.connect((address, 443))
        except OSError as error:
            return os.strerror(error.errno) if error.errno == errno.ENETUNREACH else None
    return None


def packets_sent() -> dict[str, int]:
    """Return how many packets each interface has sent."""
    lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    counters = (line.split(":") for line in lines)
    return {name.strip(): int(numbers.split()[9]) for name, numbers in counters}


def _isolate() -> None:
    """Enter the namespaces as who we are outside, and bring `lo` up."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0))
        name, flags = _IFREQ.unpack(request)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, _IFREQ.pack(name, flags | _IFF_UP))
