"""Does every registered variant keep the contract, on every form of data?"""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from variant_forms import (
    CPU,
    FORMS,
    TinySpec,
    build,
    in_every_form,
    inputs,
    rounds,
    some_steps,
    spec_for,
    trainer,
)

from ganbench.errors import RequestError
from ganbench.sampling import sample
from ganbench.testing import check_variant
from ganbench.training.context import HarnessContext


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[key]) for key, value in first.items())


@in_every_form
def test_a_variant_keeps_the_contract_that_plug_ins_are_held_to(tiny_spec: TinySpec, name: str, form: str) -> None:
    spec = spec_for(tiny_spec, name, form)
    check_variant(name, spec.variant.config, shapes=[FORMS[form].shape], steps=some_steps(spec, form))


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
    assert {"loss/discriminator", "loss/generator", "grad_norm/discriminator", "grad_norm/generator"} <= set(tick.logs)
    unreached = {key for key, _ in variant.named_parameters()} - reached
    levels = {
        key for key, value in variant.named_parameters() if key.startswith("discriminator") and key.endswith("bias") and len(value) == 1
    }
    assert unreached <= levels, "a constant added to a critic cancels in E[f(G(z))] - E[f(x)] and in pairs"


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
