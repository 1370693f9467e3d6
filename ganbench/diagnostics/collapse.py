"""Did the run collapse, and when?

The rule applies to the series of evaluations of a run. Hard collapse: at the last evaluation the feature variance of
generated examples is below 5 % of that of real ones, unless it never reached 5 % and has at least doubled since halfway,
which means that the run is still learning. A low ratio that recovers is no collapse, and the untrained start does not
count. Score collapse, for a score m where lower is better, with best so far b: m was above max(2 b, b + 5 sd) in at
least the last three evaluations, has not returned below 1.2 b since it first was, and is at least a tenth of the
untrained start's score, since smaller fluctuations near the best are noise. An excursion that returned is a spike.

These rules compare a run with itself. Whatever it did before, its final examples are lifeless by an absolute rule: nine in ten have a
near-copy among them, or they vary less than 5 % as much as real ones. A run that is still learning may be so, and is no failure; but it
is marked in every table, and has no rank.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ganbench.results.record import Diagnostic, Divergence, Evaluation

VARIANCE_FLOOR = 0.05
"""Ratio of generated to real feature variance below which a generator has collapsed."""
STILL_LEARNING = 2.0
"""Growth of a ratio since halfway from which a run, whose ratio always was below ``VARIANCE_FLOOR``, is still learning."""
WINDOW = 3
"""Number of consecutive evaluations above the threshold that make a score collapse."""
NOISE = 5.0
"""Standard deviations of an evaluation within which two of its scores count as equal: those of the collapse rule."""
GIVEN_BACK = 0.1
"""Smallest fraction of the untrained start's score that a collapsed score has."""


COPIES = 0.9
"""Duplicate rate above which nearly every example has a near-copy. In closed form, n examples drawn evenly from k distinct ones have the
rate 1 - (1 - 1/k)^(n - 1), so that k is below n / 2.3. Of the 162 runs on digits and mnist in
reports/reference the largest rate is 0.17 (gan on digits), and the next method's 0.06 (projection_gan)."""
REAL_COPIES = 0.5
"""Duplicate rate of a perfect generator above which the data repeat themselves, so that copies say nothing."""


@dataclass(frozen=True, kw_only=True)
class Spike:
    """An excursion of the score above the threshold that returned."""

    images_seen: int
    """Images seen at the first evaluation above the threshold."""
    returned: int
    """Images seen at the evaluation where the score had returned."""
    peak: float


@dataclass(kw_only=True)
class _Excursion:
    """Consecutive evaluations that start above the threshold, until the score returns near the best."""

    first: int
    best: float
    above: int
    """Number of consecutive evaluations above the threshold, up to the latest."""
    peak: float
    returned: int | None = None


def verdict(
    images_seen: Sequence[int], scores: Sequence[float], eval_sd: Sequence[float], variance_ratio: Sequence[float], name: str = "score"
) -> Divergence | None:
    """Decides whether a run collapsed, from its evaluations in order; all sequences have the same length.

    Args:
        images_seen: Images seen by the discriminator at each evaluation; 0 is the untrained start.
        scores: Score at each evaluation, where lower is better.
        eval_sd: Standard deviation of each score over evaluations of the same weights.
        variance_ratio: Feature variance of generated over that of real examples.
        name: What the score is called in the reason.

    Returns:
        The collapse in which the run ended, or None.
    """
    low = 0
    for seen, ratio in zip(images_seen, variance_ratio, strict=True):
        low = low + 1 if ratio < VARIANCE_FLOOR and seen > 0 else 0
    if low and not _still_learning(images_seen, variance_ratio):
        detail = f"feature variance ended at {100 * variance_ratio[-1]:.2g} % of the real one"
        return Divergence(kind="variance", images_seen=images_seen[-low], detail=detail)
    open_ended = [found for found in _excursions(scores, eval_sd) if found.returned is None]
    if open_ended and open_ended[0].above >= WINDOW and scores[-1] >= GIVEN_BACK * scores[0]:
        found = open_ended[0]
        detail = f"{name} ended at {scores[-1]:.4g} after a best of {found.best:.4g}, and never returned"
        return Divergence(kind="score", images_seen=images_seen[found.first], detail=detail)
    return None


