"""What does one run leave behind?

``record.json`` is written once, at the end, and never edited. Null means undefined or not earned (the
scores of a diverged run); a number never stands for a failure.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ganbench.errors import RequestError
from ganbench.plan.facts import facts
from ganbench.plan.spec import ConfigValue, RunSpec
from ganbench.plan.validation import validated
from ganbench.storage import write_json

SCHEMA_VERSION = 1
"""Raised when a field changes its meaning or goes; ``tests/golden`` holds a record of every past version."""

Status = Literal["done", "diverged", "failed", "skipped"]
Weights = Literal["raw", "ema"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """One metric's value with its uncertainty and everything that fixes it."""

    metric: str
    label: str
    """How a table names it: the metric in capitals, with the extractor unless that is Inception ("FD·mnist-probe")."""
    value: float
    ci_low: float
    ci_high: float
    ci_method: str
    n_real: int
    n_fake: int
    higher_is_better: bool | None
    """None where a value between is best."""
    seconds: float
    """Time of this metric alone, from features."""
    protocol: dict[str, ConfigValue]
    """What the value depends on besides the examples: equal protocols can be ranked, others cannot."""
    perfect: float | None = None
    """What a perfect generator is expected to score at this n; None where nobody knows."""
    estimand: str = ""
    """What the interval is meant to hold ("expectation at this n"); empty in records from before it was written down."""
    bounds: tuple[float | None, float | None] = (None, None)
    """Smallest and largest value that the metric can have; None where there is no bound."""
    depends_on_n: bool = False
    """Whether the value moves with the number of examples even for the same law."""

    @property
    def is_distance(self) -> bool:
        """Whether lower is better and nothing is below 0."""
        return self.higher_is_better is False and self.bounds[0] is not None and self.bounds[0] >= 0

    @property
    def column(self) -> tuple[str, str, str]:
        """What tells a column of scores from the others of a run: metric, extractor and weights."""
        return self.metric, str(self.protocol["extractor"]), str(self.protocol.get("weights", ""))


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One number about the health of a generator, beside what a perfect generator would show."""

    name: str
    value: float | None
    """None where it is undefined (a divergence over no samples)."""
    perfect: float | None
    """What a perfect generator shows at this n: floor, ceiling or expectation; None where nobody knows."""
    n: int
    """Generated examples behind the value."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores and diagnostics at one moment of a run, for one set of weights."""

    images_seen: int
    weights: Weights
    scores: tuple[Score, ...]
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """Why a run counts as diverged."""

    kind: Literal["nonfinite", "variance", "score"]
    """A non-finite number, a feature variance that vanished, or a score that left its best for good."""
    images_seen: int
    """At the step of the number, or the first evaluation of the stretch that never recovered."""
    detail: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An error that ended a run."""

    type: str
    message: str
    stage: str
    """What the run was doing ("data", "training", "evaluation")."""
    traceback: str
    """Its last lines."""
    command: str
    """Reproduces the run from the directory that holds its runs."""


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Images a second: median and 5th and 95th percentile over repeated measurements."""

    median: float
    p5: float
    p95: float
    measurements: int


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How fast the run was, on what."""

    device: str
    threads: int
    deterministic: bool
    """Deterministic kernels were required; such timings are not compared with others."""
    training: Throughput | None
    """Real images a second in training steps; warm-up, evaluation and checkpoints are left out."""
    sampling: Throughput | None
    """Generated images a second."""
    training_s: float
    evaluation_s: float
    peak_memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Record:
    """The whole result of one run."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    id_version: int
    status: Status
    spec: RunSpec
    created: str
    """UTC, ISO 8601: start of the first attempt."""
    finished: str
    attempts: int
    """How often the run was started; all but the last were interrupted."""
    images_seen: int
    scores: tuple[Score, ...] = ()
    """Of the final weights, raw and EMA; empty unless the status is done."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Of the final EMA weights."""
    evaluations: tuple[Evaluation, ...] = ()
    """Every evaluation in order, also those of a diverged run."""
    divergence: Divergence | None = None
    error: Failure | None = None
    reason: str = ""
    """Why the run was skipped."""
    weights_sha256: dict[str, str] = field(default_factory=dict)
    """Of the final raw and EMA weights."""
    timing: Timing | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def protocol_key(protocol: Mapping[str, Any]) -> str:
    """Twelve digits that are equal exactly when two protocols are."""
    canonical = json.dumps(protocol, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def write_record(path: Path, record: Record) -> None:
    """Writes a record atomically."""
    write_json(path, asdict(record))


def read_evaluation(fields: Mapping[str, Any], where: str) -> Evaluation:
    """Reads an evaluation back from plain data, whichever version wrote it.

    Args:
        fields: What ``asdict`` gave.
        where: The file it came from, for messages.

    Raises:
        RequestError: It is none.
    """
    return validated(Evaluation, {**fields, "scores": _with_facts(fields.get("scores"))}, where)


def _with_facts(scores: Any) -> Any:
    """Scores from before metrics wrote their facts into them get those that a metric of the name declares today."""
    if not isinstance(scores, list | tuple):
        return scores  # refused as what it is
    return [{**_facts(score["metric"]), **score} if isinstance(score, dict) and "bounds" not in score else score for score in scores]


def _facts(metric: Any) -> dict[str, Any]:
    try:
        return facts(str(metric)).of_scores()
    except RequestError:
        return {}  # a plug-in's, which is not installed here


def read_record(path: Path) -> Record:
    """Reads a record.

    Raises:
        RequestError: The file is no record, or one of a schema that this version does not know.
    """
    try:
        data = json.loads(path.read_text())
        version = data["schema_version"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise RequestError(f"{path}: not a ganbench record ({error}); move it away and run the same command again") from None
    if version != SCHEMA_VERSION:
        raise RequestError(f"{path}: record of schema {version}; this ganbench reads {SCHEMA_VERSION}, so update ganbench")
    if isinstance(data.get("scores"), list) and isinstance(data.get("evaluations"), list):
        evaluations = [{**one, "scores": _with_facts(one.get("scores"))} if isinstance(one, dict) else one for one in data["evaluations"]]
        data = {**data, "scores": _with_facts(data["scores"]), "evaluations": evaluations}
    return validated(Record, data, str(path))
