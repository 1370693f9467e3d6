"""Is a record refused that is no part of a leaderboard, and is somebody asked to look at one that is unusual?"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ganbench.plan.spec import run_id
from ganbench.results.record import Failure, Record
from ganbench.results.repository import Accepted, Limits, Settings
from ganbench.results.submission import Submission
from ganbench.statistics.admission import judge
from ganbench.statistics.comparable import comparable

Honest = Callable[..., Record]
NOW = datetime(2026, 2, 1, tzinfo=UTC)
OPEN = Settings(title="open")


def submitted(*records: Record, where: str = "new") -> list[Submission]:
    return [Submission(file=f"{where}-{number}", record=record, fields={}) for number, record in enumerate(records)]


def said(newcomers: Sequence[Record], present: Sequence[Record] = (), settings: Settings = OPEN) -> dict[str, list[str]]:
    """By rule, what is said; rules that only ask for a look have a question mark."""
    found: dict[str, list[str]] = {}
    for finding in judge(submitted(*newcomers), submitted(*present, where="old"), settings, NOW):
        found.setdefault(finding.rule + ("" if finding.refuses else "?"), []).append(finding.text)
    return found


def trained(record: Record, **changes: Any) -> Record:
    """The same result under another spec."""
    spec = replace(record.spec, **changes)
    return replace(record, spec=spec, run_id=run_id(spec))


def valued(record: Record, **changes: Any) -> Record:
    """The record with every FD changed."""
    series = tuple(
        replace(one, scores=tuple(replace(score, **changes) if score.metric == "fd" else score for score in one.scores))
        for one in record.evaluations
    )
    return replace(record, evaluations=series, scores=tuple(score for one in series[-2:] for score in one.scores))


def test_seeds_of_one_setup_are_accepted_together(honest: Honest) -> None:
    assert said([honest(seed, fd=4.0 + seed / 10) for seed in range(6)]) == {}


def test_nothing_is_said_about_what_is_there_already(honest: Honest) -> None:
    assert said([honest(1, fd=5.0)], [honest(0, attempts=0)]) == {}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, "is the run {id} of old-0 again"),
        ({"created": "2026-01-01T00:00:00+00:00", "attempts": 1}, "with the same weights and scores, which confirms it; a run counts once"),
        ({"fd": 1.0}, "with the same weights and another result, so that one of them was changed"),
        ({"fd": 1.0, "weights_sha256": {"raw": "56" * 32, "ema": "78" * 32}}, "with other weights from the same environment"),
        (
            {"fd": 1.0, "weights_sha256": {"raw": "56" * 32, "ema": "78" * 32}, "provenance": {"fingerprint": "ba9876543210"}},
            "repeated in another environment with other weights; a run counts once",
        ),
    ],
    ids=["equal", "repeated", "another result", "another weights", "elsewhere"],
)
def test_a_run_counts_once(honest: Honest, other: dict[str, Any], words: str) -> None:
    (text,) = said([honest(0, **other)], [honest()])["duplicates"]
    assert words.format(id=honest().run_id) in text


def test_duplicates_among_newcomers_are_found_at_the_later_one(honest: Honest) -> None:
    findings = judge(submitted(honest(), honest()), [], OPEN, NOW)
    assert {(finding.rule, finding.file) for finding in findings} == {("duplicates", "new-1")}


def test_a_seed_counts_once_however_often_it_was_evaluated(honest: Honest) -> None:
    record = honest()
    again = trained(record, evaluation=replace(record.spec.evaluation, every_images=256))
    assert again.run_id != record.run_id
    (text,) = said([again], [record])["seeds"]
    assert "has the seed 0 of old-0, with the same settings" in text


def test_weights_of_another_seed_are_a_copy(honest: Honest) -> None:
    found = said([trained(honest(), seed=7)], [honest()])
    assert "has the weights of old-0, which another seed or other data cannot give" in found["copies"][0]
    assert "twins?" not in found  # it is said once


def test_equal_scores_of_other_weights_need_a_look(honest: Honest) -> None:
    assert said([honest(1)], [honest(0)]) == {"twins?": ["has the final scores of old-0 to the last digit"]}
    dead = [valued(honest(seed), value=0.0, ci_low=0.0, ci_high=0.0) for seed in range(2)]
    dead = [replace(one, scores=tuple(replace(score, value=0.0) for score in one.scores)) for one in dead]
    assert "twins?" not in said(dead[1:], dead[:1])  # precision and FD at their bounds say nothing


def protocol_of(record: Record, **changes: Any) -> Accepted:
    """What a leaderboard of this record accepts, changed."""
    ((own, _),) = comparable([record])
    known = {part: {name: value for name, value in own[part].items() if value is not None} for part in ("dataset", "evaluation", "scores")}
    return Accepted(**{**known, **changes})


def test_a_protocol_is_accepted_if_all_that_is_named_agrees(honest: Honest) -> None:
    for accepted in (protocol_of(honest()), Accepted(dataset={"name": "digits"}), Accepted(dataset={}, scores={"n_real": 1_438})):
        assert said([honest()], settings=Settings(title="x", protocols=(Accepted(dataset={"name": "mnist"}), accepted))) == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"evaluation": {"n_fake": 50_000}}, "evaluation.n_fake is 128, and 50000 is wanted"),
        ({"evaluation": {"metrics": ("fd",)}}, "evaluation.metrics is ['fd', 'precision'], and ['fd'] is wanted"),
        ({"evaluation": {"extractor": "digits-probe"}}, "evaluation.extractor is 'random-conv', and 'digits-probe' is wanted"),
        ({"dataset": {"name": "mnist"}}, "dataset.name is 'digits', and 'mnist' is wanted"),
        ({"dataset": {"n_train": 1_000}}, "dataset.n_train is None, and 1000 is wanted"),
        ({"scores": {"fingerprint": "00" * 32}}, "scores.fingerprint is 'cdcd"),
        (
            {"scores": {"sampling_version": 2, "tf32": True}},
            "scores.sampling_version is 1, and 2 is wanted; scores.tf32 is False, and True",
        ),
    ],
)
def test_another_protocol_is_refused_with_the_fields_that_differ(honest: Honest, changes: dict[str, Any], words: str) -> None:
    settings = Settings(
        title="x", protocols=(protocol_of(honest(), **changes), Accepted(dataset={"name": "ring8"}, scores={"a": 1, "b": 2, "c": 3}))
    )
    found = said([honest()], settings=settings)
    assert found.keys() == {"protocol"} and f"its protocol is not accepted: {words}" in found["protocol"][0]


def test_a_run_without_scores_is_held_against_its_plan_alone(honest: Honest) -> None:
    error = Failure(type="E", message="m", stage="training", traceback="", command="")
    lost = honest(status="failed", error=error, evaluations=(), scores=(), diagnostics=(), images_seen=64, weights_sha256={}, timing=None)
    assert said([lost], settings=Settings(title="x", protocols=(protocol_of(honest()),))) == {}
    wrong = said([lost], settings=Settings(title="x", protocols=(protocol_of(honest(), evaluation={"n_fake": 7}),)))
    assert wrong.keys() == {"protocol"}


def test_scores_outside_of_the_bands_of_their_protocol_are_refused(honest: Honest) -> None:
    accepted = protocol_of(honest(), bands={"fd@random-conv": (3.0, 100.0)})
    settings = Settings(title="x", protocols=(accepted,))
    assert said([honest()], settings=settings) == {}
    found = said([honest(fd=2.0)], settings=settings)
    assert len(found["bands"]) == 2  # of raw and of EMA weights
    assert "2 is outside of 3 to 100, which is what this leaderboard believes" in found["bands"][0]


def test_a_distance_below_that_of_a_perfect_generator_is_refused_unless_the_settings_say_otherwise(honest: Honest) -> None:
    better = valued(honest(), value=1.0, ci_low=0.9, ci_high=1.1, perfect=1.5)
    assert "where a perfect generator scores 1.5: copies of training images score so" in said([better])["bands"][0]
    assert said([better], settings=Settings(title="x", limits=Limits(better_than_perfect=True))) == {}
    assert said([valued(honest(), value=1.0, ci_low=0.9, ci_high=1.6, perfect=1.5)]) == {}  # within its interval


def test_another_score_of_a_perfect_generator_under_the_same_protocol_needs_a_look(honest: Honest) -> None:
    here, there = (valued(honest(seed, fd=4.0 + seed), perfect=perfect) for seed, perfect in ((0, 1.5), (1, 0.1)))
    assert "a perfect generator scores 0.1 in it, and 1.5 in old-0" in said([there], [here])["perfect?"][0]
    assert "a perfect generator scores None in it" in said([valued(there, perfect=None)], [here])["perfect?"][0]
    assert said([valued(there, perfect=1.501)], [here]) == {}


def test_a_result_far_from_those_of_other_seeds_needs_a_look(honest: Honest) -> None:
    known = [honest(seed, fd=value) for seed, value in ((0, 10.0), (1, 11.0), (2, 12.0))]
    assert said([honest(3, fd=19.9)], known) == {}
    (text,) = said([honest(3, fd=1.9)], known)["others?"]
    assert "FD·random-conv of ema weights: 1.9, and 3 other seeds have 10 to 12" in text
    assert "others?" not in said([honest(3, fd=1.9)], known[:2])  # two are too few
    other = [trained(one, budget_images=2_048) for one in known]
    assert "others?" not in said([honest(3, fd=1.9)], other)  # nor do those with other settings count


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ((0, 1, 3), "has no seeds 2: were they run"),
        ((7,), "has no seeds 0, 1, 2, 3 and others: were they run, and left out?"),
        ((10**30,), "and others"),
    ],
)
def test_seeds_that_are_not_there_are_asked_for_once(honest: Honest, seeds: tuple[int, ...], words: str) -> None:
    records = [trained(honest(place, fd=4.0 + place / 10), seed=seed) for place, seed in enumerate(seeds)]
    (text,) = said(records)["left_out?"]
    assert words in text
    assert "left_out?" not in said([trained(honest(9, fd=4.7), seed=seed) for seed in (2,)], records[:2])


def test_a_run_from_the_future_is_refused(honest: Honest) -> None:
    assert "ended at 2999-01-01" in said([honest(finished="2999-01-01T00:00:00+00:00")])["future"][0]
    assert said([honest(finished="2026-02-01T12:00:00+00:00")]) == {}


def test_what_refuses_comes_first(honest: Honest) -> None:
    looked_at = honest(provenance={**honest().provenance, "git": {"commit": "ab" * 20, "dirty": True}})
    findings = judge(submitted(looked_at, honest(1, attempts=0, fd=5.0)), [], OPEN, NOW)
    assert [finding.refuses for finding in findings] == [True, False]
