"""Boards: boards/ describes them; the rest draws them and writes their tables into docs/."""
