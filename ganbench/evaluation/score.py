"""How does ``score`` evaluate the sets that a user names? (requests -> sets -> for every extractor: features, scores, checks)"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ganbench import seeding
from ganbench.diagnostics.base import Case, examine
from ganbench.diagnostics.classes import class_histogram
from ganbench.distributed import joined
from ganbench.environment import chosen_device
from ganbench.errors import DataError, Diverged, RequestError
from ganbench.evaluation import checks
from ganbench.evaluation.agreement import TOLERANCE, Agreement
from ganbench.evaluation.evaluator import Evaluated, Evaluator, Plan
from ganbench.evaluation.fast import measure_shift
from ganbench.evaluation.needs import form_problem, problem
from ganbench.evaluation.notes import Note, comparison, ordered, remark
from ganbench.evaluation.passes import CachedPass, MeterFor
from ganbench.evaluation.result import Scores
from ganbench.evaluation.sets import Examples, NamedSet, notes_on, open_set, share_classes
from ganbench.evaluation.settings import Looks, Settings, settings_from
from ganbench.features.base import Extractor, load_extractor
from ganbench.features.plain import Elsewhere
from ganbench.metrics.base import Metric, load_metric
from ganbench.plan.facts import Need, Role
from ganbench.plan.metric_names import NO_NETWORK
from ganbench.plan.requests import OFFLINE, Request, requested
from ganbench.precision import exact
from ganbench.results.record import Diagnostic, Score
from ganbench.sets.comparison import Comparison
from ganbench.sets.source import Source
from ganbench.sources.statistics_files import StatisticsFile

DIAGNOSED_CLASSES = 100
"""Largest number of classes at which a histogram of predictions is meaningful for the usual numbers of examples."""


class Silent:
    """A progress meter that shows nothing."""

    def advance(self, examples: int) -> None:
        """Does nothing."""


@dataclass(kw_only=True)
class Findings:
    """The results of a request, collected extractor by extractor."""

    scores: list[Score] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    refused: list[RequestError] = field(default_factory=list)
    """Why metrics refused the examples after their features were computed."""
    agreements: list[Agreement] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def result(self) -> Scores:
        """The final result, without repeated warnings and diagnostics."""
        return Scores(
            scores=tuple(self.scores),
            warnings=ordered(self.notes),
            failures=tuple(self.failures),
            agreements=tuple(self.agreements),
            diagnostics=tuple(dict.fromkeys(self.diagnostics)),
        )


def score(
    fake: Examples,
    real: Examples | None = None,
    metrics: Sequence[str] | str | None = None,
    *,
    held_out: Examples | None = None,
    meter: MeterFor = lambda name, total: Silent(),
    **settings: Any,
) -> Scores:
    """Scores a generated set against a reference set.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = score(rng.normal(size=(500, 2)), rng.normal(size=(500, 2)), ["fd"], extractor="identity")
    >>> round(found.scores[0].value, 1)
    0.0

    Args:
        fake: Generated examples: a path or name as for ``ganbench score``; an array or tensor of images, channels first or last, uint8 or
            floats in [0, 1] or [-1, 1] (``value_range=`` where that is ambiguous), of points or of features (n, d); or a function of
            (n, seed) that returns n examples.
        real: Reference examples or statistics; may be None if no metric needs them.
        metrics: Names like "fid", "kd" or "fd@dinov2-vitl14"; None takes those of ``plan.requests.USUAL``.
        held_out: Real examples that the generator was not trained on, for metrics of memorisation.
        meter: Opens a progress meter for a set.
        **settings: Fields of :class:`Settings`.

    Returns:
        Scores and warnings; both are empty on all ranks but the first.

    Raises:
        RequestError: The request is invalid, or the sets do not meet it.
    """
    chosen = settings_from(settings)
    names = metrics.split(",") if isinstance(metrics, str) else metrics
    with joined() as ranks, ExitStack() as stack:
        device = chosen_device(chosen.device)
        stack.enter_context(exact())
        requests = requested(names, chosen.extractor, chosen.features)
        given: dict[Role, Examples | None] = {"generated": fake, "real": real, "held-out": held_out}
        sets = {role: open_set(role, named, chosen, device) for role, named in given.items() if named is not None}
        for one in sets.values():
            stack.callback(one.given.close)
        if chosen.verify and any(one.given.reference_only for one in sets.values()):
            raise RequestError("torch-fidelity verifies with features of both sets; give the real examples themselves, not statistics")
        share_classes(sets)
        findings = Findings(notes=[note for one in sets.values() for note in notes_on(one)])
        look = CachedPass(settings=chosen, device=device, ranks=ranks, meter=meter, stack=stack, notes=findings.notes)
        # all extractors are loaded and all needs are checked before the first pass
        parts = [
            (extractor, _possible(own, extractor, sets, chosen, names is not None, findings))
            for extractor, own in by_extractor(requests, chosen, device)
        ]
        for extractor, possible in parts:
            if possible:
                _score(_plan(extractor, possible, sets, chosen, device), sets, look, findings)
        tell(findings, names is not None)
        return findings.result() if ranks.first else Scores(scores=(), warnings=())


def load_chosen(name: str, settings: Looks, device: torch.device, *, fast: bool = False, alone: bool = True) -> Extractor:
    """Loads an extractor, or a placeholder if the sets hold features already or no features are needed.

    Args:
        name: Registered name, or ``file.py:Class``.
        settings: Its weights and its resize protocol.
        device: Device to which it is moved.
        fast: Whether TF32 or bfloat16 arithmetic may be used.
        alone: Whether it is the only extractor of the request, so that an option that it does not take is an error.

    Raises:
        RequestError: The name is unknown, or the extractor does not take an option.
        DataError: Its weights are missing or wrong; the message names extractors that need no download.
    """
    if settings.features or name == NO_NETWORK:
        return Elsewhere(name)
    try:
        return load_extractor(name, settings.weights, settings.resize, fast, strict=alone).to(device)
    except DataError as error:
        if settings.extractor is not None:
            raise
        raise DataError(f"{error}; or score offline with --extractor {', '.join(OFFLINE)}, whose scores are not FID") from None


def by_extractor(requests: Sequence[Request], settings: Settings, device: torch.device) -> list[tuple[Extractor, list[Request]]]:
    """Every extractor, loaded, with the requests for its features."""
    groups: dict[str, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.extractor, []).append(request)
    return [(load_chosen(name, settings, device, fast=settings.fast, alone=len(groups) == 1), own) for name, own in groups.items()]


def _possible(
    requests: Sequence[Request], extractor: Extractor, sets: Mapping[Role, NamedSet], settings: Settings, explicit: bool, findings: Findings
) -> dict[Request, Metric]:
    """The metrics whose needs are met; raises for an unmet one that the user named, and lists the others in a warning."""
    possible, left_out = dict[Request, Metric](), dict[str, list[str]]()
    for request in requests:
        metric = load_metric(request.metric)
        why = problem(metric, extractor, sets)
        if why and explicit:
            raise RequestError(f"{request.name!r} {why}")
        if not why and metric.network is not None:
            network = metric.network(settings.weights)  # now, so that missing weights fail before any pass
            findings.notes += map(remark, getattr(network, "notes", ()))
        if why:
            left_out.setdefault(why, []).append(request.name)
        else:
            possible[request] = metric
    missing = "; ".join(f"{', '.join(names)} ({why})" for why, names in left_out.items())
    if not possible:
        raise RequestError(f"nothing can be scored: {missing}")
    findings.notes += [remark(f"left out: {missing}")] if missing else []
    return possible


def _plan(
    extractor: Extractor, metrics: Mapping[Request, Metric], sets: Mapping[Role, NamedSet], settings: Settings, device: torch.device
) -> Plan:
    """The plan of one extractor, with the needs of diagnostics and of torch-fidelity."""
    also = set[Need]()
    if settings.verify:
        also |= {"features", "probabilities"} if extractor.classes else {"features"}
    if _diagnosed(metrics.values()) and 0 < extractor.classes <= DIAGNOSED_CLASSES and "real" in sets:
        also.add("probabilities")
    return Plan(extractor=extractor, metrics=metrics, device=device, seed=settings.seed, also=frozenset(also), weights=settings.weights)


def _score(plan: Plan, sets: Mapping[Role, NamedSet], look: CachedPass, findings: Findings) -> None:
    """Computes scores, warnings and diagnostics from one extractor's features."""
    extractor, settings = plan.extractor, look.settings
    for one in sets.values():
        if isinstance(one.given, StatisticsFile):
            one.given.check(extractor.identity(), extractor.width)
    if not isinstance(extractor, Elsewhere) and (why := form_problem(extractor, sets)):
        raise RequestError(f"extractor {extractor.name!r} {why}")
    evaluator = Evaluator(plan, [one for role, one in sets.items() if role != "generated"], look)
    evaluated = evaluator(sets["generated"], {"seed": settings.seed, **references(evaluator.others)})
    findings.notes += map(remark, extractor.notes)
    if evaluated is None:
        return
    if extractor.dtype != "float32":
        findings.notes.append(comparison(_shift(extractor, sets, look)))
    findings.notes += _checked(evaluated, sets)
    collect(evaluated, findings)
    if _diagnosed(plan.metrics.values()):
        findings.diagnostics += examine(_case(evaluated.comparison))
    if settings.verify and extractor.name != NO_NETWORK:
        _verify(extractor, evaluated, findings)


