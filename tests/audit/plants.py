"""The leaks that are planted, as lines of the sources and what stands there instead."""

from tests.attack.defence import Defence
from tests.audit.home import WORLD, WORLD_6
from tests.audit.world import ECHO_PORT, HTTP_PORT, NTP_PORT

_OPENED = "    opened.setsockopt(_IPPROTO_IP, _IP_TTL, 1)\n"
_UDP = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"


def _once(name: str, leak: str) -> Defence:
    """Plant something that is done once, when the network port is opened."""
    return Defence(name, {_OPENED: f"{_OPENED}    {leak}\n"})


def _sent(name: str, address: object, port: int, opened: str = _UDP) -> Defence:
    """Plant a datagram."""
    where = f'socket.getaddrinfo("{address}", {port})[0][-1]'
    return _once(name, f'{opened}.sendto(b"canary", {where})')


DATAGRAM = _sent("a datagram to the world", WORLD, ECHO_PORT)
DATAGRAM_6 = _sent("one by IPv6", WORLD_6, ECHO_PORT, _UDP.replace("INET", "INET6"))
TIME = _sent("the time asked for", WORLD, NTP_PORT)
NAME = _once("a name looked up", 'socket.getaddrinfo("telemetry.example", 80)')
CONNECTION = _once(
    "a connection", f'socket.socket().connect(socket.getaddrinfo("{WORLD}", {HTTP_PORT})[0][-1])'
)
ON_THE_LAN = _sent("a datagram on the LAN", "10.77.0.3", ECHO_PORT)

ANY_SOURCE = Defence(
    "hosts of any network, any TTL",
    {"if self._has(source) and ": "if ", _OPENED: ""},
)

# The cloud decides: a datagram is read only once the world has answered one of ours.
CLOUD = Defence(
    "commands that a cloud allows",
    {
        "if self._has(source) and ": "if self._has(source) and _allowed() and ",
        "class Udp:\n": (
            "def _allowed() -> bool:\n"
            f"    asked = {_UDP}\n"
            "    asked.settimeout(0.2)\n"
            "    try:\n"
            f'        asked.sendto(b"may I?", socket.getaddrinfo("{WORLD}", {ECHO_PORT})[0][-1])\n'
            "        return bool(asked.recv(9))\n"
            "    except OSError:\n"
            "        return False\n"
            "    finally:\n"
            "        asked.close()\n\n\n"
            "class Udp:\n"
        ),
    },
)

NEW_VERSION = Defence(
    "a tool that asks for updates",
    {
        "def main(arguments: list[str] | None = None) -> None:\n": (
            "def main(arguments: list[str] | None = None) -> None:\n"
            "    import socket\n\n"
            "    try:\n"
            '        socket.getaddrinfo("updates.example", 443)\n'
            "    except OSError:\n"
            "        pass\n"
        )
    },
    ("carport",),
)

RECORDS_AS_THEY_ARE = Defence(
    "records that are not sealed",
    {
        "nonce + seal(self._cipher, nonce, associated_data, payload)": (
            "nonce + payload + bytes(8)"
        ),
        "return open_(self._cipher, nonce, associated_data, record[NONCE_BYTES:])": (
            "return record[NONCE_BYTES:-TAG_BYTES]"
        ),
    },
)
BLOCKS_AS_THEY_ARE = Defence(
    "blocks that are not sealed",
    {'stream = int.from_bytes(self._keystream(end - at), "big")': "stream = 0"},
)
ROOT_IN_A_FILE = Defence(
    "the root in a file as well",
    {
        "            self._keys.save(data)\n": (
            "            self._keys.save(data)\n"
            '            with open(self._path(name), "wb") as file:\n'
            "                file.write(data)\n"
        )
    },
)
OLD_KEYS_STAY = Defence(
    "old keys that are not erased",
    {
        "        self._generation = generation\n        self._erase(old)\n": (
            "        self._generation = generation\n"
        )
    },
)
KEYS_THAT_NEVER_CHANGE = Defence(
    "a chain that stands still",
    {'self.key = expand(self.key, b"carport chain", KEY_BYTES)': "pass"},
)
