"""Does the harness do behind its doors what it promises?"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from ganbench.errors import UnknownName
from ganbench.training.augmentation import Augmentation, none, translation
from ganbench.training.context import HarnessContext
from ganbench.training.draws import Draws
from ganbench.training.plan import StepPlan
from ganbench.training.update import Updates
from ganbench.training.variant import Batch
from ganbench.training.watch import Watch

CPU = torch.device("cpu")
REAL = Batch(examples=torch.zeros(4, 2))


def plan(step: int, factor: float = 1.0) -> StepPlan:
    return StepPlan(step=step, images_seen=4 * step, batch_size=4, learning_rate_factor=factor, ema_decay=0.5)


def context(
    optimizers: dict[str, Optimizer] | None = None,
    class_shares: Tensor | None = None,
    augmentation: Augmentation = none,
    watch: Watch | None = None,
) -> HarnessContext:
    draws = Draws(seed=0, device=CPU, latent_dim=3, class_shares=class_shares)
    ctx = HarnessContext(draws=draws, updates=Updates(optimizers or {}, watch or Watch(CPU)), augmentation=augmentation)
    ctx.begin(plan(0), REAL)
    return ctx


@pytest.fixture
def networks() -> tuple[nn.Linear, nn.Linear]:
    first, second = nn.Linear(2, 1), nn.Linear(2, 1)
    with torch.no_grad():
        for network in (first, second):
            network.weight.fill_(1.0)
            network.bias.zero_()
    return first, second


@pytest.mark.parametrize("n", [1, 3, 5])
def test_every_n_is_true_in_the_last_step_of_each_group(n: int) -> None:
    ctx = context()
    answers = []
    for step in range(15):
        ctx.begin(plan(step), REAL)
        answers.append(ctx.every(n))
    assert answers == [(step + 1) % n == 0 for step in range(15)]


def test_latents_are_standard_normal_and_fresh_in_every_call_and_step() -> None:
    ctx = context()
    first, second = ctx.latents(20_000), ctx.latents(20_000)
    assert first.shape == (20_000, 3)
    assert not torch.equal(first, second)
    assert abs(first.mean().item()) < 5 / 60_000**0.5
    assert abs(first.var().item() - 1) < 5 * (2 / 60_000) ** 0.5
    ctx.begin(plan(1), REAL)
    assert not torch.equal(ctx.latents(20_000), first)
    ctx.begin(plan(0), REAL)
    assert torch.equal(ctx.latents(20_000), first)


def test_one_purpose_does_not_move_another() -> None:
    plain, busy = context(class_shares=torch.full((4,), 0.25)), context(class_shares=torch.full((4,), 0.25))
    busy.labels(9)
    busy.augment(torch.zeros(2, 1, 8, 8))
    assert torch.equal(plain.latents(5), busy.latents(5))


def test_augmentation_has_a_stream_of_its_own_in_every_call() -> None:
    ctx = context(augmentation=translation)
    images = torch.rand(64, 1, 16, 16)
    first, second = ctx.augment(images), ctx.augment(images)
    assert not torch.equal(first, second)
    ctx.begin(plan(0), REAL)
    assert torch.equal(ctx.augment(images), first)


def test_labels_follow_the_shares() -> None:
    labels = context(class_shares=torch.tensor([0.0, 0.25, 0.75])).labels(4000)
    assert labels is not None
    assert labels.dtype == torch.int64
    counts = torch.bincount(labels, minlength=3).tolist()
    assert counts[0] == 0
    assert abs(counts[1] - 1000) < 5 * (4000 * 0.25 * 0.75) ** 0.5


def test_minimize_takes_one_step_down_the_loss(networks: tuple[nn.Linear, nn.Linear]) -> None:
    first, _ = networks
    ctx = context({"discriminator": SGD(first.parameters(), lr=0.5)})
    ctx.minimize("discriminator", first(torch.tensor([[1.0, 2.0]])).sum())
    # Gradient of w.x + b is (x, 1), so w = 1 - 0.5 x.
    torch.testing.assert_close(first.weight, torch.tensor([[0.5, 0.0]]))
    torch.testing.assert_close(first.bias, torch.tensor([-0.5]))


def test_minimize_touches_only_what_its_optimizer_holds(networks: tuple[nn.Linear, nn.Linear]) -> None:
    first, second = networks
    ctx = context({"discriminator": SGD(first.parameters(), lr=0.5), "generator": SGD(second.parameters(), lr=0.5)})
    before = [parameter.clone() for parameter in second.parameters()]
    ctx.minimize("discriminator", (first(torch.ones(1, 2)) * second(torch.ones(1, 2))).sum())
    assert all(torch.equal(parameter, old) for parameter, old in zip(second.parameters(), before, strict=True))
    assert all(parameter.grad is None for parameter in second.parameters())


def test_gradients_do_not_pile_up_over_updates(networks: tuple[nn.Linear, nn.Linear]) -> None:
    first, _ = networks
    ctx = context({"discriminator": SGD(first.parameters(), lr=1.0)})
    for _ in range(3):
        ctx.minimize("discriminator", first.bias.sum())
    assert first.bias.item() == -3


def test_minimize_differentiates_twice(networks: tuple[nn.Linear, nn.Linear]) -> None:
    first, _ = networks
    ctx = context({"discriminator": SGD(first.parameters(), lr=0.1)})
    x = torch.tensor([[3.0, 4.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(first(x).sum(), x, create_graph=True)
    ctx.minimize("discriminator", gradient.square().sum())
    # The penalty ||w||^2 has gradient 2w; the bias takes no part in it.
    torch.testing.assert_close(first.weight, torch.tensor([[0.8, 0.8]]))
    assert first.bias.item() == 0


def test_gradient_norms_are_logged(networks: tuple[nn.Linear, nn.Linear]) -> None:
    first, _ = networks
    watch = Watch(CPU)
    ctx = context({"critic": SGD(first.parameters(), lr=0.0)}, watch=watch)
    ctx.minimize("critic", (first.weight * torch.tensor([[3.0, 4.0]])).sum())
    assert watch.read() == pytest.approx({"grad_norm/critic": 5.0})


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_non_finite_loss_is_counted_with_its_first_step(networks: tuple[nn.Linear, nn.Linear], bad: float) -> None:
    first, _ = networks
    watch = Watch(CPU)
    ctx = context({"discriminator": SGD(first.parameters(), lr=0.0)}, watch=watch)
    for step, factor in enumerate([1.0, 1.0, bad, 1.0, bad]):
        ctx.begin(plan(step), REAL)
        ctx.minimize("discriminator", first.bias.sum() * 1.0 + factor)
    assert (watch.nonfinite_updates.item(), watch.first_nonfinite_step.item()) == (2, 2)


def test_a_non_finite_gradient_of_a_finite_loss_is_counted_before_the_step(networks: tuple[nn.Linear, nn.Linear]) -> None:
    first, _ = networks
    seen: list[int] = []
    watch = Watch(CPU)

    class Noting(SGD):
        def step(self, closure: Any = None) -> None:
            seen.append(int(watch.nonfinite_updates))

    ctx = context({"discriminator": Noting(first.parameters(), lr=1.0)}, watch=watch)
    ctx.begin(plan(7), REAL)
    ctx.minimize("discriminator", first.bias.sum().sqrt())  # sqrt is 0 at 0, its slope infinite
    assert seen == [1]
    assert watch.first_nonfinite_step.item() == 7


def test_learning_rates_follow_the_schedule_and_do_not_compound(networks: tuple[nn.Linear, nn.Linear]) -> None:
    first, second = networks
    optimizers: dict[str, Optimizer] = {"discriminator": Adam(first.parameters(), lr=0.4), "generator": SGD(second.parameters(), lr=0.1)}
    ctx = context(optimizers)
    for factor in (1.0, 0.5, 0.5, 0.0, 0.25):
        ctx.begin(plan(3, factor), REAL)
        assert [optimizer.param_groups[0]["lr"] for optimizer in optimizers.values()] == pytest.approx([0.4 * factor, 0.1 * factor])


def test_learning_rates_survive_a_restored_optimizer(networks: tuple[nn.Linear, nn.Linear]) -> None:
    first, second = networks
    old: dict[str, Optimizer] = {"discriminator": SGD(first.parameters(), lr=0.4)}
    context(old).begin(plan(5, 0.25), REAL)
    new: dict[str, Optimizer] = {"discriminator": SGD(second.parameters(), lr=0.4)}
    ctx = context(new)
    new["discriminator"].load_state_dict(old["discriminator"].state_dict())
    ctx.begin(plan(6, 0.5), REAL)
    assert new["discriminator"].param_groups[0]["lr"] == pytest.approx(0.2)


def test_readings_are_means_since_the_last_one() -> None:
    watch = Watch(CPU)
    for value in (1.0, 2.0, 6.0):
        watch.add({"loss": torch.tensor(value, requires_grad=True)})
    watch.add({"rare": torch.tensor(4.0)})
    assert watch.read() == {"loss": 3.0, "rare": 4.0}
    assert watch.read() == {}
    watch.add({"loss": torch.tensor(5.0)})
    assert watch.read() == {"loss": 5.0}


def test_minimize_names_the_optimizers_and_the_options_there_are(networks: tuple[nn.Linear, nn.Linear]) -> None:
    first, _ = networks
    ctx = context({"generator": SGD(first.parameters(), lr=0.5)})
    with pytest.raises(UnknownName, match=r"unknown optimizer in ctx.minimize 'gen'; did you mean 'generator'\? .*optimizers\(\) returns"):
        ctx.minimize("gen", first.bias.sum())
    with pytest.raises(UnknownName, match=r"option of SGD in ctx.minimize 'moment'; did you mean 'momentum'\?"):
        ctx.minimize("generator", first.bias.sum(), moment=0.5)


def test_a_restarted_optimizer_takes_its_next_step_as_its_first(networks: tuple[nn.Linear, nn.Linear]) -> None:
    first, _ = networks
    ctx = context({"discriminator": Adam(first.parameters(), lr=0.1)})
    ctx.minimize("discriminator", first.bias.sum(), lr=0.5)
    ctx.minimize("discriminator", -3 * first.bias.sum())  # against the first slope
    before = first.bias.item()
    ctx.restart("discriminator")
    ctx.minimize("discriminator", first.bias.sum())
    # Adam's first step has the length of the rate whatever the slope, and the options stay
    assert before - first.bias.item() == pytest.approx(0.5, rel=1e-5)
    with pytest.raises(UnknownName, match=r"unknown optimizer in ctx.restart 'generator'"):
        ctx.restart("generator")
