"""How is a request to score carried out? (requests -> sets -> for every extractor: features, scores, checks -> what came of it)"""

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
from ganbench.evaluation.needs import problem
from ganbench.evaluation.passes import CachedPass, MeterFor
from ganbench.evaluation.result import Scores
from ganbench.evaluation.sets import Examples, NamedSet, open_set
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
from ganbench.sources.given import StatisticsFile

DIAGNOSED_CLASSES = 100
"""Classes at most of a classifier whose histogram says something at the usual numbers of examples."""


class Silent:
    """A meter that nobody watches."""

    def advance(self, examples: int) -> None:
        """Says nothing."""


@dataclass(kw_only=True)
class Findings:
    """What has come of a request so far."""

    scores: list[Score] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def result(self) -> Scores:
        """All of it, every warning and diagnostic once."""
        return Scores(
            scores=tuple(self.scores),
            warnings=tuple(dict.fromkeys(self.warnings)),
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
    """Scores a set of generated examples.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = score(rng.normal(size=(500, 2)), rng.normal(size=(500, 2)), ["fd"], extractor="identity")
    >>> round(found.scores[0].value, 1)
    0.0

    Args:
        fake: Generated examples: a path or name as ``ganbench score`` takes it, or an array: uint8 images
            (n, channels, height, width), or float points or features (n, d).
        real: Reference examples or statistics; None where no metric needs any.
        metrics: Names like "fid", "kd" or "fd@dinov2-vitl14"; None takes the usual ones.
        held_out: Real examples that the generator was not trained on, for metrics of memorisation.
        meter: Opens a meter of progress for a set.
        **settings: Fields of :class:`Settings`.

    Returns:
        Scores and warnings; on other ranks than the first both are empty.

    Raises:
        RequestError: The request cannot be carried out as it was written.
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
        findings = Findings()
        look = CachedPass(settings=chosen, device=device, ranks=ranks, meter=meter, stack=stack, warnings=findings.warnings)
        for extractor, own in _by_extractor(requests, chosen, device):  # all of them are loaded before the first pass
            possible = _possible(own, extractor, sets, chosen, names is not None, findings)
            if possible:
                plan = _plan(extractor, possible, sets, chosen, device)
                _score(plan, sets, look, names is not None, findings)
        for one in sets.values():
            findings.warnings += one.given.notes if one.given.reference_only else []
        return findings.result() if ranks.first else Scores(scores=(), warnings=())


def loaded(name: str, settings: Looks, device: torch.device, *, fast: bool = False, alone: bool = True) -> Extractor:
    """An extractor on its device, or what stands for one where features come from elsewhere or none are wanted.

    Args:
        name: Registered name, or ``file.py:Class``.
        settings: How it sees examples.
        device: Where it runs.
        fast: Whether its arithmetic may be fast.
        alone: Whether no other extractor is asked for, so that an option it does not take is a mistake.

    Raises:
        RequestError: It cannot be made.
        DataError: Its weights are missing or wrong; the message names extractors that need none.
    """
    if settings.features or name == NO_NETWORK:
        return Elsewhere(name)
    try:
        return load_extractor(name, settings.weights, settings.resize, fast, strict=alone).to(device)
    except DataError as error:
        if settings.extractor is not None:
            raise
        raise DataError(f"{error}; or score offline with --extractor {', '.join(OFFLINE)}, whose scores are not FID") from None


def _by_extractor(requests: Sequence[Request], settings: Settings, device: torch.device) -> list[tuple[Extractor, list[Request]]]:
    """Every extractor with what is asked of it."""
    groups: dict[str, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.extractor, []).append(request)
    return [(loaded(name, settings, device, fast=settings.fast, alone=len(groups) == 1), own) for name, own in groups.items()]


def _possible(
    requests: Sequence[Request], extractor: Extractor, sets: Mapping[Role, NamedSet], settings: Settings, explicit: bool, findings: Findings
) -> dict[Request, Metric]:
    """The metrics that these sets can answer; one that was asked for by name and cannot is refused."""
    possible, left_out = dict[Request, Metric](), dict[str, list[str]]()
    for request in requests:
        metric = load_metric(request.metric)
        why = problem(metric, extractor, sets)
        if why and explicit:
            raise RequestError(f"{request.name!r} {why}")
        if not why and metric.network is not None:
            metric.network(settings.weights)  # now, so that missing weights cost no pass
        if why:
            left_out.setdefault(why, []).append(request.name)
        else:
            possible[request] = metric
    missing = "; ".join(f"{', '.join(names)} ({why})" for why, names in left_out.items())
    if not possible:
        raise RequestError(f"nothing can be scored: {missing}")
    findings.warnings += [f"left out: {missing}"] if missing else []
    return possible


def _plan(
    extractor: Extractor, metrics: Mapping[Request, Metric], sets: Mapping[Role, NamedSet], settings: Settings, device: torch.device
) -> Plan:
    """What one extractor's features are wanted for: metrics, diagnostics, and the second library."""
    also = set[Need]()
    if settings.verify:
        also |= {"features", "probabilities"} if extractor.classes else {"features"}
    if _diagnosed(metrics.values()) and 0 < extractor.classes <= DIAGNOSED_CLASSES and "real" in sets:
        also.add("probabilities")
    return Plan(extractor=extractor, metrics=metrics, device=device, seed=settings.seed, also=frozenset(also), weights=settings.weights)


def _score(plan: Plan, sets: Mapping[Role, NamedSet], look: CachedPass, explicit: bool, findings: Findings) -> None:
    """Scores, checks and diagnoses by one extractor's features."""
    extractor, settings = plan.extractor, look.settings
    for one in sets.values():
        if isinstance(one.given, StatisticsFile):
            one.given.check(extractor.identity(), extractor.width)
    evaluator = Evaluator(plan, [one for role, one in sets.items() if role != "generated"], look)
    evaluated = evaluator(sets["generated"], {"seed": settings.seed, **_references(evaluator.others)})
    findings.warnings += extractor.notes
    if evaluated is None:
        return
    if extractor.dtype != "float32":
        findings.warnings.append(_shift(extractor, sets, look))
    findings.warnings += _checked(evaluated, sets)
    _collect(evaluated, explicit, findings)
    if _diagnosed(plan.metrics.values()):
        findings.diagnostics += examine(_case(evaluated.comparison))
    if settings.verify and extractor.name != NO_NETWORK:
        _verify(extractor, evaluated, findings)


def _collect(evaluated: Evaluated, explicit: bool, findings: Findings) -> None:
    """Scores, and why others have none; only where all are refused does the request fail."""
    refused = []
    for outcome in evaluated.scores():
        if isinstance(outcome, Score):
            findings.scores.append(outcome)
        elif isinstance(outcome, Diverged):
            findings.failures.append(str(outcome))
        else:
            refused.append(outcome)
    if refused and len(refused) == len(evaluated.plan.metrics):
        raise refused[0]
    if explicit:
        findings.failures += map(str, refused)
    else:
        findings.warnings += [f"left out: {error}" for error in refused]


def _references(others: Sequence[NamedSet]) -> dict[str, Any]:
    """The part of a protocol that says what was compared with; the generated examples are what is scored, and no part of it."""
    protocol: dict[str, Any] = {"reference": None}
    for one in others:
        part = "" if one.selection.is_all else f"/{seeding.derive(0, 'indices', *one.selection.indices):x}"
        protocol |= {"reference" if one.role == "real" else "held_out": f"{one.given.content}{part}", **one.given.protocol()}
    return protocol


def _shift(extractor: Extractor, sets: Mapping[Role, NamedSet], look: CachedPass) -> str:
    """What the fast mode does to FD here, in words."""
    both = [one for role, one in sorted(sets.items(), reverse=True) if role != "held-out"]  # the real set first
    pair = [(one.given, one.selection) for one in both if isinstance(one.given, Source)]
    if len(pair) < 2:
        return f"fast arithmetic ({extractor.dtype}) shifts scores; give real examples to have the shift measured"
    exact = load_extractor(extractor.name, look.settings.weights, look.settings.resize).to(look.device)
    return f"fast arithmetic ({extractor.dtype}): {measure_shift(extractor, exact, pair, look.device)}"


def _checked(evaluated: Evaluated, sets: Mapping[Role, NamedSet]) -> list[str]:
    """What looks wrong with the sets."""
    sides = {role: side for role, known in evaluated.known.items() if (side := checks.Side.of(sets[role], known))}
    found = [warning for role in sets if role in sides for warning in checks.of_one(sides[role])]
    pairs: tuple[tuple[Role, Role], ...] = (("real", "generated"), ("real", "held-out"), ("held-out", "generated"))
    for first, second in pairs:
        if first in sides and second in sides:
            found += checks.of_both(sides[first], sides[second])
    comparison = evaluated.comparison
    return found + checks.of_numbers(comparison.n_real, comparison.n_fake, list(evaluated.plan.metrics.values()))


def _verify(extractor: Extractor, evaluated: Evaluated, findings: Findings) -> None:
    """Lets torch-fidelity recompute what it has."""
    from ganbench.evaluation.verify import agreements

    try:
        found = [replace(one, name=f"{one.name}·{extractor.name}") for one in agreements(evaluated.fresh())]
    except (ValueError, RuntimeError) as error:  # of its linear algebra or ours, where numbers overflow
        findings.failures.append(f"torch-fidelity cannot compute with {extractor.name} features: {' '.join(str(error).split())[:120]}")
        return
    findings.agreements += found
    findings.failures += [
        f"torch-fidelity disagrees on {one.name}: {one.ours!r} here, {one.theirs!r} there, beyond {TOLERANCE:g}"
        for one in found
        if not one.holds
    ]


def _diagnosed(metrics: Iterable[Metric]) -> bool:
    """Whether neighbours are searched anyway, so that diagnostics cost little."""
    return any(share != "kernel" for metric in metrics for share in metric.shares)


def _case(comparison: Comparison) -> Case:
    """The sets, with the classes that the extractor sees in the real one."""
    seen = comparison.real.log_probabilities
    return Case(comparison=comparison, class_shares=None if seen is None else class_histogram(seen).double() / len(seen))
