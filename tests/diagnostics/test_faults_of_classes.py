"""Is every fault of a generator seen by the diagnostics that should see it, and by no other, where a classifier tells the modes?

Some diagnostics rightly see several faults, because these have a consequence in common:

- Vendi and RKE measure variety of every kind: lost modes, narrow modes, and few different examples.
- NDB and JSD see every shift of mass between regions. Modes have several regions, so that a narrow mode shifts mass to the
  middle ones; and repeated examples make the counts of regions vary more than those of independent ones.
- KL, TV and the share ratios see lost as well as rare modes; a lost mode is an extremely rare one.
- In 8 dimensions a mode of half the width has 2^8 times the density: its examples are near-duplicates more often, and are nearer to
  training examples than these are to each other, as copies are.
- A mode that has less than a fifth of its share counts as lost in robust_modes and classes_covered.
- A very narrow mode is all but one example, repeated.
- One constant is every fault at once: one mode, no width, one example, repeated.
"""

import pytest
import torch
from faults import CLASSES, FAULTS, flagged, seen, within_limits

from ganbench.diagnostics.rules import RULES

BALANCE = {"class_kl", "class_tv", "worst_share_high", "rarest_recovered"}
VARIETY = {"vendi_rbf", "rke_rbf"}
CLASS_VARIETY = {"class_vendi_lowest", "class_rke_lowest"}
BINS = {"ndb_share", "bins_jsd"}
REPEATED = {"duplicate_rate", "birthday_support"}
SEEN: dict[str, set[str]] = {
    "none": set(),
    "half of the modes": {"classes_covered"} | BALANCE | VARIETY | BINS,
    "one mode missing": {"classes_covered"} | BALANCE | BINS,
    "one mode rare": {"classes_covered"} | BALANCE | BINS,
    "every example five times": {"vendi_rbf"} | REPEATED | BINS,
    "all modes narrow": {"class_sd_ratio", "class_sd_lowest", "authentic_percent"} | REPEATED | VARIETY | CLASS_VARIETY | BINS,
    "two modes narrow": {"class_sd_ratio", "class_sd_lowest"} | REPEATED | VARIETY | CLASS_VARIETY | BINS,
    "copies of the training set": {"authentic_percent", "copied_percent"},
    "noise": BINS,
}
"""Measures that are not "fine"."""


@pytest.mark.parametrize("fault", SEEN)
def test_faults(fault: str) -> None:
    assert flagged(CLASSES, fault) == SEEN[fault]
    assert within_limits(CLASSES, fault)


def test_all_faults_are_tried() -> None:
    assert {*SEEN, "one constant"} == FAULTS.keys()


def test_a_constant_is_told_by_nearly_everything_and_flattered_by_nothing() -> None:
    found = seen(CLASSES, "one constant")
    collapsed = {name for name, one in found.items() if one.verdict == "collapsed"}
    assert collapsed >= {"feature_variance_ratio", "duplicate_rate", "class_kl", "class_tv", "classes_covered", "class_sd_ratio"} | VARIETY
    # the constant is no training example
    assert {name for name, one in found.items() if one.verdict == "fine"} == {"copied_percent"}


def test_a_lost_variance_has_its_degrees() -> None:
    points = CLASSES.draw(CLASSES.n, 8)[0]
    middle, verdicts = points.mean(0), []
    for factor in (0.8, 0.6, 0.2):  # variance ratios of 0.64, 0.36 and 0.04, against the rule's 0.5 and 0.05
        found = {one.measure: one for one in CLASSES.findings(middle + factor * (points - middle), "diversity")}
        verdicts.append(found["feature_variance_ratio"].verdict)
    assert verdicts == ["fine", "suspicious", "collapsed"]


def test_every_rule_speaks_of_some_fault() -> None:
    told = {name for fault in FAULTS for name in flagged(CLASSES, fault)}
    elsewhere = {"modes", "robust_modes", "hq_percent", "kl_hq", "kl_all", "sd_ratio"}  # test_faults_of_points.py
    latents = {"latent_sensitivity", "latent_sensitivity_min"}  # test_sensitivity.py
    assert {rule.measure for rule in RULES} == told | elsewhere | latents


def test_a_mode_is_not_judged_by_too_few_of_its_examples() -> None:
    few = CLASSES.draw(100, 9)[0]  # 12 of a mode
    found = {one.measure: one for one in CLASSES.findings(few, "minority")}
    assert found["worst_share"].value is None and "needs 2," in found["worst_share"].note
    assert found["worst_share"].verdict is None
    assert torch.isfinite(few).all()
