"""Does every registered variant keep the contract, on every form of data?"""

import copy
import json
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganbench import seeding
from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.environment import Runtime
from ganbench.errors import RequestError
from ganbench.pipeline import run_cell
from ganbench.registry import VARIANTS
from ganbench.sampling import sample
from ganbench.spec import ConfigValue, RunSpec, Scalar
from ganbench.training.context import HarnessContext
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant
from ganbench.validation import validated
from ganbench.variant_config import config_class, variant_source

TinySpec = Callable[..., RunSpec]
CPU = torch.device("cpu")
NAMES = VARIANTS.names()
CLASSIC = {"gan", "dcgan", "improved_gan", "unrolled_gan", "lsgan", "wgan", "wgan_gp", "dragan", "gman", "pacgan", "focal_gan", "ablation"}
BROKEN = {"broken_label_flip", "broken_no_batch_norm", "broken_detached_penalty", "broken_shared_latents"}
ON_POINTS = CLASSIC | BROKEN | {"sngan", "r3gan"}
"""Variants that do point data."""
NEEDS_LABELS = {"acgan", "projection_gan", "biggan"}
STYLES = {"stylegan2", "diffaug_gan", "stylegan2_ada"}
TAKES_LABELS = STYLES | {"sagan", "r3gan"}
"""Variants with a ``conditional`` setting."""
DOUBLED = STYLES | {"acgan", "sngan", "projection_gan", "sagan", "biggan", "progressive_gan", "stylegan", "r3gan"}
"""Variants whose sides are doubled from 4 to 7 pixels; the others' networks but the GAN's are DCGAN's."""
WITHOUT_LEVEL = {"wgan", "wgan_gp", "broken_detached_penalty", "r3gan", "sngan", "projection_gan", "sagan", "biggan"}
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


def does(name: str, form: str) -> bool:
    if form == "points":
        return name in ON_POINTS
    return name not in NEEDS_LABELS if form in ("grey", "colour") else name in NEEDS_LABELS | TAKES_LABELS


CASES = [pytest.param(name, form, id=f"{name}-{form}") for name in NAMES for form in FORMS if does(name, form)] + [
    pytest.param(name, "large", id=f"{name}-large") for name in sorted(NEEDS_LABELS)
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
    return tiny_spec(name, config={"conditional": bool(FORMS[form].classes)} if name in TAKES_LABELS else None)


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


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[key]) for key, value in first.items())


def draws(training: Trainer, n: int = 5) -> Tensor:
    shares = training.variant.shape.classes
    return sample(training.variant, n, 0, CPU, class_shares=torch.full((shares,), 1 / shares) if shares else None)


def test_the_reference_variants_are_registered() -> None:
    wanted = "gan dcgan lsgan wgan wgan_gp dragan improved_gan unrolled_gan pacgan gman focal_gan sngan projection_gan acgan sagan biggan"
    modern = "progressive_gan stylegan stylegan2 stylegan2_ada diffaug_gan r3gan"
    assert {*wanted.split(), *modern.split()} <= set(NAMES)
    assert all(issubclass(VARIANTS.load(name), Variant) for name in NAMES)


