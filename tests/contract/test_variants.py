"""Does every registered variant keep the contract, on every form of data?"""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from variant_forms import (
    CPU,
    FORMS,
    NAMES,
    WITHOUT_LEVEL,
    TinySpec,
    build,
    in_every_form,
    inputs,
    labels_for,
    rounds,
    some_steps,
    spec_for,
    trained,
    trainer,
)

from ganbench.errors import RequestError
from ganbench.registry import VARIANTS
from ganbench.sampling import sample
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[key]) for key, value in first.items())


def draws(training: Trainer, n: int = 5) -> Tensor:
    shares = training.variant.shape.classes
    return sample(training.variant, n, 0, CPU, class_shares=torch.full((shares,), 1 / shares) if shares else None)


def test_the_reference_variants_are_registered() -> None:
    wanted = "gan dcgan lsgan wgan wgan_gp dragan improved_gan unrolled_gan pacgan gman focal_gan sngan projection_gan acgan sagan biggan"
    modern = "progressive_gan stylegan stylegan2 stylegan2_ada stylegan3 diffaug_gan r3gan lecam_gan contragan reacgan fastgan"
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
def test_gradients_reach_every_parameter_in_the_promised_order(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    found, config = trained(tiny_spec, name, form), spec.variant.config
    for which, networks in found.changed:
        assert networks == {which}, "an update moves its own network, and that only"
    steps, order = some_steps(spec, form), found.order
    lazy = {
        "discriminator": steps // config["r1_interval"] if config.get("r1_interval") and config["r1_gamma"] else 0,  # type: ignore[operator]
        "generator": steps // config["path_length_interval"] if config.get("path_length_weight") else 0,  # type: ignore[operator]
    }
    assert order.count("discriminator") == steps + lazy["discriminator"]
    assert order.count("generator") == steps // rounds(spec) + lazy["generator"]
    turns = [which for place, which in enumerate(order) if place == 0 or order[place - 1] != which]
    assert turns[:4] == ["discriminator", "generator", "discriminator", "generator"], "the discriminator begins, and they take turns"
    assert found.nonfinite_updates == 0
    parameters = dict(found.trainer.variant.named_parameters())
    unreached = parameters.keys() - found.reached
    levels = {key for key, value in parameters.items() if key.startswith("discriminator") and key.endswith("bias") and len(value) == 1}
    assert unreached <= (levels if name in WITHOUT_LEVEL else set())


@in_every_form
def test_logs_are_finite_scalars(tiny_spec: TinySpec, name: str, form: str) -> None:
    logs = trained(tiny_spec, name, form).logs
    assert {"loss/discriminator", "loss/generator", "grad_norm/discriminator", "grad_norm/generator"} <= set(logs)
    assert all(np.isfinite(value) for value in logs.values())


@in_every_form
def test_state_lives_in_parameters_and_buffers_alone(tiny_spec: TinySpec, name: str, form: str) -> None:
    found = trained(tiny_spec, name, form)
    before, behind = found.others
    assert behind == before
    fresh = trainer(spec_for(tiny_spec, name, form), form)
    fresh.variant.load_state_dict(found.trainer.variant.state_dict())
    assert torch.equal(draws(fresh), draws(found.trainer))


@in_every_form
def test_the_same_seed_gives_the_same_weights_and_looking_at_samples_changes_none(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    unwatched = trained(tiny_spec, name, form).two_rounds
    watched, other = trainer(spec, form), trainer(replace(spec, seed=1), form)
    for training in (watched, other):
        for _ in range(2):
            training.advance(rounds(spec))
            if training is watched:
                draws(training)
                with torch.no_grad():
                    training.variant.eval().discriminate(torch.randn(4, *FORMS[form].size), labels_for(form, 4))
    assert equal(watched.weights()["raw"], unwatched["raw"])
    assert equal(watched.weights()["ema"], unwatched["ema"])
    assert not equal(watched.weights()["raw"], other.weights()["raw"])


@in_every_form
def test_resumed_equals_uninterrupted(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    straight = trained(tiny_spec, name, form)
    resumed = trainer(spec, form)
    resumed.restore(*copy.deepcopy(straight.at_cut))
    resumed.advance(2 * rounds(spec))
    for weights in ("raw", "ema"):
        assert equal(straight.on_from_cut[weights], resumed.weights()[weights])


@in_every_form
def test_samples_do_not_depend_on_their_neighbours(tiny_spec: TinySpec, name: str, form: str) -> None:
    variant = copy.deepcopy(trained(tiny_spec, name, form).trainer.variant).eval()
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
    until = trained(tiny_spec, name, form).trainer
    training = trainer(spec, form)
    training.restore(copy.deepcopy(until.weights()), copy.deepcopy(until.state()))
    training.advance(rounds(spec))
    # a half-life of one image forgets everything within a step of 16: to 2^-16 the average is the generator
    shares = FORMS[form].classes
    weights = torch.full((shares,), 1 / shares) if shares else None
    raw, ema = (sample(training.variant, 20, 0, CPU, generator=g, class_shares=weights).float() for g in (None, training.ema.module))
    assert (raw - ema).abs().max() <= (1 if training.variant.shape.is_image else 1e-3)


@in_every_form
def test_labels_decide_what_is_generated(tiny_spec: TinySpec, name: str, form: str) -> None:
    variant = copy.deepcopy(trained(tiny_spec, name, form).trainer.variant).eval()
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
