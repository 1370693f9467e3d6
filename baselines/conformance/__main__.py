"""How far are our networks from public code? (``python -m baselines.conformance CODE=FOLDER...`` writes the results of those codes anew)"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from baselines.bands.__main__ import main as write_page
from baselines.conformance.codes import CODES
from baselines.conformance.results import RESULTS, Result, read_results, write_results
from ganbench.errors import RequestError, UnknownName
from ganbench.seeding import global_stream


def main(arguments: Sequence[str]) -> None:
    """Runs the comparisons with the codes whose checkouts are given, keeps the other results, and writes README.md anew.

    Raises:
        RequestError: See :func:`compared_with`; the results of the codes before it on the command line are not kept either.
    """
    parser = argparse.ArgumentParser(prog="python -m baselines.conformance", description=main.__doc__)
    parser.add_argument("checkouts", nargs="+", metavar="CODE=FOLDER", help=f"a git checkout of one of {', '.join(CODES)}")
    kept = {code: [result for result in read_results() if result.code == code] for code in CODES} if RESULTS.is_file() else {}
    for given in parser.parse_args(arguments).checkouts:
        code, _, folder = given.partition("=")
        kept[code] = compared_with(code, Path(folder))
        print(f"{code}: {len(kept[code])} comparisons, at most {max(result.difference for result in kept[code]):.1e} apart")
    write_results(result for results in kept.values() for result in results)
    write_page([])


def compared_with(code: str, folder: Path) -> list[Result]:
    """The results of all comparisons with one code, in float64, from a fixed stream of random numbers.

    Raises:
        RequestError: The code is unknown, or its folder holds no checkout of it that the comparison can read.
    """
    if code not in CODES:
        raise UnknownName("code", code, CODES, "write CODE=FOLDER")
    if not folder.is_dir():
        raise RequestError(f"{code}: {folder} is no folder; give a checkout of https://github.com/{code}")
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with global_stream(0, "conformance"):
            return [Result(code=code, version=_commit(folder), **vars(finding)) for finding in CODES[code](folder.resolve())]
    except (ImportError, AttributeError, OSError, ValueError) as error:  # other files, other names, other layers
        raise RequestError(
            f"{code}: {folder} is no checkout that can be compared ({type(error).__name__}: {error}); give one of https://github.com/{code}"
        ) from error
    finally:
        torch.set_default_dtype(usual)


def _commit(folder: Path) -> str:
    told = subprocess.run(["git", "-C", str(folder), "log", "-1", "--format=%h of %cs"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RequestError as error:
        print(f"baselines.conformance: {error}", file=sys.stderr)
        sys.exit(2)
