"""What does the record of one run contain?

``record.json`` is written once, at the end, and never edited: its digest shows an edit. Null means undefined or not
available; failures are never encoded as numbers.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ganbench.errors import RequestError
from ganbench.plan.facts import facts
from ganbench.plan.spec import ID_VERSION, ConfigValue, RunSpec, check_names, run_id
from ganbench.plan.validation import validated
from ganbench.results.migration import SCHEMA_VERSION, check_schema, migrated
from ganbench.results.provenance import check_provenance
from ganbench.storage import AGAIN, read_json, write_json
from ganbench.text import html

LARGEST = 1e150
"""Largest magnitude of a score or diagnostic. Means and spreads are made of squares, which for larger values exceed a float."""

Status = Literal["done", "diverged", "failed", "interrupted", "skipped"]
"""How a run ended. An interrupted one, which a fault of the machine stopped, has no ``record.json``: the same command goes on with it."""
Weights = Literal["raw", "ema"]
_WEIGHTS = get_args(Weights)


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A metric's value with its interval and everything that determines it."""

    metric: str
    label: str
    """Name in tables: the metric in capitals, with the extractor unless that is Inception ("FD·mnist-probe")."""
    value: float
    ci_low: float
    ci_high: float
    ci_method: str
    n_real: int
    n_fake: int
    higher_is_better: bool | None
    """None if the best value lies in between."""
    seconds: float
    """Time to compute this metric from features."""
    protocol: dict[str, ConfigValue]
    """Everything that the value depends on besides the generated examples; only scores with equal protocols can be ranked."""
    perfect: float | None = None
    """Expected score of a perfect generator at this n; None where it is not known."""
    estimand: str = ""
    """The quantity that the interval is meant to cover ("expectation at this n"); empty in old records, which lack it."""
    bounds: tuple[float | None, float | None] = (None, None)
    """Smallest and largest possible value; None if there is no bound."""
    depends_on_n: bool = False
    """Whether the expected value changes with the number of examples for the same distribution."""
    warnings: tuple[str, ...] = ()
    """What the reader of the value must know ("the interval may be too narrow ...")."""
    details: dict[str, float] = field(default_factory=dict)
    """Further numbers that are published beside the value ("standard deviation over 10 splits")."""

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        return f"Score({self.label} {self.value:.4g} [{self.ci_low:.4g}, {self.ci_high:.4g}])"

    @property
    def is_distance(self) -> bool:
        """Whether lower is better and values are at least 0."""
        return self.higher_is_better is False and self.bounds[0] is not None and self.bounds[0] >= 0

    @property
    def column(self) -> tuple[str, str, str]:
        """Key of the score's column in tables: metric, extractor and weights."""
        return self.metric, str(self.protocol["extractor"]), str(self.protocol.get("weights", ""))


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnostic:
    """A number that helps to recognise mode collapse and other failures, with the value of a perfect generator."""

    name: str
    value: float | None
    """None if undefined (a divergence over no samples)."""
    perfect: float | None
    """Value of a perfect generator at this n: floor, ceiling or expectation; None where it is not known."""
    n: int
    """Number of generated examples that the value is computed from."""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Scores and diagnostics at one point of a run, for raw or EMA weights."""

    images_seen: int
    weights: Weights
    scores: tuple[Score, ...]
    diagnostics: tuple[Diagnostic, ...]
    notes: tuple[str, ...] = ()
    """What is wrong with the generated examples, if that can be told ("they are negatives of real ones")."""


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """Why a run counts as diverged."""

    kind: Literal["nonfinite", "variance", "score"]
    """A non-finite number, a feature variance that vanished, or a score that worsened and never recovered."""
    images_seen: int
    """Images seen at the step of the non-finite number, or at the first of the evaluations that never recovered."""
    detail: str


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A sign that something is wrong with a training; it changes no score and no rank."""

    rule: str
    """Name of the rule (``ganbench.diagnostics.alarms``)."""
    images_seen: int
    """Where it began to hold."""
    detail: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An error that ended a run."""

    type: str
    message: str
    stage: str
    """Stage of the run in which it occurred ("setting up", "training", "evaluation", "recording")."""
    traceback: str
    """Last lines of the traceback."""
    command: str
    """Command that reproduces the run, to be called in the output folder of the matrix."""
    where: str = ""
    """Line of the method's own file ("my.py, line 31, in generator_step"); empty if the error came from elsewhere, and in old records."""


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Images per second: median, 5th and 95th percentile of repeated measurements."""

    median: float
    p5: float
    p95: float
    measurements: int


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Speed and memory of the run, and the device."""

    device: str
    threads: int
    deterministic: bool
    """Whether deterministic kernels were required; such timings are not compared with others."""
    training: Throughput | None
    """Real images per second in training steps, without warm-up, evaluations and checkpoints."""
    sampling: Throughput | None
    """Generated images per second."""
    training_s: float
    evaluation_s: float
    peak_memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Record:
    """The complete result of one run."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    id_version: int
    status: Status
    spec: RunSpec
    created: str
    """UTC, ISO 8601: start of the first attempt."""
    finished: str
    attempts: int
    """Number of times that the run was started; all attempts but the last were interrupted."""
    images_seen: int
    scores: tuple[Score, ...] = ()
    """Scores of the final raw and EMA weights; those of its last evaluation if it diverged, which rank nothing."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Diagnostics of the EMA weights at the evaluation that the scores are from."""
    evaluations: tuple[Evaluation, ...] = ()
    """All evaluations in order, also of a diverged run."""
    divergence: Divergence | None = None
    alarms: tuple[Alarm, ...] = ()
    """Signs that something is wrong with the training, in the order of their beginnings."""
    error: Failure | None = None
    reason: str = ""
    """Why the run was skipped or interrupted."""
    notes: tuple[str, ...] = ()
    """What a reader of the scores must know, the worst first: notes of the final evaluation, files found damaged on the way, networks that
    were never updated, and what happened to the data."""
    weights_sha256: dict[str, str] = field(default_factory=dict)
    """Hashes of the final raw and EMA weights."""
    timing: Timing | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    digest: str = field(default="", compare=False)
    """SHA-256 of all other fields, set when the record is written; empty in old records, which lack it."""

    def _repr_html_(self) -> str:
        return _shown(self)


