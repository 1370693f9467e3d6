"""How do time and memory grow with the number of examples? (``python benchmarks/cost_curves.py 5_000 10_000 20_000 --device cpu``)

Moments grow with n, and pairs with n^2 in memory that grows with n. Every line is a process of its own, so that its peak memory is its own;
the features of both sets are part of it.
"""

import argparse
import subprocess
import sys
import time

import torch

from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features
from ganbench.sets.moments import moments
from ganbench.timing.memory import peak_memory_bytes
from ganbench.timing.scoring import features

WIDTH, THREADS = 2_048, 2


def measured(part: str, n: int, device: torch.device) -> tuple[float, int]:
    """Seconds and peak bytes of the moments of two sets, or of what all metrics need of their pairs."""
    torch.set_num_threads(THREADS)
    real, fake = (features(n, WIDTH, side).to(device) for side in ("real", "fake"))
    moments(real[:100])  # the first call loads libraries
    start = time.perf_counter()
    if part == "moments":
        ends = [moments(side).mean.sum().item() for side in (real, fake)]
    else:
        comparison = Comparison(Features(values=real), Features(values=fake))
        comparison.expect(("kernel", "fakes_in_real_balls", "reals_in_fake_balls"))
        assert len(comparison.real_moments) == n  # computed before the clock starts: distances need the mean as their centre
        start = time.perf_counter()
        ends = [comparison.kernel.mean, comparison.reals_in_fake_balls.per_query.sum().item()]
    assert all(end == end for end in ends)
    return time.perf_counter() - start, peak_memory_bytes(device)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("n", nargs="+", type=int, help="examples of either set")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--part", choices=("moments", "pairs"), help="measure one part in this process")
    options = parser.parse_args()
    if options.part:
        print(*measured(options.part, options.n[0], torch.device(options.device)))
        return 0
    print("| n | part | s | s / (n / 10,000)^k | GB at most |\n|---|---|---|---|---|")
    for n in options.n:
        for part, power in (("moments", 1), ("pairs", 2)):
            command = [sys.executable, __file__, str(n), "--device", options.device, "--part", part]
            took, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            print(
                f"| {n:,} | {part} (k = {power}) | {float(took):.2f} | {float(took) / (n / 10_000) ** power:.2f} | {int(peak) / 1e9:.2f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
