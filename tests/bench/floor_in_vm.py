"""Runs in the MicroPython VM: an OSCORE answer in straight-line code, no architecture.

It serves one GET of one context, whose layout it takes for granted: a token and a Partial IV of
two bytes. It opens the request, checks that its number is new, and seals an answer that never
changes. Anything else is sent back as it is. What it costs, no gateway in this VM can undercut.

Source: RFC 8613; AES-CCM as in gateway/oscore/ccm.py.
"""

import socket
from binascii import unhexlify
from struct import pack

import cryptolib  # type: ignore[import-not-found]

_ANSWER = b"\x45\xc1\x70\xff" + bytes(240)  # 2.05, SenML in CBOR: as long as /lock's
_TAG_BYTES = 8
_ZERO_BLOCK = bytes(16)


def main(port: str, *context: str) -> None:
    """Serve; context: keys to open and to seal, the nonce of number 0, the data around a PIV."""
    opening, sealing, nonce, before, after = (unhexlify(part) for part in context)
    head = nonce[:8]
    tail = int.from_bytes(nonce[8:], "big")
    aes = cryptolib.aes
    last = -1
    stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stream.bind(socket.getaddrinfo("127.0.0.1", int(port))[0][-1])
    print("ready")
    while True:
        data, peer = stream.recvfrom(641)
        size = len(data) - 20
        if data[0] != 0x42 or size < 1:
            stream.sendto(data, peer)
            continue
        piv = data[8:10]
        number = piv[0] << 8 | piv[1]
        nonce = head + (tail ^ number).to_bytes(5, "big")
        associated = before + piv + after
        keystream = bytearray((b"\x01" + nonce + b"\0\0") * (1 + (size + 15 >> 4)))
        for i in range(31, len(keystream), 16):
            keystream[i] = i >> 4
        aes(opening, 1).encrypt(keystream, keystream)
        sealed = int.from_bytes(data[12 : 12 + size], "big")
        text = (sealed ^ int.from_bytes(keystream[16 : 16 + size], "big")).to_bytes(size, "big")
        blocks = bytearray(pack(">B13sH", 0x59, nonce, size) + associated)
        blocks.extend(text)
        blocks.extend(bytes(-size & 15))
        aes(opening, 2, _ZERO_BLOCK).encrypt(blocks, blocks)
        wrong = 0
        for i in range(_TAG_BYTES):
            wrong |= blocks[i - 16] ^ keystream[i] ^ data[12 + size + i]
        if wrong or number <= last or text != b"\x01\xb4lock":
            continue
        last = number
        size = len(_ANSWER)
        keystream = bytearray((b"\x01" + nonce + b"\0\0") * (1 + (size + 15 >> 4)))
        for i in range(31, len(keystream), 16):
            keystream[i] = i >> 4
        aes(sealing, 1).encrypt(keystream, keystream)
        hidden = int.from_bytes(_ANSWER, "big")
        hidden ^= int.from_bytes(memoryview(keystream)[16 : 16 + size], "big")
        blocks = bytearray(pack(">B13sH", 0x59, nonce, size) + associated)
        blocks.extend(_ANSWER)
        blocks.extend(bytes(-size & 15))
        aes(sealing, 2, _ZERO_BLOCK).encrypt(blocks, blocks)
        tag = int.from_bytes(blocks[-16:-8], "big") ^ int.from_bytes(keystream[:8], "big")
        answer = b"\x62\x44" + data[2:6] + b"\x90\xff" + hidden.to_bytes(size, "big")
        stream.sendto(answer + tag.to_bytes(8, "big"), peer)
