"""Do the rules judge as they read, and does each say where it comes from?"""

import math

import pytest

from ganbench.diagnostics.rules import RULES, SIGMAS, Rule, judge
from ganbench.registry import DIAGNOSTICS
from ganbench.results.diagnosis import Finding


def finding(value: float | None, held_out: float | None = 10.0, **fields: object) -> Finding:
    known: dict[str, object] = {"perfect": None, "least": 0.0, "most": None, "n": 10_000, "verdict": None, "measure": "mine"}
    return Finding(diagnostic="mine", value=value, held_out=held_out, **{**known, **fields})  # type: ignore[arg-type]


def rule(**fields: object) -> tuple[Rule, ...]:
    known: dict[str, object] = {"compares": "ratio", "worse": "low", "suspicious": 0.8, "collapsed": 0.5, "source": "a test"}
    return (Rule(measure="mine", **{**known, **fields}),)  # type: ignore[arg-type]


def test_every_measure_of_a_rule_is_one_of_a_diagnostic_and_has_one_rule_with_its_source() -> None:
    measures = {measure for name in DIAGNOSTICS.names() for measure in DIAGNOSTICS.load(name).measures}
    named = [one.measure for one in RULES]
    assert set(named) <= measures and len(named) == len(set(named))
    # shown beside a judged one: the ends of an interval, and the batch size that gives the support
    assert measures - set(named) == {"worst_share", "worst_share_low", "birthday_size"}
    for one in RULES:
        assert one.source
        later = one.collapsed
        assert later is None or (later < one.suspicious if one.worse == "low" else later > one.suspicious), one.measure


@pytest.mark.parametrize(
    ("value", "verdict"), [(9.0, "fine"), (8.0, "suspicious"), (5.1, "suspicious"), (5.0, "collapsed"), (12.0, "fine")]
)
def test_ratios(value: float, verdict: str) -> None:
    assert judge(finding(value), rule())[0] == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.1, "fine"), (0.16, "suspicious"), (0.7, "collapsed"), (-0.5, "fine")])
def test_differences(value: float, verdict: str) -> None:
    some = rule(compares="difference", worse="high", suspicious=0.1, collapsed=0.6)
    assert judge(finding(value, 0.05), some)[0] == verdict


def test_a_threshold_within_the_noise_of_few_examples_waits_for_more_of_a_difference() -> None:
    some = rule(noise=2.0)
    # 4 sd of n = 100 are 0.8: a ratio must be below 0.2; of n = 10,000 they are 0.08
    assert judge(finding(3.0, n=100), some) == ("fine", "")
    assert judge(finding(1.9, n=100), some)[0] == "collapsed"
    assert judge(finding(7.9, n=10_000), some) == ("suspicious", "79 % of the held-out value (limit 80 %)")
    assert SIGMAS == 4


def test_noise_in_closed_form() -> None:
    divergence = rule(compares="difference", worse="high", suspicious=0.01, noise="chi-square")[0]
    # KL of K = 8 modes at n = 2,500: mean (K - 1) / 2n, variance 2 (K - 1) / (2n)^2, twice that for a difference
    assert divergence.spread(7 / 5000, None, 2500) == pytest.approx(math.sqrt(2 * 2 * 7) / 5000)
    count = rule(noise="occupancy")[0]
    # 1,000 modes of which each is covered with probability 0.6
    assert count.spread(600, 1000, 1000) == pytest.approx(math.sqrt(2 * 1000 * 0.6 * 0.4) / 600)
    assert count.spread(8, 8, 1000) == 0 and count.spread(None, None, 10) == 0


def test_undefined_values() -> None:
    assert judge(finding(None), rule())[0] == "suspicious"  # real examples have a value
    assert judge(finding(None, None), rule()) == (None, "")
    assert judge(finding(5.0, None), rule()) == (None, "")  # nothing to compare with
    assert judge(finding(5.0, None, perfect=10.0), rule())[0] == "collapsed"  # a closed form will do
    assert judge(finding(5.0, 0.0), rule()) == (None, "")


def test_values_alone() -> None:
    some = rule(compares="value", suspicious=0.5, collapsed=None)
    assert [judge(finding(value, None), some)[0] for value in (0.6, 0.5, 0.1)] == ["fine", "suspicious", "suspicious"]


def test_a_measure_without_a_rule_is_shown_and_not_judged() -> None:
    assert judge(finding(0.0), ()) == (None, "")
