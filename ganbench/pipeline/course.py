"""How has a run gone until now, according to its events?"""

import math

from ganbench.diagnostics.alarms import History, known
from ganbench.diagnostics.collapse import collapsed_for_good, ended_over_best, verdict
from ganbench.results.assembly import evaluations
from ganbench.results.events import EventLog
from ganbench.results.record import Divergence, Evaluation, Weights


def collapse(log: EventLog, lasting: bool = False) -> Divergence | None:
    """Applies the collapse rule to the raw weights' evaluations, with the first metric that is a distance.

    Args:
        log: The run's events.
        lasting: Whether a collapse counts only if it has lasted, as in the middle of a run.
    """
    series = _evaluations(log, "raw")
    scores = _scores(series)
    return (collapsed_for_good if lasting else verdict)(
        [one.images_seen for one in series],
        [value for _, value, _ in scores],
        [sd for _, _, sd in scores],
        [math.nan if ratio is None else ratio for _, ratio in _ratios(series)],
        _judged(series),
    )


def history(log: EventLog) -> History:
    """The signals of the run's health."""
    events, series, averaged = log.scan()[0], _evaluations(log, "raw"), _evaluations(log, "ema")
    return History(
        ticks=[(event["images_seen"], known(event.get("logs", {}))) for event in events if event["kind"] == "tick"],
        probes=[(event["images_seen"], known(event.get("signals", {}))) for event in events if event["kind"] == "health"],
        variance=[(seen, ratio) for seen, ratio in _ratios(series) if ratio is not None],
        scores=[(seen, value, sd) for seen, value, sd in _scores(series) if math.isfinite(value)],
        scored=_judged(series),
        final_over_best=ended_over_best(averaged),
    )


def _scores(series: list[Evaluation]) -> list[tuple[int, float, float]]:
    """Images seen, the first metric that is a distance, and its standard deviation; not-a-number where the metric refused the examples.

    Empty if no metric is a distance.
    """
    column = next((score.column for one in series for score in one.scores if score.is_distance), None)
    if column is None:
        return []
    found = [(one.images_seen, next((score for score in one.scores if score.column == column), None)) for one in series]
    return [
        (seen, math.nan, math.nan) if score is None else (seen, score.value, (score.ci_high - score.ci_low) / (2 * 1.96))
        for seen, score in found
    ]


def _judged(series: list[Evaluation]) -> str:
    """What the scores of :func:`_scores` are called."""
    return next((f"{score.label} of the {one.weights} weights" for one in series for score in one.scores if score.is_distance), "score")


def _evaluations(log: EventLog, weights: Weights) -> list[Evaluation]:
    """The evaluations of one kind of weights."""
    return [one for one in evaluations(log.scan()[0], str(log.path)) if one.weights == weights]


def _ratios(series: list[Evaluation]) -> list[tuple[int, float | None]]:
    """Feature variance over that of the real examples, by images seen."""
    return [(one.images_seen, found.value) for one in series for found in one.diagnostics if found.name == "feature_variance_ratio"]
