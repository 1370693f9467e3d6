import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench.errors import RequestError, UnknownName
from ganbench.report.verdicts import amount, verdict_json, verdict_tables
from ganbench.results.bank import Measure, Outcome, Recipe
from ganbench.statistics.gate import Verdict, judge
from ganbench.statistics.outcomes import Results
from ganbench.statistics.thresholds import Threshold, Thresholds

RNG = np.random.default_rng(0)
OLD = np.exp(RNG.normal(4, 0.1, 20)).tolist()
GOOD = (0.9 * np.array(OLD[:5])).tolist()
Make = Callable[..., Recipe]
ASKED = Thresholds(recipes={f"{name} on digits": Threshold(measure="fd", tolerance=0.15) for name in ("gan", "wgan")})


def judged(old: list[Recipe] | Recipe, new: list[Recipe] | Recipe, **options: Any) -> Verdict:
    sides = [Results(path=Path(name), recipes=tuple(side if isinstance(side, list) else [side])) for name, side in (("o", old), ("n", new))]
    return judge(*sides, ASKED, **options)


def test_a_better_candidate_passes_and_a_worse_one_has_regressed(recipe: Make) -> None:
    fine = judged(recipe(OLD), recipe(GOOD, first_seed=20))
    assert (fine.word, fine.exit_code) == ("PASS", 0)
    bad = judged(recipe(OLD), recipe([3 * value for value in GOOD], first_seed=20))
    assert (bad.word, bad.exit_code) == ("REGRESSED", 1)
    (one,) = bad.judgements
    assert one.change is not None
    estimate, low, high = one.change
    assert low < estimate < high
    assert estimate == pytest.approx(np.median(np.array(GOOD)[:, None] * 3 / np.array(OLD)[None, :]) - 1, rel=0.02)
    assert one.why == "worse in 100 % of pairs of runs (p = 3.8e-05)"  # 2 of 25 choose 5 orders


def test_an_undecided_candidate_says_what_may_decide(recipe: Make) -> None:
    few = judged(recipe(OLD), recipe(OLD[:3], first_seed=20))
    assert (few.word, few.exit_code) == ("INCONCLUSIVE", 3)
    assert few.judgements[0].why == "the first decision takes 5 runs, and there are 3"
    middle = (1.08 * np.quantile(OLD, np.linspace(0.1, 0.9, 7))).tolist()
    RNG.shuffle(middle)
    more = judged(recipe(OLD), recipe(middle, first_seed=20))
    assert more.judgements[0].why == "3 more runs may decide, with seeds 27, 28, 29"
    assert "decided by the first 5 of 7 runs" in more.judgements[0].notes


def test_failures_are_counted_shown_and_never_averaged(recipe: Make) -> None:
    bad = judged(recipe(OLD), recipe([GOOD[0], *[math.inf] * 4], first_seed=20))
    (one,) = bad.judgements
    assert one.word == "REGRESSED"
    assert one.candidate_failures == ("diverged",) * 4
    assert one.why == "4 of 5 runs failed, 0 of 20 before"
    assert one.failure_rate == pytest.approx((0.284, 0.995), abs=1e-3)  # Clopper and Pearson, 4 of 5
    assert "4 failed: diverged" in one.notes


def test_a_candidate_that_lacks_a_recipe_cannot_pass(recipe: Make) -> None:
    found = judged([recipe(OLD), recipe(OLD, method="wgan")], recipe(GOOD, first_seed=20))
    assert found.word == "INCONCLUSIVE"
    assert found.notes == ("wgan on digits: not among the candidate's runs",)
    extra = judged(recipe(OLD), [recipe(GOOD, first_seed=20), recipe(GOOD, method="new")])
    assert extra.word == "PASS"
    assert extra.notes == ("new on digits: not in the bank, so not judged",)


def test_scores_by_other_protocols_are_not_compared(recipe: Make) -> None:
    measure = Measure(label="FD", higher_is_better=False, relative=True, protocol={"n_fake": 500})
    found = judged(recipe(OLD), recipe(GOOD, measures={"fd": measure}))
    assert found.word == "INCONCLUSIVE"
    assert found.notes[0] == "gan on digits: scored by another protocol (n_fake: 1000, now 500)"


def test_a_measure_of_another_kind_is_not_compared(recipe: Make) -> None:
    for change in ({"higher_is_better": True}, {"relative": False}):
        other = replace(recipe(GOOD).measures["fd"], **change)
        found = judged(recipe(OLD), recipe([1.0] * 5, measures={"fd": other}, first_seed=20))
        assert found.word == "INCONCLUSIVE"
        assert "scored by another protocol" in found.notes[0]


