"""Does each method that shares DCGAN's networks do what sets it apart?"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines import ablation as ablation_module
from baselines.ablation import WEIGHTS, Ablation
from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator
from baselines.gman import GMAN
from baselines.pacgan import PacGAN
from baselines.unrolled_gan import UnrolledGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.training import augmentation
from ganbench.training.trainer import Trainer

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
POINTS = DatasetSpec(name="ring8")
IMAGE, POINT = DataShape(size=(3, 8, 8)), DataShape(size=(2,))


def pacgan(shape: DataShape, **fields: Any) -> PacGAN:
    return PacGAN(PacGAN.Config(latent_dim=4, generator_width=4, discriminator_width=4, **fields), shape)


@pytest.mark.parametrize("shape", [IMAGE, POINT], ids=str)
@pytest.mark.parametrize("pack", [1, 2, 4])
def test_pacgan_packs_neighbours_along_the_channels(shape: DataShape, pack: int) -> None:
    variant = pacgan(shape, pack=pack)
    examples = torch.randn(8, *shape.size)
    packs = variant.packed(examples)
    assert packs.shape == (8 // pack, pack * shape.size[0], *shape.size[1:])
    for position in range(8):
        channels = slice(position % pack * shape.size[0], (position % pack + 1) * shape.size[0])
        assert torch.equal(packs[position // pack, channels], examples[position])
    assert variant.discriminate(examples).shape == (8 // pack,)
    assert variant.batch_multiple == pack


def test_pacgan_with_one_sample_a_pack_is_dcgan(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    config = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4}
    pac, plain = tiny_trainer(tiny_spec("pacgan", config={**config, "pack": 1})), tiny_trainer(tiny_spec("dcgan", config=config))
    for trainer in (pac, plain):
        trainer.optimizers["generator"].param_groups[0]["initial_lr"] = 2e-4
        trainer.optimizers["discriminator"].param_groups[0]["initial_lr"] = 2e-4
        trainer.advance(4)
    assert all(torch.equal(a, b) for a, b in zip(pac.variant.parameters(), plain.variant.parameters(), strict=True))


def test_pacgans_own_point_networks_have_the_published_layers() -> None:
    variant = pacgan(POINT, pack=3, point_network="pacgan")
    linear = [m for m in variant.generator.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features, m.bias is None) for m in linear] == [
        (4, 400, True),
        (400, 400, True),
        (400, 400, True),
        (400, 400, True),
        (400, 2, False),
    ]
    judged = [m for m in variant.discriminator.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in judged] == [(6, 1000), (200, 1000), (200, 1000), (200, 1)]
    assert torch.cat([m.weight.flatten() for m in linear + judged]).std().item() == pytest.approx(0.02, rel=0.02)


def gman(softmax_lambda: float, discriminators: int = 3) -> GMAN:
    config = GMAN.Config(
        latent_dim=4, generator_width=4, discriminator_width=4, discriminators=discriminators, softmax_lambda=softmax_lambda
    )
    return GMAN(config, POINT)


def test_gman_listens_to_all_with_lambda_zero_and_to_the_sharpest_judge_with_a_large_one() -> None:
    values = torch.tensor([-0.1, -0.5, -2.0], dtype=torch.float64)
    assert gman(0.0).soften(values).item() == pytest.approx(values.mean().item())
    assert gman(100.0).soften(values).item() == pytest.approx(-0.1)
    weights = [math.exp(x) for x in (-0.1, -0.5, -2.0)]
    expected = sum(w * x for w, x in zip(weights, (-0.1, -0.5, -2.0), strict=True)) / sum(weights)
    assert gman(1.0).soften(values).item() == pytest.approx(expected)


def test_gmans_generator_is_never_paid_for_looking_false() -> None:
    # two judges with real logits of 2 and fake logits of -3 and -0.3: the slopes of the softened minimax value (eq. 3) in the fake logits
    fake = torch.tensor([[-3.0], [-0.3]], dtype=torch.float64, requires_grad=True)
    real = torch.full((2, 1), 2.0, dtype=torch.float64)
    values = torch.stack([-cross_entropy_discriminator(real[k], fake[k]) for k in range(2)])
    (slopes,) = torch.autograd.grad(gman(1.0).soften(values), fake)
    shares = torch.softmax(values, 0)
    mean = (shares * values).sum()
    expected = -shares * (1 + values - mean) * fake.flatten().sigmoid()
    torch.testing.assert_close(slopes.flatten(), expected)
    assert (slopes < 0).all()


def test_gmans_discriminators_differ_and_one_of_them_is_the_minimax_game(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    variant = gman(1.0)
    examples = torch.randn(5, 2)
    values = [judge(examples) for judge in variant.judges()]
    assert len(values) == 3 and not torch.allclose(values[0], values[1], atol=1e-3)
    torch.testing.assert_close(variant.discriminate(examples), torch.stack(values).mean(0))
    one = tiny_trainer(tiny_spec("gman", POINTS, config={"discriminators": 1}))
    logs = one.advance(1).logs
    assert logs["loss/generator"] < 0  # log D(x) + log(1 - D(G(z)))


def unrolled(steps: int, rate: float = 0.1) -> UnrolledGAN:
    return UnrolledGAN(UnrolledGAN.Config(latent_dim=2, unrolling_steps=steps, unrolled_learning_rate=rate), POINT).double()


def unrolled_loss(variant: UnrolledGAN, real: Tensor, fake: Tensor) -> Tensor:
    return cross_entropy_discriminator(*variant.unrolled_logits(real, fake))


def test_unrolling_leaves_the_discriminator_as_it_was() -> None:
    variant = unrolled(5)
    before = {name: value.clone() for name, value in variant.discriminator.state_dict().items()}
    fake = variant.generate(torch.randn(6, 2).double())
    unrolled_loss(variant, torch.randn(6, 2).double(), fake).backward()
    assert all(torch.equal(value, before[name]) for name, value in variant.discriminator.state_dict().items())
    assert all(p.grad is None for p in variant.discriminator.parameters())
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in variant.generator.parameters())


def test_no_unrolled_step_is_the_minimax_game() -> None:
    variant = unrolled(0)
    real, fake = torch.randn(6, 2).double(), torch.randn(6, 2).double()
    expected = cross_entropy_discriminator(variant.discriminator(real), variant.discriminator(fake))
    assert unrolled_loss(variant, real, fake).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_unrolled_loss_is_that_of_a_discriminator_that_really_took_the_steps(steps: int) -> None:
    variant = unrolled(steps, rate=0.05)
    real, fake = torch.randn(6, 2).double(), torch.randn(6, 2).double()
    foreseen = unrolled_loss(variant, real, fake).item()
    optimizer = torch.optim.SGD(variant.discriminator.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        cross_entropy_discriminator(variant.discriminator(real), variant.discriminator(fake)).backward()
        optimizer.step()
    reached = cross_entropy_discriminator(variant.discriminator(real), variant.discriminator(fake)).item()
    assert foreseen == pytest.approx(reached, rel=1e-10)


def test_the_generators_gradient_goes_through_the_discriminators_steps() -> None:
    # Dirac-GAN: data at 0, a fake at theta, D(x) = psi x; one step of rate h takes psi to psi - h theta / 2 at psi = 0,
    # where the loss is ln 2 + softplus(theta psi'): its slope in theta there is -h theta / 2 x (1/2 of each factor of the product)
    variant = UnrolledGAN(UnrolledGAN.Config(latent_dim=1, unrolling_steps=1, unrolled_learning_rate=0.3), DataShape(size=(1,)))
    variant.discriminator = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Flatten(0)).double()
    nn.init.zeros_(next(variant.discriminator.parameters()))
    theta = torch.tensor([[0.8]], dtype=torch.float64, requires_grad=True)
    loss = unrolled_loss(variant, torch.zeros(1, 1, dtype=torch.float64), theta)
    psi = -0.3 * 0.8 / 2
    assert loss.item() == pytest.approx(math.log(2) + math.log1p(math.exp(0.8 * psi)))
    (slope,) = torch.autograd.grad(loss, theta)
    # d/dtheta of softplus(-h theta^2 / 2) = -h theta sigmoid(-h theta^2 / 2); without the graph through the step it is half as large
    assert slope.item() == pytest.approx(-0.3 * 0.8 / (1 + math.exp(-0.8 * psi)))


def test_gmans_generator_can_minimise_the_softened_non_saturating_losses(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the "modified" objective of iDurugkar/GMAN: losses -log D(G(z)), weighted by softmax(lambda losses)
    trainer = tiny_trainer(tiny_spec("gman", config={"generator_loss": "non-saturating", "softmax_lambda": 2.0, "discriminators": 3}))
    context, variant = trainer.begin(0), trainer.variant
    logits: list[torch.Tensor] = []
    losses: list[torch.Tensor] = []
    for judge in variant.judges():  # type: ignore[operator]
        judge.register_forward_hook(lambda module, inputs, output: logits.append(output))
    monkeypatch.setattr(context, "minimize", lambda name, loss, **options: losses.append(loss))
    variant.generator_step(context)
    assert len(logits) == 3, "real examples are not needed"
    values = torch.stack([torch.log1p(torch.exp(-values)).mean() for values in logits])
    torch.testing.assert_close(losses[0], (torch.softmax(2 * values, 0) * values).sum())
    # at rejected fakes the slope in the logit is -1 where the minimax game's is 0
    rejected = torch.tensor([-20.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(non_saturating_generator(rejected), rejected)
    assert slope.item() == pytest.approx(-1)


def ablation(**fields: Any) -> Ablation:
    return Ablation(Ablation.Config(latent_dim=4, generator_width=4, discriminator_width=4, **fields), POINT)


@pytest.mark.parametrize("loss", ["non-saturating", "minimax", "least-squares", "hinge", "wasserstein", "relativistic"])
@pytest.mark.parametrize("regulariser", ["none", "spectral-norm", *WEIGHTS])
def test_every_cell_of_the_ablation_trains(tiny_spec: TinySpec, tiny_trainer: NewTrainer, loss: str, regulariser: str) -> None:
    config = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4, "loss": loss, "regulariser": regulariser}
    trainer = tiny_trainer(tiny_spec("ablation", config=config))
    tick = trainer.advance(3)
    assert tick.nonfinite_updates == 0
    assert (tick.logs["penalty/regulariser"] > 0) == (regulariser not in ("none", "spectral-norm"))


@pytest.mark.parametrize("side", [8, 10, 28])
def test_the_ablation_shifts_as_the_harness_does_which_rounds_up(side: int) -> None:
    images = torch.randn(64, 1, side, side)
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(4)
        found = ablation_module.translation(images)
    assert torch.equal(found, augmentation.translation(images, torch.Generator().manual_seed(4)))


def test_consistency_has_no_meaning_on_points() -> None:
    with pytest.raises(RequestError, match="shifts images, and these are 2-D points; take another"):
        ablation(regulariser="bcr")


def test_broken_recipes_are_broken_in_one_place(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    # what is wrong with broken_label_flip and broken_shared_latents: test_steps.py
    width = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4}
    detached, penalised = (tiny_trainer(tiny_spec(name, config=width)) for name in ("broken_detached_penalty", "wgan_gp"))
    first = [trainer.advance(1).logs for trainer in (detached, penalised)]
    assert first[0]["penalty/gradient"] == first[1]["penalty/gradient"]
    assert first[0]["grad_norm/discriminator"] != first[1]["grad_norm/discriminator"]
    bare = tiny_trainer(tiny_spec("broken_no_batch_norm", config=width)).variant
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in bare.modules())
