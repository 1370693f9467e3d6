"""When is a value fine, suspicious, or a sign of collapse? (one table of rules, each with its source)

A value of the generated examples is compared with that of as many held-out real ones: their ratio or their difference, or
the value itself where real examples have none. A rule speaks only if the number reaches its threshold and, moreover, lies
more than ``SIGMAS`` standard deviations from that of a perfect generator, so that few examples raise no false alarm.
"Suspicious" means a visible loss compared with real examples; "collapsed", that half of their variety is gone, or nearly all variance.
"""

import math
from dataclasses import dataclass
from typing import Literal

from ganbench.diagnostics.collapse import COPIES, VARIANCE_FLOOR
from ganbench.results.diagnosis import Finding, Verdict

SIGMAS = 4.0
"""Standard deviations of a perfect generator's number within which nothing is said: 6 of 100,000 normal values lie beyond."""
_HALF = "closed form: every second mode or class is lost"
_LOST = "closed form: 24 of 25 modes are 96 %"
_KL = "closed form: ln(25/24) = 0.041 and ln 2, for the loss of one mode in 25 and of every second"
_FACTOR = "factor of 2, a convention of this project (diagnostics/minority.py)"
_SPREAD = "a fifth narrower, a convention of this project; sqrt(0.05), the variance rule of diagnostics/collapse.py"