def test_the_baselines_own_runs_in_the_candidates_folder_do_not_count(recipe: Make) -> None:
    """With the bank's settings, and with others beside them: what is 50 times worse has regressed either way."""
    old = recipe(OLD, settings={"rate": 1})
    bad = [50 * value for value in GOOD]
    both = replace(old, outcomes=(*old.outcomes, *recipe(bad, first_seed=20).outcomes))
    assert judged(old, both).word == "REGRESSED"
    assert judged(old, [old, recipe(bad, first_seed=20, settings={"rate": 30})]).word == "REGRESSED"
    renamed = judged(old, [old, recipe(bad, first_seed=20, method="new")], renamed={"new": "gan"})
    assert renamed.word == "REGRESSED"


def test_names_that_do_not_exist_are_told(recipe: Make) -> None:
    with pytest.raises(UnknownName, match="method of the bank"):
        judged(recipe(OLD), recipe(GOOD), renamed={"gan": "zzz"})
    with pytest.raises(UnknownName, match="method of the candidate"):
        judged(recipe(OLD), recipe(GOOD), renamed={"zzz": "gan"})


def test_a_perfect_distance_is_no_failure(recipe: Make) -> None:
    found = judged(recipe(OLD), recipe([0.0, 0.0, 0.0, 20.0, 20.0], first_seed=20))
    assert found.word == "PASS"
    assert found.judgements[0].candidate_failures == ()


def test_nothing_is_decided_by_a_damaged_bank_and_nothing_passes_with_a_damaged_candidate(recipe: Make) -> None:
    old, new = (Results(path=Path(name), recipes=(one,)) for name, one in (("o", recipe(OLD)), ("n", recipe(GOOD, first_seed=20))))
    asked = Thresholds(recipes={"gan on digits": ASKED.recipes["gan on digits"]})
    assert judge(old, new, asked, whole=True).word == "PASS"
    assert judge(old, replace(new, faults=("x.json: damaged",)), asked, whole=True).word == "INCONCLUSIVE"
    with pytest.raises(RequestError, match="decides nothing: restore its files"):
        judge(replace(old, faults=("x.json: damaged",)), new, asked)
    with pytest.raises(RequestError, match="asks something of wgan on digits, of which the bank has no runs"):
        judge(old, new, ASKED, whole=True)
    odd = Thresholds(recipes={"gan on digits": Threshold(measure="nope", tolerance=0.1)})
    with pytest.raises(RequestError, match="has no measure 'nope'"):
        judge(old, new, odd)


def test_more_failures_than_chance_would_give_keep_a_candidate_from_passing(recipe: Make) -> None:
    """1 of 5 against 0 of 20 has p = 0.2: neither proved nor passed, however good the others are."""
    found = judged(recipe(OLD), recipe([math.inf, *GOOD[:4], *GOOD], first_seed=20))
    assert found.word == "INCONCLUSIVE"


def test_settings_that_differ_are_named_and_several_are_refused(recipe: Make) -> None:
    old = recipe(OLD, settings={"config.rate": 0.1})
    found = judged(old, recipe(GOOD, settings={"config.rate": 0.2}))
    assert found.word == "PASS"
    assert "settings changed: rate: 0.1, now 0.2" in found.judgements[0].notes
    several = judged(old, [recipe(GOOD, settings={"config.rate": rate}) for rate in (0.2, 0.3)])
    assert several.word == "INCONCLUSIVE"
    assert "several with different settings" in several.notes[0]
    exact = judged(old, [recipe(GOOD, settings={"config.rate": rate}) for rate in (0.1, 0.3)])
    assert exact.word == "PASS"


def test_a_renamed_method_stands_for_the_banks(recipe: Make) -> None:
    found = judged(recipe(OLD), recipe(GOOD, method="my.py:Mine"), renamed={"my.py:Mine": "gan"})
    assert found.word == "PASS"


def test_equal_bits_pass_without_statistics_and_other_bits_are_told(recipe: Make) -> None:
    def stamped(one: Recipe, bits: str) -> Recipe:
        return replace(
            one, outcomes=tuple(replace(run, environment="e", weights_sha256={"ema": f"{bits}{run.seed}"}) for run in one.outcomes)
        )

    old = stamped(recipe(OLD), "a")
    same = judged(old, stamped(recipe(OLD[:2]), "a"))
    assert same.word == "PASS"
    assert same.judgements[0].why == "all 2 runs are the bank's, made again with the same outcome or copied"
    mixed = [OLD[0], *(50 * value for value in GOOD)]
    worse = stamped(recipe(mixed), "b")
    worse = replace(worse, outcomes=tuple(replace(run, seed=run.seed + 20 * (run.seed > 0)) for run in worse.outcomes))
    worse = replace(worse, outcomes=(stamped(recipe(OLD[:1]), "a").outcomes[0], *worse.outcomes[1:]))
    found = judged(old, worse)
    assert found.word == "REGRESSED"  # one run of the bank's proves nothing of the others
    assert found.notes == ("gan on digits: 1 runs that the bank has too do not count",)
    other = judged(old, stamped(recipe(OLD[:2]), "b"))
    assert other.word == "INCONCLUSIVE"
    assert any("seed 0, 1: the same run gave other bits" in note for note in other.judgements[0].notes)


