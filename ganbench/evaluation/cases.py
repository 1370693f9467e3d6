"""What do diagnostics get to see of the sets of a diagnosis?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.dataset import ClassModes, ModeSet
from ganbench.diagnostics.base import Case
from ganbench.diagnostics.classes import class_histogram
from ganbench.diagnostics.sensitivity import REAL
from ganbench.errors import RequestError
from ganbench.evaluation.evaluator import moved
from ganbench.evaluation.notes import changed
from ganbench.evaluation.passes import CachedPass, Known
from ganbench.evaluation.score import DIAGNOSED_CLASSES
from ganbench.evaluation.sets import NamedSet
from ganbench.features.base import Extractor, load_extractor
from ganbench.metrics.classifier import divergences
from ganbench.plan.facts import Need, Role
from ganbench.results.diagnosis import Pair, Pictures
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features
from ganbench.sets.moments import evenly
from ganbench.sets.source import Source

TELLING = 1.1
"""Smallest classifier score of the real set, exp of the mutual information of example and class, with which a classifier counts as one of
these examples. In closed form one that knows nothing has 1, and one of two classes that is right in 80 % of cases, and knows it, 1.21."""


@dataclass(kw_only=True)
class Work:
    """The sets of a diagnosis, and how their features are computed."""

    extractor: Extractor
    sets: dict[Role, NamedSet]
    look: CachedPass
    modes: ModeSet | ClassModes | None
    assigned: dict[Role, Tensor] = field(default_factory=dict)
    """Mode of every example of a set (n,), if another classifier than the extractor counts the modes."""

    @property
    def classifier(self) -> bool:
        """Whether class probabilities of the extractor are used: its classes are few, or are the modes."""
        few = 0 < self.extractor.classes <= DIAGNOSED_CLASSES or self.sets["real"].given.holds_features
        return few or (isinstance(self.modes, ClassModes) and self.modes.classifier == self.extractor.name)

    @property
    def mode_names(self) -> tuple[str, ...]:
        """Names of the modes or classes by number; empty if they have only numbers."""
        return () if self.modes is not None else self.extractor.class_names

    def features(self, role: Role) -> Known | None:
        """Features of a set; None on every rank but the first."""
        needs: set[Need] = {"features", "probabilities"} if self.classifier else {"features"}
        return self.look(self.extractor, self.sets[role], needs, False)

    def assign(self) -> None:
        """Assigns all examples to modes, where another classifier than the extractor counts them; every rank takes part."""
        if not isinstance(self.modes, ClassModes) or self.modes.classifier == self.extractor.name:
            return
        classifier = load_extractor(self.modes.classifier).to(self.look.device)
        for role, one in self.sets.items():
            found = self.look(classifier, one, {"probabilities"}, False)
            if found is not None:
                seen = _features(found).log_probabilities
                assert seen is not None
                self.assigned[role] = seen.argmax(1)


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Features of all sets, after the real one was divided if no held-out set was given; and the examples' numbers in their sets."""

    reference: Features
    held_out: Features
    generated: Features
    training: Features
    """All real features, among which copies are searched."""
    reference_numbers: Tensor
    held_out_numbers: Tensor
    generated_numbers: Tensor
    training_numbers: Tensor
    rows: Tensor | None
    """Places of the held-out examples among the selected real ones; None if a held-out set was given."""
    held_out_is: str
    """Where the held-out examples come from, in words."""

    @property
    def both(self) -> dict[Role, Features]:
        """The two sides that are examined."""
        return {"generated": self.generated, "held-out": self.held_out}


def divided(work: Work, known: Mapping[Role, Known]) -> Sides:
    """Features on the extractor's device; a random half of the real ones is held out if no held-out set was given."""
    sides = {role: moved(_features(one), work.look.device) for role, one in known.items()}
    numbers = {role: torch.tensor(one.selection.indices) for role, one in work.sets.items()}
    common = {
        "generated": sides["generated"],
        "training": sides["real"],
        "generated_numbers": numbers["generated"],
        "training_numbers": numbers["real"],
    }
    if "held-out" in sides:
        return Sides(
            reference=sides["real"],
            reference_numbers=numbers["real"],
            held_out=sides["held-out"],
            held_out_numbers=numbers["held-out"],
            rows=None,
            held_out_is=f"{len(sides['held-out']):,} examples of {work.sets['held-out'].given.name}",
            **common,  # type: ignore[arg-type]
        )
    order = torch.randperm(len(sides["real"]), generator=seeding.stream(work.look.settings.seed, "diagnostic/halves"))
    half = len(order) // 2
    kept, rows = order[half:].sort().values, order[:half][: len(sides["generated"])]
    return Sides(
        reference=sides["real"].part(kept),
        reference_numbers=numbers["real"][kept],
        held_out=sides["real"].part(rows),
        held_out_numbers=numbers["real"][rows],
        rows=rows,
        held_out_is=f"{len(rows):,} examples of a random half of the real set; the other half is the reference",
        **common,  # type: ignore[arg-type]
    )


