"""How long does a report on thousands of records take, and how much memory?

``python benchmarks/report.py RUNS [--n 5000]`` repeats the records of a folder of runs under other seeds until there are so many, and
times ``ganbench report`` on them as a process of its own.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ganbench.plan.spec import run_id
from ganbench.results.collection import collect
from ganbench.results.record import write_record


def make(source: Path, folder: Path, n: int) -> int:
    """Writes n records, and returns their size in bytes."""
    base = collect([source]).records
    total = 0
    for number in range(n):
        record = base[number % len(base)]
        spec = replace(record.spec, seed=1_000 + number)
        path = folder / f"{spec.slug}.json"
        write_record(path, replace(record, spec=spec, run_id=run_id(spec)))
        total += path.stat().st_size
    return total


def main() -> None:
    """Prints size, seconds and the largest memory of any of the processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder of runs")
    parser.add_argument("--n", type=int, default=5_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        records, out = Path(place) / "records", Path(place) / "report"
        records.mkdir()
        size = make(asked.source, records, asked.n)
        os.sync()
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "ganbench", "report", str(records), "--out", str(out)], check=True, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy, page = used.ru_utime + used.ru_stime, (out / "index.html").stat().st_size
        print(f"{asked.n:,} records of {size / asked.n / 1e3:.0f} kB: {seconds:.1f} s, {busy:.1f} s of processor time,")
        print(f"{used.ru_maxrss / 1e3:.0f} MB, page of {page / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
