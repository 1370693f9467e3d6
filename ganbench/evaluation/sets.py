"""What is one set in an evaluation? (a source in a role, and which of its examples count)"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.root import data_root
from ganbench.errors import RequestError
from ganbench.evaluation.settings import Settings
from ganbench.plan.facts import Role
from ganbench.sets.source import GivenSet, Selection
from ganbench.sources.opening import Opening, opened_array, opened_source

Examples = str | Path | npt.NDArray[Any] | Tensor
"""A path or name, or an array: what a user gives as a set."""


@dataclass(frozen=True, kw_only=True)
class NamedSet:
    """One set in its role."""

    role: Role
    given: GivenSet
    selection: Selection
    """Which of its examples count."""

    @classmethod
    def whole(cls, role: Role, given: GivenSet) -> "NamedSet":
        """All examples of a set."""
        return cls(role=role, given=given, selection=Selection(indices=range(len(given))))

    def __len__(self) -> int:
        return len(self.selection)


def open_set(role: Role, named: Examples, settings: Settings, device: torch.device) -> NamedSet:
    """Opens what a user named, and chooses the examples that count.

    Args:
        role: What the set is in the comparison.
        named: What the user gave.
        settings: How sets are scored.
        device: Where generators run.

    Raises:
        RequestError: It cannot be opened, cannot have this role, or has fewer examples than were asked for.
    """
    text = str(named) if isinstance(named, str | Path) else f"the {role} array"
    n = {"generated": settings.n, "real": settings.n_real, "held-out": None}[role]
    how = Opening(
        root=data_root(settings.data_root),
        device=device,
        features=settings.features,
        n=n,
        seed=settings.seed if role != "generated" or settings.seed else None,
        latent_dim=settings.latent_dim,
        resolution=settings.resolution,
        workers=settings.workers,
    )
    given = opened_source(text, how) if isinstance(named, str | Path) else opened_array(text, named, settings.features)
    if given.reference_only:
        if role != "real":
            raise RequestError(f"{text!r} holds statistics, which can only be the reference; give the {role} examples themselves")
        return NamedSet.whole(role, given)
    if n is not None and n > len(given):
        option = "--n" if role == "generated" else "--n-real"
        raise RequestError(f"{option} {n:,} is more than the {len(given):,} examples of {text!r}; ask for at most that, or leave it out")
    return NamedSet(role=role, given=given, selection=Selection.of(len(given), n, seeding.stream(settings.seed, f"subset/{role}")))
