"""Are the scores of a request those of its sets, however they are read, kept and shared?"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

import ganbench
from ganbench.errors import DataError, RequestError
from ganbench.evaluation.result import Scores
from ganbench.evaluation.statistics import make_statistics
from ganbench.metrics import frechet
from ganbench.metrics.base import Estimate
from ganbench.results.record import Score
from ganbench.sources.stats import merged

R = np.random.RandomState(0).randn(1000, 64)
F = np.random.RandomState(1).randn(1000, 64) * 1.1 + 0.1
L = np.random.RandomState(2).randn(1000, 10) * 3
"""The field's seeded fixture."""


def by_name(result: Scores) -> dict[str, Score]:
    return {score.metric: score for score in result.scores}


def digits(**settings: Any) -> Scores:
    return ganbench.score("digits:test", "digits:train", **{"extractor": "digits-probe", "use_cache": False, **settings})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    np.savez(tmp_path / "R.npz", features=R)
    np.savez(tmp_path / "F.npz", features=F, logits=L)
    return tmp_path


def test_the_fixture_has_its_published_values(files: Path) -> None:
    result = by_name(ganbench.score(files / "F.npz", files / "R.npz", features=True))
    # FD, KD by SciPy 1.17.1 and NumPy; precision and recall (k = 3), density and coverage (k = 5) by prdc 0.2.
    assert result["fd"].value == pytest.approx(3.87394170856, rel=1e-9)
    assert result["kd"].value == pytest.approx(0.037823691468831, rel=1e-9)
    assert [result[name].value for name in ("precision", "recall")] == pytest.approx([0.275, 0.897], abs=1e-12)
    assert [result[name].value for name in ("density", "coverage")] == pytest.approx([0.2028, 0.587], abs=1e-12)
    # population value of these two laws: 64 (0.1^2 + 0.1^2)
    assert result["fd_infinity"].ci_low < 1.28 < result["fd_infinity"].ci_high
    # E[coverage] by Naeem et al. 2020, lemma 2, at n = m = 1000, k = 5
    assert result["coverage"].perfect == pytest.approx(0.96898, abs=1e-5)
    assert result["density"].perfect == 1
    assert result["fd"].label == "FD·identity"


def test_every_score_has_a_named_interval_and_a_protocol(files: Path) -> None:
    result = ganbench.score(files / "F.npz", files / "R.npz", features=True)
    assert len(result.scores) == 8
    for score in result.scores:
        assert score.ci_low <= score.value <= score.ci_high
        assert score.ci_method
        assert {"metric", "metric_version", "extractor", "resize", "reference", "n_real", "n_fake"} <= score.protocol.keys()
    machine = json.loads(json.dumps(result.to_json()))
    assert machine["schema_version"] == 1
    keys = {"metric", "label", "value", "ci_low", "ci_high", "ci_method", "n_real", "n_fake", "higher_is_better", "seconds", "protocol"}
    assert all(keys <= score.keys() for score in machine["scores"])


def test_the_generated_set_comes_first(files: Path) -> None:
    narrow = (R * 0.1).astype(np.float32)
    collapsed = by_name(ganbench.score(narrow, R.astype(np.float32), ["precision", "recall"], features=True))
    noisy = by_name(ganbench.score(R.astype(np.float32), narrow, ["precision", "recall"], features=True))
    assert collapsed["precision"].value > 0.99 > 0.01 > collapsed["recall"].value
    assert noisy["precision"].value < 0.01 < 0.99 < noisy["recall"].value


def test_batch_size_threads_and_cache_change_nothing(tmp_path: Path) -> None:
    first = digits()
    for settings in ({"batch": 37}, {"workers": 7}, {"use_cache": True, "cache": tmp_path}, {"use_cache": True, "cache": tmp_path}):
        again = digits(**settings)
        for one, other in zip(first.scores, again.scores, strict=True):
            assert other.value == pytest.approx(one.value, rel=1e-5, abs=1e-6)
            assert other.protocol == one.protocol


