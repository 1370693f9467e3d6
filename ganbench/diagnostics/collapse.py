"""Did the run collapse, and when?

The published rule over a run's series of evaluations. Hard collapse: the last evaluation's features vary less
than 5 % as much as the real ones, and either they varied more at an earlier one, or not half as much halfway: what
has doubled since then belongs to a run that is still learning. A low ratio that recovers is no collapse, and the
untrained start does not count. Score collapse, for a score m where lower is better, with running best b: m has been
above max(2 b, b + 5 sd) in the last three evaluations at least, without a return below 1.2 b since it first was, and
has given back a tenth of the untrained start's score: what wavers closer to the best is noise. An excursion that
returned is a spike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.results.record import Divergence

VARIANCE_FLOOR = 0.05
"""Ratio of generated to real feature variance below which a generator has collapsed."""
STILL_LEARNING = 2.0
"""A low ratio that grew by this factor since halfway, and was never higher, belongs to a run that is still learning."""
WINDOW = 3
"""Evaluations in a row that make a score collapse."""
GIVEN_BACK = 0.1
"""Share of the untrained start's score that a collapsed score must at least have."""


@dataclass(frozen=True, kw_only=True)
class Spike:
    """A score that went far off and came back."""

    images_seen: int
    """At the first evaluation off the mark."""
    returned: int
    """Images seen at the evaluation that was back."""
    peak: float


@dataclass(kw_only=True)
class _Excursion:
    """A stretch of evaluations that starts above the threshold and has not been near the best since."""

    first: int
    best: float
    above: int
    """Evaluations in a row, up to the latest, above the threshold."""
    peak: float
    returned: int | None = None


def verdict(
    images_seen: Sequence[int], scores: Sequence[float], eval_sd: Sequence[float], variance_ratio: Sequence[float]
) -> Divergence | None:
    """Judges a run by its evaluations, in order and of equal number.

    Args:
        images_seen: Images that the discriminator had seen at each evaluation; 0 is the untrained start.
        scores: A score of each, lower is better.
        eval_sd: Standard deviation of each score over evaluations of the same weights.
        variance_ratio: Feature variance of generated over real examples.

    Returns:
        The collapse that the run ended in, or None.
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
        detail = f"score ended at {scores[-1]:.4g} after a best of {found.best:.4g}, and never returned"
        return Divergence(kind="score", images_seen=images_seen[found.first], detail=detail)
    return None


def _still_learning(images_seen: Sequence[int], variance_ratio: Sequence[float]) -> bool:
    """Whether a run that never had its data's variance had at most half of its present one halfway through."""
    if any(ratio >= VARIANCE_FLOOR for seen, ratio in zip(images_seen, variance_ratio, strict=True) if seen > 0):
        return False
    halfway = min(range(len(images_seen) - 1), key=lambda i: abs(images_seen[i] - images_seen[-1] / 2), default=None)
    return halfway is not None and variance_ratio[-1] >= STILL_LEARNING * variance_ratio[halfway]


def spikes(images_seen: Sequence[int], scores: Sequence[float], eval_sd: Sequence[float]) -> list[Spike]:
    """Excursions of the score that returned; arguments as in :func:`verdict`."""
    return [
        Spike(images_seen=images_seen[found.first], returned=images_seen[found.returned], peak=found.peak)
        for found in _excursions(scores, eval_sd)
        if found.returned is not None
    ]


def _excursions(scores: Sequence[float], eval_sd: Sequence[float]) -> list[_Excursion]:
    """Every stretch that went above max(2 b, b + 5 sd), closed where it fell below b + 0.2 |b| (a kernel distance can be negative)."""
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
