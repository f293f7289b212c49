"""A profile's files as text, so that what is wrong with them can be told with file and line."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from carport.errors import UsageError

T = TypeVar("T")
P = ParamSpec("P")

_REQUIRED: Any = object()

_KIND_NAMES = {
    bool: "true or false",
    int: "a whole number",
    str: "a text",
    list: "a list",
    dict: "a table",
}


class ProfileError(UsageError):
    """A profile that cannot be used; `file`, and `line` where it is known, tell where."""

    def __init__(self, file: Path, line: int | None, text: str) -> None:
        super().__init__(f"{file}:{line}: {text}" if line else f"{file}: {text}")
        self.file = file
        self.line = line


class Source:
    """One file of a profile, all of it read."""

    def __init__(self, file: Path, encoding: str = "utf-8") -> None:
        self.file = file
        try:
            self.text = file.read_text(encoding=encoding)
        except OSError as error:
            raise ProfileError(file, None, f"cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise ProfileError(file, line, f"is not {encoding} text") from error
        self._searched = re.sub(r"^[ \t]*#.*$", "", self.text, flags=re.MULTILINE)

    def line(self, *words: str) -> int | None:
        """Return the line where the last of words is, each looked for behind the one before."""
        at = -1
        end = 0
        for word in words:
            pattern = rf"(?<![\w.]){re.escape(word)}(?![\w.])"
            found = re.compile(pattern).search(self._searched, end)
            if found:
                at, end = found.span()
        return None if at < 0 else self._searched.count("\n", 0, at) + 1

    def error(self, text: str, *words: str) -> ProfileError:
        """Return the error that says text about the place that words lead to."""
        return ProfileError(self.file, self.line(*words), text)


class Table:
    """A table of a file: its keys are taken one by one, and none may be left over.

    place: the words that lead to it in the file.
    """

    def __init__(self, source: Source, data: dict[str, Any], *place: str) -> None:
        self.source = source
        self._left = dict(data)
        self._place = place

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def error(self, text: str, *words: str) -> ProfileError:
        """Return the error that says text about the place that words lead to in this table."""
        return self.source.error(text, *self._place, *words)

    def peek(self, key: str) -> object:
        """Return the value of key without taking it; None if there is none."""
        return self._left.get(key)

    def names(self) -> list[str]:
        """Return the keys that are left."""
        return list(self._left)

    def child(self, data: dict[str, Any], *words: str) -> "Table":
        """Return a table inside this one, to which words lead from here."""
        return Table(self.source, data, *self._place, *words)

    def checked(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what function returns.

        Raises:
            ProfileError: it raises a ValueError, whose text is then told about this table.
        """
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            raise self.error(str(error)) from error

    def take(self, key: str, kind: type[T], default: T = _REQUIRED) -> T:
        """Return the value of key, which must be of this kind exactly.

        Raises:
            ProfileError: it is of another kind, or missing and there is no default.
        """
        value = self.take_any(key, default)
        if value is not default and type(value) is not kind:
            raise self.error(f"{key} is {value!r}, not {_KIND_NAMES[kind]}", key)
        return value

    def take_any(self, key: str, default: object = _REQUIRED) -> Any:
        """Return the value of key, of any kind.

        Raises:
            ProfileError: it is missing and there is no default.
        """
        value = self._left.pop(key, default)
        if value is _REQUIRED:
            raise self.error(f"{key} is missing")
        return value

    def take_positive(self, key: str) -> int:
        """Return the value of key, a whole number above zero."""
        value = self.take(key, int)
        if value <= 0:
            raise self.error(f"{key} is {value}: it must be above zero", key)
        return value

    def take_number(self, key: str) -> int | float:
        """Return the value of key, a whole number or a float."""
        value = self.take_any(key)
        if type(value) not in (int, float) or value != value or abs(value) == float("inf"):
            raise self.error(f"{key} is {value!r}, not a number", key)
        return value  # type: ignore[no-any-return]

    def take_table(self, key: str, header: str | None = None) -> "Table":
        """Return the table under key, empty if there is none.

        header: the line it begins with in the file, if not this table's place and key lead to it.
        """
        data: dict[str, Any] = self.take(key, dict, {})
        if header is None and self._place and self._place[-1].startswith("["):
            header = f"{self._place[-1][:-1]}.{key}]"
        if header is not None and self.source.line(header) is not None:
            return Table(self.source, data, header)
        return self.child(data, key)

    def take_named(self, key: str, header: str) -> "dict[str, Table]":
        """Return the tables under key, whose headers in the file are [header.name]."""
        tables = {}
        for name, data in self.take(key, dict, {}).items():
            if type(data) is not dict:
                raise self.error(f"{key}.{name} is not a table", name)
            tables[name] = Table(self.source, data, f"[{header}.{name}]")
        return tables

    def take_list(self, key: str, kind: type[T], default: list[T] = _REQUIRED) -> list[T]:
        """Return the list under key, all of whose items are of this kind."""
        values: list[T] = self.take(key, list, default)
        for value in values:
            if type(value) is not kind:
                raise self.error(f"{key} holds {value!r}, not {_KIND_NAMES[kind]}", key)
        return values

    def take_all(self) -> dict[str, Any]:
        """Return all keys that are left, with their values."""
        left, self._left = self._left, {}
        return left

    def finish(self) -> None:
        """Check that no key is left.

        Raises:
            ProfileError: a key is not one that a profile has.
        """
        for key in self._left:
            raise self.error(f"unknown key {key}", key)
