"""Does a plug-in fulfil its contract? (checks for your own tests: each takes seconds, and its AssertionError says what is wrong)

A name is a registered one, or ``path/to/file.py:NAME``. All checks run on the CPU with random data.
"""

import copy
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.data.fingerprint import fingerprint
from ganbench.data.loading import load_dataset
from ganbench.data.root import data_root
from ganbench.diagnostics.base import Case, Examination
from ganbench.errors import RequestError
from ganbench.features.base import extract, load_extractor
from ganbench.metrics.base import load_metric
from ganbench.plan.budgets import Budget, budgets
from ganbench.plan.facts import Facts, facts
from ganbench.plan.spec import ConfigValue, DatasetSpec, EvaluationSpec, RunSpec, TrainingSpec
from ganbench.plan.validation import validated
from ganbench.plan.variant_config import config_class, variant_spec
from ganbench.registry import DIAGNOSTICS, EXTRACTORS, VARIANTS
from ganbench.results.record import Diagnostic
from ganbench.sampling import sample
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features
from ganbench.training.building import build
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant

SHAPES = (DataShape(size=(2,)), DataShape(size=(1, 16, 16)), DataShape(size=(1, 16, 16), classes=3), DataShape(size=(3, 32, 32), classes=3))
"""Shapes of data on which a variant is tried."""
BATCH = 16
CPU = torch.device("cpu")


def check_variant(
    name: str, config: Mapping[str, ConfigValue] | None = None, *, shapes: Sequence[DataShape] = SHAPES, steps: int = 12
) -> None:
    """Asserts that a variant can be planned without torch, trains reproducibly, has no hidden state, and refuses unsupported data.

    Args:
        name: The variant.
        config: Overrides of its defaults and of its ``tiny`` settings, which make steps fast.
        shapes: Shapes of data; it must support at least one, and refuse the others with a RequestError on one line.
        steps: Number of training steps; enough for the generator to be updated more than once.
    """
    cls = VARIANTS.load(name)
    assert isinstance(cls, type) and issubclass(cls, Variant), f"{name} is no class derived from ganbench.Variant"
    _check_config(name, cls)
    spec = variant_spec(name, {**cls.tiny, **(config or {})}, name)
    refusals = []
    for shape in shapes:
        dataset = _random_data(shape)
        run = RunSpec(
            variant=spec,
            dataset=DatasetSpec(name="random"),
            seed=0,
            budget_images=steps * BATCH,
            evaluation=EvaluationSpec(metrics=("fd",), n_fake=BATCH),
            training=TrainingSpec(batch_size=BATCH, ema_halflife_images=50),
        )
        try:
            multiple = build(run, dataset, CPU).batch_multiple
        except RequestError as refusal:
            assert "\n" not in str(refusal), f"{name} refuses {shape} in several lines; a refusal is one line"
            refusals.append(f"{shape}: {refusal}")
            continue
        assert BATCH % multiple == 0, f"{name} takes multiples of {multiple} examples; give a config in which it takes {BATCH}"
        _check_training(f"{name} on {shape}", run, dataset, steps)
    assert len(refusals) < len(shapes), f"{name} refuses all that it was tried on: {'; '.join(refusals)}"


def _check_config(name: str, cls: type[Variant]) -> None:
    """Asserts that a Config is the same when it is read without torch, has defaults, and can be converted to JSON and back."""
    cut, imported = ([(f.name, f.type, f.default) for f in fields(one)] for one in (config_class(VARIANTS.target(name)), cls.Config))
    assert cut == imported, f"{name}: Config differs when it is read without torch: {set(map(str, cut)) ^ set(map(str, imported))}"
    bare = [field.name for field in fields(cls.Config) if field.default is MISSING]
    assert not bare, f"{name}: {', '.join(bare)} of Config has no default"
    default = asdict(cls.Config())  # type: ignore[call-arg]
    assert asdict(validated(cls.Config, json.loads(json.dumps(default)), name)) == default, f"{name}: Config does not survive JSON"
    assert isinstance(default.get("latent_dim"), int), f"{name}: Config has no whole number latent_dim"


