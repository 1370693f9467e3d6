"""How was ``record-v1.json`` made? (run once, when its schema was current; it is never made again)"""

from dataclasses import asdict
from pathlib import Path

from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec, TrainingSpec, VariantSpec, run_id
from ganbench.results.record import Diagnostic, Evaluation, Record, Score, Throughput, Timing
from ganbench.storage import write_json

spec = RunSpec(
    variant=VariantSpec(name="dcgan", config={"latent_dim": 8, "learning_rate": 0.001, "generator_widths": (16, 8), "note": None}),
    dataset=DatasetSpec(name="digits", resolution=8),
    seed=0,
    budget_images=1_024,
    training=TrainingSpec(batch_size=32),
    evaluation=EvaluationSpec(extractor="random-conv", metrics=("fd", "precision"), n_fake=128, every_images=512),
)


def score(metric: str, weights: str, value: float, higher: bool) -> Score:
    """One score with round numbers."""
    protocol = {
        "metric": metric, "metric_version": 1, "extractor": "random-conv", "extractor_version": 1, "extractor_weights_sha256": "ab" * 32,
        "resize": "none", "dataset": "digits", "fingerprint": "cd" * 32, "reference": "train", "n_real": 1438, "n_fake": 128,
        "weights": weights, "sampling_version": 1, "feature_dtype": "float32", "tf32": False,
        **({"parameter_k": 3} if metric == "precision" else {}),
    }  # fmt: skip
    return Score(
        metric=metric, label=f"{metric.upper()}·random-conv", value=value, ci_low=value - 0.05, ci_high=value + 0.05,
        ci_method="delta method", n_real=1438, n_fake=128, higher_is_better=higher, seconds=0.25, protocol=protocol,
    )  # fmt: skip


def evaluation(images_seen: int, weights: str, fd: float) -> Evaluation:
    """Both scores and one diagnostic."""
    return Evaluation(
        images_seen=images_seen,
        weights=weights,  # type: ignore[arg-type]
        scores=(score("fd", weights, fd, False), score("precision", weights, 0.5, True)),
        diagnostics=(
            Diagnostic(name="feature_variance_ratio", value=0.75, perfect=1.0, n=128),
            Diagnostic(name="duplicate_rate", value=None, perfect=None, n=128, note="every real example has an exact copy"),
        ),
    )


series = tuple(
    evaluation(seen, weights, fd + (1.0 if weights == "raw" else 0.0))
    for seen, fd in ((0, 64.0), (512, 2.0), (1_024, 4.0))
    for weights in ("raw", "ema")
)
record = Record(
    schema_version=1,
    run_id=run_id(spec),
    id_version=1,
    status="done",
    spec=spec,
    created="2026-01-02T03:04:05+00:00",
    finished="2026-01-02T03:05:05+00:00",
    attempts=2,
    images_seen=1_024,
    scores=series[-2].scores + series[-1].scores,
    diagnostics=series[-1].diagnostics,
    evaluations=series,
    weights_sha256={"raw": "01" * 32, "ema": "23" * 32},
    timing=Timing(
        device="cpu", threads=1, deterministic=True, training=Throughput(median=5_000.0, p5=4_000.0, p95=5_500.0, measurements=7),
        sampling=Throughput(median=20_000.0, p5=19_000.0, p95=21_000.0, measurements=5), training_s=0.2, evaluation_s=1.5,
        peak_memory_bytes=300 * 2**20,
    ),
    provenance={"fingerprint": "0123456789ab", "packages": {"torch": "2.9.0"}},
)  # fmt: skip

if __name__ == "__main__":
    write_json(Path(__file__).with_name("record-v1.json"), asdict(record))
