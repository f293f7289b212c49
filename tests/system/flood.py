"""A program that floods a UDP port at full speed, until it is ended: PORT, address to send from.

It prints a line once it floods. A busy machine's processors it leaves to others, for an attacker
would have their own. What it sends: nonsense, discovery, pings, and requests in the name of the
gateway's first key.
"""

import os
import socket
import sys


def datagrams() -> list[bytes]:
    """Return what is sent, again and again."""
    made = []
    for number in range(5000):
        name = number.to_bytes(2, "big")
        made.append(os.urandom(40))
        made.append(b"\x41\x01" + name + b"t\xbb.well-known\x04core")
        made.append(b"\x40\x00" + name)
        made.append(b"\x41\x02" + name + b"t\x94\x0a" + name + b"\x01\xff" + os.urandom(24))
    return made


def main(port: int, address: str) -> None:
    os.nice(10)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooding:
        flooding.bind((address, 0))
        flooding.connect(("127.0.0.1", port))
        made = datagrams()
        print("flooding", flush=True)
        while True:
            for data in made:
                flooding.send(data)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