def test_order_of_the_shards_changes_no_moment(tmp_path: Path) -> None:
    x = torch.from_numpy(np.concatenate([R, F]))
    parts = [frechet.moments(part) for part in torch.split(x, 300)]
    whole = frechet.moments(x)
    for order in (range(len(parts)), reversed(range(len(parts)))):
        chosen = [parts[i] for i in order]
        together = chosen[0]
        for part in chosen[1:]:
            together = merged(together, part)
        torch.testing.assert_close(together.mean, whole.mean, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(together.covariance, whole.covariance, rtol=1e-12, atol=1e-14)


def test_a_new_version_of_a_metric_scores_cached_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits(use_cache=True, cache=tmp_path)
    from ganbench.features import probe

    monkeypatch.setattr(frechet, "FD", replace(frechet.FD, version=99))
    monkeypatch.setattr(probe.DigitsProbe, "features", lambda *_: pytest.fail("a second pass"))
    again = digits(use_cache=True, cache=tmp_path, metrics=["fd"])
    assert again.scores[0].protocol["metric_version"] == 99


def test_two_processes_give_the_scores_of_one(tmp_path: Path, forked: Callable[..., Any]) -> None:
    script = (
        "import json, sys, ganbench\n"
        "found = ganbench.score('digits:train', 'digits:test', extractor='digits-probe', cache=sys.argv[1])\n"
        "print(json.dumps([[s.metric, s.value, s.ci_low, s.ci_high] for s in found.scores]))\n"
    )

    def start(rank: int, size: int, cache: Path) -> tuple[Any, Path]:
        said = tmp_path / f"{rank}-of-{size}"
        environment = {
            "RANK": str(rank),
            "WORLD_SIZE": str(size),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(29_500 + os.getpid() % 2_000),
            "PYTHONWARNINGS": "ignore",
        }
        return forked(cache, script=script, cwd=tmp_path, env=environment, out=said, err=said.with_suffix(".err")), said

    def finish(*processes: tuple[Any, Path]) -> list[str]:
        assert [process.wait() for process, _ in processes] == [0] * len(processes), [
            said.with_suffix(".err").read_text() for _, said in processes
        ]
        return [said.read_text().splitlines()[-1] for _, said in processes]

    (one,) = finish(start(0, 1, tmp_path / "one"))
    two = finish(start(0, 2, tmp_path / "two"), start(1, 2, tmp_path / "two"))
    assert json.loads(two[0]) == json.loads(one)
    assert json.loads(two[1]) == []


def test_a_subset_is_the_same_for_everybody() -> None:
    one, two = (digits(n=200, n_real=500, metrics=["fd"]).scores[0] for _ in range(2))
    assert one.value == two.value
    assert (one.n_fake, one.n_real) == (200, 500)
    assert digits(n=200, n_real=500, metrics=["fd"], seed=1).scores[0].value != one.value


def test_arrays_paths_and_names_score_alike(tmp_path: Path) -> None:
    from ganbench.data.bundled import digits as bundled
    from ganbench.plan.spec import DatasetSpec

    data = bundled(DatasetSpec(name="digits"), tmp_path)
    for index, image in enumerate(data.held_out.examples):
        Image.fromarray(image[0]).save(tmp_path / f"{index:04d}.png")
    settings: dict[str, Any] = {"extractor": "digits-probe", "use_cache": False}
    named = ganbench.score("digits:test", "digits:train", ["fd", "precision"], **settings)
    arrays = ganbench.score(data.held_out.examples, data.train.examples, ["fd", "precision"], **settings)
    folder = ganbench.score(tmp_path, data.train.examples, ["fd", "precision"], **settings)
    assert [score.value for score in named.scores] == [score.value for score in arrays.scores] == [score.value for score in folder.scores]


# statistics


def test_our_statistics_give_the_distance_of_the_examples(tmp_path: Path) -> None:
    make_statistics(["digits:train"], tmp_path / "s.npz", extractor="digits-probe", use_cache=False)
    from_file = ganbench.score("digits:test", tmp_path / "s.npz", ["fd"], extractor="digits-probe", use_cache=False)
    from_examples = digits(metrics=["fd"])
    assert from_file.scores[0].value == pytest.approx(from_examples.scores[0].value, rel=1e-10)  # sums in another order
    assert from_file.scores[0].n_real == 1438
    assert not any("does not say" in line for line in from_file.warnings)


def test_merged_statistics_are_those_of_both(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", features=R[:400])
    np.savez(tmp_path / "b.npz", features=R[400:])
    for name in "ab":
        make_statistics([str(tmp_path / f"{name}.npz")], tmp_path / f"s{name}.npz", features=True)
    make_statistics([str(tmp_path / "sa.npz"), str(tmp_path / "sb.npz")], tmp_path / "both.npz", features=True)
    merged_score = ganbench.score(F, tmp_path / "both.npz", ["fd"], features=True).scores[0]
    assert merged_score.value == pytest.approx(3.87394170856, rel=1e-9)
    assert merged_score.n_real == 1000


def test_statistics_of_another_protocol_are_refused_and_of_an_unknown_one_warned_of(tmp_path: Path) -> None:
    make_statistics(["digits:train"], tmp_path / "s.npz", extractor="digits-probe", use_cache=False)
    with pytest.raises(DataError, match="extractor = 'digits-probe'.*'mnist-probe'"):
        ganbench.score("digits:test", tmp_path / "s.npz", ["fd"], extractor="mnist-probe", use_cache=False)
    np.savez(tmp_path / "theirs.npz", mu=R.mean(0), sigma=np.cov(R, rowvar=False))
    result = ganbench.score(F, tmp_path / "theirs.npz", ["fd"], features=True)
    assert result.scores[0].value == pytest.approx(3.87394170856, rel=1e-9)
    assert any("does not say how" in line for line in result.warnings)
    assert any("takes the reference as exact" in line for line in result.warnings)


def test_what_statistics_cannot_answer_is_left_out_and_said_or_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", mu=R.mean(0), sigma=np.cov(R, rowvar=False))
    usual = ganbench.score(F, tmp_path / "s.npz", features=True)
    assert {score.metric for score in usual.scores} == {"fd", "fd_infinity"}
    assert any(line.startswith("left out: kd") for line in usual.warnings)
    with pytest.raises(RequestError, match="'kd' needs, of the real set"):
        ganbench.score(F, tmp_path / "s.npz", ["fd", "kd"], features=True)


# what looks wrong


def warnings_of(fake: npt.NDArray[Any], real: npt.NDArray[Any], **settings: Any) -> str:
    return "\n".join(ganbench.score(fake, real, ["kd"], **{"extractor": "pixels", "use_cache": False, **settings}).warnings)


def noise(n: int, seed: int, channels: int = 3) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, channels, 4, 4), np.uint8)


