"""Do the residual blocks, conditional batch norm and attention compute what their papers say?"""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.blocks.attention import SelfAttention, attention_side
from baselines.blocks.conditional import ConditionalBatchNorm, UnconditionalBatchNorm, class_batch_norm, linear_batch_norm
from baselines.blocks.resnet import DownBlock, ResNetDiscriminator, ResNetGenerator, UpBlock


def test_an_up_block_is_the_papers_with_the_shortcut_convolved_after_doubling() -> None:
    # Miyato et al. 2018, figure 8b; doubling by PyTorch's own nearest-neighbour interpolation
    block, x = UpBlock(3, 5, UnconditionalBatchNorm).eval(), torch.randn(2, 3, 4, 4)
    h = functional.interpolate(block.norm1(x).relu(), scale_factor=2)
    h = block.conv2(block.norm2(block.conv1(h)).relu())
    torch.testing.assert_close(block(x), h + block.shortcut(functional.interpolate(x, scale_factor=2)))


@pytest.mark.parametrize("first", [False, True])
def test_a_down_block_is_the_papers_with_the_shortcut_convolved_before_averaging(first: bool) -> None:
    # Miyato et al. 2018, figure 8a; the first block takes images as they are
    block, x = DownBlock(3, 5, down=True, first=first), torch.randn(2, 3, 8, 8)
    h = block.conv2(block.conv1(x if first else x.clamp(min=0)).clamp(min=0))
    torch.testing.assert_close(block(x), functional.avg_pool2d(h + block.shortcut(x), 2))


def test_a_block_that_keeps_size_and_channels_adds_its_input_unchanged() -> None:
    block, x = DownBlock(4, 4, down=False), torch.randn(2, 4, 6, 6)
    nn.init.zeros_(block.conv2.weight)
    nn.init.zeros_(block.conv2.bias)
    assert torch.equal(block(x), x)


def conditioned(norm: nn.Module) -> ConditionalBatchNorm:
    assert isinstance(norm, ConditionalBatchNorm)
    return norm


def test_class_gains_and_biases_act_on_their_class_alone() -> None:
    norm = conditioned(class_batch_norm(3)(2))
    x, labels = 5 + 3 * torch.randn(30, 2, 4, 4), torch.arange(30) % 3
    plain = functional.batch_norm(x, None, None, training=True)
    torch.testing.assert_close(norm(x, labels), plain)
    gains, biases = norm.gain, norm.bias
    assert isinstance(gains, nn.Embedding) and isinstance(biases, nn.Embedding)
    with torch.no_grad():
        gains.weight[1] = torch.tensor([1.0, -1.0])
        biases.weight[2] = torch.tensor([0.5, 7.0])
    out = norm(x, labels)
    torch.testing.assert_close(out[labels == 0], plain[labels == 0])
    torch.testing.assert_close(out[labels == 1], plain[labels == 1] * torch.tensor([2.0, 0.0])[:, None, None])
    torch.testing.assert_close(out[labels == 2], plain[labels == 2] + torch.tensor([0.5, 7.0])[:, None, None])


def test_a_linear_condition_of_zero_is_plain_batch_norm_in_training_and_evaluation() -> None:
    norm, plain = conditioned(linear_batch_norm(4)(3)), nn.BatchNorm2d(3, affine=False)
    for _ in range(3):
        x = 2 + torch.randn(8, 3, 4, 4)
        torch.testing.assert_close(norm(x, torch.zeros(8, 4)), plain(x))
    norm.eval()
    plain.eval()
    torch.testing.assert_close(norm(x, torch.zeros(8, 4)), plain(x))
    condition = torch.randn(8, 4)
    gain, bias = condition @ norm.gain.weight.t(), condition @ norm.bias.weight.t()  # type: ignore[operator, union-attr]
    torch.testing.assert_close(norm(x, condition), plain(x) * (1 + gain)[:, :, None, None] + bias[:, :, None, None])


def attention(gamma: float, pooled: bool = True) -> SelfAttention:
    block = SelfAttention(16, pooled)
    nn.init.constant_(block.gamma, gamma)
    return block


