"""Did the generator of a set collapse, lose modes, repeat itself, or copy its training examples?

Every registered diagnostic is computed twice with the same reference set: on the generated examples, and on as many held-out
real ones. Where no held-out set is given, a random half of the reference set takes its place.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from math import inf, isfinite
from typing import Any

import torch

from ganbench import seeding
from ganbench.data.dataset import ModeSet
from ganbench.diagnostics.base import Case, Examination
from ganbench.diagnostics.copies import nearest_of, suspicious_pairs
from ganbench.diagnostics.minority import mode_shares, shares_of
from ganbench.diagnostics.rules import judge
from ganbench.distributed import joined
from ganbench.environment import chosen_device
from ganbench.errors import RequestError
from ganbench.evaluation import checks
from ganbench.evaluation.cases import Sides, Work, cases, divided, numbered, pictures
from ganbench.evaluation.needs import form_problem
from ganbench.evaluation.notes import ordered, remark
from ganbench.evaluation.passes import CachedPass, MeterFor
from ganbench.evaluation.score import Silent, load_chosen
from ganbench.evaluation.sets import Examples, NamedSet, notes_on, open_set, share_classes
from ganbench.evaluation.settings import Settings, settings_from
from ganbench.features.plain import Elsewhere
from ganbench.metrics.memorisation import nearest_training
from ganbench.plan.facts import Role
from ganbench.plan.requests import FEATURES, IMAGES
from ganbench.precision import exact
from ganbench.registry import DIAGNOSTICS, EXTRACTORS
from ganbench.results.diagnosis import Diagnosis, Finding
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.source import Selection
from ganbench.sources.generated import DrawnSource

FEWEST = 50
"""Smallest number of examples of each set; with fewer, hardly any failure exceeds the noise."""
MOST = 10_000
"""Default largest number of generated and of held-out examples: counts of rare modes gain from more, and the time for neighbours grows
with the square."""
MOST_REAL = 50_000
"""Default largest number of reference examples: all training examples of the usual data sets of this size."""
PAIRS = 12
"""Number of generated examples that are shown beside their nearest training examples."""
HELD_OUT_PAIRS = 4
"""Number of held-out examples that are shown so."""


def diagnose(
    fake: Examples,
    real: Examples,
    held_out: Examples | None = None,
    *,
    modes: ModeSet | None = None,
    meter: MeterFor = lambda name, total: Silent(),
    **settings: Any,
) -> Diagnosis:
    """Diagnoses a generated set: every diagnostic beside its value on held-out real examples, with a verdict.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = diagnose(rng.normal(size=(500, 2)), rng.normal(size=(1000, 2)), rng.normal(size=(500, 2)), extractor="identity")
    >>> found.verdict
    'fine'

    Args:
        fake: Generated examples, given as for :func:`ganbench.score`.
        real: The training set, or other real examples.
        held_out: Real examples that the generator was not trained on; None takes a random half of the real ones instead.
        modes: The exact modes of points; None takes those of a registered data set that is named as the real one.
        meter: Opens a progress meter for a set.
        **settings: Fields of :class:`Settings`; ``n`` is at most 10,000 and ``n_real`` at most 50,000 unless they are given.

    Returns:
        The diagnosis; without findings on all ranks but the first.

    Raises:
        RequestError: The request is invalid, or the sets do not meet it.
    """
    chosen = settings_from(settings)
    with joined() as ranks, ExitStack() as stack:
        device = chosen_device(chosen.device)
        stack.enter_context(exact())
        name = chosen.extractor if chosen.extractor is not None else FEATURES if chosen.features else IMAGES
        EXTRACTORS.target(name)
        sets = _opened({"real": real, "held-out": held_out, "generated": fake}, chosen, device, stack)
        notes = [note for one in sets.values() for note in notes_on(one)]
        extractor = load_chosen(name, chosen, device, fast=chosen.fast)
        if not isinstance(extractor, Elsewhere) and (why := form_problem(extractor, sets)):
            raise RequestError(f"extractor {extractor.name!r} {why}")
        look = CachedPass(settings=chosen, device=device, ranks=ranks, meter=meter, stack=stack, notes=notes)
        work = Work(extractor=extractor, sets=sets, look=look, modes=modes if modes is not None else sets["real"].given.modes)
        roles: tuple[Role, ...] = ("generated", "real", "held-out")  # unusable generated examples fail before the others are read
        known = {role: work.features(role) for role in roles if role in sets}
        work.assign()
        notes += map(remark, extractor.notes)
        there = {role: one for role, one in known.items() if one is not None}
        if not ranks.first:
            return Diagnosis(findings=(), n=0, n_reference=0, held_out_is="", extractor={})
        notes += checks.of_sets(sets, there)
        return _diagnosis(work, divided(work, there))


def _opened(given: Mapping[Role, Examples | None], settings: Settings, device: torch.device, stack: ExitStack) -> dict[Role, NamedSet]:
    """Opens the sets, and selects as many generated as held-out examples."""
    sets: dict[Role, NamedSet] = {}
    for role, named in given.items():
        if named is not None:
            sets[role] = open_set(role, named, settings, device)
            stack.callback(sets[role].given.close)
    for one in sets.values():
        if one.given.reference_only:
            raise RequestError(f"{one.given.name!r} holds statistics, and a diagnosis compares single examples; give those")
    share_classes(sets)
    if settings.n_real is None:
        sets["real"] = _at_most(sets["real"], MOST_REAL, settings.seed)
    spare = len(sets["held-out"]) if "held-out" in sets else len(sets["real"]) // 2
    n = min(len(sets["generated"]), spare, settings.n or MOST)
    if n < FEWEST:
        raise RequestError(f"a diagnosis needs {FEWEST} examples of each set: {_few(sets, spare, settings)}")
    for role in set(sets) - {"real"}:
        sets[role] = _at_most(sets[role], n, settings.seed)
    return sets


def _few(sets: Mapping[Role, NamedSet], spare: int, settings: Settings) -> str:
    """Which set has too few examples, and what to do about it."""
    if settings.n is not None and settings.n < FEWEST:
        return f"--n {settings.n} is too few"
    if len(sets["generated"]) < FEWEST:
        return f"{sets['generated'].given.name!r} has {len(sets['generated'])} to examine; give more of the generated ones"
    if "held-out" in sets:
        return f"{sets['held-out'].given.name!r} has {spare} to examine; give more, or leave --held-out out to take half of the real ones"
    name, n = sets["real"].given.name, len(sets["real"])
    return f"half of the {n} of {name!r} are held out; give more real ones, or others that the generator was not trained on as --held-out"


def _at_most(one: NamedSet, n: int, seed: int) -> NamedSet:
    """A set with at most n of its selected examples: the first ones that a generator draws, random ones of any other."""
    if n >= len(one):
        return one
    chosen = (
        range(n)
        if isinstance(one.given, DrawnSource)
        else Selection.of(len(one), n, seeding.stream(seed, f"diagnostic/{one.role}")).indices
    )
    return replace(one, selection=Selection(indices=tuple(one.selection.indices[index] for index in chosen)))


def _diagnosis(work: Work, sides: Sides) -> Diagnosis:
    """Examines both sides, and finds the pairs that look most like copies."""
    reference = Reference(sides.reference)
    compared = {role: Comparison(reference, side) for role, side in sides.both.items()}
    both = cases(work, sides, compared)
    findings, left_out = list[Finding](), list[tuple[str, str]]()
    for name in DIAGNOSTICS.names():
        examination: Examination = DIAGNOSTICS.load(name)
        if examination.fits(both["generated"]):
            findings += findings_of(name, examination, both)
        else:
            left_out.append((name, examination.needs or "what it applies to"))
    shares = shares_of(both["generated"])
    # copies are searched among all real examples; those held out among the reference, which does not contain them
    found = nearest_of(compared["generated"])
    if sides.rows is not None:
        found = nearest_training(sides.generated.values, sides.training.values)
    pairs = suspicious_pairs(found, PAIRS)
    usual = suspicious_pairs(nearest_of(compared["held-out"]), HELD_OUT_PAIRS)
    return Diagnosis(
        findings=tuple(findings),
        n=len(sides.generated),
        n_reference=len(sides.reference),
        held_out_is=sides.held_out_is,
        extractor=work.extractor.identity(),
        shares=() if shares is None else mode_shares(shares, work.mode_names),
        pairs=numbered(pairs, sides.generated_numbers, sides.training_numbers),
        held_out_pairs=numbered(usual, sides.held_out_numbers, sides.reference_numbers),
        left_out=tuple(left_out),
        warnings=ordered(work.look.notes),
        pictures=pictures(sides, pairs, usual),
    )


def findings_of(name: str, examination: Examination, cases: Mapping[Role, Case]) -> list[Finding]:
    """The findings of one diagnostic on both sides, each judged by the rule of its measure.

    Args:
        name: Its registered name.
        examination: The diagnostic; it fits the generated case.
        cases: The inputs of the generated and of the held-out side.
    """
    limits = examination.limits(cases["generated"])
    beside = {one.name: one for one in examination.examine(cases["held-out"])} if examination.fits(cases["held-out"]) else {}
    found = []
    for one in examination.examine(cases["generated"]):
        least, most = (end if isfinite(end) else None for end in limits.get(one.name, (-inf, inf)))
        finding = Finding(
            diagnostic=name,
            measure=one.name,
            value=one.value,
            held_out=beside[one.name].value if one.name in beside else None,
            perfect=one.perfect,
            least=least,
            most=most,
            n=one.n,
            verdict=None,
            note=one.note,
        )
        verdict, why = judge(finding)
        found.append(replace(finding, verdict=verdict, why=why))
    return found
