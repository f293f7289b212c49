"""MicroPython's REPL on a board: its files, copied by mpremote, which runs as a program.

A board of whose slots none is whole stays at the REPL; that is when `carport flash` comes here.
One that runs a gateway does not listen to Ctrl-C.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from carport.errors import CarportError, NoAnswerError

_SILENT_S = 10.0
_START_S = 90.0
_PAUSE_S = 0.5
_COPY_TIMEOUT_S = 300.0
_ASK_TIMEOUT_S = 15.0

_HASHES = """
import hashlib,binascii,json
def h(p):
 try:
  f=open(p,'rb')
 except OSError:
  return ''
 with f:
  return binascii.hexlify(hashlib.sha256(f.read()).digest()).decode()
print(json.dumps([h(p) for p in {paths}]))
"""
_MAKE_FOLDERS = """
import os
for p in {paths}:
 try:
  os.mkdir(p)
 except OSError as e:
  if e.errno!=17:
   raise
"""

_WRITE = """
import esp32,binascii
for label,number,content in {blocks}:
 p=esp32.Partition.find(esp32.Partition.TYPE_DATA,label=label)[0]
 b=binascii.unhexlify(content)
 b+=b'\\xff'*(4096-len(b))
 p.writeblocks(number,b)
 r=bytearray(4096)
 p.readblocks(number,r)
 if r!=b:
  raise OSError(5)
"""

Block = tuple[str, int, bytes]
"""A block of a partition: the partition's label, the block's number and its content."""

_FULL = ("ENOSPC", "Errno 28", "No space left")


class Repl:
    """The REPL at a serial port."""

    def __init__(self, port: str) -> None:
        self._port = port

    def wait(self, on_silence: Callable[[], object] = lambda: None) -> None:
        """Return when MicroPython answers; it has just been started.

        on_silence: called once, when somebody should press the board's RESET: esptool cannot
        start every board.

        Raises:
            NoAnswerError: it does not.
        """
        began_s = time.monotonic()
        is_silent = False
        while self._try(["exec", "print(6*7)"], _ASK_TIMEOUT_S)[1].strip() != "42":
            waited_s = time.monotonic() - began_s
            if waited_s > _START_S:
                raise NoAnswerError(
                    f"MicroPython does not answer at {self._port}: run the same again, and press "
                    "the board's RESET when you are asked to"
                )
            if waited_s > _SILENT_S and not is_silent:
                is_silent = True
                on_silence()
            time.sleep(_PAUSE_S)

    def copy(
        self, files: Mapping[str, bytes], progress: Callable[[int, int], None] = lambda n, of: None
    ) -> None:
        """Copy files, but for those that are there already, and compare.

        files: contents by their absolute paths on the board.

        Raises:
            CarportError: the board does not take them.
        """
        progress(0, len(files))
        folders = {str(parent) for path in files for parent in PurePosixPath(path).parents}
        words = ["exec", _MAKE_FOLDERS.format(paths=sorted(folders - {"/"})), "+"]
        with tempfile.TemporaryDirectory(prefix="carport-") as folder:
            for index, (path, content) in enumerate(files.items()):
                staged = Path(folder, str(index))
                staged.write_bytes(content)
                words += ["fs", "cp", str(staged), f":{path}", "+"]
            said = self._run([*words, "exec", _HASHES.format(paths=list(files))])
        if different := _different(files, said):
            raise CarportError(
                f"{different[0]} does not read back as it was written: flash again, with --erase "
                "if it stays so"
            )
        progress(len(files), len(files))

    def write_and_restart(self, blocks: Sequence[Block]) -> None:
        """Write blocks of the board's partitions, compare, and start it afresh.

        Raises:
            CarportError: the board does not take them.
        """
        encoded = [
            (label, number, content.rstrip(b"\xff").hex()) for label, number, content in blocks
        ]
        self._run(["exec", _WRITE.format(blocks=encoded), "+", "reset"])

    def _run(self, words: list[str]) -> str:
        code, said = self._try(words, _COPY_TIMEOUT_S)
        if code == 0:
            return said
        if any(words in said for words in _FULL):
            raise CarportError(
                "the board's file system is full: take its data off with carport data export and "
                "erase, or flash with --erase, which erases keys and data"
            )
        raise NoAnswerError(
            "the connection to the board broke off while its files were copied: check the cable, "
            "and run the same again"
        )

    def _try(self, words: list[str], timeout_s: float) -> tuple[int, str]:
        """Run mpremote, and return its exit code and what it printed."""
        command = [sys.executable, "-m", "mpremote", "connect", self._port, *words]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                text=True,
                errors="replace",
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 1, ""
        return done.returncode, done.stdout


def _different(files: Mapping[str, bytes], said: str) -> list[str]:
    """Return the paths of files whose hashes, in the line of said that lists them, differ.

    What mpremote says itself may come before or after what the board says.
    """
    try:
        found = json.loads(next(line for line in said.splitlines() if line.startswith("[")))
    except (ValueError, StopIteration) as error:
        raise NoAnswerError("the board does not tell which files it has: flash again") from error
    return [
        path
        for (path, content), digest in zip(files.items(), found, strict=True)
        if hashlib.sha256(content).hexdigest() != digest
    ]
