"""Is every contradiction in a record found by the rule that is meant for it, and none in a true one?"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ganbench.plan.spec import run_id
from ganbench.results.record import Divergence, Failure, Record, Score, Throughput, Timing
from ganbench.statistics.plausibility import LOOKING, REFUSING

Honest = Callable[..., Record]
Change = Callable[[Record], Record]
ERROR = Failure(type="ValueError", message="m", stage="training", traceback="", command="ganbench run")
END = Divergence(kind="score", images_seen=1_024, detail="collapsed")


def found(record: Record) -> dict[str, list[str]]:
    """By rule, what it says."""
    said = {rule.__name__: list(rule(record)) for rule in (*REFUSING, *LOOKING)}
    return {name: lines for name, lines in said.items() if lines}


def scored(record: Record, change: Callable[[Score], Score]) -> Record:
    """The record with every score changed."""
    series = tuple(replace(one, scores=tuple(map(change, one.scores))) for one in record.evaluations)
    return replace(record, evaluations=series, scores=tuple(map(change, record.scores)))


def timed(**changes: Any) -> Change:
    def change(record: Record) -> Record:
        assert record.timing is not None
        return replace(record, timing=replace(record.timing, **changes))

    return change


def from_provenance(**changes: Any) -> Change:
    return lambda record: replace(record, provenance={**record.provenance, **changes})


def planned(**changes: Any) -> Change:
    def change(record: Record) -> Record:
        spec = replace(record.spec, evaluation=replace(record.spec.evaluation, **changes))
        return replace(record, spec=spec, run_id=run_id(spec))

    return change


TRUE: dict[str, Change] = {
    "done": lambda record: record,
    "diverged": lambda record: replace(record, status="diverged", divergence=END),
    "diverged early": lambda record: replace(
        record,
        status="diverged",
        divergence=replace(END, kind="nonfinite", images_seen=600),
        images_seen=600,
        evaluations=record.evaluations[:4],
        scores=tuple(score for one in record.evaluations[2:4] for score in one.scores),
        diagnostics=record.evaluations[3].diagnostics,
    ),
    "diverged before an evaluation": lambda record: replace(
        record,
        status="diverged",
        divergence=replace(END, kind="nonfinite", images_seen=32),
        images_seen=32,
        evaluations=record.evaluations[:2],
        scores=(),
        diagnostics=(),
        weights_sha256={},
    ),
    "failed": lambda record: replace(
        record, status="failed", error=ERROR, scores=(), diagnostics=(), timing=None, images_seen=64, evaluations=(), weights_sha256={}
    ),
    "with departures": lambda record: scored(record, lambda score: replace(score, label=f"{score.label} (other weights)")),
    "with a metric of a plug-in": lambda record: planned(metrics=("mine.py:OWN",))(
        scored(
            record, lambda score: replace(score, metric="mine.py:OWN", label="OWN", protocol={**score.protocol, "metric": "mine.py:OWN"})
        )
    ),
    "at a bound": lambda record: scored(
        record, lambda score: score if score.metric == "fd" else replace(score, value=1.0, ci_low=0.9, ci_high=1.0)
    ),
}


@pytest.mark.parametrize("name", [name for name in TRUE if name != "with a metric of a plug-in"])
def test_a_true_record_passes_every_rule(honest: Honest, name: str) -> None:
    assert found(TRUE[name](honest())) == {}


def test_a_metric_of_a_plug_in_is_not_judged_by_what_is_not_installed(honest: Honest) -> None:
    record = TRUE["with a metric of a plug-in"](honest())
    one = replace(record, evaluations=tuple(replace(one, scores=one.scores[:1]) for one in record.evaluations))
    final = tuple(score for found in one.evaluations[-2:] for score in found.scores)
    assert found(replace(one, scores=final)) == {}


FALSE: dict[str, tuple[str, Change, str]] = {
    "interrupted": ("status", lambda record: replace(record, status="interrupted", scores=()), "is interrupted"),
    "done and diverged": ("status", lambda record: replace(record, divergence=END), "has a field 'divergence'"),
    "done and failed": ("status", lambda record: replace(record, error=ERROR), "has a field 'error'"),
    "diverged without why": ("status", lambda record: replace(record, status="diverged"), "has no 'divergence'"),
    "failed with scores": ("status", lambda record: replace(record, status="failed", error=ERROR), "has final scores"),
    "more images": ("budget", lambda record: replace(record, images_seen=2_048), "counts as done after 2,048 images"),
    "negative images": ("budget", lambda record: replace(record, images_seen=-32), "saw -32 images"),
    "diverged later": (
        "budget",
        lambda record: replace(record, status="diverged", divergence=replace(END, images_seen=4_000)),
        "diverged after 4,000 of 1,024 images",
    ),
    "no start": ("evaluations", lambda record: replace(record, evaluations=record.evaluations[2:]), "not evaluated after 0 images"),
    "one left out": (
        "evaluations",
        lambda record: replace(record, evaluations=record.evaluations[:2] + record.evaluations[4:]),
        "not evaluated after 512 images",
    ),
    "off the plan": (
        "evaluations",
        lambda record: replace(record, evaluations=(*record.evaluations[:2], replace(record.evaluations[2], images_seen=500))),
        "after 500 images, where its plan has no evaluation",
    ),
    "twice": ("evaluations", lambda record: replace(record, evaluations=(*record.evaluations, *record.evaluations[-2:])), "repeated"),
    "backwards": ("evaluations", lambda record: replace(record, evaluations=record.evaluations[::-1]), "out of order"),
    "better final scores": (
        "evaluations",
        lambda record: replace(record, scores=tuple(replace(score, value=0.3, ci_low=0.2, ci_high=0.4) for score in record.scores)),
        "final scores are not those of its last evaluation",
    ),
    "other diagnostics": ("evaluations", lambda record: replace(record, diagnostics=()), "final diagnostics are not those"),
    "diverged with the best": (
        "evaluations",
        lambda record: replace(
            record, status="diverged", divergence=END, scores=tuple(score for one in record.evaluations[2:4] for score in one.scores)
        ),
        "final scores are not those of its last evaluation",
    ),
    "fewer examples": ("plan", planned(n_fake=50_000), "n_fake is 50000 in its plan, and 128 in the protocol"),
    "other real examples": ("plan", planned(n_real=10), "n_real is 10 in its plan"),
    "other split": ("plan", planned(reference="held_out"), "reference is held_out in its plan"),
    "other metrics": ("plan", planned(metrics=("fd", "recall")), "and its plan asks for fd@random-conv, recall@random-conv"),
    "other extractor": ("plan", planned(extractor="pixels"), "its plan asks for fd@pixels"),
    "no scores": (
        "plan",
        lambda record: replace(record, scores=(), evaluations=tuple(replace(one, scores=()) for one in record.evaluations)),
        "asks for fd@random-conv",
    ),
    "n of the score": ("protocols", lambda record: scored(record, lambda score: replace(score, n_fake=50_000)), "n_fake is 50000, and 128"),
    "weights": (
        "protocols",
        lambda record: scored(record, lambda score: replace(score, protocol={**score.protocol, "weights": "ema"})),
        "weights is raw, and ema in its protocol",
    ),
    "protocol at the end": (
        "protocols",
        lambda record: replace(
            record,
            evaluations=(
                *record.evaluations[:-1],
                replace(
                    record.evaluations[-1],
                    scores=tuple(replace(one, protocol={**one.protocol, "resize": "none-2"}) for one in record.evaluations[-1].scores),
                ),
            ),
        ),
        "resize is none at first and none-2 later",
    ),
    "outside its interval": (
        "intervals",
        lambda record: scored(record, lambda score: replace(score, value=-7.0)),
        "is not in its interval",
    ),
    "turned interval": (
        "intervals",
        lambda record: scored(record, lambda score: replace(score, ci_low=score.ci_high, ci_high=score.ci_low)),
        "is not in its interval",
    ),
    "beyond its bounds": (
        "intervals",
        lambda record: scored(record, lambda score: replace(score, value=-7.0, ci_low=-8.0, ci_high=-6.0)),
        "is beyond its bounds, 0.0 to None",
    ),
    "turned direction": (
        "metrics",
        lambda record: scored(record, lambda score: replace(score, higher_is_better=not score.higher_is_better)),
        "higher_is_better is True, and this ganbench's fd has False",
    ),
    "wider bounds": ("metrics", lambda record: scored(record, lambda score: replace(score, bounds=(None, None))), "bounds is (None, None)"),
    "called FID": ("metrics", lambda record: scored(record, lambda score: replace(score, label="FID")), "is called FD·random-conv"),
    "never started": ("times", lambda record: replace(record, attempts=0), "was started 0 times"),
    "ended first": ("times", lambda record: replace(record, finished="2026-01-02T03:04:04+00:00"), "before it started"),
    "no time": ("times", lambda record: replace(record, created="yesterday"), "'yesterday' is no time"),
    "no zone": ("times", lambda record: replace(record, created="2026-01-02T03:04:04"), "is no time in UTC"),
    "no speed": ("speed", timed(training=Throughput(median=0.0, p5=0.0, p95=0.0, measurements=3)), "no percentiles of speeds"),
    "percentiles": ("speed", timed(sampling=Throughput(median=5.0, p5=6.0, p95=7.0, measurements=3)), "sampling: 6, 5 and 7 images/s"),
    "beyond any machine": (
        "speed",
        timed(training=Throughput(median=1e9, p5=1e9, p95=1e9, measurements=3)),
        "1e+09 images/s would be steps of less than 1e-05 s",
    ),
    "negative time": ("speed", timed(evaluation_s=-1.0), "evaluation_s = -1 is below 0"),
    "no threads": ("speed", timed(threads=0), "ran with 0 threads"),
    "no hashes": ("provenance", lambda record: replace(record, weights_sha256={}), "weights_sha256.raw is 'None', and no SHA-256"),
    "hash in words": ("provenance", lambda record: replace(record, weights_sha256={"raw": "01" * 32, "ema": "secret"}), "'secret'"),
    "no source": ("provenance", from_provenance(variant_source_sha256=None), "variant_source_sha256 is 'None'"),
    "other data": ("provenance", from_provenance(dataset={"fingerprint": "ab" * 32}), "was trained on data abab"),
    "no packages": ("provenance", from_provenance(packages={"torch": "2.9.0"}), "does not say its provenance.packages.ganbench"),
    "no processor": ("provenance", from_provenance(hardware={}), "does not say its provenance.hardware.cpu"),
    "no fingerprint": ("provenance", from_provenance(fingerprint="x"), "fingerprint of its environment"),
    "longer than the run": ("durations", timed(training_s=3_600.0), "trained and scored for 3,602 s within 60 s"),
    "faster than its speed": ("durations", timed(training_s=0.01), "saw 1,024 images in 0.01 s of training at 5.5e+03 images/s"),
    "changed sources": ("sources", from_provenance(git={"commit": "ab" * 20, "dirty": True}), "had changes beside commit abababababab"),
    "own method": (
        "sources",
        lambda record: replace(record, spec=replace(record.spec, variant=replace(record.spec.variant, name="mine.py:GAN"))),
        "'mine.py:GAN' is not registered here",
    ),
    "path": (
        "privacy",
        lambda record: replace(record, spec=replace(record.spec, dataset=replace(record.spec.dataset, path="/home/jane/faces"))),
        "publishes a path of its author's machine in spec.dataset.path: /home/jane/faces",
    ),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_contradiction_is_found_by_its_rule(honest: Honest, name: str) -> None:
    rule, change, words = FALSE[name]
    said = found(change(honest()))
    assert any(words in line for line in said.get(rule, ())), said
    assert all("\n" not in line and len(line) < 1_000 for lines in said.values() for line in lines)


def test_every_rule_has_a_case() -> None:
    assert {rule for rule, _, _ in FALSE.values()} == {rule.__name__ for rule in (*REFUSING, *LOOKING)}


def test_a_record_without_a_timing_is_no_contradiction(honest: Honest) -> None:
    assert found(replace(honest(), timing=None)) == {}
    bare = Timing(
        device="cpu", threads=1, deterministic=True, training=None, sampling=None, training_s=0.0, evaluation_s=0.0, peak_memory_bytes=0
    )
    assert found(replace(honest(), timing=bare)) == {}
