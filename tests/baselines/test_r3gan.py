"""Does R3GAN minimise what the paper says, with its networks and its schedules?"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from small_runs import build, trainer, updates
from torch import Tensor, nn

from baselines import r3gan
from baselines.r3gan import R3GAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.plan.suite import load_suite
from ganbench.training.trainer import Trainer

SMALL: dict[str, Any] = {"latent_dim": 4, "width": 8, "blocks": 1}


def test_at_256_pixels_the_networks_have_the_papers_number_of_parameters() -> None:
    # Huang et al. 2024, table of configurations, config E on FFHQ-256: 23.058 and 23.010 million
    with torch.device("meta"):
        variant = R3GAN(R3GAN.Config(), DataShape(size=(3, 256, 256)))
    counts = [sum(p.numel() for p in network.parameters()) for network in (variant.generator, variant.discriminator)]
    assert counts == pytest.approx([23.058e6, 23.010e6], rel=1e-4)


def linear_critic(training: Trainer) -> nn.Linear:
    """Puts D(x) = w.x + b in the place of the discriminator of a run on points."""
    layer = nn.Linear(2, 1)
    training.variant.discriminator = nn.Sequential(layer, nn.Flatten(0))
    training.optimizers["discriminator"].param_groups[0]["params"] = list(training.variant.discriminator.parameters())
    return layer


@pytest.mark.parametrize("gamma", [0.0, 0.6])
def test_the_loss_of_a_linear_discriminator_is_that_of_the_hand(gamma: float, monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer(R3GAN, (2,), latent_dim=4, penalty_weight=gamma, final_penalty_weight=gamma)
    layer = linear_critic(training)
    context = training.begin(0)
    batch = context.real
    fakes: list[Tensor] = []
    losses: list[Tensor] = []
    training.variant.generator.register_forward_hook(lambda module, inputs, output: fakes.append(output.detach()))
    monkeypatch.setattr(context, "minimize", lambda name, loss, **options: losses.append(loss))
    logs = training.variant.discriminator_step(batch, context)
    w = layer.weight.detach()[0]
    gaps = [(real - fake).dot(w) for real, fake in zip(batch.examples, fakes[0], strict=True)]
    pairs = sum(math.log(1 + math.exp(-gap)) for gap in gaps) / len(gaps)
    # R1 and R2 are gamma / 2 times |w|^2 each, whatever the examples are
    assert losses[0].item() == pytest.approx(pairs + gamma * w.dot(w).item(), rel=1e-5)
    assert logs["penalty/r1"].item() == pytest.approx(w.dot(w).item(), rel=1e-5)
    gradient, bias_gradient = torch.autograd.grad(losses[0], [layer.weight, layer.bias], materialize_grads=True)
    pull = -sum(torch.sigmoid(-gap) * (real - fake) for gap, real, fake in zip(gaps, batch.examples, fakes[0], strict=True)) / len(gaps)
    torch.testing.assert_close(gradient[0], pull + 2 * gamma * w, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(bias_gradient, torch.zeros(1), rtol=0, atol=1e-7)  # only differences count


def test_the_generator_has_the_same_pairs_the_other_way_round() -> None:
    training = trainer(R3GAN, (2,), latent_dim=4)
    layer = linear_critic(training)
    fakes: list[Tensor] = []
    training.variant.generator.register_forward_hook(lambda module, inputs, output: fakes.append(output.detach()))
    context = training.begin(0)
    loss = training.variant.generator_step(context)["loss/generator"]
    gaps = (context.real.examples - fakes[0]) @ layer.weight.detach()[0]
    assert loss.item() == pytest.approx(torch.log1p(gaps.exp()).mean().item(), rel=1e-5)


def test_equal_real_and_generated_examples_are_a_draw_without_gradient() -> None:
    # at a real example for every fake and a silent discriminator, both losses are ln 2 and D's gradient is 0
    training = trainer(R3GAN, (2,), latent_dim=4, penalty_weight=0.0, final_penalty_weight=0.0)
    layer = linear_critic(training)
    nn.init.zeros_(layer.weight)
    context = training.begin(0)
    training.variant.generator = Copies(context.real.examples)
    logs = training.variant.discriminator_step(context.real, context)
    assert logs["loss/discriminator"].item() == pytest.approx(math.log(2))
    assert layer.weight.grad is not None and layer.weight.grad.abs().max() < 1e-7


class Copies(nn.Module):
    """A generator that returns given examples."""

    def __init__(self, examples: Tensor) -> None:
        super().__init__()
        self.examples = nn.Parameter(examples)

    def forward(self, latents: Tensor) -> Tensor:
        return self.examples


def options(seen: int, **config: Any) -> dict[str, Any]:
    """What the optimizer of the generator is set to after so many images."""
    training = trainer(R3GAN, (2,), latent_dim=4, **config)
    training.variant.generator_step(training.begin(seen // 8))
    return training.optimizers["generator"].param_groups[0]


def test_rates_and_betas_follow_half_a_cosine_and_then_stay() -> None:
    # Huang et al. 2024, appendix, CIFAR-10: lr 2e-4 to 5e-5, beta2 0.9 to 0.99
    for seen, lr, beta2 in ((0, 2e-4, 0.9), (400, 1.25e-4, 0.945), (800, 5e-5, 0.99), (8000, 5e-5, 0.99)):
        group = options(seen, burn_in_images=800)
        assert group["lr"] == pytest.approx(lr) and group["betas"] == pytest.approx((0.0, beta2))
    quarter = options(200, burn_in_images=800)
    assert quarter["lr"] == pytest.approx(5e-5 + 1.5e-4 * (1 + math.sqrt(0.5)) / 2)


def test_penalties_are_of_examples_ahead_of_the_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    # D(a(x)) with a(x) = x / 2 has the slope w / 2: |w|^2 / 4. The authors' Trainer.py, run with this preprocessor, reports the same.
    training = trainer(R3GAN, (2,), latent_dim=4)
    layer = linear_critic(training)
    context = training.begin(0)
    w = layer.weight.detach().clone()[0]
    monkeypatch.setattr(context, "augment", lambda examples: examples / 2)
    logs = training.variant.discriminator_step(context.real, context)
    for penalty in ("penalty/r1", "penalty/r2"):
        assert logs[penalty].item() == pytest.approx(w.dot(w).item() / 4, rel=1e-5)


def strengths(training: Trainer, step: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Each augmentation that a step applies, with its probability."""
    seen: list[tuple[str, float]] = []

    def noted(name: str) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda images, p: seen.append((name, p.item())) or images  # type: ignore[func-returns-value]

    for name in ("moved", "coloured", "cut_out"):
        monkeypatch.setattr(r3gan, name, noted(name))
    context = training.begin(step)
    training.variant.discriminator_step(context.real, context)
    training.variant.generator_step(context)
    return seen


