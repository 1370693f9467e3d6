"""On which forms of data is which variant tried, and how is it built?"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec
from ganbench.registry import VARIANTS
from ganbench.training.context import HarnessContext
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant

TinySpec = Callable[..., RunSpec]
CPU = torch.device("cpu")
NAMES = VARIANTS.names()
DOUBLED = {"stylegan2", "diffaug_gan", "stylegan2_ada", "stylegan3", "acgan", "sngan", "projection_gan", "sagan", "biggan"} | {
    *("progressive_gan", "stylegan", "r3gan", "lecam_gan", "contragan", "reacgan", "fastgan")
}
"""Variants whose sides are doubled from 4 to 7 pixels; the others' networks but the GAN's are DCGAN's."""
WITHOUT_LEVEL = {"wgan", "wgan_gp", "broken_detached_penalty", "r3gan", "sngan", "projection_gan", "sagan", "biggan"} | {
    *("lecam_gan", "contragan", "reacgan")
}
"""A constant added to a critic cancels in E[f(G(z))] - E[f(x)], in pairs, and in the hinge loss until a value passes its margin."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of data that variants are tried on."""

    size: tuple[int, ...]
    classes: int = 0

    @property
    def shape(self) -> DataShape:
        return DataShape(size=self.size, classes=self.classes)


FORMS = {
    "points": Form(size=(2,)),
    "grey": Form(size=(1, 8, 8)),
    "colour": Form(size=(3, 32, 32)),
    "labelled": Form(size=(1, 8, 8), classes=3),
}


def takes_labels(name: str) -> bool:
    """Whether labels are a setting of the method."""
    return hasattr(VARIANTS.load(name).Config(), "conditional")


@lru_cache
def does(name: str, form: str) -> bool:
    """Whether a variant is tried on a form: it is not refused (the page of bands says of which ones), and labels are no waste on it."""
    if FORMS[form].classes and not takes_labels(name) and does(name, "grey"):
        return False
    cls = VARIANTS.load(name)
    settings = {**cls.tiny, **({"conditional": bool(FORMS[form].classes)} if takes_labels(name) else {})}
    try:
        with seeding.global_stream(0, "init"):
            cls(cls.Config(**settings), FORMS[form].shape)
    except RequestError:
        return False
    return True


CASES = [pytest.param(name, form, id=f"{name}-{form}") for name in NAMES for form in FORMS if does(name, form)] + [
    pytest.param(name, "large", id=f"{name}-large") for name in sorted(NAMES) if not does(name, "grey")
]
"""Variants that need labels see the large colour images with them."""
FORMS["large"] = Form(size=(3, 32, 32), classes=3)
in_every_form = pytest.mark.parametrize(("name", "form"), CASES, scope="module")
"""Module scope: pytest then runs all tests of one case behind each other, and they share one training."""
of_every_variant = pytest.mark.parametrize("name", NAMES)


@lru_cache
def data(form: str, n: int = 64) -> Dataset:
    """Random examples of a form."""
    numbers = np.random.default_rng(0)
    shape = FORMS[form].shape
    examples = (
        numbers.integers(0, 256, (n, *shape.size), dtype=np.uint8)
        if shape.is_image
        else numbers.standard_normal((n, *shape.size), np.float32)
    )
    labels = numbers.integers(0, shape.classes, n) if shape.classes else None
    split = Split(examples=examples, labels=labels)
    return Dataset(name="random", shape=shape, train=split, held_out=split, fingerprint="0" * 64)


@lru_cache
def spec_for(tiny_spec: TinySpec, name: str, form: str = "grey") -> RunSpec:
    """A tiny run; conditional where the data have labels and the variant takes them."""
    return tiny_spec(name, config={"conditional": bool(FORMS[form].classes)} if takes_labels(name) else None)


def build(spec: RunSpec, shape: DataShape, seed: int = 0) -> Variant:
    cls = VARIANTS.load(spec.variant.name)
    with seeding.global_stream(seed, "init"):
        variant: Variant = cls(cls.Config(**spec.variant.config), shape)
    return variant


