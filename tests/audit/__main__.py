"""`python -m tests.audit`: make every check, and plant each leak; show a table that grows."""

import argparse
import os
import sys
import tempfile
import time

from tests.audit.build import planted
from tests.audit.check import Check, Depth
from tests.audit.home import why_not
from tests.audit.suite import CHECKS
from tests.audit.table import Row, Table


def main() -> int:
    """Run what the command line asks for; 0 if nothing was found, and every planted leak was."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.audit",
        description=__doc__,
        epilog="FULL=1 in the environment: an hour of real time in each state.",
    )
    parser.add_argument("--list", action="store_true", help="name the checks")
    parser.add_argument("--only", action="append", metavar="NAME", help="this check alone")
    parser.add_argument("--json", action="store_true", help="one JSON object for each check")
    arguments = parser.parse_args()
    chosen = [each for each in CHECKS if not arguments.only or each.name in arguments.only]
    if arguments.list:
        for check in chosen:
            print(f"{check.name}: {check.asks}{' (needs root)' * check.needs_network}")
        return 0
    if not chosen:
        parser.error("no check has this name: see --list")
    depth = Depth.FULL if os.environ.get("FULL") == "1" else Depth.USUAL
    with tempfile.TemporaryDirectory(prefix="carport-audit-") as home:
        os.environ["CARPORT_HOME"] = home
        return _run(chosen, depth, arguments.json)


def _run(checks: list[Check], depth: Depth, as_json: bool) -> int:
    table = Table(as_json)
    begin_s = time.monotonic()
    missing = why_not()
    for check in checks:
        if check.needs_network and missing:
            table.skip(check, missing)
            continue
        table.begin(check)
        check_s = time.monotonic()
        outcome = check.run({}, depth)
        caught = {}
        for plant in check.plants:
            with planted(plant) as build:
                caught[plant.name] = dict(check.run(build, Depth.QUICK).found)
        table.add(Row(check, outcome, caught, time.monotonic() - check_s))
    table.close(time.monotonic() - begin_s)
    return 0 if table.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
