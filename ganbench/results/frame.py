"""How are records turned into a data frame? (one row per run, weights and score)"""

import warnings
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ganbench.results.folders import find_records
from ganbench.results.record import Record, protocol_key


def load_results(out: Path | str) -> pd.DataFrame:
    """Loads all scores of all runs in an output folder of ``ganbench run``; a run whose directory was copied counts once.

    >>> import tempfile, ganbench
    >>> only = ["variant=gan", "dataset=ring8", "seed=0"]
    >>> done = ganbench.run("quickstart", out := tempfile.mkdtemp(), only=only, settings=["budget_images=640"])
    >>> sorted(set(load_results(out)["weights"]))
    ['ema', 'raw']

    Args:
        out: The folder given as ``--out``.

    Returns:
        The columns of :func:`frame`.

    Warns:
        UserWarning: A record cannot be read, and is left out.

    Raises:
        RequestError: The folder contains no runs.
    """
    found = find_records(Path(out))
    for fault in found.faults:
        warnings.warn(f"left out {fault}", stacklevel=2)
    return frame([*found.records, *found.interrupted])


def frame(found: Iterable[Record]) -> pd.DataFrame:
    """Converts records to rows, one per score; a run without scores has one row without a score, and repeated records count once.

    Returns:
        Columns ``run_id, variant, dataset, seed, status, budget_images, images_seen, weights, metric, label, value,
        ci_low, ci_high, ci_method, n_real, n_fake, higher_is_better, protocol, train_images_per_s,
        sample_images_per_s, peak_memory_bytes, device``.
    """
    rows = []
    for record in {record.run_id: record for record in found}.values():
        timing = record.timing
        run = {
            "run_id": record.run_id,
            "variant": record.spec.variant.name,
            "dataset": record.spec.dataset.name,
            "seed": record.spec.seed,
            "status": record.status,
            "budget_images": record.spec.budget_images,
            "images_seen": record.images_seen,
        }
        speed = {
            "train_images_per_s": timing.training.median if timing and timing.training else None,
            "sample_images_per_s": timing.sampling.median if timing and timing.sampling else None,
            "peak_memory_bytes": timing.peak_memory_bytes if timing else None,
            "device": timing.device if timing else None,
        }
        for score in record.scores:
            shown = ("metric", "label", "value", "ci_low", "ci_high", "ci_method", "n_real", "n_fake", "higher_is_better")
            own = {
                "weights": score.protocol["weights"],
                **{name: getattr(score, name) for name in shown},
                "protocol": protocol_key(score.protocol),
            }
            rows.append({**run, **own, **speed})
        if not record.scores:
            rows.append({**run, **speed})
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    *("run_id", "variant", "dataset", "seed", "status", "budget_images", "images_seen", "weights", "metric", "label", "value"),
    *("ci_low", "ci_high", "ci_method", "n_real", "n_fake", "higher_is_better", "protocol"),
    *("train_images_per_s", "sample_images_per_s", "peak_memory_bytes", "device"),
]
"""Columns of the frame, in order."""
