"""A finding: how bad it is, what it is about, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """From well to broken. A note is worth knowing, a warning worth a look; a problem is one."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """text: one sentence; cure: what to do, "" where nothing is to be done."""

    level: Level
    about: str
    text: str
    cure: str = ""


def ok(about: str, text: str) -> Finding:
    """Return that something is well."""
    return Finding(Level.OK, about, text)


def note(about: str, text: str, cure: str = "") -> Finding:
    """Return what is worth knowing."""
    return Finding(Level.NOTE, about, text, cure)


def warning(about: str, text: str, cure: str) -> Finding:
    """Return what is worth a look."""
    return Finding(Level.WARNING, about, text, cure)


def problem(about: str, text: str, cure: str) -> Finding:
    """Return what is broken."""
    return Finding(Level.PROBLEM, about, text, cure)
