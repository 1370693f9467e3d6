"""Do ContraGAN and ReACGAN have their papers' class losses and networks?"""

import math
import tomllib
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
import torch
from small_runs import build, trainer, updates
from torch import Tensor
from torch.nn.functional import normalize

from baselines.blocks import spectral
from baselines.blocks.contrastive import conditional_contrastive, data_to_data
from baselines.contragan import ContraGAN
from baselines.reacgan import ReACGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec
from ganbench.training.trainer import Trainer

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
SMALL: dict[str, Any] = {"latent_dim": 8, "generator_width": 2, "discriminator_width": 2, "embedding_dim": 4, "embeddings": 5}
both = pytest.mark.parametrize("cls", [ContraGAN, ReACGAN])


def unit(n: int, d: int = 4, seed: int = 0) -> Tensor:
    return normalize(torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)), dim=1)


def batch(n: int = 12, classes: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    labels = torch.arange(n) % classes
    return unit(n), unit(classes, seed=1)[labels], labels


def slow_2c(embeddings: Tensor, proxies: Tensor, labels: Tensor, t: float) -> float:
    """Kang & Park 2020: the 2C loss, term by term."""
    total, n = 0.0, len(labels)
    for i in range(n):
        own = math.exp(embeddings[i].dot(proxies[i]).item() / t)
        alike = sum(math.exp(embeddings[i].dot(embeddings[k]).item() / t) for k in range(n) if k != i and labels[k] == labels[i])
        all_others = sum(math.exp(embeddings[i].dot(embeddings[k]).item() / t) for k in range(n) if k != i)
        total -= math.log((own + alike) / (own + all_others))
    return total / n


def slow_d2d(embeddings: Tensor, proxies: Tensor, labels: Tensor, t: float, m_p: float, m_n: float, damped: bool) -> float:
    """Kang et al. 2021, equation 6, term by term; damped as StudioGAN's code subtracts ``sim_max``."""
    total, n = 0.0, len(labels)
    for i in range(n):
        positive = math.exp(min(embeddings[i].dot(proxies[i]).item() - m_p, 0.0) / t)
        cosines = {j: embeddings[i].dot(embeddings[j]).item() for j in range(n) if j != i}
        negative = sum(math.exp(max(cosine - m_n, 0.0) / t) for j, cosine in cosines.items() if labels[j] != labels[i])
        damping = math.exp(max((cosine - m_n) / t for cosine in cosines.values())) if damped else 1.0
        total -= math.log(positive / (positive + negative / damping))
    return total / n


@pytest.mark.parametrize("t", [0.1, 0.5, 1.0])
def test_2c_is_the_papers_formula(t: float) -> None:
    embeddings, proxies, labels = batch()
    assert conditional_contrastive(embeddings, proxies, labels, t).item() == pytest.approx(slow_2c(embeddings, proxies, labels, t))


@pytest.mark.parametrize("damped", [False, True])
@pytest.mark.parametrize(("m_p", "m_n"), [(0.98, 0.02), (0.3, 0.5), (1.0, -1.0)])
@pytest.mark.parametrize("t", [0.1, 0.5])
def test_d2d_ce_is_the_papers_formula_and_damped_the_codes(t: float, m_p: float, m_n: float, damped: bool) -> None:
    embeddings, proxies, labels = batch()
    found = data_to_data(embeddings, proxies, labels, t, m_p, m_n, damped=damped)
    assert found.item() == pytest.approx(slow_d2d(embeddings, proxies, labels, t, m_p, m_n, damped))


def test_without_margins_and_with_examples_at_their_proxies_d2d_ce_is_the_normalised_softmax() -> None:
    # one example a class, lying on its proxy: the others' embeddings are the other classes' weights. Margins of 1 and -1 bound nothing
    # and shift the classes' logits against the own one by 2 / t.
    proxies, labels, t = unit(5), torch.arange(5), 0.5
    logits = proxies @ proxies.t() / t + (1 - torch.eye(5, dtype=torch.float64)) * 2 / t
    expected = -logits.log_softmax(1).diag().mean()
    torch.testing.assert_close(data_to_data(proxies, proxies, labels, t, 1.0, -1.0), expected)


def test_what_is_within_both_margins_is_pushed_no_further() -> None:
    labels = torch.tensor([0, 0, 1, 2])
    embeddings = torch.eye(4, dtype=torch.float64)[labels].requires_grad_()  # classes at right angles
    loss = data_to_data(embeddings, embeddings.detach(), labels, 0.5, 0.98, 0.02)
    # of other classes there are 2, 2, 3 and 3: -log(1 / (1 + k))
    assert loss.item() == pytest.approx((2 * math.log(3) + 2 * math.log(4)) / 4)
    (slope,) = torch.autograd.grad(loss, embeddings)
    assert slope.abs().max() == 0
    near = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=torch.float64, requires_grad=True)  # two classes at a cosine of 0.6
    (slope,) = torch.autograd.grad(data_to_data(near, near.detach(), torch.tensor([0, 1]), 0.5, 0.98, 0.02), near)
    assert slope.abs().min(0).values.max() > 0


