"""What a board's storage was given, in its order, and what must be left of it after a cut.

Each save is one record: all of it is there once it is done, and before that all of the one before.
So after a cut each record is the last one that was done, or the one that was under way.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from tests.power.nonces import NonceReusedError
from tests.power.sealed import Sealed, sealed_in, storage_key

Mark = int

ROOT = "root"
WIPE = "*"


class Save(NamedTuple):
    """A record that was stored, or with None removed, between two marks."""

    begun: Mark
    done: Mark
    name: str
    data: bytes | None


class Saves:
    """The saves of one stretch of power.

    before: those until a mark in the stretches before it, which count too.
    """

    def __init__(self, before: "tuple[Saves, Mark] | None" = None) -> None:
        self._before = before
        self._own: list[Save] = []
        self._sealed: dict[Sealed, tuple[Mark, bytes]] = {}  # the mark, and a hash of it
        self._contents: dict[bytes, bytes] = {}
        self._key: bytes | None = None
        for save, _ in self.all():
            self._take_key(save)

    def note(self, save: Save) -> None:
        """Take note of a save.

        Raises:
            NonceReusedError: something in it was sealed with a nonce that sealed something else.
        """
        self._own.append(save)
        self._take_key(save)
        if save.data is None or save.name == ROOT:
            return
        self._contents[digest(save.data)] = save.data
        assert self._key is not None, "a record without a root"
        for sealed, what in sealed_in(save.name, save.data, self._key):
            if self._hash_of(sealed, None) not in (None, what):
                raise NonceReusedError(f"{save.name}: {sealed} sealed two things")
            self._sealed.setdefault(sealed, (save.begun, what))

    def all(self, cut: Mark | None = None) -> Iterator[tuple[Save, bool]]:
        """Yield the saves that had begun at a cut, each with whether it was done; None: now."""
        if self._before is not None:
            earlier, until = self._before
            yield from earlier.all(until)
        for save in self._own:
            if cut is None or save.begun <= cut:
                yield save, cut is None or save.done <= cut

    def kept(self) -> dict[str, set[bytes | None]]:
        """Return what each record may be now: hashes, None if there may be none.

        A wipe that was under way is not counted.
        """
        kept: dict[str, set[bytes | None]] = {}
        for save, is_done in self.all():
            if save.name == WIPE:
                if is_done:
                    kept.clear()
                continue
            content = None if save.data is None else digest(save.data)
            kept[save.name] = {content} if is_done else kept.get(save.name, {None}) | {content}
        return kept

    def done(self, name: str) -> bytes | None:
        """Return what a record was when it was last done; None if there was none."""
        data = None
        for save, is_done in self.all():
            if is_done and save.name in (name, WIPE):
                data = save.data
        return data

    def content(self, hashed: bytes) -> bytes:
        """Return the record with this hash."""
        if hashed in self._contents:
            return self._contents[hashed]
        assert self._before is not None, "nobody stored this"
        return self._before[0].content(hashed)

    def _take_key(self, save: Save) -> None:
        if save.name == ROOT and save.data:
            self._key = storage_key(save.data)

    def _hash_of(self, sealed: Sealed, cut: Mark | None) -> bytes | None:
        known = self._sealed.get(sealed)
        if known is not None and (cut is None or known[0] <= cut):
            return known[1]
        if self._before is None:
            return None
        earlier, until = self._before
        return earlier._hash_of(sealed, until)


def digest(data: bytes) -> bytes:
    """Return what a record's content is told by."""
    return hashlib.sha256(data).digest()
