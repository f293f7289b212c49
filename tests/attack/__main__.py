"""`python -m tests.attack`: try every attack, and its control; show a table that grows."""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import Executor, ThreadPoolExecutor, wait

from carport.errors import CarportError
from tests.attack.attack import Attack
from tests.attack.control import run_control, run_without
from tests.attack.suite import ATTACKS, run
from tests.attack.table import Row, Table


def main() -> int:
    """Run what the command line asks for; 0 if all attacks failed and all controls succeeded."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the attacks")
    parser.add_argument("--only", action="append", metavar="NAME", help="this attack alone")
    parser.add_argument("--quick", action="store_true", help="with fewer tries")
    parser.add_argument("--json", action="store_true", help="one JSON object for each attack")
    arguments = parser.parse_args()
    chosen = [each for each in ATTACKS if not arguments.only or each.name in arguments.only]
    if arguments.list:
        for attack in chosen:
            print(f"{attack.name}: {attack.aim} ({attack.where})")
        return 0
    if not chosen:
        parser.error("no attack has this name: see --list")
    with tempfile.TemporaryDirectory(prefix="carport-attack-") as home:
        os.environ["CARPORT_HOME"] = home
        return _run(chosen, arguments.quick, arguments.json)


def _run(attacks: list[Attack], is_quick: bool, as_json: bool) -> int:
    table = Table(as_json)
    begin_s = time.monotonic()
    with ThreadPoolExecutor(1) as beside:
        for attack in attacks:
            table.begin(attack)
            try:
                table.add(_try(attack, is_quick, beside))
            except (AssertionError, CarportError, LookupError) as error:
                table.fail(attack, error)
    table.close(time.monotonic() - begin_s)
    return 0 if table.is_good else 1


def _try(attack: Attack, is_quick: bool, beside: Executor) -> Row:
    """Run an attack and, beside it unless it is timed, its control."""
    begin_s = time.monotonic()
    control = None if attack.limit else beside.submit(run_control, attack)
    if control is not None and attack.is_timed:
        wait([control])
    if attack.alone:
        outcome = run_without(attack, attack.alone, is_quick)
    else:
        outcome = run(attack, is_quick)
    result = None if control is None else control.result()
    return Row(attack, outcome, result, time.monotonic() - begin_s)


if __name__ == "__main__":
    sys.exit(main())