def test_damping_divides_the_negatives_by_the_nearest_of_all_others_and_passes_no_gradient() -> None:
    # example 0 has a twin of its own class, whose cosine is 1, and an example of the other class at a right angle
    embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    labels, t, m_p, m_n = torch.tensor([0, 0, 1]), 0.5, 0.9, 0.1
    twin = math.log(1 + math.exp(-(1 - m_n) / t))
    alone = math.log(1 + 2 * math.exp(-(0 - m_n) / t))
    found = data_to_data(embeddings, embeddings, labels, t, m_p, m_n, damped=True)
    assert found.item() == pytest.approx((2 * twin + alone) / 3)


@pytest.mark.parametrize("loss", [
    lambda *batch: conditional_contrastive(*batch, 0.5), lambda *batch: data_to_data(*batch, 0.5, 0.98, 0.02),
    lambda *batch: data_to_data(*batch, 0.5, 0.98, 0.02, damped=True),
])  # fmt: skip
def test_a_batch_of_one_class_has_nothing_to_tell_apart(loss: Any) -> None:
    for n in (1, 4):
        embeddings = unit(n).requires_grad_()
        value = loss(embeddings, unit(1, seed=1).expand(n, -1), torch.zeros(n, dtype=torch.int64))
        (slope,) = torch.autograd.grad(value, embeddings)
        assert value.item() == pytest.approx(0, abs=1e-12) and torch.isfinite(slope).all()


@both
def test_at_32_pixels_the_preset_has_the_published_number_of_parameters(cls: type[ContraGAN], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "FIRST_ITERATIONS", 1)  # a form alone has no singular values
    preset = tomllib.loads(files("baselines.presets").joinpath("cifar.toml").read_text())["config"][cls.method]
    with torch.device("meta"):
        variant = cls(cls.Config(**preset), DataShape(size=(3, 32, 32), classes=10))
    found = [sum(parameter.numel() for parameter in network.parameters()) for network in (variant.generator, variant.discriminator)]
    # PyTorch-StudioGAN's log of CIFAR10/ContraGAN, 2020-10-04; its ReACGAN has the same layers
    assert found == [9_416_196, 2_517_186]


def test_the_settings_are_the_published_ones() -> None:
    presets = tomllib.loads(files("baselines.presets").joinpath("cifar.toml").read_text())["config"]
    contra, re = ContraGAN.Config(), ReACGAN.Config()
    # PyTorch-StudioGAN: ImageNet/ContraGAN-256.yaml and ReACGAN-256.yaml
    assert (contra.embeddings, contra.class_weight, contra.temperature) == (1536, 1.0, 1.0)
    assert (re.embeddings, re.class_weight, re.temperature, re.positive_margin) == (2048, 1.0, 0.5, 0.98)
    for config in (contra, re):
        assert (config.latent_dim, config.critic_steps, config.beta1, config.beta2, config.orthogonal_weight) == (120, 2, 0.0, 0.999, 0.0)
        assert (config.generator_learning_rate, config.discriminator_learning_rate) == (5e-5, 2e-4)
    # CIFAR10/ContraGAN.yaml and ReACGAN.yaml
    contra, re = ContraGAN.Config(**presets["contragan"]), ReACGAN.Config(**presets["reacgan"])
    assert (contra.embeddings, contra.class_weight, contra.temperature) == (512, 1.0, 1.0)
    assert (re.embeddings, re.class_weight, re.temperature, re.positive_margin) == (512, 0.5, 0.5, 0.98)


@both
def test_the_discriminator_embeds_on_the_unit_sphere_and_judges_without_the_label(cls: type[ContraGAN]) -> None:
    variant = build(cls, classes=3, **SMALL).eval()
    images, labels = torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 1])
    values, embeddings, proxies = variant.discriminator(images, labels)
    ones = torch.ones(4)
    torch.testing.assert_close(embeddings.norm(dim=1), ones)
    torch.testing.assert_close(proxies.norm(dim=1), ones)
    assert torch.equal(proxies[1], proxies[3]) and not torch.allclose(proxies[0], proxies[1])
    for other in (labels, 2 - labels, None):
        assert torch.equal(variant.discriminate(images, other), values)


