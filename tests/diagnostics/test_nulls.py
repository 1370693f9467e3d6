"""Do perfect generators stay within the noise that the rules assume, and does no rule speak of them?

The noise of a rule is the standard deviation of its number times the square root of n. Measured over 20 to 60 seeds on mixtures with
known classes (n = 400, 1,000, 2,000), on the ring (n = 500, 2,500) and on digits (n = 200, 359) with digits-probe, the largest were:

====================== ===== ====================== ===== ====================== =====
feature_variance_ratio  0.57 class_sd_ratio          0.59 class_vendi_lowest      3.2
duplicate_rate          0.08 class_sd_lowest         1.19 class_rke_lowest        2.8
class_kl                0.31 sd_ratio                0.65 ndb_share               1.14
class_tv                0.57 vendi_rbf               1.23 authentic_percent      87
hq_percent             17.8  rke_rbf                 1.18 copied_percent          8
====================== ===== ====================== ===== ====================== =====
"""

import math
from dataclasses import replace
from functools import cache

import pytest
import torch
from faults import CLASSES, RING, Mixture

from ganbench.diagnostics.rules import RULES, SIGMAS
from ganbench.results.diagnosis import Finding

SEEDS = 8
N = 500


@cache
def nulls(counted: bool) -> list[list[Finding]]:
    """Findings on perfect generators, with other real, held-out and generated examples for every seed."""
    mixtures = [replace(RING if counted else CLASSES, n=N, seed=seed) for seed in range(1, SEEDS + 1)]
    return [mixture.findings(mixture.draw(N, 6)[0]) for mixture in mixtures]


@pytest.mark.parametrize("counted", [True, False], ids=["points", "classes"])
def test_no_rule_speaks_of_a_perfect_generator(counted: bool) -> None:
    told = [(one.measure, one.value, one.held_out) for found in nulls(counted) for one in found if one.verdict not in ("fine", None)]
    assert told == []


@pytest.mark.parametrize("counted", [True, False], ids=["points", "classes"])
def test_perfect_generators_are_as_noisy_as_the_rules_assume_and_no_noisier(counted: bool) -> None:
    numbers: dict[str, list[float]] = {}
    for found in nulls(counted):
        for one in found:
            rule = next((rule for rule in RULES if rule.measure == one.measure), None)
            if rule is not None and rule.noise and one.value is not None and one.held_out is not None:
                number = rule.number(one.value, one.held_out)
                assert number is not None
                spread = rule.spread(one.perfect, one.most, one.n)
                centre = 1.0 if rule.compares == "ratio" else 0.0
                numbers.setdefault(one.measure, []).append((number - centre) / spread if spread else number - centre)
    assert len(numbers) >= 8
    for measure, scaled in numbers.items():
        # every one within 4 sd, and the sd of 8 of them below 1.75 of the assumed one: chi-square with 8 degrees of freedom, p = 0.002
        assert max(map(abs, scaled)) < SIGMAS, measure
        assert math.sqrt(sum(one**2 for one in scaled) / len(scaled)) < 1.75, measure


@pytest.mark.parametrize("counted", [True, False], ids=["points", "classes"])
def test_values_in_closed_form_are_those_of_perfect_generators(counted: bool) -> None:
    closed = ["modes", "robust_modes", "hq_percent", "kl_hq", "kl_all", "sd_ratio"] if counted else ["classes_covered", "class_sd_ratio"]
    for name in [*closed, "feature_variance_ratio", "ndb_share", "bins_jsd"]:
        found = [one for findings in nulls(counted) for one in findings if one.measure == name]
        values = torch.tensor([value for one in found for value in (one.value, one.held_out)], dtype=torch.float64)
        # 4 standard errors of the mean of 16 values, which are not quite independent, and what k-means takes from NDB (see bins.py)
        error = 4 * max(values.std().item(), 1e-12) / math.sqrt(len(values)) + {"ndb_share": 0.015, "bins_jsd": 0.001}.get(name, 1e-9)
        assert values.mean().item() == pytest.approx(found[0].perfect, abs=error), name


def test_a_mixture_of_another_seed_is_another_one() -> None:
    first, second = (replace(CLASSES, seed=seed) for seed in (1, 2))
    assert isinstance(first, Mixture) and not torch.equal(first.draw(5, 0)[0], second.draw(5, 0)[0])