def collapsed_for_good(
    images_seen: Sequence[int], scores: Sequence[float], eval_sd: Sequence[float], variance_ratio: Sequence[float], name: str = "score"
) -> Divergence | None:
    """As :func:`verdict`, in the middle of a run, where a variance counts as vanished once it is gone for ``WINDOW`` evaluations."""
    found = verdict(images_seen, scores, eval_sd, variance_ratio, name)
    if found is None or found.kind != "variance":
        return found
    trained = [ratio for seen, ratio in zip(images_seen, variance_ratio, strict=True) if seen > 0]
    gone = len(trained) > WINDOW and all(ratio < VARIANCE_FLOOR for ratio in trained[-WINDOW:])
    return found if gone and any(ratio >= VARIANCE_FLOOR for ratio in trained) else None


def ended_over_best(evaluations: Iterable[Evaluation]) -> float | None:
    """How many times worse the last evaluation's first score with a direction is than the best one after the start.

    1 where the two are within ``NOISE`` standard deviations of the last evaluation; None without scores, or if one is not above 0.
    """
    judged = [one.scores for one in evaluations if one.images_seen > 0]
    series = [score for scores in judged for score in [one for one in scores if one.higher_is_better is not None][:1]]
    if not series or min(score.value for score in series) <= 0:
        return None
    last = series[-1]
    best = (max if last.higher_is_better else min)(score.value for score in series)
    if abs(last.value - best) <= NOISE * (last.ci_high - last.ci_low) / (2 * 1.96):
        return 1.0
    return best / last.value if last.higher_is_better else last.value / best


def _still_learning(images_seen: Sequence[int], variance_ratio: Sequence[float]) -> bool:
    """Whether the ratio was always below ``VARIANCE_FLOOR`` and has grown by ``STILL_LEARNING`` since halfway."""
    if any(ratio >= VARIANCE_FLOOR for seen, ratio in zip(images_seen, variance_ratio, strict=True) if seen > 0):
        return False
    halfway = min(range(len(images_seen) - 1), key=lambda i: abs(images_seen[i] - images_seen[-1] / 2), default=None)
    return halfway is not None and variance_ratio[-1] >= STILL_LEARNING * variance_ratio[halfway]


def lifeless(diagnostics: Iterable[Diagnostic]) -> str:
    """Why generated examples are all alike, judged without the run's past; empty if they are not.

    >>> lifeless([Diagnostic(name="duplicate_rate", value=1.0, perfect=0.001, n=500)])
    '100 % of the samples have a near-copy'

    Args:
        diagnostics: Those of one generated set.
    """
    found = {one.name: one for one in diagnostics}
    copies, variance = found.get("duplicate_rate"), found.get("feature_variance_ratio")
    reasons = []
    if variance is not None and variance.value is not None and variance.value < VARIANCE_FLOOR:
        reasons.append(f"feature variance is {100 * variance.value:.2g} % of the real one")
    if copies is not None and copies.value is not None and copies.value >= COPIES and (copies.perfect or 0) < REAL_COPIES:
        reasons.append(f"{100 * copies.value:.3g} % of the samples have a near-copy")
    return ", ".join(reasons)


def spikes(images_seen: Sequence[int], scores: Sequence[float], eval_sd: Sequence[float]) -> list[Spike]:
    """Finds excursions of the score that returned; arguments as in :func:`verdict`."""
    return [
        Spike(images_seen=images_seen[found.first], returned=images_seen[found.returned], peak=found.peak)
        for found in _excursions(scores, eval_sd)
        if found.returned is not None
    ]


def _excursions(scores: Sequence[float], eval_sd: Sequence[float]) -> list[_Excursion]:
    """All excursions above max(2 b, b + 5 sd); they end below b + 0.2 |b| (a kernel distance can be negative)."""
    found: list[_Excursion] = []
    best = float("inf")
    for position, (score, sd) in enumerate(zip(scores, eval_sd, strict=True)):
        current = found[-1] if found and found[-1].returned is None else None
        above = score > max(2 * best, best + 5 * sd)
        if current is None:
            if above:
                found.append(_Excursion(first=position, best=best, above=1, peak=score))
        elif score < best + 0.2 * abs(best):
            current.returned = position
        else:
            current.above = current.above + 1 if above else 0
            current.peak = max(current.peak, score)
        best = min(best, score)
    return found
