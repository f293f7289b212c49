"""The reference car: an invented one that uses every command."""
