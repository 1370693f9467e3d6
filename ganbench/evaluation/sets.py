"""What is one set of an evaluation? (a source, its role in the comparison, and the selected examples)"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.root import data_root
from ganbench.errors import RequestError
from ganbench.evaluation.notes import Note, changed, remark
from ganbench.evaluation.settings import Settings
from ganbench.plan.facts import Role
from ganbench.sets.classes import Classes, renumbering
from ganbench.sets.source import GivenSet, Selection
from ganbench.sources.callables import CallableSource, Sampler
from ganbench.sources.opening import Opening, open_array, open_source

Examples = str | Path | npt.NDArray[Any] | Tensor | Sampler
"""The ways in which a user can give a set: a path or name, an array or tensor, or a function of (n, seed)."""


@dataclass(frozen=True, kw_only=True)
class NamedSet:
    """One set and its role in the comparison."""

    role: Role
    given: GivenSet
    selection: Selection
    """The examples that are used."""

    @classmethod
    def whole(cls, role: Role, given: GivenSet) -> "NamedSet":
        """A set with all its examples selected."""
        return cls(role=role, given=given, selection=Selection(indices=range(len(given))))

    def __len__(self) -> int:
        return len(self.selection)


def open_set(role: Role, named: Examples, settings: Settings, device: torch.device) -> NamedSet:
    """Opens the set that a user named, and selects the examples to use.

    Args:
        role: Role of the set in the comparison.
        named: The set as the user gave it.
        settings: Settings of scoring.
        device: Device on which generators run.

    Raises:
        RequestError: The set cannot be opened, cannot have this role, or has fewer examples than requested.
    """
    text = str(named) if isinstance(named, str | Path) else f"the {role} {'function' if callable(named) else 'array'}"
    n = {"generated": settings.n, "real": settings.n_real, "held-out": None}[role]
    how = Opening(
        root=data_root(settings.data_root),
        device=device,
        features=settings.features,
        statistics=role == "real",
        n=n,
        seed=settings.seed if role != "generated" or settings.seed else None,
        trust=settings.trust,
        latent_dim=settings.latent_dim,
        resolution=settings.resolution,
        workers=settings.workers,
    )
    given = _opened(text, named, how, settings)
    if given.reference_only:
        if role != "real":
            raise RequestError(f"{text!r} holds statistics, which can only be the reference; give the {role} examples themselves")
        return NamedSet.whole(role, given)
    if n is not None and n > len(given):
        option = "--n" if role == "generated" else "--n-real"
        raise RequestError(f"{option} {n:,} is more than the {len(given):,} examples of {text!r}; ask for at most that, or leave it out")
    return NamedSet(role=role, given=given, selection=Selection.of(len(given), n, seeding.stream(settings.seed, f"subset/{role}")))


def _opened(text: str, named: Examples, how: Opening, settings: Settings) -> GivenSet:
    if isinstance(named, str | Path):
        return open_source(text, how)
    if callable(named):
        if settings.features:
            raise RequestError(f"{text} gives examples, and features=True wants features; give their array")
        return CallableSource(text, named, how.n, how.seed or 0)
    return open_array(text, named, settings.features, settings.value_range)


def labelled(sets: Mapping[Role, NamedSet]) -> dict[str, Classes]:
    """The classes of the labelled sets, the reference set's first."""
    order: tuple[Role, ...] = ("real", "generated", "held-out")
    return {role: classes for role in order if role in sets and (classes := sets[role].given.classes) is not None}


def share_classes(sets: Mapping[Role, NamedSet]) -> None:
    """Numbers the classes of all labelled sets as in the first; sets whose classes do not correspond keep their numbers.

    Metrics that need labels are then refused (:mod:`ganbench.evaluation.needs`).
    """
    found = labelled(sets)
    if not found:
        return
    base = next(iter(found.values()))
    for role, classes in list(found.items())[1:]:
        numbers = renumbering(classes, base)
        if isinstance(numbers, Tensor):
            sets[role].given.renumber(numbers, base)  # type: ignore[index]


def notes_on(one: NamedSet) -> list[Note]:
    """What happened to the examples of a set, and remarks."""
    return [*map(changed, one.given.notes), *map(remark, one.given.remarks)]