def collect(evaluated: Evaluated, findings: Findings) -> None:
    """Collects scores, and the reasons for missing ones."""
    for outcome in evaluated.scores():
        if isinstance(outcome, Score):
            findings.scores.append(outcome)
            findings.notes += [comparison(f"{outcome.label}: {warning}") for warning in outcome.warnings]
        elif isinstance(outcome, Diverged):
            findings.failures.append(str(outcome))
        else:
            findings.refused.append(outcome)


def tell(findings: Findings, explicit: bool) -> None:
    """Tells of metrics that refused the examples; raises only if no metric has a value."""
    if findings.refused and not findings.scores and not findings.failures:
        raise findings.refused[0]
    if explicit:
        findings.failures += map(str, findings.refused)
    else:
        findings.notes += [remark(f"left out: {error}") for error in findings.refused]


def references(others: Sequence[NamedSet]) -> dict[str, Any]:
    """Entries of the protocol for the reference set and the held-out set; the generated set is what is scored, and not part of it."""
    protocol: dict[str, Any] = {"reference": None}
    for one in others:
        part = "" if one.selection.is_all else f"/{seeding.derive(0, 'indices', *one.selection.indices):x}"
        protocol |= {"reference" if one.role == "real" else "held_out": f"{one.given.content}{part}", **one.given.protocol()}
    return protocol


