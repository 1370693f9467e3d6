import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench.errors import RequestError, UnknownName
from ganbench.report.differences import comparison_json, comparison_tables
from ganbench.results.bank import Measure, Recipe, Value
from ganbench.statistics.compare import Comparison, compared
from ganbench.statistics.outcomes import Results

RNG = np.random.default_rng(1)
OLD = np.exp(RNG.normal(4, 0.1, 10)).tolist()
Make = Callable[..., Recipe]


def between(old: list[Recipe], new: list[Recipe], *measures: str, **fields: Any) -> Comparison:
    return compared(Results(path=Path("old"), recipes=tuple(old)), Results(path=Path("new"), recipes=tuple(new), **fields), measures)


def test_better_worse_and_neither(recipe: Make) -> None:
    old = [recipe(OLD, method=name) for name in ("a", "b", "c")]
    new = [recipe([f * v for v in OLD], method=name) for name, f in (("a", 0.5), ("b", 2.0), ("c", 1.0))]
    found = between(old, new)
    assert [one.word for one in found.differences] == ["better", "worse", "no difference found"]
    a = found.differences[0]
    assert a.change[0] == pytest.approx(-0.5, abs=0.05)
    assert a.better_in == 1
    assert a.p == pytest.approx(2 / math.comb(20, 10))
    assert a.p_adjusted == pytest.approx(3 * 2 / math.comb(20, 10))  # the first of three, tied with the second
    assert found.overall is not None and found.overall.recipes == 3
    assert found.overall.improvement.value == pytest.approx(0.5, abs=0.02)


def test_higher_is_better_turns_the_signs(recipe: Make) -> None:
    measures = {"fd": Measure(label="P", higher_is_better=True, relative=False)}
    (one,) = between([recipe([0.5, 0.51, 0.52, 0.53], measures=measures)], [recipe([0.6, 0.61, 0.62, 0.63], measures=measures)]).differences
    assert one.word == "better"
    assert one.change[0] == pytest.approx(-0.1)
    assert (one.before.median, one.now.median) == (pytest.approx(0.515), pytest.approx(0.615))


def test_one_run_a_side_is_too_few_and_three_are_never_significant(recipe: Make) -> None:
    (one,) = between([recipe([100.0])], [recipe([1.0])]).differences
    assert one.word == "too few runs"
    (three,) = between([recipe([100.0, 101.0, 102.0])], [recipe([1.0, 2.0, 3.0])]).differences
    assert three.p == pytest.approx(0.1)  # 2 of 20 orders
    assert three.word == "no difference found"


def test_what_has_no_partner_is_named(recipe: Make) -> None:
    found = between([recipe(OLD), recipe(OLD, method="gone")], [recipe(OLD), recipe(OLD, method="new")])
    assert (found.added, found.missing) == (("new on digits",), ("gone on digits",))
    with pytest.raises(RequestError, match="have no recipe in common: gan on digits against other on digits"):
        between([recipe(OLD)], [recipe(OLD, method="other")])


def test_unlike_protocols_are_named_and_not_compared(recipe: Make) -> None:
    other = {"fd": Measure(label="FD", higher_is_better=False, relative=True, protocol={"n_fake": 50})}
    found = between([recipe(OLD)], [recipe(OLD, measures=other)])
    assert found.differences == ()
    assert found.incomparable == ("gan on digits, fd: n_fake: 1000, now 50",)


def test_recipes_are_aligned_by_settings_first(recipe: Make) -> None:
    def rated(rate: float, **fields: Any) -> Recipe:
        return recipe(OLD, settings={"config.rate": rate}, **fields)

    found = between([rated(0.1), rated(0.2)], [rated(0.2), rated(0.3)])
    assert [one.recipe for one in found.differences] == ["gan on digits (rate=0.1)", "gan on digits (rate=0.2)"]
    assert [one.changes for one in found.differences] == [("rate: 0.1, now 0.3",), ()]
    several = between([rated(0.1), rated(0.2)], [rated(0.2), rated(0.3), rated(0.4)])
    assert [one.recipe for one in several.differences] == ["gan on digits (rate=0.2)"]
    assert several.missing == ("gan on digits (rate=0.1)",)


def test_failures_rank_worst_and_are_shown(recipe: Make) -> None:
    (one,) = between([recipe(OLD)], [recipe([math.inf] * 8)]).differences
    assert one.word == "worse"
    assert (one.now.failures, one.now.median) == (8, None)
    text = comparison_tables(between([recipe(OLD)], [recipe([math.inf] * 8)]))[0].texts()
    assert text[0][2] == "not finished\n8 runs\n8 failed"


def test_a_quarter_of_failures_makes_the_interquartile_mean_infinite(recipe: Make) -> None:
    failing = [*OLD[:6], *[math.inf] * 4]
    found = between([recipe(OLD), recipe(OLD, method="b")], [recipe(failing), recipe(failing, method="b")])
    assert found.overall is not None and found.overall.iqm is not None
    assert found.overall.iqm.value == math.inf
    assert any("+inf %" in note or "∞" in note for note in comparison_tables(found)[0].notes)


def test_measures_of_another_kind_are_not_compared(recipe: Make) -> None:
    other = {"fd": replace(recipe(OLD).measures["fd"], higher_is_better=True)}
    found = between([recipe(OLD)], [recipe(OLD, measures=other)])
    assert found.incomparable == ("gan on digits, fd: higher_is_better: False, now True",)


def test_measures_can_be_chosen(recipe: Make) -> None:
    two = recipe(OLD)
    measures = {**two.measures, "is": Measure(label="IS", higher_is_better=True, relative=False)}
    two = replace(two, measures=measures, outcomes=tuple(replace(o, values={**o.values, "is": Value(value=5.0)}) for o in two.outcomes))
    assert [one.name for one in between([two], [two]).differences] == ["fd"]
    assert [one.name for one in between([two], [two], "is").differences] == ["is"]
    assert [one.name for one in between([two], [two], "all").differences] == ["fd", "is"]
    with pytest.raises(UnknownName, match="measure"):
        between([two], [two], "fid")
    missing = between([two], [recipe(OLD)], "is")
    assert missing.incomparable == ("gan on digits, is: not measured now",)


def test_the_two_layers_of_noise_stand_apart(recipe: Make) -> None:
    one = recipe(OLD)
    runs = [replace(run, values={"fd": replace(run.values["fd"], low=40.0, high=79.2)}) for run in one.outcomes]
    wide = replace(one, outcomes=tuple(runs))
    tables = comparison_tables(between([wide], [wide]))
    assert tables[1].title == "noise"
    assert tables[1].texts()[0][1] == "±10.0"  # (79.2 - 40) / (2 x 1.96)


def test_json_has_null_for_what_is_infinite(recipe: Make) -> None:
    plain = comparison_json(between([recipe(OLD)], [recipe([math.inf] * 8)], unfinished=("x: interrupted",)))
    assert plain["differences"][0]["change"] == [None, None, None]
    assert plain["counts"]["worse"] == 1
    assert plain["notes"] == ["not finished, so not counted: x: interrupted"]