CASES: dict[str, tuple[Callable[[], tuple[npt.NDArray[Any], npt.NDArray[Any]]], str]] = {
    "copies among the generated": (lambda: (noise(100, 0)[np.arange(100) % 50], noise(100, 1)), "50 of 100 examples are exact copies"),
    "copies of the real": (lambda: (np.concatenate([noise(5, 1), noise(95, 2)]), noise(100, 1)), "exact copies of real ones"),
    "the same set twice": (lambda: (noise(100, 1), noise(100, 1)), "are they the same set?"),
    "grey in colour": (
        lambda: (np.repeat(noise(100, 0, 1), 3, 1), noise(100, 1)),
        "100% of the generated images are grey, and 0% of the real ones",
    ),
    "floats in [0, 1] saved as levels": (lambda: (noise(100, 0) // 128, noise(100, 1)), "were images in [0, 1] saved as uint8?"),
    "floats in [0, 1] taken for [-1, 1]": (lambda: (noise(100, 0) // 2 + 128, noise(100, 1)), "given where [-1, 1] is meant?"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_looks_wrong_is_said(case: str) -> None:
    sets, message = CASES[case]
    assert message in warnings_of(*sets())


def test_nothing_is_said_of_sets_that_are_well(tmp_path: Path) -> None:
    assert warnings_of(noise(100, 0), noise(100, 1)) == ""


def test_order_by_class_is_said() -> None:
    ordered = np.sort(R, 0) + np.random.default_rng(0).standard_normal(R.shape) * 0.1
    assert "examples come in an order" in "\n".join(ganbench.score(F, ordered, ["fd", "kd"], features=True).warnings)
    assert "examples come in an order" not in "\n".join(ganbench.score(F, R, ["fd", "kd"], features=True).warnings)


def test_few_and_unequal_numbers_are_said() -> None:
    said = "\n".join(ganbench.score(F[:400], R, ["fd", "precision"], features=True).warnings)
    assert "400 examples are few" in said
    assert "compare only equal ones" in said


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(broken: float) -> None:
    damaged = F.copy()
    damaged[7, 3] = broken
    with pytest.raises(RequestError, match="not finite"):
        ganbench.score(damaged, R, ["fd"], features=True)


# torch-fidelity


def test_torch_fidelity_agrees_and_a_disagreement_fails(monkeypatch: pytest.MonkeyPatch, files: Path) -> None:
    result = ganbench.score(files / "F.npz", files / "R.npz", ["fd"], features=True, verify=True)
    assert result.failures == ()
    # torch-fidelity 0.4.0 with its seed of 2020 on the fixture's logits
    assert {agreement.name.partition("·")[0]: agreement.theirs for agreement in result.agreements}["cs, its order"] == pytest.approx(
        3.7862411537, rel=1e-9
    )
    wrong_fd = replace(frechet.FD, estimate=lambda *_: Estimate(value=3.874, ci_low=0, ci_high=9, ci_method="made up"))
    monkeypatch.setattr(frechet, "FD", wrong_fd)
    wrong = ganbench.score(files / "F.npz", files / "R.npz", ["fd"], features=True, verify=True)
    assert len(wrong.failures) == 1
    assert "disagrees on fd" in wrong.failures[0]


def test_a_metric_without_a_finite_value_is_reported_and_the_others_stay() -> None:
    result = ganbench.score(F * 1e120, R, ["fd", "precision"], features=True)
    assert [score.metric for score in result.scores] == ["precision"]
    assert len(result.failures) == 1
    assert "FD·identity" in result.failures[0]


def test_a_metric_that_refuses_after_the_pass_costs_those_of_another_extractor_nothing() -> None:
    real, fake = np.zeros((100, 16, 16, 1), np.uint8), np.random.RandomState(0).randint(0, 256, (100, 16, 16, 1), np.uint8)
    real, fake = (np.ascontiguousarray(side.transpose(0, 3, 1, 2)) for side in (real, fake))
    found = ganbench.score(fake, real, ["fd@random-conv", "fld@pixels"], held_out=real, use_cache=False)
    assert [one.metric for one in found.scores] == ["fd"]
    assert len(found.failures) == 1 and "fld needs features that vary" in found.failures[0]
    with pytest.raises(RequestError, match="fld needs features that vary"):
        ganbench.score(fake, real, ["fld@pixels"], held_out=real, use_cache=False)
