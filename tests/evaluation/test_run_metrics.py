"""Does a run's evaluation give what `score` gives of the same examples, for every metric that asks more than features?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import ganbench
from ganbench.data.dataset import Dataset
from ganbench.errors import RequestError
from ganbench.metrics import pairs_of_images, path_length
from ganbench.pipeline.cell import run_cell
from ganbench.pipeline.check import check
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec
from ganbench.results.record import Record

CPU = Runtime(device="cpu")
EIGHT = DatasetSpec(name="digits", resolution=8)
SIXTEEN = DatasetSpec(name="digits", resolution=16)
LABELLED = ("fd", "gan_train", "gan_test", "intra_fd", "intra_kd", "ct", "fld", "fld_gap")
"""Metrics that ask for labels, held-out examples, or both."""


@pytest.fixture(scope="module")
def measured(tiny_spec: Callable[..., RunSpec], tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Path]:
    """A conditional generator after a few steps, scored by all of them, and by one metric of another extractor's features."""
    plan = EvaluationSpec(extractor="digits-probe", metrics=(*LABELLED, "recall@pixels"), n_fake=700)
    spec = tiny_spec("acgan", SIXTEEN, evaluation=plan)
    folder = tmp_path_factory.mktemp("measured") / "run"
    record = run_cell(spec, folder, CPU)
    assert record.error is None, record.error
    return record, folder


def test_a_suite_measures_what_score_measures_of_the_same_examples(measured: tuple[Record, Path]) -> None:
    record, folder = measured
    scores = {score.metric: score for score in record.evaluations[-1].scores}
    assert list(scores) == [*LABELLED, "recall"]
    found = ganbench.score(
        f"{folder}:ema", "digits:train", list(LABELLED), held_out="digits:test", extractor="digits-probe", resolution=16, n=700,
        use_cache=False, device="cpu",
    )  # fmt: skip
    assert not found.failures
    for other in found.scores:
        own = scores[other.metric]
        assert own.value == pytest.approx(other.value, rel=1e-9), other.metric
        assert (own.ci_low, own.ci_high) == pytest.approx((other.ci_low, other.ci_high), rel=1e-9), other.metric
        assert (own.bounds, own.higher_is_better, own.depends_on_n) == (other.bounds, other.higher_is_better, other.depends_on_n)


def test_scores_of_two_extractors_keep_the_order_of_the_plan_and_say_whose_features(measured: tuple[Record, Path]) -> None:
    record, _ = measured
    assert [score.protocol["extractor"] for score in record.evaluations[0].scores] == ["digits-probe"] * len(LABELLED) + ["pixels"]
    assert record.evaluations[0].scores[-1].label == "RECALL·pixels"


def test_a_metric_that_looks_at_images_or_asks_the_generator_sees_the_averaged_one(
    tiny_spec: Callable[..., RunSpec], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def distance(first: Tensor, second: Tensor) -> Tensor:
        return (first - second).square().mean((1, 2, 3))

    for module in (pairs_of_images, path_length):  # the published weights are not here
        monkeypatch.setattr(module, "perceptual", lambda weights: distance)
    for metric in (pairs_of_images.LPIPS, path_length.PPL_Z, path_length.PPL_W):
        monkeypatch.setattr(f"{metric.estimate.__module__}.{metric.name.upper()}", replace(metric, network=None))
    plan = EvaluationSpec(extractor="pixels", metrics=("lpips", "ppl_z", "ppl_w"), n_fake=128)
    spec = replace(tiny_spec("stylegan2", SIXTEEN, evaluation=plan), budget_images=160)
    record = run_cell(spec, tmp_path / "run", CPU)
    assert record.error is None, record.error
    raw, ema = record.evaluations[-2:]
    assert [score.metric for score in ema.scores] == ["lpips", "ppl_z", "ppl_w"]
    assert all(one.value != other.value for one, other in zip(raw.scores, ema.scores, strict=True))
    found = ganbench.score(f"{tmp_path / 'run'}:ema", None, ["lpips", "ppl_z", "ppl_w"], n=128, use_cache=False, device="cpu")
    assert [score.value for score in found.scores] == pytest.approx([score.value for score in ema.scores], rel=1e-9)


@pytest.mark.parametrize(
    ("variant", "dataset", "plan", "words"),
    [
        ("dcgan", SIXTEEN, {"metrics": ("gan_train",)}, "'gan_train' needs, of the generated set, class labels"),
        ("dcgan", DatasetSpec(name="ring8"), {"metrics": ("intra_fd",), "extractor": "identity"}, "needs, of the real set, class labels"),
        (
            "dcgan",
            DatasetSpec(name="digits", resolution=8),
            {"metrics": ("ms_ssim",)},
            "'ms_ssim' needs images of at least 16 pixels a side",
        ),
        ("dcgan", DatasetSpec(name="ring8"), {"metrics": ("lpips",), "extractor": "identity"}, "needs, of the generated set, images"),
        ("dcgan", SIXTEEN, {"metrics": ("ppl_w",)}, "'ppl_w' needs, of the generated set, a generator with intermediate latents"),
        ("dcgan", SIXTEEN, {"metrics": ("sfd",)}, "'sfd' needs, of the real set, spatial features"),
        ("dcgan", SIXTEEN, {"metrics": ("ct",), "n_fake": 50}, "'ct' needs at least 100 examples, and the generated set has 50"),
        (
            "dcgan",
            SIXTEEN,
            {"metrics": ("prd_f8",)},
            "'prd_f8' needs about as many generated as real examples, and there are 200 and 1,438",
        ),
        ("dcgan", SIXTEEN, {"metrics": ("fd_infinity@pixels",)}, "'fd_infinity' needs 2 examples a feature on either side, 512, not 200"),
        ("dcgan", SIXTEEN, {"metrics": ("ms_ssim",), "extractor": None}, "diagnostics need one, and no metric of the plan names any"),
    ],
)
def test_what_a_run_cannot_give_is_refused_before_it_starts(
    tiny_spec: Callable[..., RunSpec], variant: str, dataset: DatasetSpec, plan: dict[str, Any], words: str
) -> None:
    spec = tiny_spec(variant, dataset, evaluation=EvaluationSpec(**{"extractor": "digits-probe", "n_fake": 200, **plan}))
    with pytest.raises(RequestError) as caught:
        check(spec, CPU)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_missing_weights_of_a_metrics_own_network_are_named_before_a_run_starts(
    tiny_spec: Callable[..., RunSpec], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ganbench.features.published.cache", lambda: tmp_path)
    monkeypatch.setattr("ganbench.features.published._opened", lambda url: (_ for _ in ()).throw(OSError("no network")))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.delenv("GANBENCH_WEIGHTS", raising=False)
    pairs_of_images.perceptual.cache_clear()
    spec = tiny_spec("dcgan", SIXTEEN, evaluation=EvaluationSpec(extractor="pixels", metrics=("lpips",), n_fake=64))
    with pytest.raises(RequestError, match="vgg16-397923af.pth"):
        check(spec, CPU)


def test_data_of_any_size_keep_their_labels_in_a_reference_subset(tiny_data: Callable[[DatasetSpec], Dataset]) -> None:
    from ganbench.evaluation.runs import real_sets

    data = tiny_data(SIXTEEN)
    (real,) = real_sets(data, EvaluationSpec(extractor="pixels", metrics=("fd",), n_fake=10, n_real=50), [])
    labels = real.given.about(real.selection)["labels"]  # type: ignore[attr-defined]
    assert data.train.labels is not None
    assert labels.tolist() == [int(data.train.labels[place]) for place in real.selection.indices]
