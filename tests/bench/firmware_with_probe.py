"""Runs in the MicroPython VM: the firmware, and a UDP port that knows what the network cannot see.

The port is one more source of the runner, so that everything is measured in the same VM. What it
gets, it sends back, but for

    arm    answered; then the next datagram goes through a bare echo: recvfrom, sendto
    mark   answered; then it is watched, from the next request's arrival until a frame is handed
           to the CAN port, what is allocated, and whether there is a collection
    force  like mark, with a collection before the frame, which shows that it would be noticed
    read   answered with what was noted last: see READ
    heap   answered with the bytes in use after a collection
    free   answered with the bytes free after a collection
    give   and a length in two bytes: answered with so many
"""

import gc
import struct
import time

READ = ">QQQB"  # when the frame was handed over and what saving took, in us; bytes; a collection?
MAX_BYTES = 641  # as firmware/udp.py: a larger buffer would take longer


class Watch:
    """What is allocated from its making to `end`, and whether there was a collection.

    A file that nobody closed nor holds any more is closed by a collection: its number is free.
    """

    def __init__(self) -> None:
        self._fd = leave_open()
        self._before = gc.mem_alloc()  # type: ignore[attr-defined]

    def end(self) -> "tuple[int, bool]":
        """Return (bytes, whether there was a collection)."""
        used = gc.mem_alloc() - self._before  # type: ignore[attr-defined]
        with open("/dev/null") as file:
            return max(0, used), file.fileno() == self._fd


def leave_open() -> int:
    return open("/dev/null").fileno()  # for the collector to close


class Probe:
    """The port."""

    def __init__(self, port: int) -> None:
        from firmware.udp import open_socket

        self.stream = open_socket("127.0.0.1", port)
        self.sent_us = 0
        self.saving_us = 0
        self.used_bytes = 0
        self.is_collected = False
        self.is_marked = self.is_forced = False
        self.watched: Watch | None = None

    def handle(self, now_ms: int) -> None:
        """Answer one datagram."""
        stream = self.stream
        data, peer = stream.recvfrom(MAX_BYTES)
        if data == b"arm":
            stream.setblocking(True)
            stream.sendto(data, peer)
            data, peer = stream.recvfrom(MAX_BYTES)
            stream.sendto(data, peer)
            stream.setblocking(False)
            return
        if data == b"read":
            data = struct.pack(
                READ, self.sent_us, self.saving_us, self.used_bytes, self.is_collected
            )
            self.saving_us = 0
        elif data == b"heap":
            gc.collect()
            data = str(gc.mem_alloc()).encode()  # type: ignore[attr-defined]
        elif data == b"free":
            gc.collect()
            data = str(gc.mem_free()).encode()  # type: ignore[attr-defined]
        elif data[:4] == b"give":
            data = bytes(int.from_bytes(data[4:6], "big"))
        stream.sendto(data, peer)
        if data in (b"mark", b"force"):
            self.is_marked = True
            self.is_forced = data == b"force"

    def look_into(self, gateway_class, can_class, storage_class) -> None:  # type: ignore[no-untyped-def]
        """Note when a request arrives and a frame is handed over, and what saving takes."""
        receive_datagram = gateway_class.receive_datagram
        send = can_class.send
        save = storage_class.save

        def noted_receive_datagram(gateway, data, peer, now_ms, on_cable=False, source=b""):  # type: ignore[no-untyped-def]
            if self.is_marked:
                self.is_marked = False
                self.watched = Watch()
            return receive_datagram(gateway, data, peer, now_ms, on_cable, source)

        def noted_send(can, arbitration_id, data, flags=0):  # type: ignore[no-untyped-def]
            self.sent_us = time.ticks_us()  # type: ignore[attr-defined]
            if self.watched is not None:
                if self.is_forced:
                    gc.collect()
                self.used_bytes, self.is_collected = self.watched.end()
                self.watched = None
            return send(can, arbitration_id, data, flags)

        def noted_save(storage, name, data):  # type: ignore[no-untyped-def]
            start_us = time.ticks_us()  # type: ignore[attr-defined]
            save(storage, name, data)
            self.saving_us += time.ticks_diff(time.ticks_us(), start_us)  # type: ignore[attr-defined]

        gateway_class.receive_datagram = noted_receive_datagram
        can_class.send = noted_send
        storage_class.save = noted_save


def main(port: str) -> None:
    gc.threshold(4096)  # type: ignore[attr-defined]  # as firmware/main.py does
    from firmware.board import Board
    from firmware.clock import Clock
    from firmware.crash_log import CrashLog
    from firmware.ports.unix.can import CAN
    from firmware.start import start
    from firmware.storage import Storage
    from gateway.core import Gateway

    probe = Probe(int(port))
    probe.look_into(Gateway, CAN, Storage)
    clock = Clock(time.ticks_ms, time.ticks_diff)  # type: ignore[attr-defined]
    runner = start(Board(), clock, CrashLog())
    runner.add(probe, 0)  # what it makes is no garbage to speak of
    gc.threshold(-1)  # type: ignore[attr-defined]
    runner.run()