@in_every_form
def test_examples_and_values_have_the_right_shape_and_range(tiny_spec: TinySpec, name: str, form: str) -> None:
    training = trainer(spec_for(tiny_spec, name, form), form)
    variant = training.variant.eval()
    n = 12
    latents, labels = inputs(variant, form, n)
    examples = variant.generate(latents, labels)
    assert examples.shape == (n, *FORMS[form].size)
    assert examples.dtype == torch.float32
    assert torch.isfinite(examples).all()
    if variant.shape.is_image:
        far = variant.generate(1e3 * latents, labels)
        assert min(examples.min(), far.min()) >= -1
        assert max(examples.max(), far.max()) <= 1
    values = variant.discriminate(examples, labels)
    pack = training.spec.variant.config.get("pack", 1)
    assert values.shape == (n // pack,)  # type: ignore[operator]
    assert torch.isfinite(values).all()


@in_every_form
def test_the_seed_alone_decides_the_initial_weights(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    first, again, other = (build(spec, FORMS[form].shape, seed).state_dict() for seed in (0, 0, 1))
    assert equal(first, again)
    # what starts at a constant (gains, biases, noise strengths, the last layer of a residual branch, a learned input of ones) may agree
    drawn = [key for key, value in first.items() if value.is_floating_point() and value.dim() > 1 and value.unique().numel() > 2]
    assert drawn and not any(torch.equal(first[key], other[key]) for key in drawn)


@in_every_form
def test_gradients_reach_every_parameter_in_the_promised_order(
    tiny_spec: TinySpec, name: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_for(tiny_spec, name, form)
    training = trainer(spec, form)
    variant, config = training.variant, spec.variant.config
    reached: set[str] = set()
    order: list[str] = []
    real = HarnessContext.minimize

    def noted(self: HarnessContext, which: str, loss: Tensor, **options: Any) -> None:
        before = {key: value.clone() for key, value in variant.named_parameters()}
        real(self, which, loss, **options)
        order.append(which)
        reached.update(key for key, value in variant.named_parameters() if value.grad is not None and value.grad.abs().max() > 0)
        changed = {key for key, value in variant.named_parameters() if not torch.equal(value, before[key])}
        assert changed
        assert {key.split(".")[0] for key in changed} == {which}, "an update moves its own network only"

    monkeypatch.setattr(HarnessContext, "minimize", noted)
    steps = some_steps(spec, form)
    tick = training.advance(steps)
    lazy = {
        "discriminator": steps // config["r1_interval"] if config.get("r1_interval") and config["r1_gamma"] else 0,  # type: ignore[operator]
        "generator": steps // config["path_length_interval"] if config.get("path_length_weight") else 0,  # type: ignore[operator]
    }
    assert order.count("discriminator") == steps + lazy["discriminator"]
    assert order.count("generator") == steps // rounds(spec) + lazy["generator"]
    turns = [which for place, which in enumerate(order) if place == 0 or order[place - 1] != which]
    assert turns[:4] == ["discriminator", "generator", "discriminator", "generator"], "the discriminator begins, and they take turns"
    assert tick.nonfinite_updates == 0
    unreached = {key for key, _ in variant.named_parameters()} - reached
    levels = {
        key for key, value in variant.named_parameters() if key.startswith("discriminator") and key.endswith("bias") and len(value) == 1
    }
    assert unreached <= (levels if name in WITHOUT_LEVEL else set())


@in_every_form
def test_logs_are_finite_scalars(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    tick = trainer(spec, form).advance(2 * rounds(spec))
    assert {"loss/discriminator", "loss/generator", "grad_norm/discriminator", "grad_norm/generator"} <= set(tick.logs)
    assert all(np.isfinite(value) for value in tick.logs.values())


@in_every_form
def test_state_lives_in_parameters_and_buffers_alone(tiny_spec: TinySpec, name: str, form: str) -> None:
    def others(variant: Variant) -> list[dict[str, Any]]:
        hidden = ("_parameters", "_buffers", "_modules", "training")
        return [{key: value for key, value in vars(module).items() if key not in hidden} for module in variant.modules()]

    spec = spec_for(tiny_spec, name, form)
    training = trainer(spec, form)
    before = repr(copy.deepcopy(others(training.variant)))
    training.advance(2 * rounds(spec))
    assert repr(others(training.variant)) == before
    fresh = trainer(spec, form)
    fresh.variant.load_state_dict(training.variant.state_dict())
    assert torch.equal(draws(fresh), draws(training))


@in_every_form
def test_the_same_seed_gives_the_same_weights_and_looking_at_samples_changes_none(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    watched, unwatched, other = trainer(spec, form), trainer(spec, form), trainer(replace(spec, seed=1), form)
    for training in (watched, unwatched, other):
        for _ in range(2):
            training.advance(rounds(spec))
            if training is watched:
                draws(training)
                with torch.no_grad():
                    training.variant.eval().discriminate(torch.randn(4, *FORMS[form].size), labels_for(form, 4))
    assert equal(watched.weights()["raw"], unwatched.weights()["raw"])
    assert equal(watched.weights()["ema"], unwatched.weights()["ema"])
    assert not equal(watched.weights()["raw"], other.weights()["raw"])


@in_every_form
def test_resumed_equals_uninterrupted(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    straight, stopped, resumed = (trainer(spec, form) for _ in range(3))
    cut = max(some_steps(spec, form) // 2, rounds(spec) + 1)  # between two generator steps, and while networks that grow are growing
    straight.advance(cut + 2 * rounds(spec))
    stopped.advance(cut)
    resumed.restore(copy.deepcopy(stopped.weights()), copy.deepcopy(stopped.state()))
    resumed.advance(2 * rounds(spec))
    for weights in ("raw", "ema"):
        assert equal(straight.weights()[weights], resumed.weights()[weights])


@in_every_form
def test_samples_do_not_depend_on_their_neighbours(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    training = trainer(spec, form)
    training.advance(some_steps(spec, form))
    variant = training.variant.eval()
    latents, labels = inputs(variant, form, 8)
    with torch.no_grad():
        together = variant.generate(latents, labels)
        alone = torch.cat([variant.generate(latents[i : i + 1], None if labels is None else labels[i : i + 1]) for i in range(8)])
    # rounding differs with the batch, and normalising a nearly empty pixel enlarges it: an eighth of an 8-bit level
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-3)
    if any(isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d) for module in variant.generator.modules()):
        with torch.no_grad():
            assert not torch.allclose(variant.train().generate(latents, labels), together, atol=1e-4)


@in_every_form
def test_the_average_follows_the_generator(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    spec = replace(spec, training=replace(spec.training, ema_halflife_images=1, ema_rampup=0.0))
    training = trainer(spec, form)
    training.advance(some_steps(spec, form))
    # a half-life of one image forgets everything within a step of 16: to 2^-16 the average is the generator
    shares = FORMS[form].classes
    weights = torch.full((shares,), 1 / shares) if shares else None
    raw, ema = (sample(training.variant, 20, 0, CPU, generator=g, class_shares=weights).float() for g in (None, training.ema.module))
    assert (raw - ema).abs().max() <= (1 if training.variant.shape.is_image else 1e-3)


@in_every_form
def test_labels_decide_what_is_generated(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    training = trainer(spec, form)
    training.advance(some_steps(spec, form))
    variant = training.variant.eval()
    latents, labels = inputs(variant, form, 6)
    with torch.no_grad():
        if labels is None:
            given = torch.zeros(6, dtype=torch.int64)
            assert torch.equal(variant.generate(latents), variant.generate(latents, given)), "labels that nothing asked for are ignored"
            return
        assert not torch.equal(variant.generate(latents, labels), variant.generate(latents, (labels + 1) % 3))
        with pytest.raises(RequestError) as refusal:
            variant.generate(latents)
    assert "\n" not in str(refusal.value) and "label" in str(refusal.value)


@of_every_variant
def test_what_a_variant_cannot_do_is_refused_with_what_works(tiny_spec: TinySpec, name: str) -> None:
    for form in ("points", "grey"):
        if does(name, form):
            continue
        with pytest.raises(RequestError) as refusal:
            build(spec_for(tiny_spec, name), FORMS[form].shape)
        said = str(refusal.value)
        assert "\n" not in said and ("take" in said)
        assert ("works on images" in said) if form == "points" else ("needs labels" in said)
    if name in TAKES_LABELS:
        with pytest.raises(RequestError, match="labels") as refusal:
            build(tiny_spec(name, config={"conditional": True}), FORMS["grey"].shape)
        assert "\n" not in str(refusal.value)


@of_every_variant
def test_a_config_cut_out_of_the_source_equals_the_imported_one(name: str) -> None:
    cut, imported = config_class(variant_source(name, Path())), VARIANTS.load(name).Config
    assert cut.__module__ != imported.__module__
    assert [(f.name, f.type, f.default, f.kw_only) for f in fields(cut)] == [
        (f.name, f.type, f.default, f.kw_only) for f in fields(imported)
    ]
    assert cut.__doc__ == imported.__doc__


@of_every_variant
def test_every_default_is_there_is_of_its_type_and_survives_json(name: str) -> None:
    config = VARIANTS.load(name).Config
    assert all(field.default is not MISSING for field in fields(config))
    default = asdict(config())
    for value in default.values():
        assert isinstance(value, (*get_args(Scalar), tuple, type(None)))
        assert not isinstance(value, tuple) or all(isinstance(item, get_args(Scalar)) for item in value)
    again: dict[str, ConfigValue] = asdict(validated(config, json.loads(json.dumps(default)), name))
    assert again == default
    assert isinstance(default["latent_dim"], int)


@of_every_variant
def test_an_unknown_hyper_parameter_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="did you mean 'latent_dim'"):
        validated(VARIANTS.load(name).Config, {"latent_dims": 3}, name)


@pytest.mark.parametrize(
    "size", [(1, 8, 16), (3, 32, 16), (1, 7, 7), (1, 17, 17), (1, 28, 28), (3, 64, 64), (3, 256, 256), (3, 260, 260)], ids=str
)
@of_every_variant
def test_a_form_is_done_or_refused_in_one_line(tiny_spec: TinySpec, name: str, size: tuple[int, ...]) -> None:
    spec = spec_for(tiny_spec, name)
    shape = DataShape(size=size, classes=3)
    square, side = size[1] == size[2], size[1]
    if name == "gan" or (square and (side in (28, 64, 256) if name in DOUBLED else 8 <= side <= 256)):
        if side == 256:  # too slow to be drawn here: built without memory
            with torch.device("meta"):
                build(spec, shape)
        else:
            variant = build(spec, shape).eval()
            with torch.no_grad():
                images = variant.generate(torch.randn(2, variant.config.latent_dim), torch.zeros(2, dtype=torch.int64))
            assert images.shape == (2, *size)
        return
    with pytest.raises(RequestError, match="resolution") as refusal:
        build(spec, shape)
    assert "\n" not in str(refusal.value)
    assert square or "not square" in str(refusal.value)


@of_every_variant
def test_a_batch_is_a_multiple_of_what_the_variant_says(tiny_spec: TinySpec, name: str) -> None:
    form = next(form for form in ("grey", "labelled") if does(name, form))
    variant = build(spec_for(tiny_spec, name, form), FORMS[form].shape)
    assert variant.batch_multiple >= 1
    latents, labels = inputs(variant, form, 2 * variant.batch_multiple)
    assert torch.isfinite(variant.discriminate(variant.generate(latents, labels), labels)).all()


@of_every_variant
def test_a_variant_in_a_file_of_the_user_runs(tiny_spec: TinySpec, name: str, tmp_path: Path) -> None:
    module, attribute = VARIANTS.target(name).split(":")
    file = tmp_path / "mine.py"
    file.write_text(
        "from dataclasses import dataclass\n"
        f"from {module} import {attribute}\n\n\n"
        f"class Mine({attribute}):\n"
        '    """A copy under another name."""\n\n'
        "    @dataclass(frozen=True, kw_only=True)\n"
        "    class Config:\n"
        + "".join(f"        {field.name}: object = {field.default!r}\n" for field in fields(VARIANTS.load(name).Config))
    )
    theirs = tiny_spec(name)
    mine = tiny_spec(f"{file}:Mine", config=dict(theirs.variant.config))
    assert mine.variant.name == "mine.py:Mine"
    mine = replace(mine, budget_images=6 * 16)
    theirs = replace(theirs, budget_images=6 * 16)
    records = [run_cell(spec, tmp_path / str(i), Runtime(device="cpu")) for i, spec in enumerate((mine, theirs))]
    assert records[0].error is None
    assert records[0].weights_sha256 == records[1].weights_sha256
    assert records[0].run_id != records[1].run_id