def _measured(noise: float, distance: float) -> str:
    """The source of a threshold that is at this distance from perfect generators, whose noise was measured."""
    n = (SIGMAS * noise / distance) ** 2
    return f"measured: {SIGMAS:g} standard deviations of perfect generators at n = {n:,.0f} (tests/diagnostics/test_nulls.py)"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How one measure is judged."""

    measure: str
    compares: Literal["ratio", "difference", "value"]
    """The number that is judged: generated over held-out value, generated minus held-out value, or the generated value alone."""
    worse: Literal["low", "high"]
    suspicious: float
    collapsed: float | None = None
    """None for measures that other failures than collapse move as far."""
    noise: float | Literal["occupancy", "chi-square"] = 0.0
    """Standard deviation of the number for a perfect generator, times the square root of n, as measured; 0 if no guard is needed. In closed
    form, "occupancy" is that of a count of modes, each of which is covered with the same probability, and "chi-square" that of a
    divergence between histograms, 2n times which is chi-square distributed, so that its variance is its mean over n."""
    source: str
    """Where the thresholds come from: a paper, a closed form, a measurement of this repository, or one of its conventions."""

    def number(self, value: float, held_out: float | None) -> float | None:
        """The number that is judged; None if the held-out value is undefined, or 0 in a ratio."""
        if self.compares == "value":
            return value
        if held_out is None or (self.compares == "ratio" and held_out == 0):
            return None
        return value / held_out if self.compares == "ratio" else value - held_out

    def spread(self, perfect: float | None, most: float | None, n: int) -> float:
        """The standard deviation of the number for a perfect generator.

        Args:
            perfect: The measure's value for a perfect generator.
            most: Its largest possible value.
            n: Number of examples.
        """
        if not isinstance(self.noise, str):
            return self.noise / math.sqrt(n)
        if perfect is None:
            return 0.0
        if self.noise == "chi-square":
            return math.sqrt(2 * perfect / n)  # of the difference of two such values
        # of the ratio of two counts; counts of n draws vary less than those of independent modes would
        return math.sqrt(2 * perfect * max(1 - perfect / most, 0.0)) / perfect if most and perfect else 0.0

    def reaches(self, number: float, threshold: float, guard: float) -> bool:
        """Whether a number reaches a threshold, and lies further than the guard from that of a perfect generator."""
        sign = 1 if self.worse == "high" else -1
        centre = {"ratio": 1.0, "difference": 0.0, "value": threshold}[self.compares]
        return sign * (number - threshold) >= 0 and (guard == 0 or sign * (number - centre) > guard)

    def words(self, number: float, threshold: float, guard: float) -> str:
        """A number that reaches a threshold, and the limit beyond which it lies, in words."""
        centre = {"ratio": 1.0, "difference": 0.0, "value": threshold}[self.compares]
        ends = (threshold, centre - guard if self.worse == "low" else centre + guard)
        limit = min(ends) if self.worse == "low" else max(ends)
        if self.compares == "ratio":
            return f"{100 * number:.3g} % of the held-out value (limit {100 * limit:.3g} %)"
        if self.compares == "difference":
            return f"{abs(number):.3g} {'below' if number < 0 else 'above'} the held-out value (limit {abs(limit):.3g})"
        return f"{number:.3g} (limit {limit:.3g})"


_BIRTHDAY = "measured: the smallest ratio of 300 pairs of perfect generators was 0.10 (tests/diagnostics/test_nulls.py)"
_NDB = "measured: 4 standard deviations of perfect generators with 100 cells (tests/diagnostics/test_nulls.py)"
_JSD = "closed form: 4 standard deviations of perfect generators at n = 1,620, with 100 cells and 3,240 real examples"
_VARIETY = f"{_measured(1.3, 0.2)}; {_HALF}"
RULES = (
    Rule(
        measure="feature_variance_ratio", compares="ratio", worse="low", suspicious=0.5, collapsed=VARIANCE_FLOOR, noise=0.6,
        source="closed form: half of the examples at the mean have half the variance; 5 %, the rule of diagnostics/collapse.py",
    ),
    Rule(
        measure="duplicate_rate", compares="difference", worse="high", suspicious=0.02, collapsed=COPIES, noise=0.1,
        source=f"{_measured(0.1, 0.02)}; 90 %, the rule of diagnostics/collapse.py",
    ),
    Rule(measure="modes", compares="ratio", worse="low", suspicious=0.97, collapsed=0.5, noise="occupancy", source=f"{_LOST}; {_HALF}"),
    Rule(
        measure="robust_modes", compares="ratio", worse="low", suspicious=0.97, collapsed=0.5, noise="occupancy",
        source=f"{_LOST}; {_HALF}",
    ),
    Rule(
        measure="classes_covered", compares="ratio", worse="low", suspicious=0.97, collapsed=0.5, noise="occupancy",
        source=f"{_LOST}; {_HALF}",
    ),
    Rule(measure="hq_percent", compares="difference", worse="low", suspicious=-5.0, noise=18.0, source=_measured(18, 5)),
    Rule(measure="kl_hq", compares="difference", worse="high", suspicious=0.03, collapsed=math.log(2), noise="chi-square", source=_KL),
    Rule(measure="kl_all", compares="difference", worse="high", suspicious=0.03, collapsed=math.log(2), noise="chi-square", source=_KL),
    Rule(measure="class_kl", compares="difference", worse="high", suspicious=0.03, collapsed=math.log(2), noise=0.31, source=_KL),
    Rule(
        measure="class_tv", compares="difference", worse="high", suspicious=0.05, collapsed=0.5, noise=0.6,
        source=f"{_measured(0.6, 0.05)}; {_HALF}",
    ),
    Rule(measure="sd_ratio", compares="ratio", worse="low", suspicious=0.8, collapsed=math.sqrt(VARIANCE_FLOOR), noise=0.8, source=_SPREAD),
    Rule(
        measure="class_sd_ratio", compares="ratio", worse="low", suspicious=0.8, collapsed=math.sqrt(VARIANCE_FLOOR), noise=0.6,
        source=_SPREAD,
    ),
    Rule(measure="class_sd_lowest", compares="ratio", worse="low", suspicious=0.7, noise=1.2, source=_measured(1.2, 0.3)),
    Rule(measure="worst_share_high", compares="value", worse="low", suspicious=0.5, source=_FACTOR),
    Rule(measure="rarest_recovered", compares="ratio", worse="high", suspicious=1.001, source=_FACTOR),
    Rule(measure="vendi_rbf", compares="ratio", worse="low", suspicious=0.8, collapsed=0.5, noise=1.3, source=_VARIETY),
    Rule(measure="rke_rbf", compares="ratio", worse="low", suspicious=0.8, collapsed=0.5, noise=1.3, source=_VARIETY),
    Rule(measure="class_vendi_lowest", compares="ratio", worse="low", suspicious=0.6, noise=3.0, source=_measured(3, 0.4)),
    Rule(measure="class_rke_lowest", compares="ratio", worse="low", suspicious=0.6, noise=3.0, source=_measured(3, 0.4)),
    Rule(measure="birthday_support", compares="ratio", worse="low", suspicious=0.04, source=_BIRTHDAY),
    Rule(measure="ndb_share", compares="difference", worse="high", suspicious=0.11, noise=1.15, source=_NDB),
    Rule(measure="bins_jsd", compares="difference", worse="high", suspicious=0.015, noise="chi-square", source=_JSD),
    Rule(measure="authentic_percent", compares="difference", worse="low", suspicious=-10.0, noise=90.0, source=_measured(90, 10)),
    Rule(measure="copied_percent", compares="difference", worse="high", suspicious=1.0, noise=10.0, source=_measured(10, 1)),
    Rule(
        measure="latent_sensitivity", compares="value", worse="low", suspicious=0.5, collapsed=math.sqrt(VARIANCE_FLOOR),
        source="examples half as far apart as real ones, a convention of this project; sqrt(0.05), the rule of diagnostics/collapse.py",
    ),
    Rule(measure="latent_sensitivity_min", compares="value", worse="low", suspicious=0.0, source="two latents give the same example"),
)  # fmt: skip
"""All rules. Measures without one are shown and not judged."""


def judge(finding: Finding, rules: tuple[Rule, ...] = RULES) -> tuple[Verdict | None, str]:
    """Applies the rule of a measure.

    Args:
        finding: The measure's values; its own verdict is not read.
        rules: The rules.

    Returns:
        The verdict, None if no rule judges the measure or there is nothing to compare with; and why it is not "fine", in words.
    """
    rule = next((one for one in rules if one.measure == finding.measure), None)
    if rule is None:
        return None, ""
    if finding.value is None:
        return ("suspicious", "undefined, where real examples have a value") if finding.held_out is not None else (None, "")
    number = rule.number(finding.value, finding.perfect if finding.held_out is None else finding.held_out)
    if number is None:
        return None, ""
    guard = SIGMAS * rule.spread(finding.perfect, finding.most, finding.n)
    levels: tuple[tuple[Verdict, float | None], ...] = (("collapsed", rule.collapsed), ("suspicious", rule.suspicious))
    for verdict, threshold in levels:
        if threshold is not None and rule.reaches(number, threshold, guard):
            return verdict, rule.words(number, threshold, guard)
    return "fine", ""