def _shift(extractor: Extractor, sets: Mapping[Role, NamedSet], look: CachedPass) -> str:
    """A warning with the measured effect of fast arithmetic on FD."""
    both = [one for role, one in sorted(sets.items(), reverse=True) if role != "held-out"]  # the real set first
    pair = [(one.given, one.selection) for one in both if isinstance(one.given, Source)]
    if len(pair) < 2:
        return f"fast arithmetic ({extractor.dtype}) shifts scores; give real examples to have the shift measured"
    exact = load_extractor(extractor.name, look.settings.weights, look.settings.resize).to(look.device)
    return f"fast arithmetic ({extractor.dtype}): {measure_shift(extractor, exact, pair, look.device)}"


def _checked(evaluated: Evaluated, sets: Mapping[Role, NamedSet]) -> list[Note]:
    """Notes on the sets."""
    compared = evaluated.comparison
    return checks.of_sets(sets, evaluated.known) + checks.of_numbers(
        compared.n_real, compared.n_fake, list(evaluated.plan.metrics.values())
    )


def _verify(extractor: Extractor, evaluated: Evaluated, findings: Findings) -> None:
    """Compares the scores with those of torch-fidelity."""
    from ganbench.evaluation.verify import agreements

    try:
        found = [replace(one, name=f"{one.name}·{extractor.name}") for one in agreements(evaluated.fresh())]
    except (ValueError, RuntimeError) as error:  # linear algebra on either side, when numbers overflow
        findings.failures.append(f"torch-fidelity cannot compute with {extractor.name} features: {' '.join(str(error).split())[:120]}")
        return
    findings.agreements += found
    findings.failures += [
        f"torch-fidelity disagrees on {one.name}: {one.ours!r} here, {one.theirs!r} there, beyond {TOLERANCE:g}"
        for one in found
        if not one.holds
    ]


def _diagnosed(metrics: Iterable[Metric]) -> bool:
    """Whether a metric searches neighbours, so that diagnostics cost little."""
    return any(share != "kernel" for metric in metrics for share in metric.shares)


def _case(comparison: Comparison) -> Case:
    """The comparison, with the class proportions that the extractor predicts on the real set."""
    seen = comparison.real.log_probabilities
    return Case(comparison=comparison, class_shares=None if seen is None else class_histogram(seen).double() / len(seen))
