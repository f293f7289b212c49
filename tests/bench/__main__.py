"""`python -m tests.bench`: measures everything and writes BENCHMARKS.md."""

import datetime
from pathlib import Path

from tests.bench.report import render
from tests.bench.results import measure

FILE = Path(__file__).resolve().parents[2] / "BENCHMARKS.md"


def main() -> None:
    content = render(measure(), datetime.date.today().isoformat())
    FILE.write_text(content, encoding="utf-8")
    print(content)


if __name__ == "__main__":
    main()
