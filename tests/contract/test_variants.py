"""Does every registered variant keep the contract, on every form of data?"""

import copy
import json
from collections.abc import Callable
from dataclasses import MISSING, asdict, fields, replace
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
SHAPES = {"x".join(map(str, size)): size for size in [(2,), (1, 8, 8), (3, 32, 32), (1, 28, 28), (1, 17, 17)]}
NAMES = VARIANTS.names()
CONVOLUTIONAL = {"dcgan", "wgan", "wgan_gp"}

pytestmark = pytest.mark.parametrize("name", NAMES)


def data(size: tuple[int, ...], n: int = 64) -> Dataset:
    """Random examples of a form."""
    numbers = np.random.default_rng(0)
    examples = (
        numbers.integers(0, 256, (n, *size), dtype=np.uint8) if len(size) == 3 else numbers.standard_normal((n, *size), dtype=np.float32)
    )
    split = Split(examples=examples)
    return Dataset(name="random", shape=DataShape(size=size), train=split, held_out=split, fingerprint="0" * 64)


def build(spec: RunSpec, shape: DataShape, seed: int = 0) -> Variant:
    cls = VARIANTS.load(spec.variant.name)
    with seeding.global_stream(seed, "init"):
        variant: Variant = cls(cls.Config(**spec.variant.config), shape)
    return variant


def trainer(spec: RunSpec, size: tuple[int, ...]) -> Trainer:
    dataset = data(size)
    return Trainer(build(spec, dataset.shape), dataset, spec, CPU)


def rounds(spec: RunSpec) -> int:
    """Discriminator steps to one generator step."""
    steps = spec.variant.config.get("critic_steps", 1)
    assert isinstance(steps, int)
    return steps


def test_the_reference_variants_are_registered(name: str) -> None:
    assert {"gan", "dcgan", "wgan", "wgan_gp"} <= set(NAMES)
    assert issubclass(VARIANTS.load(name), Variant)


@pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)
def test_examples_and_values_have_the_right_shape_and_range(tiny_spec: TinySpec, name: str, size: tuple[int, ...]) -> None:
    variant = build(tiny_spec(name), DataShape(size=size))
    examples = variant.generate(torch.randn(6, variant.config.latent_dim))
    assert examples.shape == (6, *size)
    assert examples.dtype == torch.float32
    assert torch.isfinite(examples).all()
    if len(size) == 3:
        far = variant.generate(1e3 * torch.randn(6, variant.config.latent_dim))
        assert min(examples.min(), far.min()) >= -1
        assert max(examples.max(), far.max()) <= 1
    values = variant.discriminator(examples)
    assert values.shape == (6,)
    assert torch.isfinite(values).all()


@pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)
def test_the_seed_alone_decides_the_initial_weights(tiny_spec: TinySpec, name: str, size: tuple[int, ...]) -> None:
    first, again, other = (build(tiny_spec(name), DataShape(size=size), seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(value, again[key]) for key, value in first.items())
    weights = [key for key, value in first.items() if value.dim() > 1]  # gains of batch norm may start at 1
    assert not any(torch.equal(first[key], other[key]) for key in weights)


@pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)
def test_gradients_reach_every_parameter_in_the_promised_order(
    tiny_spec: TinySpec, name: str, size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tiny_spec(name)
    training = trainer(spec, size)
    variant = training.variant
    reached: set[str] = set()
    order: list[str] = []
    real = HarnessContext.minimize

    def noted(self: HarnessContext, which: str, loss: Tensor) -> None:
        before = {key: value.clone() for key, value in variant.named_parameters()}
        real(self, which, loss)
        order.append(which)
        reached.update(key for key, value in variant.named_parameters() if value.grad is not None and value.grad.abs().max() > 0)
        changed = {key for key, value in variant.named_parameters() if not torch.equal(value, before[key])}
        assert changed
        assert {key.split(".")[0] for key in changed} == {which}, "an update moves its own network only"

    monkeypatch.setattr(HarnessContext, "minimize", noted)
    tick = training.advance(2 * rounds(spec))
    assert order == 2 * (["discriminator"] * rounds(spec) + ["generator"])
    assert tick.nonfinite_updates == 0
    unreached = {key for key, _ in variant.named_parameters()} - reached
    # A constant added to a Wasserstein critic cancels in E[f(G(z))] - E[f(x)], and no penalty sees it either.
    last_bias = [key for key, _ in variant.discriminator.named_parameters(prefix="discriminator")][-1]
    assert unreached <= ({last_bias} if rounds(spec) > 1 else set())


@pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)
def test_logs_are_finite_scalars(tiny_spec: TinySpec, name: str, size: tuple[int, ...]) -> None:
    spec = tiny_spec(name)
    tick = trainer(spec, size).advance(rounds(spec))
    assert {"loss/discriminator", "loss/generator", "grad_norm/discriminator", "grad_norm/generator"} <= set(tick.logs)
    assert all(np.isfinite(value) for value in tick.logs.values())


@pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)
def test_state_lives_in_parameters_and_buffers_alone(tiny_spec: TinySpec, name: str, size: tuple[int, ...]) -> None:
    def others(variant: Variant) -> list[dict[str, Any]]:
        hidden = ("_parameters", "_buffers", "_modules", "training")
        return [{key: value for key, value in vars(module).items() if key not in hidden} for module in variant.modules()]

    spec = tiny_spec(name)
    training = trainer(spec, size)
    before = copy.deepcopy(others(training.variant))
    training.advance(rounds(spec))
    assert repr(others(training.variant)) == repr(before)
    fresh = build(spec, training.variant.shape, seed=9)
    fresh.load_state_dict(training.variant.state_dict())
    assert torch.equal(sample(fresh, 5, 0, CPU), sample(training.variant, 5, 0, CPU))


@pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)
def test_samples_use_the_running_statistics_and_so_do_not_depend_on_their_neighbours(
    tiny_spec: TinySpec, name: str, size: tuple[int, ...]
) -> None:
    spec = tiny_spec(name)
    training = trainer(spec, size)
    training.advance(rounds(spec))
    variant = training.variant.eval()
    latents = torch.randn(8, variant.config.latent_dim)
    with torch.no_grad():
        together, alone = variant.generate(latents), torch.cat([variant.generate(latent[None]) for latent in latents])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    if name in CONVOLUTIONAL and len(size) == 3:
        assert any(isinstance(module, nn.BatchNorm2d) for module in variant.generator.modules())
        with torch.no_grad():
            assert not torch.allclose(variant.train().generate(latents), together, atol=1e-4)


def test_a_config_cut_out_of_the_source_equals_the_imported_one(name: str) -> None:
    cut, imported = config_class(variant_source(name, Path())), VARIANTS.load(name).Config
    assert cut.__module__ != imported.__module__
    assert [(f.name, f.type, f.default, f.kw_only) for f in fields(cut)] == [
        (f.name, f.type, f.default, f.kw_only) for f in fields(imported)
    ]
    assert cut.__doc__ == imported.__doc__


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


def test_an_unknown_hyper_parameter_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="did you mean 'latent_dim'"):
        validated(VARIANTS.load(name).Config, {"latent_dims": 3}, name)


@pytest.mark.parametrize("size", [(1, 8, 16), (3, 32, 16), (1, 7, 7), (1, 4, 4), (1, 65, 65), (3, 128, 128)], ids=str)
def test_a_form_is_done_or_refused_in_one_line(tiny_spec: TinySpec, name: str, size: tuple[int, ...]) -> None:
    spec = tiny_spec(name)
    if name in CONVOLUTIONAL:
        with pytest.raises(RequestError, match="resolution") as refusal:
            build(spec, DataShape(size=size))
        assert "\n" not in str(refusal.value)
        assert "not square" in str(refusal.value) if size[1] != size[2] else "outside 8 to 64" in str(refusal.value)
    else:
        assert build(spec, DataShape(size=size)).generate(torch.randn(2, spec.variant.config["latent_dim"])).shape == (2, *size)


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