@both
def test_classes_are_learned_from_real_examples_by_one_network_and_from_generated_ones_by_the_other(
    cls: type[ContraGAN], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = trainer(cls, classes=3, **SMALL)
    context, variant = training.begin(1), training.variant
    assert isinstance(variant, ContraGAN)
    seen: list[tuple[Tensor, ...]] = []
    asked: list[Tensor] = []
    variant.discriminator.register_forward_hook(lambda module, inputs, output: seen.append(output))
    variant.generator.register_forward_pre_hook(lambda module, inputs: asked.append(inputs[1]))
    monkeypatch.setattr(context, "minimize", lambda name, loss: None)
    real, logs = context.real, variant.discriminator_step(context.real, context)
    n = len(real.examples)
    assert real.labels is not None
    _, embeddings, proxies = seen[0]
    torch.testing.assert_close(logs["loss/class_real"], variant.class_loss(embeddings[:n], proxies[:n], real.labels))
    logs = variant.generator_step(context)
    _, embeddings, proxies = seen[1]
    torch.testing.assert_close(logs["loss/class_fake"], variant.class_loss(embeddings, proxies, asked[1]))


def test_the_negative_margin_is_one_minus_the_positive_one_unless_it_is_given() -> None:
    embeddings, proxies, labels = batch()
    for settings, m_n, damped in (
        ({}, 0.02, True),
        ({"positive_margin": 0.7}, 0.3, True),
        ({"negative_margin": 0.4}, 0.4, True),
        ({"damped_negatives": False}, 0.02, False),
    ):
        variant = build(ReACGAN, classes=4, **SMALL, **settings)
        assert isinstance(variant, ReACGAN)
        expected = slow_d2d(embeddings, proxies, labels, 0.5, variant.config.positive_margin, m_n, damped)
        assert variant.class_loss(embeddings, proxies, labels).item() == pytest.approx(expected)


@both
def test_a_weight_of_the_class_loss_scales_it_in_both_networks(cls: type[ContraGAN], monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer(cls, classes=3, class_weight=0.25, orthogonal_weight=0.5, **SMALL)
    context, losses = training.begin(1), dict[str, Tensor]()
    monkeypatch.setattr(context, "minimize", lambda name, loss: losses.update({name: loss}))
    logs = training.variant.discriminator_step(context.real, context) | training.variant.generator_step(context)  # type: ignore[operator]
    torch.testing.assert_close(losses["discriminator"], logs["loss/discriminator"] + 0.25 * logs["loss/class_real"])
    generator = logs["loss/generator"] + 0.25 * logs["loss/class_fake"] + 0.5 * logs["penalty/orthogonal"]
    torch.testing.assert_close(losses["generator"], generator)


@both
def test_two_discriminator_updates_go_before_one_of_the_generator(cls: type[ContraGAN]) -> None:
    assert updates(trainer(cls, classes=3, **SMALL), 4) == 2 * ["discriminator", "discriminator", "generator"]


@both
def test_the_classes_of_digits_are_learned(cls: type[ContraGAN], tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    training = tiny_trainer(tiny_spec(cls.method, config={"discriminator_learning_rate": 5e-3, "embeddings": 16}))
    first = training.advance(4).logs["loss/class_real"]
    training.advance(100)
    assert training.advance(10).logs["loss/class_real"] < 0.8 * first


@both
def test_missing_labels_are_refused_under_the_methods_own_name(cls: type[ContraGAN]) -> None:
    with pytest.raises(RequestError, match=f"{cls.method} needs labels"):
        build(cls, classes=0)
    with pytest.raises(RequestError, match=f"{cls.method} generates images of classes; give one label for each"):
        build(cls, classes=3, **SMALL).generate(torch.randn(2, 8))


@both
def test_every_class_has_one_proxy_which_the_generators_steps_leave_alone(cls: type[ContraGAN]) -> None:
    training = trainer(cls, classes=3, **SMALL)
    variant = training.variant
    before = [variant.discriminator.proxies.parametrizations.weight.original.clone()]  # type: ignore[union-attr]
    real = training.context.minimize

    def noted(name: str, loss: Tensor, **options: Any) -> None:
        real(name, loss, **options)
        before.append(variant.discriminator.proxies.parametrizations.weight.original.clone())  # type: ignore[union-attr]

    training.context.minimize = noted  # type: ignore[method-assign]
    training.advance(2)
    assert before[0].shape == (3, 5) and len(before) == 4
    assert [torch.equal(a, b) for a, b in zip(before, before[1:], strict=False)] == [False, False, True]
