"""What must a reader of a leaderboard know besides its cells? (the notes below its tables)"""

import statistics
from collections.abc import Sequence

from ganbench.report.table import number
from ganbench.results.bank import Value
from ganbench.statistics.best import Best
from ganbench.statistics.leaderboard import Column, Leaderboard
from ganbench.statistics.noise import noise

NAMED = 4
"""Rows that a note names; of more it tells the number."""
LIFELESS, DIVERGED = "†", "‡"
"""Marks behind the names of rows whose samples are all alike, and of rows whose scores are of diverged runs."""


def score_notes(board: Leaderboard, shown: Sequence[tuple[Column, Best]]) -> list[str]:
    """How the scores are to be read, what is wrong with single rows, and which other boards they may not be ranked with."""
    notes = [*(_reading(board) if board.columns else []), *_best(shown), *_budgets(board), *_noise(board), *_of_runs(board)]
    if dead := [row for row in board.rows if row.lifeless]:
        why = "; ".join(f"{row.variant}, seed {seed}: {reason}" for row in dead for seed, reason in row.lifeless.items())
        notes.append(f"{LIFELESS} The samples at the end are all but alike, whatever the scores: {why}.")
    if any(row.diverged_only for row in board.rows):
        notes.append(f"{DIVERGED} Diverged: the scores of the last evaluation, which rank nothing.")
    return notes + [f"Not ranked with another board of {board.dataset}: {line}" for line in board.differs]


def _reading(board: Leaderboard) -> list[str]:
    of = f" of {board.primary.label}" if board.primary and board.primary != board.columns[0] else ""
    return [
        "Median over the seeds that finished, of EMA weights unless raw; with it the 95 % t interval of their mean, of two their values. "
        f"Ranked by the median seed{of}, in which a seed that failed or diverged is the worst; that number is the one shown there. "
        "Failed: seeds that failed or diverged, of all that were neither interrupted nor skipped. Final/best: how much worse than its best "
        "evaluation after the start a seed finished, in the median."
    ]


def _best(shown: Sequence[tuple[Column, Best]]) -> list[str]:
    """What is set off as best, and where nothing is."""
    notes = []
    if any(one.rows for _, one in shown):
        notes.append(
            "Bold: the best mean, and every mean whose t interval overlaps that one's; never of a row with fewer than three seeds, "
            "or with a seed that failed, diverged, was lost or ended lifeless."
        )
    reasons: dict[str, list[str]] = {}
    for column, one in shown:
        if one.unsettled:
            reasons.setdefault(one.unsettled, []).append(column.label + (" raw" if column.weights == "raw" else ""))
    return notes + [f"Nothing is bold in {', '.join(labels)}: {why}." for why, labels in reasons.items()]


def _budgets(board: Leaderboard) -> list[str]:
    """Which rows were trained for longer than others, which a rank does not allow for."""
    names: dict[int, list[str]] = {}
    for row in board.rows:
        names.setdefault(row.records[0].spec.budget_images, []).append(row.variant)
    if len(names) < 2:
        return []
    groups = [f"{budget:,} images {_some(rows)}" for budget, rows in sorted(names.items())]
    return [f"Budgets differ, and ranks do not allow for it: {'; '.join(groups)}."]


def _some(rows: Sequence[str]) -> str:
    return f"({', '.join(rows)})" if len(rows) <= NAMED else f"({len(rows)} rows)"


def _noise(board: Leaderboard) -> list[str]:
    """How far another sample and another seed move the ranking score, in the median row."""
    if board.primary is None:
        return []
    layers = []
    for row in board.rows:
        scores = [score for record in row.done for score in record.scores if score.column == board.primary.key]
        if layer := noise([Value(value=one.value, low=one.ci_low, high=one.ci_high) for one in scores]):
            layers.append(layer)
    samplings = [one.sampling for one in layers if one.sampling is not None]
    if not samplings:
        return []
    sampling, training = statistics.median(samplings), statistics.median(one.training for one in layers)
    return [
        f"Noise of {board.primary.label} (standard deviations, median row): {number(sampling)} from sample to sample of one generator, "
        f"{number(training)} from seed to seed beyond that."
    ]


def _of_runs(board: Leaderboard) -> list[str]:
    """What the records note about their examples and data; a note that all runs share is about the data."""
    runs = {f"{row.variant}, seed {record.spec.seed}": record for row in board.rows for record in row.records}
    notes: dict[str, list[str]] = {}
    for name, record in runs.items():
        for note in record.notes:
            notes.setdefault(note, []).append(name)
    ordered = sorted(notes.items(), key=lambda item: len(item[1]) == len(runs))  # those of single runs are the worse ones
    return [f"{board.dataset if len(names) == len(runs) else '; '.join(names)}: {note}." for note, names in ordered]


def diagnostics_notes(board: Leaderboard) -> list[str]:
    """How the diagnostics are to be read, and signs that something is wrong with trainings, by rule: whose, and since when."""
    found: dict[str, list[str]] = {}
    for row in board.rows:
        for record in row.records:
            for alarm in record.alarms:
                found.setdefault(alarm.rule, []).append(
                    f"{row.variant}, seed {record.spec.seed}, from {alarm.images_seen:,} images ({alarm.detail})"
                )
    alarms = [f"Alarm, {rule}: {'; '.join(where)}." for rule, where in found.items()]
    return ["Diagnostics of EMA weights, mean over finished seeds.", *alarms]