def test_attention_is_the_sum_of_the_papers_equations() -> None:
    block, x = attention(0.7, pooled=False), torch.randn(2, 16, 3, 3)
    f, g, h, v = (layer.weight[:, :, 0, 0] for layer in (block.key, block.query, block.value, block.output))
    assert f.shape == g.shape == h.shape == (2, 16)  # an eighth of the channels (Zhang et al. 2019, section 3)
    expected = x.clone()
    for n in range(2):
        positions = [x[n, :, i // 3, i % 3] for i in range(9)]
        for j, here in enumerate(positions):
            match = torch.stack([(f @ there).dot(g @ here) for there in positions])  # s_ij, eq. 1
            share = match.exp() / match.exp().sum()
            o = v @ sum(s * (h @ there) for s, there in zip(share, positions, strict=True))  # eq. 2
            expected[n, :, j // 3, j % 3] += 0.7 * o  # eq. 3
    torch.testing.assert_close(block(x), expected)


def thinned(maps: Tensor) -> list[Tensor]:
    """The largest of every 2x2 positions of (channels, height, width), of fewer at the far border of odd sides."""
    rows, columns = range(0, maps.shape[1], 2), range(0, maps.shape[2], 2)
    return [maps[:, i : i + 2, j : j + 2].flatten(1).max(1).values for i in rows for j in columns]


@pytest.mark.parametrize("size", [(4, 4), (7, 7), (3, 5), (2, 1), (1, 1)], ids=str)
def test_pooled_attention_takes_from_a_quarter_of_the_positions_and_leaves_none_out(size: tuple[int, int]) -> None:
    # brain-research/self-attention-gan, non_local.py: keys and queries C/8, values C/2, keys and values max-pooled 2x2
    block, x = attention(0.7), torch.randn(2, 16, *size)
    f, g, h, v = (layer.weight[:, :, 0, 0] for layer in (block.key, block.query, block.value, block.output))
    assert f.shape == g.shape == (2, 16) and h.shape == (8, 16) and v.shape == (16, 8)
    expected = x.clone()
    for n in range(2):
        keys, values = (thinned(torch.einsum("ab,bhw->ahw", w, x[n])) for w in (f, h))
        assert len(keys) == len(values) == -(-size[0] // 2) * -(-size[1] // 2)
        for i in range(size[0]):
            for j in range(size[1]):
                share = torch.softmax(torch.stack([key.dot(g @ x[n, :, i, j]) for key in keys]), 0)
                expected[n, :, i, j] += 0.7 * (v @ sum(s * value for s, value in zip(share, values, strict=True)))
    found = block(x)
    assert found.shape == x.shape
    torch.testing.assert_close(found, expected)


def test_every_position_of_an_odd_map_is_seen_by_the_others() -> None:
    block, x = attention(1.0).double(), torch.randn(1, 16, 7, 7, dtype=torch.float64)
    with torch.no_grad():
        for weight in (block.key.weight, block.value.weight):
            weight.abs_()  # so that a position that stands out is the largest of its neighbours in every channel
    still = block(x)
    for place in ((6, 6), (6, 0), (3, 6)):
        louder = x.clone()
        louder[0, :, place[0], place[1]] = 9.0
        moved = (block(louder) - still)[0].abs().sum(0) > 1e-9
        assert moved.sum() == 49, "what is at the far border reaches every position"


def test_attention_starts_as_the_identity_and_its_weight_gets_a_gradient() -> None:
    block, x = SelfAttention(16), torch.randn(2, 16, 4, 4)
    out = block(x)
    assert torch.equal(out, x)
    out.square().sum().backward()
    assert block.gamma.grad is not None and block.gamma.grad.abs() > 0


@pytest.mark.parametrize("pooled", [True, False])
def test_attention_has_a_second_derivative(pooled: bool) -> None:
    block, x = attention(0.5, pooled).double(), torch.randn(1, 16, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(block, x)


@pytest.mark.parametrize(
    ("sides", "largest", "side"),
    [
        ([128, 64, 32, 16, 8, 4], 32, 32),  # Zhang et al. 2019, table 1
        ([128, 64, 32, 16, 8, 4], 64, 64),  # Brock et al. 2019, appendix B, at 128 and at 256 pixels
        ([256, 128, 64, 32, 16, 8, 4], 64, 64),
        ([32, 16, 8, 4], 64, 16),
        ([28, 14, 7], 32, 14),
        ([8, 4], 64, 4),
    ],
)
def test_attention_sits_where_the_papers_have_it_or_on_half_the_image(sides: list[int], largest: int, side: int) -> None:
    assert attention_side(sides, largest) == side


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("side", [16, 8, 4])
def test_both_networks_attend_on_the_map_they_are_told(side: int, pooled: bool) -> None:
    seen: list[tuple[int, ...]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append(tuple(inputs[0].shape[1:]))

    generator = ResNetGenerator(4, 1, [32, 16, 8, 4], [40, 32, 24, 16], attention=side, pooled=pooled)
    discriminator = ResNetDiscriminator(1, 32, [16, 24, 32, 40], 3, attention=side, pooled=pooled)
    for module in (*generator.modules(), *discriminator.modules()):
        if isinstance(module, SelfAttention):
            module.register_forward_hook(note)
            assert module.value.out_channels == module.query.in_channels // (2 if pooled else 8)
    discriminator(generator(torch.randn(2, 4)))
    channels = {16: (24, 16), 8: (32, 24), 4: (40, 32)}[side]
    assert seen == [(channels[0], side, side), (channels[1], side, side)]


def test_the_discriminator_sums_over_positions_and_multiplies_with_the_class_vector() -> None:
    # Miyato & Koyama 2018, eq. 3: f(x, y) = y^T V phi(x) + psi(phi(x))
    network, images = ResNetDiscriminator(1, 8, [4, 6], 1, classes=3), torch.randn(5, 1, 8, 8)
    labels = torch.tensor([0, 1, 2, 1, 0])
    maps = network.blocks(images)
    assert maps.shape == (5, 6, 4, 4) and maps.min() >= 0
    features = torch.stack([sum(maps[n, :, i, j] for i in range(4) for j in range(4)) for n in range(5)])  # type: ignore[misc]
    vectors = network.classes
    assert vectors is not None
    inner = torch.stack([features[n].dot(vectors.weight[labels[n]]) for n in range(5)])
    unconditional = features @ network.output.weight[0] + network.output.bias
    torch.testing.assert_close(network(images, labels), inner + unconditional)