def _check_training(where: str, run: RunSpec, dataset: Dataset, steps: int) -> None:
    """Asserts that training depends only on the seed, not on interruptions or on drawing samples in between."""
    straight, stopped, resumed, fresh = (Trainer(build(run, dataset, CPU), dataset, run, CPU) for _ in range(4))
    start, hidden = copy.deepcopy(straight.weights()["raw"]), _hidden(straight.variant)
    tick = straight.advance(steps)
    assert tick.nonfinite_updates == 0 and all(map(math.isfinite, tick.logs.values())), f"{where}: a loss, gradient or log is not finite"
    weights = straight.weights()
    for network in ("discriminator", "generator"):
        moved = [key for key, value in weights["raw"].items() if key.startswith(network) and not torch.equal(value, start[key])]
        assert moved, f"{where}: the {network} is as it was after {steps} steps"
    kept = [key for key, value in _hidden(straight.variant).items() if hidden.get(key) != value]
    assert not kept, f"{where}: {', '.join(kept)} changes in training; state lives in parameters and buffers"
    stopped.advance(max(1, steps // 2 - 1))  # between two generator steps of most methods
    _draw(stopped, dataset)
    resumed.restore(copy.deepcopy(stopped.weights()), copy.deepcopy(stopped.state()))
    for again, how in ((stopped, "trained again, with a look at samples"), (resumed, "saved and restored")):
        again.advance(steps - again.step)
        for kind, values in again.weights().items():
            differing = [key for key, value in values.items() if not torch.equal(value, weights[kind][key])]
            assert not differing, f"{where}: {how}, the same seed gives other {kind} weights ({', '.join(differing[:3])})"
    fresh.variant.load_state_dict(straight.variant.state_dict())
    assert torch.equal(_draw(fresh, dataset), _draw(straight, dataset)), f"{where}: its weights alone do not give its samples"
    _check_outputs(where, straight.variant)


def _check_outputs(where: str, variant: Variant) -> None:
    n = 12 * variant.batch_multiple
    labels = torch.arange(n) % variant.shape.classes if variant.shape.classes else None
    latents = torch.randn(n, variant.config.latent_dim, generator=seeding.stream(0, "check"))
    with torch.no_grad():
        examples, far = (variant.eval().generate(factor * latents, labels) for factor in (1.0, 1e3))
        values = variant.discriminate(examples, labels)
    assert examples.shape == (n, *variant.shape.size), f"{where}: generate gave {tuple(examples.shape)} for {n} latents"
    assert examples.dtype == torch.float32 and bool(torch.isfinite(examples).all()), f"{where}: examples are not finite float32"
    largest = max(examples.abs().max().item(), far.abs().max().item())
    assert not variant.shape.is_image or largest <= 1, f"{where}: an image has {largest:.3g}, outside [-1, 1]"
    assert values.ndim == 1 and len(values) and n % len(values) == 0, f"{where}: discriminate gave {tuple(values.shape)} for {n} examples"
    assert bool(torch.isfinite(values).all()), f"{where}: discriminate gave what is not finite"


def _hidden(variant: Variant) -> dict[str, str]:
    """Attributes of all modules that are not parameters, buffers or modules."""
    usual = ("_parameters", "_buffers", "_modules", "training")
    modules = variant.named_modules()
    return {f"{place}.{key}".lstrip("."): repr(value) for place, one in modules for key, value in vars(one).items() if key not in usual}


def _draw(trainer: Trainer, dataset: Dataset) -> Tensor:
    shares = None if dataset.class_shares is None else torch.from_numpy(dataset.class_shares).float()
    return sample(trainer.variant, 5, 0, CPU, class_shares=shares)


def _random_data(shape: DataShape, n: int = 64) -> Dataset:
    numbers = np.random.default_rng(0)
    levels = numbers.integers(0, 256, (n, *shape.size), dtype=np.uint8)
    examples = levels if shape.is_image else numbers.standard_normal((n, *shape.size), np.float32)
    split = Split(examples=examples, labels=np.arange(n) % shape.classes if shape.classes else None)
    return Dataset(name="random", shape=shape, train=split, held_out=split, fingerprint=fingerprint(split, split))


def check_metric(name: str) -> None:
    """Asserts that a metric declares its facts as literals, is reproducible, and gives a value within its interval and bounds."""
    metric, declared = load_metric(name), facts(name)
    for field in fields(Facts):
        read, there = (getattr(one, field.name) for one in (declared, metric))
        assert read == there, f"{name}: {field.name} is {there}, and is read as {read} without importing it; write a literal"
    if {need for role in ("real", "generated", "held-out") for need in metric.needs(role)} & {"generator", "styles"}:
        return  # no generator is available here; test the metric by scoring a run
    low, high = metric.bounds
    for n in (metric.minimum_n + 100, metric.minimum_n):
        try:
            first, again = (metric.estimate(_comparison(n), seeding.stream(0, "check")) for _ in range(2))
        except RequestError as refusal:
            assert n == metric.minimum_n and "\n" not in str(refusal), f"{name}: refuses {n} examples: {refusal}"
            continue  # the number that it needs may depend on the classes or features
        assert first == again, f"{name}: the same stream gives {first.value} and {again.value}; draw from the stream alone"
        numbers = (low, first.ci_low, first.value, first.ci_high, high)
        assert not any(map(math.isnan, numbers)) and list(numbers) == sorted(numbers), (
            f"{name}: bound, interval's low end, value, its high end and bound should grow, and are {numbers} with {n} examples"
        )


def check_extractor(name: str, examples: Tensor | None = None) -> None:
    """Asserts that features are finite, reproducible and independent of the rest of the chunk, and that unsupported input is refused.

    Args:
        name: The extractor.
        examples: Two or more examples that it accepts; random ones by default.
    """
    extractor = load_extractor(name)
    images, points = (torch.from_numpy(_random_data(shape, 9).train.examples) for shape in (SHAPES[-1], SHAPES[0]))
    examples = examples if examples is not None else points if extractor.accepts == "points" else images
    together, again, apart = (extract(extractor, examples, chunk=chunk) for chunk in (len(examples), len(examples), 1))
    assert bool(torch.isfinite(together.values).all()), f"{name}: a feature is not finite"
    assert torch.equal(together.values, again.values), f"{name}: the same examples give other features"
    close = torch.allclose(together.values, apart.values, rtol=1e-4, atol=1e-4 * together.values.abs().max().item())
    assert close, f"{name}: features of an example depend on the others of its chunk"
    assert EXTRACTORS.target(name).is_file or extractor.name == name, f"{name}: is registered under another name than {extractor.name!r}"
    if extractor.accepts != "any":
        try:
            extractor(images if extractor.accepts == "points" else points)
        except RequestError:
            return
        raise AssertionError(f"{name}: takes examples of the other kind than it says")


def check_dataset(name: str, root: Path | None = None) -> None:
    """Asserts that a data set loads reproducibly, has the declared form and a held-out split, and that its budgets increase.

    Args:
        name: Registered name.
        root: Folder of data sets; None uses the default locations.
    """
    data, again = (load_dataset(DatasetSpec(name=name), data_root(root)) for _ in range(2))
    assert data.fingerprint == again.fingerprint, f"{name}: two loads give different examples"
    assert data.fingerprint == fingerprint(data.train, data.held_out), f"{name}: fingerprint is not that of ganbench.data.fingerprint"
    for part, split in (("train", data.train), ("held_out", data.held_out)):
        kind = np.dtype(np.uint8 if data.shape.is_image else np.float32)
        assert len(split) and split.examples.shape[1:] == data.shape.size, f"{name}: {part} has shape {split.examples.shape}"
        assert split.examples.dtype == kind, f"{name}: {part} is {split.examples.dtype}, not {kind}"
        assert (split.labels is not None) == bool(data.shape.classes), f"{name}: {part} has labels and shape.classes = 0, or the reverse"
        if split.labels is not None:
            assert split.labels.shape == (len(split),) and split.labels.dtype == np.int64, f"{name}: labels of {part} are no int64 (n,)"
            assert set(split.labels.tolist()) <= set(range(data.shape.classes)), f"{name}: a label of {part} is not below shape.classes"
    lengths = {budget: images for budget, images in budgets(name).items() if budget != "paper"}
    assert set(lengths) <= set(get_args(Budget)), f"{name}: budgets are called {', '.join(get_args(Budget))}"
    assert list(lengths.values()) == sorted(lengths.values()), f"{name}: smoke, short and standard should grow"


def check_diagnostic(name: str, case: Case | None = None) -> None:
    """Asserts that a diagnostic gives exactly the numbers that it declares, and is reproducible.

    Args:
        name: The diagnostic.
        case: A case that it applies to; random features with class probabilities by default.
    """
    examination = DIAGNOSTICS.load(name)
    assert isinstance(examination, Examination), f"{name}: is no ganbench.diagnostics.base.Examination"
    case = case or Case(comparison=_comparison(200), class_shares=torch.full((4,), 0.25, dtype=torch.float64))
    assert examination.fits(case), f"{name}: says that it does not fit random features; give check_diagnostic a case that it fits"
    found, again = examination.examine(case), examination.examine(case)
    assert all(isinstance(one, Diagnostic) for one in found), f"{name}: gave something else than ganbench.results.record.Diagnostic"
    assert found == again, f"{name}: the same case gives other numbers"
    names = tuple(one.name for one in found)
    assert names == examination.measures, f"{name}: measures are {examination.measures}, and it gave {names}"
    assert all(one.value is None or math.isfinite(one.value) for one in found), f"{name}: a value is not finite; None is undefined"


def _comparison(n: int) -> Comparison:
    """Random sets with everything that a metric may need of examples."""

    def side(role: str) -> Features:
        values: Any = torch.randn(n, 12, generator=seeding.stream(0, f"check/{role}"), dtype=torch.float64)
        images = (values.abs().repeat(1, 256).view(n, 3, 32, 32) * 80).to(torch.uint8)
        classes, labels = values[:, :4].log_softmax(1), torch.arange(n) % 4
        return Features(
            values=values, log_probabilities=classes, spatial=values[:, :6], labels=labels, images=lambda chosen: images[chosen]
        )

    return Comparison(side("real"), side("generated"), side("held-out"))
