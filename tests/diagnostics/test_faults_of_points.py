"""Is every fault of a generator of points seen by the diagnostics that should see it, and by no other?

Some diagnostics rightly see several faults, because these have a consequence in common:

- Vendi and RKE measure variety of every kind: lost modes, narrow modes, and few different examples.
- NDB and JSD see every shift of mass between regions. Modes have several regions, so that a narrow mode shifts mass to the
  middle ones; and repeated examples make the counts of regions vary more than those of independent ones.
- KL, TV and the share ratios see lost as well as rare modes; a lost mode is an extremely rare one.
- A mode that has less than a fifth of its share counts as lost in robust_modes and classes_covered.
- A very narrow mode is all but one example, repeated.
- Noise has hardly any high-quality example, and modes are counted over these.
- One constant is every fault at once: one mode, no width, one example, repeated.
"""

import pytest
from faults import FAULTS, RING, flagged, seen, within_limits

BALANCE = {"kl_hq", "kl_all", "worst_share_high", "rarest_recovered"}
VARIETY = {"vendi_rbf", "rke_rbf"}
BINS = {"ndb_share", "bins_jsd"}
SEEN: dict[str, set[str]] = {
    "none": set(),
    "half of the modes": {"modes", "robust_modes"} | BALANCE | VARIETY | BINS,
    "one mode missing": {"modes", "robust_modes"} | BALANCE | BINS,
    "one mode rare": {"robust_modes"} | BALANCE | BINS,
    "every example five times": {"duplicate_rate", "birthday_support"} | BINS,
    "all modes narrow": {"sd_ratio"} | VARIETY | BINS,
    "two modes narrow": {"duplicate_rate", "birthday_support"} | VARIETY | BINS,
    "copies of the training set": {"authentic_percent", "copied_percent"},
    "noise": {"modes", "robust_modes", "hq_percent", "kl_hq"} | BINS,
}
"""Measures that are not "fine"."""
EDGE = {"one mode missing": {"ndb_share"}}
"""Measures at the edge of their rule (0.12, against 0.11), so that another rounding of k-means could move them across."""


@pytest.mark.parametrize("fault", SEEN)
def test_faults(fault: str) -> None:
    assert flagged(RING, fault) - EDGE.get(fault, set()) == SEEN[fault] - EDGE.get(fault, set())
    assert within_limits(RING, fault)


def test_all_faults_are_tried() -> None:
    assert {*SEEN, "one constant"} == FAULTS.keys()


def test_a_constant_is_told_by_nearly_everything_and_flattered_by_nothing() -> None:
    found = seen(RING, "one constant")
    collapsed = {name for name, one in found.items() if one.verdict == "collapsed"}
    assert collapsed >= {"feature_variance_ratio", "duplicate_rate", "modes", "robust_modes", "kl_hq", "kl_all", "sd_ratio"} | VARIETY
    # the constant is a perfect example of its mode, and no training example: these say nothing of variety
    assert {name for name, one in found.items() if one.verdict == "fine"} == {"hq_percent", "copied_percent"}


def test_an_empty_high_quality_set_is_an_alarm_and_no_number() -> None:
    far = RING.draw(RING.n, 7)[0] + 0.3  # between the modes, more than 20 sigma from all
    found = {one.measure: one for one in RING.findings(far, "modes")}
    assert found["hq_percent"].value == 0
    assert (found["kl_hq"].value, found["kl_hq"].verdict) == (None, "suspicious")
    assert (found["sd_ratio"].value, found["sd_ratio"].verdict) == (None, "suspicious")
    assert found["modes"].verdict == "collapsed"


def test_the_verdicts_say_how_bad_it_is() -> None:
    verdicts = {fault: seen(RING, fault)["modes"].verdict for fault in ("none", "one mode missing", "half of the modes")}
    assert verdicts == {"none": "fine", "one mode missing": "suspicious", "half of the modes": "collapsed"}
    assert seen(RING, "one mode missing")["modes"].why == "87.5 % of the held-out value (limit 97 %)"