@pytest.mark.parametrize(("seen", "p"), [(0, 0.0), (400, 0.275), (800, 0.55), (8000, 0.55)])
def test_augmentation_grows_over_the_burn_in_with_colours_at_half(seen: int, p: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # the authors' configuration for CIFAR-10, as train.py --preset=CIFAR10 --aug=1 --dry-run prints it: p from 0 to 0.55 over the burn-in;
    # factors of 1 for blitting, geometry and cutout, of 0.5 for brightness, contrast, luma flip, hue and saturation
    training = trainer(R3GAN, burn_in_images=800, **SMALL)
    once = [("moved", pytest.approx(p)), ("coloured", pytest.approx(p / 2)), ("cut_out", pytest.approx(p))]
    assert strengths(training, seen // 8, monkeypatch) == 4 * once, "real and generated examples in both steps"


def test_points_and_runs_without_a_probability_are_not_augmented(monkeypatch: pytest.MonkeyPatch) -> None:
    assert strengths(trainer(R3GAN, (2,), latent_dim=4), 0, monkeypatch) == []
    assert strengths(trainer(R3GAN, final_augment_probability=0.0, **SMALL), 0, monkeypatch) == []


def test_augmented_examples_train_both_networks() -> None:
    training = trainer(R3GAN, (3, 16, 16), augment_probability=0.8, penalty_weight=1.0, **SMALL)
    before = {name: value.clone() for name, value in training.variant.named_parameters()}
    assert training.advance(4).nonfinite_updates == 0
    after = dict(training.variant.named_parameters())
    assert not any(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("suite", ["digits", "mnist", "modes", "cifar10"])
def test_schedules_end_within_the_budgets_of_suites(suite: str) -> None:
    runs = [spec for spec in load_suite(suite)[1] if spec.variant.name == "r3gan"]
    assert runs
    for spec in runs:
        assert spec.variant.config["burn_in_images"] < spec.budget_images  # type: ignore[operator]


def test_the_recipe_for_cifar10_has_the_papers_schedules_in_updates() -> None:
    # 20 million images of burn-in and a half-life of up to 5 million, a quarter of the images seen, in minibatches of 512
    (spec,) = [spec for spec in load_suite("cifar10")[1] if (spec.variant.name, spec.seed) == ("r3gan", 0)]
    scale = spec.training.batch_size / 512
    assert spec.variant.config["burn_in_images"] == 20_000_000 * scale
    assert spec.training.ema_halflife_images == 5_000_000 * scale
    assert spec.training.ema_rampup == 5 / 20
    assert spec.variant.config["conditional"] is True and spec.variant.config["final_augment_probability"] == 0.55


def test_both_networks_are_updated_in_every_step() -> None:
    assert updates(trainer(R3GAN, **SMALL), 2) == 2 * ["discriminator", "generator"]


def test_nothing_is_normalised_and_every_residual_branch_starts_at_zero() -> None:
    variant = build(R3GAN, (1, 16, 16), **SMALL)
    assert not any("Norm" in type(module).__name__ for module in variant.modules())
    for network in (variant.generator, variant.discriminator):
        for stage in network.stages:  # type: ignore[union-attr]
            x = torch.randn(2, 8, 6, 6)
            assert torch.equal(stage(x), x)


def weights(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return ((name, p) for name, p in network.named_parameters() if p.dim() > 1)


def test_the_first_layers_of_a_branch_start_smaller_the_deeper_the_network_is() -> None:
    # section 3 of the paper: by L^(-1/4) for L residual blocks; He's initialisation for leaky ReLU 0.2 is sqrt(2 / 1.04 / inputs)
    generator = build(R3GAN, (1, 32, 32), latent_dim=4, width=64, blocks=2).generator
    for name, weight in weights(generator):
        expected = math.sqrt(2 / 1.04 / weight[0].numel()) * 8**-0.25
        if name.endswith(("expand.weight", "mix.weight")):
            assert weight.std().item() == pytest.approx(expected, rel=0.05), name


def test_images_are_bounded_in_evaluation_and_linear_in_training() -> None:
    variant = build(R3GAN, **SMALL)
    latents = 100 * torch.randn(4, 4)
    assert variant.generate(latents).abs().max() > 1
    assert variant.eval().generate(latents).abs().max() == 1


def test_the_class_vectors_act_in_both_networks() -> None:
    training = trainer(R3GAN, classes=3, conditional=True, **SMALL)
    training.advance(2)
    variant, latents = training.variant.eval(), torch.randn(4, 4)
    zero, one = torch.zeros(4, dtype=torch.int64), torch.ones(4, dtype=torch.int64)
    images = variant.generate(latents, zero)
    assert not torch.allclose(images, variant.generate(latents, one))
    assert not torch.allclose(variant.discriminate(images, zero), variant.discriminate(images, one))


def test_both_examples_of_a_pair_are_of_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer(R3GAN, classes=3, conditional=True, **SMALL)
    context = training.begin(0)
    batch = context.real
    made: list[Tensor] = []
    judged: list[Tensor] = []
    training.variant.generator.register_forward_pre_hook(lambda module, inputs: made.append(inputs[1]))
    training.variant.discriminator.register_forward_pre_hook(lambda module, inputs: judged.append(inputs[1]))
    training.variant.discriminator_step(batch, context)
    training.variant.generator_step(context)
    assert batch.labels is not None
    wanted = batch.labels
    assert [labels.tolist() for labels in made] == [wanted.tolist()] * 2
    assert torch.cat(judged).tolist() == wanted.repeat(4).tolist()


def test_class_vectors_start_as_a_linear_layers_on_one_hot_labels() -> None:
    # the paper's code: N(0, 1 / classes), in the discriminator also divided by the width of the features
    variant = build(R3GAN, classes=100, conditional=True, latent_dim=64, width=64, blocks=1)
    for network, variance in ((variant.generator, 1 / 100), (variant.discriminator, 1 / (100 * 64))):
        weight = network.embedding.weight  # type: ignore[union-attr]
        assert weight.var().item() == pytest.approx(variance, rel=0.06)


def test_what_cannot_be_done_is_refused_in_one_line() -> None:
    with pytest.raises(RequestError, match="use 16, another multiple of 8"):
        build(R3GAN, latent_dim=4, width=20)
    with pytest.raises(RequestError, match="set final_augment_probability = 0"):
        build(R3GAN, (2, 8, 8), **SMALL)
    with pytest.raises(RequestError, match="or set conditional = false"):
        build(R3GAN, conditional=True)
    with pytest.raises(RequestError, match="on points set conditional = false"):
        build(R3GAN, (2,), 3, conditional=True)
    with pytest.raises(RequestError, match="one label for each example"):
        build(R3GAN, classes=3, conditional=True, **SMALL).generate(torch.randn(2, 4))
