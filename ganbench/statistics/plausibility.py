"""Can a record be what a run of ganbench left behind? (rules about one record, by itself)

They find what contradicts itself, what no machine and no metric can give, and what was left out. They cannot find a record that was made up
with care: whoever knows the rules can satisfy them (see :mod:`ganbench.results.submission`).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ganbench.errors import RequestError
from ganbench.plan.facts import facts
from ganbench.plan.metric_names import formula, label
from ganbench.plan.requests import requested
from ganbench.registry import METRICS, VARIANTS
from ganbench.results.record import Record, Score, Throughput

FASTEST_STEP_S = 1e-5
"""Seconds below which no training step is believed: it takes tens of operations one after another, and to start one takes a microsecond or
more (PyTorch on a CPU, or a kernel on a GPU)."""
FASTER = 2.0
"""How many times its 95th percentile of speed a run may have needed less time for its images before it needs a look. Of 100 records of runs
on two CPU cores, none exceeds 1.2 times its median."""
CLOCK_S = 5.0
"""Seconds by which durations may exceed the time from start to end, which is written in whole seconds."""
ROUNDING = 1e-9
"""Share of a value by which float arithmetic may put it outside of its interval."""

Rule = Callable[[Record], Iterator[str]]
"""Yields what is wrong with a record, a line each."""


def status(record: Record) -> Iterator[str]:
    """Has a run what its status says, and nothing else?"""
    if record.status == "interrupted":
        yield "is interrupted, which is no result; the same command goes on with the run"
    for name, belongs in (("divergence", "diverged"), ("error", "failed")):
        if (getattr(record, name) is not None) != (record.status == belongs):
            yield f"counts as {record.status}, and {'has no' if record.status == belongs else 'has a field'} {name!r}"
    if record.scores and record.status not in ("done", "diverged"):
        yield f"counts as {record.status}, and has final scores"


def budget(record: Record) -> Iterator[str]:
    """Did it see the images of its budget?"""
    whole = record.spec.steps * record.spec.training.batch_size
    if record.status == "done" and record.images_seen != whole:
        yield f"counts as done after {record.images_seen:,} images, and its steps are {whole:,}"
    if not 0 <= record.images_seen <= whole:
        yield f"saw {record.images_seen:,} images, and all its steps together are {whole:,}"
    if record.divergence and not 0 <= record.divergence.images_seen <= record.images_seen:
        yield f"diverged after {record.divergence.images_seen:,} of {record.images_seen:,} images"


def evaluations(record: Record) -> Iterator[str]:
    """Was it evaluated when its plan says, once for each kind of weights, and are the final numbers those of the last time?"""
    seen = [(one.images_seen, one.weights) for one in record.evaluations]
    points = {images for images, _ in seen}
    planned = {0} | {step * record.spec.training.batch_size for step in record.spec.evaluation_steps}
    if odd := sorted(points - planned):
        yield f"was evaluated after {odd[0]:,} images, where its plan has no evaluation"
    if record.status == "done" and (missing := sorted(planned - points)):
        yield f"was not evaluated after {missing[0]:,} images, where its plan has an evaluation"
    if len(set(seen)) < len(seen) or [images for images, _ in seen] != sorted(images for images, _ in seen):
        yield "its evaluations are repeated or out of order"
    if record.status not in ("done", "diverged"):
        return
    last = max((images for images in points if images > 0), default=None)
    final = [one for one in record.evaluations if one.images_seen == last]
    if record.scores != tuple(score for one in final for score in one.scores):
        yield "its final scores are not those of its last evaluation"
    if record.diagnostics != tuple(found for one in final if one.weights == "ema" for found in one.diagnostics):
        yield "its final diagnostics are not those of its last evaluation"


def plan(record: Record) -> Iterator[str]:
    """Do the scores have the metrics, the numbers of examples and the data of the plan?"""
    wanted = record.spec.evaluation
    try:
        asked = [(one.name, one.extractor) for one in requested(wanted.metrics, wanted.extractor)]
    except RequestError:
        asked = None  # a metric or extractor of a plug-in that is not installed here
    for one in record.evaluations:
        given = [(score.metric, str(score.protocol["extractor"])) for score in one.scores]
        if asked is not None and given != asked:
            told = (", ".join("@".join(pair) for pair in pairs) for pairs in (given, asked))
            yield "after {:,} images its scores are {}, and its plan asks for {}".format(one.images_seen, *told)
            return
    pinned = {"dataset": record.spec.dataset.name, "reference": wanted.reference, "n_fake": wanted.n_fake, "n_real": wanted.n_real}
    for name, value in pinned.items():
        other = next((score for score in every_score(record) if value is not None and score.protocol.get(name) != value), None)
        if other is not None:
            yield f"{name} is {value} in its plan, and {other.protocol.get(name)} in the protocol of {other.label}"


def protocols(record: Record) -> Iterator[str]:
    """Does every score agree with its own protocol, and has a metric one protocol throughout?"""
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in record.evaluations:
        for score in one.scores:
            own = {"metric": score.metric, "n_real": score.n_real, "n_fake": score.n_fake, "weights": one.weights}
            if odd := next((name for name, value in own.items() if score.protocol.get(name) != value), None):
                yield f"{score.label}: {odd} is {own[odd]}, and {score.protocol.get(odd)} in its protocol"
                return
            rest = {key: value for key, value in score.protocol.items() if key != "weights"}
            known = first.setdefault((score.metric, str(score.protocol["extractor"])), rest)
            if odd := next((name for name in sorted({*known, *rest}) if known.get(name) != rest.get(name)), None):
                yield f"{score.label}: {odd} is {known.get(odd)} at first and {rest.get(odd)} later"
                return


def intervals(record: Record) -> Iterator[str]:
    """Does every interval hold its value, and do both lie between the bounds of the metric?"""
    for score in every_score(record):
        room = ROUNDING * max(abs(score.ci_low), abs(score.ci_high))
        if not score.ci_low - room <= score.value <= score.ci_high + room:
            yield f"{score.label}: {score.value:.6g} is not in its interval, {score.ci_low:.6g} to {score.ci_high:.6g}"
            return
        low, high = score.bounds
        if (low is not None and score.ci_low < low - room) or (high is not None and score.ci_high > high + room):
            yield f"{score.label}: {score.ci_low:.6g} to {score.ci_high:.6g} is beyond its bounds, {low} to {high}"
            return


def metrics(record: Record) -> Iterator[str]:
    """Do scores of registered metrics declare what the metric declares, and are they called what it is called?"""
    for score in {score.column[:2]: score for score in every_score(record)}.values():
        name, extractor = formula(score.metric), str(score.protocol["extractor"])
        if name not in METRICS.targets:
            continue
        for field, value in facts(name).of_scores().items():
            if getattr(score, field) != value:
                yield f"{score.label}: {field} is {getattr(score, field)}, and this ganbench's {name} has {value}"
        if not re.fullmatch(re.escape(label(name, extractor)) + r"( \(.*\))?", score.label):
            yield f"{score.label}: {name} with {extractor} is called {label(name, extractor)}"


def times(record: Record) -> Iterator[str]:
    """Did it start before it ended, and how often?"""
    if record.attempts < 1:
        yield f"was started {record.attempts} times"
    moments = [moment(text) for text in (record.created, record.finished)]
    for text, found in zip((record.created, record.finished), moments, strict=True):
        if found is None:
            yield f"{text[:40]!r} is no time in UTC as 2026-01-02T03:04:05+00:00"
    if moments[0] and moments[1] and moments[0] > moments[1]:
        yield f"ended at {record.finished}, before it started at {record.created}"


def speed(record: Record) -> Iterator[str]:
    """Are its speeds above 0, in order, and not beyond any machine?"""
    timing = record.timing
    if timing is None:
        return
    fastest = record.spec.training.batch_size / FASTEST_STEP_S
    for name, found in (("training", timing.training), ("sampling", timing.sampling)):
        if found and not (0 < found.p5 <= found.median <= found.p95 and found.measurements >= 1):
            yield f"{name}: {_told(found)} are no percentiles of speeds"
    if timing.training and timing.training.median > fastest:
        yield f"training: {timing.training.median:.3g} images/s would be steps of less than {FASTEST_STEP_S:g} s"
    for name in ("training_s", "evaluation_s", "peak_memory_bytes"):
        if getattr(timing, name) < 0:
            yield f"{name} = {getattr(timing, name):g} is below 0"
    if timing.threads < 1:
        yield f"ran with {timing.threads} threads"


def provenance(record: Record) -> Iterator[str]:
    """Does it say with which data, packages, machine and weights it was made?"""
    hashes: dict[str, Any] = {f"weights_sha256.{name}": value for name, value in record.weights_sha256.items()}
    if record.status == "done":
        hashes |= {f"weights_sha256.{name}": record.weights_sha256.get(name) for name in ("raw", "ema")}
    if record.status in ("done", "diverged"):
        hashes |= {"variant_source_sha256": record.provenance.get("variant_source_sha256")}
        fingerprint = record.provenance.get("dataset", {}).get("fingerprint")
        if other := next((one for one in every_score(record) if one.protocol.get("fingerprint") != fingerprint), None):
            yield f"was trained on data {fingerprint}, and {other.label} compares with {other.protocol.get('fingerprint')}"
    for name, value in hashes.items():
        if not re.fullmatch("[0-9a-f]{64}", str(value)):
            yield f"{name} is {str(value)[:80]!r}, and no SHA-256"
    for part, names in {"packages": ("ganbench", "torch", "python"), "hardware": ("cpu",)}.items():
        if missing := [name for name in names if not isinstance(record.provenance.get(part, {}).get(name), str)]:
            yield f"does not say its provenance.{part}.{missing[0]}"
    if not re.fullmatch("[0-9a-f]{12}", str(record.provenance.get("fingerprint"))):
        yield "does not say the fingerprint of its environment"


def durations(record: Record) -> Iterator[str]:
    """Do its durations fit into the time between its start and its end, and its images into them?"""
    start, end, timing = moment(record.created), moment(record.finished), record.timing
    if timing is None or start is None or end is None:
        return
    spent, passed = timing.training_s + timing.evaluation_s, (end - start).total_seconds()
    if spent > passed + CLOCK_S:
        yield f"trained and scored for {spent:,.0f} s within {passed:,.0f} s"
    if timing.training and timing.training_s * timing.training.p95 * FASTER < record.images_seen:
        yield f"saw {record.images_seen:,} images in {timing.training_s:.3g} s of training at {timing.training.p95:.3g} images/s"


def sources(record: Record) -> Iterator[str]:
    """Was it made with changed sources of ganbench, or with a method that only its author has?"""
    told = {json.dumps(found, sort_keys=True): found for name in ("git", "variant_git") if (found := record.provenance.get(name))}
    for found in told.values():
        if isinstance(found, Mapping) and found.get("dirty"):
            yield f"its sources had changes beside commit {str(found.get('commit'))[:12]}"
    if record.spec.variant.name not in VARIANTS.targets:
        yield f"{record.spec.variant.name[:80]!r} is not registered here; without its source nobody can repeat the run"


def privacy(record: Record) -> Iterator[str]:
    """Does it publish paths of the machine that it was made on?"""
    named = {"spec.variant.path": record.spec.variant.path, "spec.dataset.path": record.spec.dataset.path}
    for name, path in named.items():
        if path and path.startswith(("/", "~", "\\")):
            yield f"publishes a path of its author's machine in {name}: {path[:120]}"


REFUSING: tuple[Rule, ...] = (status, budget, evaluations, plan, protocols, intervals, metrics, times, speed, provenance)
"""Rules by which a record is refused."""
LOOKING: tuple[Rule, ...] = (durations, sources, privacy)
"""Rules after which somebody should look."""


def every_score(record: Record) -> Iterator[Score]:
    """The scores of all evaluations."""
    return (score for one in record.evaluations for score in one.scores)


def moment(text: str) -> datetime | None:
    """A time with its zone; None if the text is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _told(found: Throughput) -> str:
    return f"{found.p5:.3g}, {found.median:.3g} and {found.p95:.3g} images/s of {found.measurements} measurements"
