"""On which forms of data is which variant tried, and how is it built?"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec
from ganbench.registry import VARIANTS
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant

TinySpec = Callable[..., RunSpec]
CPU = torch.device("cpu")
NAMES = VARIANTS.names()


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
        with torch.device("meta"):
            cls(cls.Config(**settings), FORMS[form].shape)
    except RequestError:
        return False
    return True


CASES = [pytest.param(name, form, id=f"{name}-{form}") for name in NAMES for form in FORMS if does(name, form)] + [
    pytest.param(name, "large", id=f"{name}-large") for name in sorted(NAMES) if not does(name, "grey")
]
"""Variants that need labels see the large colour images with them."""
FORMS["large"] = Form(size=(3, 32, 32), classes=3)
in_every_form = pytest.mark.parametrize(("name", "form"), CASES)
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


def labels_for(form: str, n: int) -> Tensor | None:
    return torch.arange(n) % FORMS[form].classes if FORMS[form].classes else None


def inputs(variant: Variant, form: str, n: int) -> tuple[Tensor, Tensor | None]:
    return torch.randn(n, variant.config.latent_dim), labels_for(form, n)
