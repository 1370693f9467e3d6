"""What needs a CUDA device: which parts pass, and how long does each take? (``make gpu``, ``make gpu PARTS="tests training"``)

Every part runs, whatever became of the others. Those that run by default are meant to end within six minutes on one GPU with eight cores;
``bands`` takes hours and runs only where it is named.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

PYTEST = f"{sys.executable} -m pytest -p no:cacheprovider"
GANBENCH = f"{sys.executable} -m ganbench"
WORKERS = min(8, os.cpu_count() or 1)
HERE = Path(__file__).parents[1]
OUT = "runs/gpu"
FEATURES = "benchmarks/test_inception.py benchmarks/test_from_features.py"
VARIANTS = "dcgan wgan_gp sngan stylegan2"
TIMED = f"{GANBENCH} bench train {VARIANTS} --preset cifar --device cuda --seconds 1 --out {OUT}"
PARTS = {
    "tests": [f"{PYTEST} -m gpu -n {WORKERS} --dist worksteal --benchmark-disable"],
    "training": [f"{PYTEST} -s benchmarks/test_training.py --benchmark-json={OUT}/training.json"],
    "timings": [
        f"{TIMED} --precision fp32",
        f"{TIMED} --precision fp32 --engine graph",
        f"{TIMED} --precision tf32,bf16 --determinism off",
        f"{TIMED} --precision tf32,bf16 --determinism off --engine graph",
        f"{TIMED} --precision tf32,bf16 --determinism off --engine graph-channels-last",
    ],
    "scores": [f"{GANBENCH} bench score --n 5_000,10_000,20_000,50_000 --device cuda --seconds 1 --out {OUT}"],
    "features": [f"{PYTEST} -s -m 'not network' {FEATURES} --benchmark-json={OUT}/features.json"],
    "bands": [
        f"{GANBENCH} run modes --device cuda --only dataset=stacked-mnist --out {OUT}/stacked-mnist",
        f"{GANBENCH} run cifar10_small --device cuda --workers 14 --out {OUT}/cifar10",
        f"{sys.executable} -m baselines.bands {OUT}/stacked-mnist {OUT}/cifar10",
    ],
}
BY_DEFAULT = [name for name in PARTS if name != "bands"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all but bands")
    wanted = parser.parse_args().parts or BY_DEFAULT
    if unknown := [name for name in wanted if name not in PARTS]:
        parser.error(f"unknown part {unknown[0]!r}; known: {', '.join(PARTS)}")
    (HERE / OUT).mkdir(parents=True, exist_ok=True)
    # torch keeps compiled kernels below this folder, makes none above it, and warns where it is missing
    (Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "torch" / "kernels").mkdir(parents=True, exist_ok=True)
    took: list[tuple[str, float, bool]] = []
    for name in wanted:
        start = time.monotonic()
        codes = [subprocess.run(shlex.split(command), cwd=HERE, check=False).returncode for command in PARTS[name]]
        took.append((name, time.monotonic() - start, not any(codes)))
        print(f"{name}: {'passed' if took[-1][2] else 'FAILED'} in {took[-1][1]:.0f} s", flush=True)
    print("\n".join(f"{name:10}{'passed' if fine else 'FAILED':8}{seconds:6.0f} s" for name, seconds, fine in took))
    return 0 if all(fine for *_, fine in took) else 1


if __name__ == "__main__":
    sys.exit(main())