def trainer(spec: RunSpec, form: str) -> Trainer:
    dataset = data(form)
    return Trainer(build(spec, dataset.shape), dataset, spec, CPU)


def rounds(spec: RunSpec) -> int:
    """Discriminator steps to one generator step."""
    steps = spec.variant.config.get("critic_steps", 1)
    assert isinstance(steps, int)
    return steps


def some_steps(spec: RunSpec, form: str) -> int:
    """Steps after which every part has been trained: lazy terms came, and networks that grow are grown."""
    if "stage_images" in spec.variant.config:
        halvings = {8: 1, 32: 3}[FORMS[form].size[1]]
        images = spec.variant.config["stage_images"] + halvings * (spec.variant.config["stage_images"] + spec.variant.config["fade_images"])  # type: ignore[operator]
        return images // spec.training.batch_size + 2
    return 4 * rounds(spec)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What was seen while a variant trained for ``some_steps``; who changes the trainer's networks takes a copy of them."""

    trainer: Trainer
    logs: Mapping[str, float]
    """Of the first two rounds."""
    nonfinite_updates: int
    order: list[str]
    """The network of every update."""
    changed: list[tuple[str, set[str]]]
    """The network of every update, and the networks whose parameters it changed."""
    reached: set[str]
    """Parameters that got a gradient other than zero."""
    others: tuple[str, str]
    """What modules hold beside parameters and buffers, before and behind two rounds."""
    two_rounds: dict[str, dict[str, Tensor]]
    """Weights behind two rounds."""
    at_cut: tuple[dict[str, dict[str, Tensor]], dict[str, Any]]
    """Weights and state between two generator steps, and while networks that grow are growing."""
    on_from_cut: dict[str, dict[str, Tensor]]
    """Weights two rounds later."""


def others(variant: Variant) -> str:
    hidden = ("_parameters", "_buffers", "_modules", "training")
    return repr([{key: value for key, value in vars(module).items() if key not in hidden} for module in variant.modules()])


@lru_cache(maxsize=1)
def trained(tiny_spec: TinySpec, name: str, form: str) -> Trained:
    """One training of a case, watched."""
    spec = spec_for(tiny_spec, name, form)
    training = trainer(spec, form)
    variant, real = training.variant, HarnessContext.minimize
    order: list[str] = []
    changed: list[tuple[str, set[str]]] = []
    reached: set[str] = set()

    def noted(self: HarnessContext, which: str, loss: Tensor, **options: Any) -> None:
        before = {key: value.clone() for key, value in variant.named_parameters()}
        real(self, which, loss, **options)
        order.append(which)
        reached.update(key for key, value in variant.named_parameters() if value.grad is not None and value.grad.abs().max() > 0)
        changed.append((which, {key.split(".")[0] for key, value in variant.named_parameters() if not torch.equal(value, before[key])}))

    steps, two = some_steps(spec, form), 2 * rounds(spec)
    cut = max(steps // 2, rounds(spec) + 1)
    marks = sorted({two, cut, cut + two, steps})
    assert (marks[0], marks[-1]) == (two, steps)
    untouched, seen = others(variant), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HarnessContext, "minimize", noted)
        for mark in marks:
            tick = training.advance(mark - training.step)
            seen[mark] = copy.deepcopy(training.weights())
            if mark == two:
                hidden, logs = (untouched, others(variant)), tick.logs
            if mark == cut:
                at_cut = (seen[mark], copy.deepcopy(training.state()))
    return Trained(
        trainer=training, logs=logs, nonfinite_updates=tick.nonfinite_updates, order=order, changed=changed, reached=reached,
        others=hidden, two_rounds=seen[two], at_cut=at_cut, on_from_cut=seen[cut + two],
    )  # fmt: skip


def labels_for(form: str, n: int) -> Tensor | None:
    return torch.arange(n) % FORMS[form].classes if FORMS[form].classes else None


def inputs(variant: Variant, form: str, n: int) -> tuple[Tensor, Tensor | None]:
    return torch.randn(n, variant.config.latent_dim), labels_for(form, n)
