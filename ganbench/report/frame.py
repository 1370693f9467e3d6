"""How are results loaded into a data frame? (a row per run, weights and score, or per point of a curve)"""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ganbench.report.rows import COLUMNS, CURVE_COLUMNS, columns, curve_rows, score_rows
from ganbench.results.collection import collect, listed
from ganbench.results.record import Record
from ganbench.text import plain


def load_results(results: str | Path | Sequence[str | Path], *, curves: bool = False) -> pd.DataFrame:
    """Loads all scores of results from anywhere; a run that is found twice counts once.

    >>> import tempfile, ganbench
    >>> only = ["variant=gan", "dataset=ring8", "seed=0"]
    >>> done = ganbench.run("quickstart", out := tempfile.mkdtemp(), only=only, settings=["budget_images=640"])
    >>> sorted(set(load_results(out)["weights"]))
    ['ema', 'raw']
    >>> sorted(set(load_results(out, curves=True)["kind"]))
    ['diagnostic', 'log', 'score']

    Args:
        results: Folders given as ``--out`` of ``ganbench run``, folders of record files, or record files; one or several.
        curves: Whether to load every evaluation and what the steps logged (losses, gradient norms; only folders of runs have these), and
            not only the final scores.

    Returns:
        The columns of :func:`frame`; of curves, with ``kind`` ("score", "diagnostic" or "log") and without what only final scores have.

    Warns:
        UserWarning: A record cannot be read, and is left out.

    Raises:
        RequestError: There are no such results.
    """
    found = collect(listed(results))
    for fault in found.faults:
        warnings.warn(f"left out {plain(fault)}", stacklevel=2)
    if not curves:
        return frame(found.all)
    rows = curve_rows(found)
    return pd.DataFrame(rows, columns=columns(rows, CURVE_COLUMNS))


def frame(found: Iterable[Record]) -> pd.DataFrame:
    """Converts records to rows, one per score; a run without scores has one row without a score, and repeated records count once.

    Diverged runs have the scores of their last evaluation, and their status says so.

    Returns:
        Columns ``run_id, name`` (the variant, with the settings in which rows of it differ)``, rank, ranked_by`` (the place on the
        leaderboard, and the number that decided it)``, variant, dataset, seed, status, budget_images, images_seen, weights, metric,
        label, value, ci_low, ci_high, ci_method, n_real, n_fake, higher_is_better, protocol, train_images_per_s, sample_images_per_s,
        peak_memory_bytes, device``, then the configuration: ``config.NAME``, ``dataset.NAME``, ``training.NAME``.
    """
    rows = score_rows(found)
    return pd.DataFrame(rows, columns=columns(rows, COLUMNS))
