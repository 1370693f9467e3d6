"""What did every variant reach here? (``python -m baselines.bands RUNS...`` adds runs to the bank and writes README.md from it)"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from baselines.bands.bank import BANK, read_bank, run_of, without_superseded, write_bank
from baselines.bands.page import HERE, render
from ganbench.errors import RequestError
from ganbench.results.folders import read_records


def main(arguments: Sequence[str]) -> None:
    """Adds the runs below some folders to the bank, drops those that they supersede, and writes README.md anew.

    Raises:
        RequestError: A folder holds no runs.
    """
    parser = argparse.ArgumentParser(prog="python -m baselines.bands", description=main.__doc__)
    parser.add_argument("runs", nargs="*", type=Path, help="folders that `ganbench run --out` wrote")
    bank = {run.run_id: run for run in (read_bank() if BANK.is_file() else [])}
    for out in parser.parse_args(arguments).runs:
        bank |= {run.run_id: run for record in read_records(out) if (run := run_of(record)) is not None}
    write_bank(without_superseded(bank.values()))
    (HERE / "README.md").write_text(render(read_bank()), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RequestError as error:
        print(f"baselines.bands: {error}", file=sys.stderr)
        sys.exit(2)
