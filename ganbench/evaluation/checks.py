"""Is anything wrong with the sets that would make their scores misleading? (copies, value ranges, order, small numbers)"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ganbench.evaluation.mistakes import mistake
from ganbench.evaluation.notes import Note, changed, comparison, remark, wrong
from ganbench.evaluation.passes import Known
from ganbench.evaluation.sets import NamedSet
from ganbench.features.facts import Facts, hashes
from ganbench.plan import facts as metric_facts
from ganbench.plan.facts import Role
from ganbench.sets.features import Features, Sketch
from ganbench.sets.source import Source

SMALL_N = 10_000
"""Below this number, FID depends more on n than on the model (Heusel et al. 2017 advise at least 10,000 examples)."""
UNEQUAL = 2.0
"""From this ratio of the numbers of examples on, precision and recall are not comparable with those of equal numbers."""
GREY_SHARE = 0.1
"""From this difference of the shares of grey images on, a note is due; 1 % of CIFAR-10's images are grey."""
_COPIES = 0.01
_ORDERED = 0.9


@dataclass(frozen=True, kw_only=True)
class Side:
    """The properties of one set that are checked."""

    name: str
    """The name as the user wrote it."""
    role: str
    """"real", "generated" or "held-out"."""
    n: int
    values: Tensor | None = None
    """Features (n, d) in the order of the set; None if they are not all in memory."""
    facts: Facts | None = None
    """None for features computed by another tool."""
    form: tuple[int, ...] = ()
    """Shape of one example; empty if only features are known."""
    labelled: bool = False
    """Whether the examples have classes, whose order is then no news."""
    sizes: str = ""
    """Width and height of images before any resize; empty if not known."""

    @classmethod
    def of(cls, one: NamedSet, known: Known) -> "Side | None":
        """The properties of a set after a pass over it; None if only moments are known."""
        features = known.features
        if not isinstance(features, Features):
            return None
        at_hand = not isinstance(features, Sketch) and (known.facts is not None or one.given.holds_features)
        return cls(
            name=one.given.name,
            role=one.role,
            n=len(features),
            values=features.values if at_hand else None,
            facts=known.facts,
            form=one.given.form if isinstance(one.given, Source) else (),
            labelled=one.given.classes is not None,
            sizes=one.given.sizes,
        )

    @property
    def channels(self) -> int:
        """Number of channels of images; 0 for other examples."""
        return self.form[0] if len(self.form) == 3 else 0

    @property
    def pixels(self) -> str:
        """Width and height of images."""
        return "x".join(map(str, self.form[:0:-1]))

    @cached_property
    def hashes(self) -> Tensor | None:
        """One number per example (n,), equal for equal examples: a hash of the example, or of its features if only they are known."""
        if self.facts is not None:
            return self.facts.example_hash
        return None if self.values is None else hashes(self.values)


def of_sets(sets: Mapping[Role, NamedSet], known: Mapping[Role, Known]) -> list[Note]:
    """Notes on every set, and on every two of them.

    Args:
        sets: The sets by role.
        known: The results of the passes over those that were read.
    """
    sides = {role: side for role, found in known.items() if (side := Side.of(sets[role], found))}
    notes = [note for role in sets if role in sides for note in of_one(sides[role])]
    pairs: tuple[tuple[Role, Role], ...] = (("real", "generated"), ("real", "held-out"), ("held-out", "generated"))
    for first, second in pairs:
        if first in sides and second in sides:
            notes += of_both(sides[first], sides[second])
    return notes


def of_one(side: Side) -> list[Note]:
    """Notes on one set."""
    found = []
    if side.hashes is not None and (unique := len(torch.unique(side.hashes))) < side.n:
        found.append(changed(f"{side.role} set {side.name}: {side.n - unique:,} of {side.n:,} examples are exact copies of others in it"))
    if side.facts is not None and side.channels:
        found += _of_levels(side, side.facts)
    if side.values is not None and not side.labelled and (ratio := consecutive_ratio(side.values)) < _ORDERED:
        found.append(
            remark(
                f"{side.role} set {side.name}: examples come in an order, by class perhaps (neighbours are {1 - ratio:.0%} closer than "
                "chance); ganbench shuffles where order matters, tools that do not will disagree"
            )
        )
    return found


