"""Does the whole of it learn?"""

from collections.abc import Callable
from pathlib import Path

from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec, TrainingSpec
from ganbench.results.record import Evaluation


def found(evaluation: Evaluation, name: str) -> float:
    value = next(finding.value for finding in evaluation.diagnostics if finding.name == name)
    assert value is not None
    return value


def test_dcgan_learns_the_ten_digits(tiny_spec: Callable[..., RunSpec], tmp_path: Path) -> None:
    spec = tiny_spec(
        "dcgan",
        DatasetSpec(name="digits"),
        config={"latent_dim": 100, "generator_width": 32, "discriminator_width": 32, "learning_rate": 2e-4},
        budget_images=20_000,
        training=TrainingSpec(batch_size=64, ema_halflife_images=1_000),
        evaluation=EvaluationSpec(extractor="digits-probe", metrics=("fd",), n_fake=1_000),
    )
    record = run_cell(spec, tmp_path / "run", Runtime(device="cpu"))
    assert record.status == "done"
    untrained, trained = record.evaluations[0], record.evaluations[-1]
    assert (untrained.weights, trained.weights) == ("raw", "ema")
    # Two seeds gave 2,057 to 97 and 2,053 to 100; all classes from 16,000 images on.
    assert untrained.scores[0].value >= 5 * trained.scores[0].value
    assert found(untrained, "classes_covered") < 10
    assert found(trained, "classes_covered") == 10
