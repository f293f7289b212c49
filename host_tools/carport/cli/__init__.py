"""The `carport` command."""

from carport.cli.main import main

__all__ = ["main"]