def test_more_spread_volatility_and_late_losses_are_noted(recipe: Make) -> None:
    wild = np.exp(4 + 5 * (np.log(OLD[:10]) - 4)).tolist()
    old = recipe(OLD)
    old = replace(old, outcomes=tuple(replace(run, volatility=0.1, final_over_best=1.1) for run in old.outcomes))
    new = recipe(wild, first_seed=20)
    new = replace(new, outcomes=tuple(replace(run, volatility=0.3, final_over_best=2.2) for run in new.outcomes))
    notes = " ".join(judged(old, new).judgements[0].notes)
    assert "more spread than the baseline's" in notes
    assert "volatility over the last third is 3.0 times the baseline's" in notes
    assert "final-to-best ratio is 2.0 times the baseline's" in notes


def timed(one: Recipe, rates: list[float], machine: str = "cpu") -> Recipe:
    pairs = zip(one.outcomes, rates, strict=True)
    return replace(one, outcomes=tuple(replace(run, images_per_s=rate, machine=machine) for run, rate in pairs))


def test_speed_counts_on_one_class_of_machines_and_when_asked(recipe: Make) -> None:
    old = timed(recipe(OLD), [1_000.0 + i for i in range(20)])
    slow = timed(recipe(GOOD, first_seed=20), [800.0] * 5)
    assert judged(old, slow).word == "PASS"
    found = judged(old, slow, speed=True)
    assert found.word == "REGRESSED"
    speed = found.judgements[0].speed
    assert speed is not None and speed.ratio == pytest.approx(800 / 1009.5)
    assert judged(old, timed(recipe(GOOD, first_seed=20), [920.0] * 5), speed=True).word == "PASS"  # 9 % is below the floor of 10 %
    elsewhere = judged(old, timed(recipe(GOOD, first_seed=20), [800.0] * 5, "gpu"), speed=True)
    assert elsewhere.word == "INCONCLUSIVE"
    assert "unlike machines (cpu against gpu)" in elsewhere.judgements[0].speed.why  # type: ignore[union-attr]


def test_noisy_speeds_widen_their_own_threshold(recipe: Make) -> None:
    """A median absolute deviation of 20 % allows a loss of 40 %."""
    old = timed(recipe(OLD), [800.0, 1_000.0, 1_200.0, 1_000.0] * 5)
    noisy = timed(recipe(OLD), [800.0, 1_200.0] * 10)
    slow = timed(recipe(GOOD, first_seed=20), [700.0] * 5)
    assert judged(noisy, slow, speed=True).word == "PASS"
    assert judged(timed(recipe(OLD), [1_000.0] * 20), slow, speed=True).word == "REGRESSED"
    assert judged(old, slow, speed=True).judgements[0].speed is not None


def test_a_bank_without_a_threshold_is_refused(recipe: Make) -> None:
    with pytest.raises(UnknownName, match="recipe in gate.toml"):
        judged(recipe(OLD, method="none"), recipe(GOOD, method="none"))


def test_verdicts_are_shown_and_given_as_json(recipe: Make) -> None:
    found = judged(recipe(OLD), recipe([math.inf] * 5, first_seed=20))
    (table,) = verdict_tables(found)
    assert table.rows[0][1].value == "REGRESSED"
    assert table.rows[0][3].value == "+∞\n[+∞, +∞]"
    plain = verdict_json(found)
    assert plain["verdict"] == "REGRESSED" and plain["exit_code"] == 1
    assert plain["recipes"][0]["change"] == {"estimate": None, "low": None, "high": None}


def test_amounts_are_shares_of_distances_and_differences_of_others() -> None:
    share = Measure(label="FD", higher_is_better=False, relative=True)
    plain = Measure(label="COVERAGE", higher_is_better=True, relative=False)
    assert [amount(value, share) for value in (0.012, -0.5, 12.0, math.inf, 0.0)] == ["+1.2 %", "-50 %", "+1,200 %", "+∞", "0 %"]
    assert [amount(value, plain) for value in (0.25, -0.5, 0.0)] == ["+0.250", "-0.500", "0"]


def test_a_run_without_the_measure_is_a_failure_and_not_left_out(recipe: Make) -> None:
    new = recipe(GOOD, first_seed=20)
    new = replace(new, outcomes=(new.outcomes[0], *(Outcome(seed=run.seed) for run in new.outcomes[1:])))
    found = judged(recipe(OLD), new)
    assert found.word == "REGRESSED"
    assert found.judgements[0].candidate_failures == ("has no fd",) * 4


def test_a_candidate_that_measures_something_else_is_not_judged(recipe: Make) -> None:
    other = {"is": Measure(label="IS", higher_is_better=True, relative=False)}
    found = judged(recipe(OLD), recipe(GOOD, measures=other))
    assert found.word == "INCONCLUSIVE"
    assert found.notes[0] == "gan on digits: the candidate's runs do not measure fd"


def test_a_candidate_of_which_every_run_crashed_has_regressed(recipe: Make) -> None:
    assert judged(recipe(OLD), recipe([math.inf] * 5, measures={})).word == "REGRESSED"
