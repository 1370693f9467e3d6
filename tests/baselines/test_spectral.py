"""Is every normalised weight's largest singular value 1, and does the state behind it behave?"""

import copy

import pytest
import torch
from small_runs import trainer
from torch import Tensor, nn
from torch.nn.utils import parametrize

from baselines.biggan import BigGAN
from baselines.blocks.spectral import SpectralNorm, normalise_spectrally, singular_vectors
from baselines.projection_gan import ProjectionGAN
from baselines.sagan import SAGAN
from baselines.sngan import SNGAN
from ganbench.training.variant import Variant


def norms(network: nn.Module) -> dict[str, float]:
    """Largest singular value of every normalised weight, as evaluation sees it."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    layers = [(name, module) for name, module in network.named_modules() if parametrize.is_parametrized(module, "weight")]
    found = {name: torch.linalg.matrix_norm(module.weight.detach().flatten(1), 2).item() for name, module in layers}
    for module, training in modes:
        module.training = training
    return found


def small_network() -> nn.Module:
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.Softplus(), nn.Flatten(), nn.Linear(6 * 16, 5), nn.Softplus(), nn.Linear(5, 1)
    )
    return normalise_spectrally(network)


@pytest.mark.parametrize("shape", [(64, 64), (128, 16, 3, 3), (3, 200), (1, 32), (40, 2)], ids=str)
def test_a_fresh_weight_has_norm_one(shape: tuple[int, ...]) -> None:
    weight = 7 * torch.randn(shape)
    normed = SpectralNorm(weight).eval()(weight)
    assert normed.shape == shape
    assert torch.linalg.matrix_norm(normed.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close(normed * torch.linalg.matrix_norm(weight.flatten(1), 2), weight, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("cls", "classes", "config"),
    [
        (SNGAN, 0, {"generator_width": 4, "discriminator_width": 24}),
        (ProjectionGAN, 3, {"generator_width": 4, "discriminator_width": 16}),
        (SAGAN, 3, {"generator_width": 12, "discriminator_width": 12}),
        (BigGAN, 3, {"generator_width": 6, "discriminator_width": 6, "latent_dim": 12, "embedding_dim": 8}),
    ],
)
def test_training_at_the_default_rate_keeps_every_norm_within_one_percent(cls: type[Variant], classes: int, config: dict[str, int]) -> None:
    training = trainer(cls, (1, 16, 16), classes, **config)
    normed_generator = cls in (SAGAN, BigGAN)
    assert bool(norms(training.variant.generator)) is normed_generator
    originals = {name: p.clone() for name, p in training.variant.discriminator.named_parameters() if name.endswith("original")}
    for _ in range(4):
        training.advance(8)
        for network in (training.variant.discriminator, training.variant.generator, training.ema.module):
            for name, norm in norms(network).items():
                assert norm == pytest.approx(1, abs=0.01), name
    assert all(not torch.equal(p, originals[name]) for name, p in training.variant.discriminator.named_parameters() if name in originals)


def test_every_layer_of_the_discriminators_is_normalised() -> None:
    for cls, classes in ((SNGAN, 0), (ProjectionGAN, 3)):
        network = trainer(cls, classes=classes, latent_dim=4, generator_width=4, discriminator_width=4).variant.discriminator
        assert len(norms(network)) == sum(isinstance(m, nn.Conv2d | nn.Linear | nn.Embedding) for m in network.modules()) > 5
    points = trainer(SNGAN, size=(2,)).variant.discriminator
    assert len(norms(points)) == 3


def test_values_that_cross_are_told_apart_at_once() -> None:
    # 1.02 has overtaken 1.0, which the vector follows: power iteration alone gains (1.02)^2 a round
    norm = SpectralNorm(torch.diag(torch.tensor([1.0, 0.9, 0.5])))
    weight = torch.diag(torch.tensor([1.0, 1.02, 0.5]))
    norm.u.copy_(torch.tensor([1.0, 0.03, 0.0]))
    for _ in range(2):
        largest = torch.linalg.matrix_norm(norm(weight), 2).item()
    assert largest == pytest.approx(1, abs=0.002)


def test_gradients_are_those_of_the_closed_form() -> None:
    # d/dW <G, W / sigma> = (G - <G, W / sigma> u v^T) / sigma with the singular vectors of sigma (Miyato et al. 2018, eq. 12)
    weight, direction = torch.randn(5, 7, requires_grad=True), torch.randn(5, 7)
    norm = SpectralNorm(weight)
    for _ in range(20):
        norm(weight)
    (gradient,) = torch.autograd.grad((norm(weight) * direction).sum(), weight)
    u, sigma, v = torch.linalg.svd(weight.detach())
    closed = (direction - (direction * weight.detach() / sigma[0]).sum() * torch.outer(u[:, 0], v[0])) / sigma[0]
    torch.testing.assert_close(gradient, closed, rtol=1e-4, atol=1e-5)


def test_a_gradient_penalty_reaches_the_weights() -> None:
    network = small_network()
    images = torch.randn(4, 1, 4, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(network(images).sum(), images, create_graph=True)
    slope.square().sum().backward()
    for name, parameter in network.named_parameters():
        if name.endswith("original"):
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all() and parameter.grad.abs().max() > 0, name


def test_two_passes_before_one_backward_keep_their_own_vectors() -> None:
    network, images = small_network(), torch.randn(4, 1, 4, 4)
    (network(images).sum() + network(images).sum()).backward()  # raises if the buffer that was moved were part of the graph
    assert all(parameter.grad is not None for parameter in network.parameters())


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_evaluation_changes_nothing_and_training_moves_the_vector() -> None:
    network, images = small_network(), torch.randn(4, 1, 4, 4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    before = state(network)
    network.eval()
    network(images)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    network.train()
    network(images)
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name.endswith(".u") for name in moved)


def test_a_shortened_vector_as_an_average_gives_it_does_no_harm() -> None:
    network, images = small_network().eval(), torch.randn(4, 1, 4, 4)
    before = network(images)
    for name, buffer in network.named_buffers():
        assert name.endswith(".u")
        buffer.mul_(0.3)
    torch.testing.assert_close(network(images), before)


def test_copies_and_saved_states_give_the_same_values_and_go_their_own_way() -> None:
    network, images = small_network(), torch.randn(4, 1, 4, 4)
    twin, loaded = copy.deepcopy(network), small_network()
    loaded.load_state_dict(network.state_dict())
    before = state(network)
    for other in (twin, loaded):
        assert torch.equal(other.eval()(images), network.eval()(images))
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.mul_(-1.5)
        other.train()(images)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_norm_that_grew_a_thousandfold_is_found_again() -> None:
    matrix = torch.diag(torch.tensor([1000.0, 1.0, 0.5]))
    u = torch.tensor([1e-9, 1.0, 0.0])
    for _ in range(4):
        v, u = singular_vectors(matrix, u)
    assert u.dot(matrix.mv(v)).item() == pytest.approx(1000, rel=1e-3)
