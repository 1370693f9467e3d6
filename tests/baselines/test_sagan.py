"""Does SAGAN have what sets it apart from SNGAN?"""

from typing import Any

import pytest
import torch
from small_runs import build, trainer, updates
from torch import nn
from torch.nn.utils import parametrize

from baselines.blocks import spectral
from baselines.blocks.attention import SelfAttention
from baselines.sagan import SAGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError

SMALL: dict[str, Any] = {"latent_dim": 4, "generator_width": 4, "discriminator_width": 4}


def test_the_two_learning_rates_are_the_papers() -> None:
    # Zhang et al. 2019, section 4: 0.0004 and 0.0001, Adam's betas 0 and 0.9
    rates = {name: optimizer.param_groups[0] for name, optimizer in build(SAGAN, classes=2).optimizers().items()}
    assert rates["discriminator"]["lr"] == 4e-4 and rates["generator"]["lr"] == 1e-4
    assert all(group["betas"] == (0.0, 0.9) for group in rates.values())


def test_both_networks_are_updated_in_every_step() -> None:
    assert updates(trainer(SAGAN, classes=3, **SMALL), 2) == 2 * ["discriminator", "generator"]


def test_both_networks_are_normalised_and_the_class_gains_are_not() -> None:
    variant = build(SAGAN, (1, 16, 16), 3, **SMALL)
    for network in (variant.generator, variant.discriminator):
        layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
        assert len(layers) > 8 and all(parametrize.is_parametrized(layer, "weight") for layer in layers)
        assert sum(isinstance(module, SelfAttention) for module in network.modules()) == 1
    tables = [module for module in variant.generator.modules() if isinstance(module, nn.Embedding)]
    assert tables and not any(parametrize.is_parametrized(table) for table in tables)


@pytest.mark.parametrize("pooled", [True, False])
def test_attention_is_the_authors_codes_unless_the_papers_text_is_asked_for(pooled: bool) -> None:
    variant = build(
        SAGAN, (1, 28, 28), 3, latent_dim=4, generator_width=8, discriminator_width=8, **({} if pooled else {"pooled_attention": False})
    )
    blocks = [module for module in variant.modules() if isinstance(module, SelfAttention)]
    assert [block.value.out_channels * (2 if pooled else 8) for block in blocks] == [block.query.in_channels for block in blocks]
    assert variant.generate(torch.randn(2, 4), torch.tensor([0, 1])).shape == (2, 1, 28, 28)  # attention on a map of 14


def test_widths_double_from_the_image_inwards_up_to_sixteen_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "FIRST_ITERATIONS", 1)  # a form alone has no singular values
    with torch.device("meta"):
        variant = SAGAN(SAGAN.Config(conditional=False), DataShape(size=(3, 128, 128)))
    outputs = [block.conv1.out_channels for block in variant.generator.blocks]  # type: ignore[union-attr]
    assert (variant.generator.start, outputs) == ((1024, 4, 4), [1024, 512, 256, 128, 64])
    downs = [block.conv1.out_channels for block in variant.discriminator.blocks if hasattr(block, "conv1")]  # type: ignore[union-attr]
    assert downs == [64, 128, 256, 512, 1024, 1024]


def test_gradients_reach_the_attentions_inside_once_its_weight_has_moved() -> None:
    training = trainer(SAGAN, (1, 16, 16), 3, **SMALL)
    inner = {name: p for name, p in training.variant.named_parameters() if any(part in name for part in ("key", "query", "value"))}
    assert len(inner) == 6
    training.advance(1)
    assert all(p.grad is not None and p.grad.abs().max() == 0 for p in inner.values())
    training.advance(1)
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in inner.values())


def test_without_condition_labels_are_neither_needed_nor_used() -> None:
    training = trainer(SAGAN, classes=3, conditional=False, **SMALL)
    training.advance(2)
    variant, latents = training.variant.eval(), torch.randn(3, 4)
    assert torch.equal(variant.generate(latents), variant.generate(latents, torch.tensor([0, 1, 2])))
    assert build(SAGAN, classes=0, conditional=False, **SMALL).generate(latents).shape == (3, 1, 8, 8)


def test_missing_labels_are_refused_with_what_works() -> None:
    with pytest.raises(RequestError, match="set conditional = false"):
        build(SAGAN, classes=0)
    variant = build(SAGAN, classes=3, **SMALL)
    with pytest.raises(RequestError, match="one label for each example"):
        variant.generate(torch.randn(2, 4))
    with pytest.raises(RequestError, match="one label for each example"):
        variant.discriminate(torch.randn(2, 1, 8, 8))