def _features(one: Known) -> Features:
    if not isinstance(one.features, Features):
        raise RequestError("diagnostics compare single examples, and a set holds statistics alone; give the examples themselves")
    return one.features


def cases(work: Work, sides: Sides, compared: Mapping[Role, Comparison]) -> dict[Role, Case]:
    """The inputs of diagnostics for the generated and for the held-out examples."""
    shares = None if isinstance(work.modes, ClassModes) else _class_shares(work, sides.reference)
    given = work.sets["generated"].given
    generator = given.generator if isinstance(given, Source) else None
    found = {
        role: Case(
            comparison=comparison,
            examples=_points(work, role, sides) if isinstance(work.modes, ModeSet) else None,
            class_shares=shares,
            modes=work.modes if isinstance(work.modes, ModeSet) else None,
            mode_counts=partial(_mode_counts, work, sides, role) if isinstance(work.modes, ClassModes) else None,
            seed=work.look.settings.seed,
        )
        for role, comparison in compared.items()
    }
    if generator is not None:
        found["generated"] = replace(found["generated"], generator=generator, real_examples=_some_real(work.sets["real"]))
    return found


def _class_shares(work: Work, reference: Features) -> Tensor | None:
    """Shares of the classes that the extractor predicts on the reference; None if it is no classifier, or tells no classes apart."""
    seen = reference.log_probabilities
    if seen is None or seen.shape[1] > DIAGNOSED_CLASSES:
        return None
    score = divergences(seen).mean().exp().item()
    if not score >= TELLING:  # "not" also refuses nan
        text = f"the classifier tells no classes apart on the real set (classifier score {score:.3g}), so that classes are not judged"
        work.look.notes.append(changed(text))
        return None
    return class_histogram(seen).double() / len(seen)


def _mode_counts(work: Work, sides: Sides, role: Role) -> Tensor:
    """Number of examples of one side in every mode that a classifier defines (modes,)."""
    assert isinstance(work.modes, ClassModes)
    if not work.assigned:
        own = sides.both[role].log_probabilities
        assert own is not None
        return class_histogram(own)
    assigned = work.assigned["real"][sides.rows] if role == "held-out" and sides.rows is not None else work.assigned[role]
    return torch.bincount(assigned, minlength=work.modes.count)


def _points(work: Work, role: Role, sides: Sides) -> Tensor | None:
    """The examples of one side, if they are points of the mixture's dimension."""
    one = work.sets["real" if role == "held-out" and sides.rows is not None else role]
    if not isinstance(one.given, Source) or len(one.given.form) != 1:
        return None
    points = one.given.at(one.selection.indices)
    return points[sides.rows] if role == "held-out" and sides.rows is not None else points


def _some_real(one: NamedSet) -> Tensor | None:
    """Some real examples, evenly spaced; None if only features are known."""
    if not isinstance(one.given, Source):
        return None
    return one.given.at([one.selection.indices[place] for place in evenly(len(one), min(len(one), REAL)).tolist()])


def numbered(pairs: Sequence[Pair], examples: Tensor, training: Tensor) -> tuple[Pair, ...]:
    """Pairs with the numbers that the examples have in the sets as the user gave them."""
    return tuple(replace(one, example=int(examples[one.example]), training=int(training[one.training])) for one in pairs)


def pictures(sides: Sides, pairs: Sequence[Pair], usual: Sequence[Pair]) -> Pictures | None:
    """The images of pairs; None if the examples are no images."""
    images = [side.images for side in (sides.generated, sides.training, sides.held_out, sides.reference)]
    if any(one is None for one in images):
        return None

    def drawn(some: Sequence[Pair], first: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        examples, training = images[first], images[first + 1]
        assert examples is not None and training is not None
        left, right = examples(torch.tensor([one.example for one in some])), training(torch.tensor([one.training for one in some]))
        return tuple((a.cpu().numpy(), b.cpu().numpy()) for a, b in zip(left, right, strict=True))

    return Pictures(generated=drawn(pairs, 0), held_out=drawn(usual, 2))