def _of_levels(side: Side, facts: Facts) -> list[Note]:
    """Notes on value ranges."""
    lowest, highest = facts.lowest.min().item(), facts.highest.max().item()
    if highest <= 1:
        return [wrong(f"{side.role} set {side.name}: no level is above {highest:.0f} of 255; were images in [0, 1] saved as uint8?")]
    if lowest >= 126 and side.role == "generated":
        text = f"no level is below {lowest:.0f} of 255; were floats in [0, 1] given where [-1, 1] is meant?"
        return [wrong(f"{side.role} set {side.name}: {text}")]
    return []


def of_both(real: Side, fake: Side) -> list[Note]:
    """Notes on two sets together: copies, value ranges, channels and sizes."""
    found = []
    if real.hashes is not None and fake.hashes is not None and (real.facts is None) == (fake.facts is None):
        copies = int(torch.isin(fake.hashes, real.hashes).sum())
        if copies >= max(1, _COPIES * fake.n):
            same = copies == fake.n == real.n
            hint = "are they the same set?" if same else f"is a real set, or part of one, given as the {fake.role} one?"
            found.append(wrong(f"{copies:,} of {fake.n:,} {fake.role} examples are exact copies of {real.role} ones; {hint}"))
    found += _ranges(real, fake)
    if real.channels and fake.channels:
        found += _of_images(real, fake)
    return found


def _of_images(real: Side, fake: Side) -> list[Note]:
    """Notes on two sets of images."""
    found = []
    if real.facts is not None and fake.facts is not None:
        if text := mistake(real.facts, fake.facts):
            found.append(wrong(f"{fake.role} set {fake.name}: compared with the {real.role} images, {text}"))
        grey, usual = (side.facts.grey.double().mean().item() if side.facts else 0.0 for side in (fake, real))
        if real.channels == fake.channels == 3 and abs(grey - usual) > GREY_SHARE:
            found.append(changed(f"{grey:.0%} of the {fake.role} images are grey, and {usual:.0%} of the {real.role} ones"))
    if real.channels != fake.channels:
        text = f"{real.role} images have {real.channels} channel(s), {fake.role} ones {fake.channels}; grey ones are repeated to three"
        found.append(changed(text))
    if real.pixels != fake.pixels:
        text = f"{real.role} images are {real.pixels} pixels and {fake.role} ones {fake.pixels}"
        found.append(changed(f"{text}; scores then measure the difference in resolution as well"))
    elif real.sizes and fake.sizes and real.sizes != fake.sizes:
        text = (
            f"{real.role} images were {real.sizes} pixels and {fake.role} ones {fake.sizes}; both were cropped and resized to {real.pixels}"
        )
        found.append(changed(text))
    return found


def _ranges(real: Side, fake: Side) -> list[Note]:
    """Notes on values outside the range of the real set."""
    if real.facts is not None and fake.facts is not None and not real.channels:
        low, high = real.facts.lowest.min().item(), real.facts.highest.max().item()
        outside = int(((fake.facts.lowest < low) | (fake.facts.highest > high)).sum())
        if outside > fake.n // 2:
            return [wrong(f"{outside:,} of {fake.n:,} generated examples reach outside the real values, {low:.3g} to {high:.3g}")]
    if real.values is not None and fake.values is not None and real.values.min() >= 0 and fake.values.min() < 0:
        return [wrong("real features are never negative and generated ones are; do they come from the same layer?")]
    return []


def of_numbers(n_real: int, n_fake: int, metrics: Collection[metric_facts.Facts]) -> list[Note]:
    """Notes on the numbers of examples."""
    found = []
    smallest = min(n for n in (n_real or n_fake, n_fake))
    if smallest < SMALL_N and any(metric.depends_on_n for metric in metrics):
        found.append(comparison(f"{smallest:,} examples are few: FD and IS depend on n, so compare only scores at equal n, or take KD"))
    unequal = n_real and max(n_real, n_fake) / min(n_real, n_fake) >= UNEQUAL
    if unequal and any(metric.depends_on_ratio for metric in metrics):
        text = f"{n_real:,} real and {n_fake:,} generated examples: precision and recall move with the ratio; compare only equal ones"
        found.append(comparison(text))
    return found


def consecutive_ratio(values: Tensor) -> float:
    """Mean squared distance of consecutive examples over that of random ones: about 1 in random order, less if sorted by class.

    Args:
        values: Features (n, d).
    """
    sample = values[: 1 << 14].double()
    variance = 2 * sample.var(0).sum().item()
    if len(sample) < 100 or variance == 0:
        return 1.0
    return float((sample[1:] - sample[:-1]).square().sum(1).mean()) / variance