def _shown(record: Record) -> str:
    """A record as HTML for notebooks: what was run, how it ended, and its scores."""
    spec = record.spec
    words = f"{spec.variant.name} on {spec.dataset.name}, seed {spec.seed}: {record.status} after {record.images_seen:,} images"
    cells = ((f"{one.label}, {one.column[2]}", f"{one.value:.4g}", f"[{one.ci_low:.4g}, {one.ci_high:.4g}]") for one in record.scores)
    rows = "".join(f"<tr><th scope='row'>{html(name)}</th><td>{value}</td><td>{interval}</td></tr>" for name, value, interval in cells)
    return f"<p>{html(words)} (run {html(record.run_id)})</p><table>{rows}</table>"


def protocol_key(protocol: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits of a protocol's SHA-256; equal protocols have equal keys."""
    canonical = json.dumps(protocol, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def digest(fields: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a record's fields but the digest itself."""
    canonical = json.dumps({key: value for key, value in fields.items() if key != "digest"}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def check_record(record: Record, where: str) -> None:
    """Checks what every record promises.

    Its spec gives its ``run_id``, its scores say from which features and weights they are, its numbers can be computed with, its provenance
    has its parts, and ``done`` means that its final evaluation is there.

    Args:
        record: A record that was just made or read.
        where: The file that it came from, for error messages.

    Raises:
        RequestError: It breaks such a promise.
    """
    check_names(record.spec, where)
    if record.id_version == ID_VERSION and run_id(record.spec) != record.run_id:
        raise RequestError(f"{where}: its spec gives the id {run_id(record.spec)}, and it claims {record.run_id}; {AGAIN}")
    for one in (*record.scores, *(score for evaluation in record.evaluations for score in evaluation.scores)):
        if not isinstance(one.protocol.get("extractor"), str) or one.protocol.get("weights") not in _WEIGHTS:
            raise RequestError(f"{where}: the protocol of {one.metric!r} does not name extractor and weights; {AGAIN}")
        if max(map(abs, (one.value, one.ci_low, one.ci_high, one.perfect or 0.0))) > LARGEST:
            raise RequestError(f"{where}: the score of {one.metric!r} is beyond {LARGEST:g}; {AGAIN}")
    for found in (*record.diagnostics, *(one for evaluation in record.evaluations for one in evaluation.diagnostics)):
        if max(abs(found.value or 0.0), abs(found.perfect or 0.0)) > LARGEST:
            raise RequestError(f"{where}: the diagnostic {found.name!r} is beyond {LARGEST:g}; {AGAIN}")
    check_provenance(record.provenance, where)
    if record.status != "done":
        return
    final = [one for one in record.evaluations if one.images_seen == record.images_seen]
    if {one.weights for one in final} != {"raw", "ema"} or tuple(score for one in final for score in one.scores) != record.scores:
        raise RequestError(f"{where}: counts as done, and its final evaluation is not there; {AGAIN}")


def write_record(path: Path, record: Record) -> Record:
    """Writes a record atomically, and returns it with its digest."""
    record = replace(record, digest=digest(asdict(record)))
    write_json(path, asdict(record))
    return record


def read_evaluation(fields: Mapping[str, Any], where: str) -> Evaluation:
    """Converts plain data to an evaluation, also from older versions.

    Args:
        fields: The output of ``asdict``.
        where: The file that it came from, for error messages.

    Raises:
        RequestError: The data do not form an evaluation.
    """
    return validated(Evaluation, {**fields, "scores": _with_facts(fields.get("scores"))}, where)


def _with_facts(scores: Any) -> Any:
    """Adds the facts that each metric declares today to old scores, which lack them."""
    if not isinstance(scores, list | tuple):
        return scores  # invalid; the validation that follows reports it
    return [{**_facts(score["metric"]), **score} if isinstance(score, dict) and "bounds" not in score else score for score in scores]


def _facts(metric: Any) -> dict[str, Any]:
    try:
        return facts(str(metric)).of_scores()
    except RequestError:
        return {}  # the metric of a plug-in that is not installed here


def read_record(path: Path) -> Record:
    """Reads a record.

    Raises:
        RequestError: The file is not a record, or has a schema that this version cannot read.
    """
    return record_of(read_json(path), str(path))


def record_of(data: dict[str, Any], where: str) -> Record:
    """Converts the content of a record's file, of any schema.

    Args:
        data: The file's JSON object.
        where: The file, for error messages.

    Raises:
        RequestError: It is not a record, or has a schema that this version cannot read.
    """
    check_schema(data, where)
    if (sealed := data.get("digest")) and sealed != digest(data):  # which covers what was written, in the schema of then
        raise RequestError(f"{where}: has changed since it was written, its digest is another; {AGAIN}")
    data = migrated(data, where)
    if isinstance(data.get("scores"), list) and isinstance(data.get("evaluations"), list):
        evaluations = [{**one, "scores": _with_facts(one.get("scores"))} if isinstance(one, dict) else one for one in data["evaluations"]]
        data = {**data, "scores": _with_facts(data["scores"]), "evaluations": evaluations}
    record: Record = validated(Record, data, where)
    check_record(record, where)
    return record
