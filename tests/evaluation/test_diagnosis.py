"""Does a diagnosis examine the sets that were named, beside held-out real examples, however they come?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import ganbench
from ganbench.commands.new import write_template
from ganbench.data.bundled import digits
from ganbench.data.dataset import ModeSet
from ganbench.errors import RequestError
from ganbench.evaluation.result import Scores
from ganbench.features.base import Extractor
from ganbench.plan.spec import DatasetSpec
from ganbench.registry import DIAGNOSTICS
from ganbench.results.diagnosis import Diagnosis, UnknownMeasure
from ganbench.seeding import stream
from ganbench.sets.features import Features
from ganbench.targets import Target

DATA = digits(DatasetSpec(name="digits"), Path("."))
assert DATA.train.labels is not None
TRAINING, OTHERS = DATA.train.examples[:1000], DATA.train.examples[1000:]
LABELS = DATA.train.labels[1000:]
SHIFTED = np.random.default_rng(0).normal(size=(400, 3))


def diagnosed(fake: Any, **settings: Any) -> Diagnosis:
    return ganbench.diagnose(fake, TRAINING, DATA.held_out.examples, **{"extractor": "digits-probe", "use_cache": False, **settings})


def alarms(found: Diagnosis) -> set[str]:
    return {one.measure for one in found.findings if one.verdict not in (None, "fine")}


def normal(n: int, seed: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).normal(size=(n, 3))


# digits, as in the command


def test_real_digits_are_fine() -> None:
    found = diagnosed(OTHERS)
    assert (found.verdict, alarms(found)) == ("fine", set())
    assert (found.n, found.n_reference) == (359, 1000), "of each side as many as the smaller has: the bundled digits hold out 359"
    assert found.held_out_is == "359 examples of the held-out array"


@pytest.mark.parametrize(
    ("fake", "seen", "edge"),
    [
        # 36 of 359 examples: TV, NDB and JSD are near their limits for so few
        (OTHERS[LABELS != 3], {"class_kl", "classes_covered"}, {"class_tv", "ndb_share", "bins_jsd"}),
        (OTHERS[LABELS < 5], {"class_kl", "class_tv", "classes_covered", "vendi_rbf", "rke_rbf", "ndb_share", "bins_jsd"}, set()),
        (TRAINING[:400], {"authentic_percent", "copied_percent"}, set()),
    ],
    ids=["a digit is missing", "half of the digits", "copies"],
)
def test_faults_of_digits(fake: Any, seen: set[str], edge: set[str]) -> None:
    assert alarms(diagnosed(fake)) - edge == seen


def test_one_digit_repeated_has_collapsed() -> None:
    found = diagnosed(np.repeat(OTHERS[:1], 359, axis=0))
    assert found.verdict == "collapsed"
    assert {"feature_variance_ratio", "duplicate_rate", "class_kl", "classes_covered", "vendi_rbf", "rke_rbf"} <= alarms(found)
    assert found["vendi_rbf"].value == pytest.approx(1, abs=1e-9)
    assert not [
        one.measure for one in found.findings if one.verdict == "fine" and one.measure not in ("authentic_percent", "copied_percent")
    ]


def test_noise_is_told() -> None:
    found = diagnosed(np.random.default_rng(0).integers(0, 256, OTHERS.shape, dtype=np.uint8))
    assert {"ndb_share", "bins_jsd", "class_kl"} <= alarms(found)


# held-out examples


def test_without_a_held_out_set_half_of_the_real_one_is_held_out() -> None:
    found = ganbench.diagnose(DATA.held_out.examples, DATA.train.examples, extractor="digits-probe", use_cache=False)
    assert (found.n, found.n_reference) == (359, 719)
    assert found.held_out_is == "359 examples of a random half of the real set; the other half is the reference"
    assert found.verdict == "fine"
    again = ganbench.diagnose(DATA.held_out.examples, DATA.train.examples, extractor="digits-probe", use_cache=False)
    assert found.findings == again.findings
    other = ganbench.diagnose(DATA.held_out.examples, DATA.train.examples, extractor="digits-probe", use_cache=False, seed=1)
    assert [one.held_out for one in found.findings] != [one.held_out for one in other.findings], "the seed divides the set"


def test_copies_are_found_among_all_real_examples_though_half_are_held_out() -> None:
    found = ganbench.diagnose(DATA.train.examples[200:600], DATA.train.examples, extractor="pixels", use_cache=False)
    assert {pair.distance for pair in found.pairs} == {0.0}
    assert all(pair.example + 200 == pair.training for pair in found.pairs), "numbers are those of the sets as they were given"
    assert all(pair.distance > 0 for pair in found.held_out_pairs)
    assert found["copied_percent"].value == pytest.approx(50, abs=12)  # those of the half that is the reference; 4 sd of 400 are 10


def test_the_two_sides_have_one_size_and_n_makes_it_smaller() -> None:
    found = ganbench.diagnose(normal(300, 0), normal(1000, 1), normal(800, 2), extractor="identity", use_cache=False)
    assert found.n == 300 and all(one.n == 300 for one in found.findings)
    fewer = ganbench.diagnose(normal(300, 0), normal(1000, 1), normal(800, 2), extractor="identity", use_cache=False, n=100, n_real=500)
    assert (fewer.n, fewer.n_reference) == (100, 500)


def test_a_generator_draws_no_more_than_are_examined() -> None:
    drawn = []

    def sample(n: int, seed: int) -> Any:
        drawn.append(n)
        return np.random.default_rng(seed).normal(size=(n, 3))

    found = ganbench.diagnose(sample, normal(1000, 1), normal(400, 2), extractor="identity", use_cache=False)
    assert (found.n, found.verdict) == (400, "fine")
    assert sum(drawn) <= 3 * 256, "two chunks of 256, and one of them again to read their form"


# classes, modes, latents


class Dead(Extractor):
    """A classifier that says the same of everything."""

    name, accepts, width, classes = "dead", "points", 3, 5

    def features(self, examples: torch.Tensor) -> Features:
        """The points, with even probabilities."""
        return Features(values=examples, log_probabilities=torch.full((len(examples), 5), 0.2).log())


def test_a_dead_classifier_judges_no_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganbench.evaluation.diagnosis.load_chosen", lambda *args, **others: Dead())
    found = ganbench.diagnose(normal(300, 0), normal(600, 1), normal(300, 2), extractor="identity", use_cache=False)
    assert not {"class_kl", "class_tv", "classes_covered", "class_sd_ratio", "worst_share", "class_rke_lowest"} & set(found)
    assert {"classes", "class_spread", "class_effective", "minority"} <= {name for name, _ in found.left_out}
    assert any("tells no classes apart" in line and "(classifier score 1)" in line for line in found.warnings), found.warnings


def test_given_features_with_class_probabilities_are_judged_by_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, n in (("fake", 300), ("real", 600), ("held", 300)):
        classes = rng.integers(0, 3 if name != "fake" else 2, n)
        np.savez(tmp_path / f"{name}.npz", features=rng.normal(size=(n, 4)) + 4 * np.eye(3, 4)[classes], logits=9 * np.eye(3)[classes])
    found = ganbench.diagnose(tmp_path / "fake.npz", tmp_path / "real.npz", tmp_path / "held.npz", features=True)
    assert found["classes_covered"].value == 2 and found["classes_covered"].verdict == "suspicious"
    assert found.pictures is None


def test_modes_come_from_the_data_set_or_from_the_caller() -> None:
    ring = ganbench.diagnose("ring8:test", "ring8", extractor="identity", n=500, n_real=1000, use_cache=False)
    assert (ring["modes"].value, ring["modes"].held_out, ring["modes"].most) == (8, 8, 8)
    assert ring.verdict == "fine"
    centres = np.array([[0.0, 0.0], [1.0, 0.0]])
    rng = np.random.default_rng(0)
    sets = [centres[rng.integers(0, kinds, n)] + 0.01 * rng.normal(size=(n, 2)) for kinds, n in ((1, 300), (2, 600), (2, 300))]
    own = ganbench.diagnose(*sets, modes=ModeSet(centres=centres, sigma=0.01), extractor="identity", use_cache=False)
    assert (own["modes"].value, own["modes"].held_out, own["modes"].verdict) == (1, 2, "collapsed")
    assert [(one.name, one.expected, one.generated, one.ratio) for one in own.shares] == [("0", 0.5, 300, 2.0), ("1", 0.5, 0, 0.0)]
    halves = ganbench.diagnose(sets[0], sets[1], modes=ModeSet(centres=centres, sigma=0.01), extractor="identity", use_cache=False)
    assert (halves["modes"].value, halves["modes"].held_out) == (1, 2)


def test_stacked_digits_are_counted_by_their_classifier_whatever_the_extractor() -> None:
    own = ganbench.diagnose("stacked-digits:test", "stacked-digits", n=200, n_real=500, extractor="stacked-digits-probe", use_cache=False)
    other = ganbench.diagnose("stacked-digits:test", "stacked-digits", n=200, n_real=500, extractor="random-conv", use_cache=False)
    assert own["modes"].value == other["modes"].value
    assert own["modes"].held_out == other["modes"].held_out
    # of 1,000 modes, 200 draws cover 1,000 (1 - 0.999^200) = 181 on average
    assert own["modes"].perfect == pytest.approx(181.4, abs=0.1) and own["modes"].value == pytest.approx(181, abs=20)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning", "ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize(("gain", "verdict"), [(3.0, "fine"), (0.01, "collapsed")])
def test_an_exported_generator_is_asked_for_latents(tmp_path: Path, gain: float, verdict: str) -> None:
    linear = torch.nn.Linear(8, 256)
    torch.nn.init.normal_(linear.weight, std=gain, generator=stream(0, "test-linear"))
    network = torch.nn.Sequential(linear, torch.nn.Tanh(), torch.nn.Unflatten(1, (1, 16, 16)))
    torch.jit.trace(network, torch.zeros(2, 8)).save(str(tmp_path / "generator.pt"))
    how: dict[str, Any] = {"extractor": "pixels", "n": 100, "latent_dim": 8, "trust": True}
    found = diagnosed(tmp_path / "generator.pt", **how)
    assert found["latent_sensitivity"].held_out is None and found["latent_sensitivity"].verdict == verdict
    assert found["latent_sensitivity_min"].verdict == "fine"
    assert "latent_sensitivity" in dict(diagnosed(OTHERS).left_out)


def test_a_plug_in_without_a_rule_is_shown_and_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_template("diagnostic", "Mine", tmp_path / "mine.py", Console(quiet=True))
    target = Target(str(tmp_path / "mine.py"), "MINE")
    monkeypatch.setitem(vars(DIAGNOSTICS), "targets", {**DIAGNOSTICS.targets, "mine": target})
    found = ganbench.diagnose(normal(100, 0), normal(200, 1), normal(100, 2), extractor="identity", use_cache=False)
    one = found["mine"]
    assert one.value is not None and one.held_out is not None and one.verdict is None
    assert found.verdict == "fine"


# what a training run records stays as it is


def test_evaluations_of_runs_and_scores_have_the_diagnostics_that_they_had(tiny_data: Callable[..., Any]) -> None:
    from ganbench.evaluation.runs import RunEvaluator
    from ganbench.plan.spec import EvaluationSpec

    plan = EvaluationSpec(extractor="digits-probe", metrics=("fd",), n_fake=100, n_real=200)
    evaluator = RunEvaluator(tiny_data(DatasetSpec(name="digits")), plan, 0, torch.device("cpu"))
    _, found, _ = evaluator(torch.from_numpy(OTHERS[:100]), "ema")
    usual = ["feature_variance_ratio", "duplicate_rate", "class_kl", "class_tv", "classes_covered"]
    assert [one.name for one in found] == usual
    scored = ganbench.score(OTHERS, TRAINING, ["precision"], extractor="digits-probe", use_cache=False)
    assert isinstance(scored, Scores) and [one.name for one in scored.diagnostics] == usual


# refusals and results


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((normal(49, 0), normal(500, 1)), "needs 50 examples of each set: 'the generated array' has 49"),
        ((normal(100, 0), normal(90, 1)), "half of the 90 of 'the real array' are held out; give more real ones"),
        ((normal(100, 0), normal(500, 1), normal(20, 2)), "'the held-out array' has 20 to examine; give more, or leave --held-out out"),
        ((normal(100, 0), normal(500, 1)[:, :2]), "their shapes differ"),
    ],
)
def test_too_few_or_other_examples_are_refused(arguments: Any, words: str) -> None:
    with pytest.raises(RequestError) as refusal:
        ganbench.diagnose(*arguments, extractor="identity", use_cache=False)
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_statistics_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "stats.npz", mu=np.zeros(3), sigma=np.eye(3))
    np.savez(tmp_path / "features.npz", features=normal(100, 0))
    with pytest.raises(RequestError, match="holds statistics, and a diagnosis compares single examples"):
        ganbench.diagnose(tmp_path / "features.npz", tmp_path / "stats.npz", features=True)


def test_features_that_are_not_finite_are_refused() -> None:
    broken = normal(100, 0)
    broken[3] = np.nan
    with pytest.raises(RequestError, match="finite"):
        ganbench.diagnose(broken, normal(300, 1), extractor="identity", use_cache=False)


def test_a_diagnosis_is_read_by_names_and_as_plain_data() -> None:
    found = diagnosed(OTHERS)
    assert found["duplicate_rate"].diagnostic == "diversity"
    assert "duplicate_rate" in found and "nothing" not in found
    assert list(found) == [one.measure for one in found.findings] and len(found) == len(found.findings)
    with pytest.raises(UnknownMeasure, match="did you mean 'duplicate_rate'"):
        found["duplicates_rate"]
    with pytest.raises(KeyError):
        found["modes"]
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["schema_version"] == 1 and data["verdict"] == "fine"
    assert {"value", "held_out", "perfect", "least", "most", "verdict", "why", "note", "n"} <= data["findings"][0].keys()
    assert "pictures" not in data
    assert repr(found) == "Diagnosis(fine)"
    assert found.pictures is not None and len(found.pictures.generated) == len(found.pairs) == 12
    pair, (left, right) = found.pairs[0], found.pictures.generated[0]
    assert np.array_equal(right, TRAINING[pair.training]) and np.array_equal(left, OTHERS[pair.example])
