"""Do the penalties have the values that their papers give, on discriminators where those are known?"""

import math

import pytest
import torch
from torch import Tensor, nn

from baselines.blocks.penalties import (
    consistency,
    dragan_penalty,
    gradient_norm_penalty,
    lecam,
    orthogonal_penalty,
    path_lengths,
    zero_centred_penalty,
)

WEIGHT = torch.tensor([2.0, -1.0, 2.0], dtype=torch.float64)
"""Norm 3."""


def line(x: Tensor) -> Tensor:
    return x @ WEIGHT


@pytest.mark.parametrize("n", [1, 4, 64])
def test_r1_and_r2_of_a_linear_discriminator_are_half_its_squared_norm(n: int) -> None:
    assert zero_centred_penalty(line, torch.randn(n, 3, dtype=torch.float64)).item() == pytest.approx(4.5)


def test_r1_of_a_parabola_is_half_the_mean_square_of_its_slope() -> None:
    x = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    assert zero_centred_penalty(lambda points: points.square().sum(1), x).item() == pytest.approx(0.5 * (4 + 36) / 2)


def test_a_norm_penalty_of_a_linear_discriminator_is_exact() -> None:
    points = torch.randn(5, 3, dtype=torch.float64)
    assert gradient_norm_penalty(line, points).item() == pytest.approx((3 - 1) ** 2)
    assert gradient_norm_penalty(line, points, target=3.0).item() == pytest.approx(0, abs=1e-12)


def test_dragan_looks_around_real_examples_within_half_their_standard_deviation() -> None:
    seen: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return line(x)

    real, noise, mix = torch.randn(50, 3).double(), torch.rand(50, 3).double(), torch.rand(50).double()
    assert dragan_penalty(critic, real, noise, mix).item() == pytest.approx(4)
    torch.testing.assert_close(seen[0], (1 - mix[:, None]) * real + mix[:, None] * (real + 0.5 * real.std() * noise))


def test_lecam_pulls_real_values_to_the_fakes_average_and_fakes_to_the_reals() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-2.0, 0.0])
    # ((1 + 1)^2 + (3 + 1)^2) / 2 + ((-2 - 2)^2 + (0 - 2)^2) / 2
    assert lecam(real, fake, torch.tensor(2.0), torch.tensor(-1.0)).item() == pytest.approx(10 + 10)


def test_one_sided_lecam_leaves_what_is_on_the_wrong_side_already() -> None:
    real, fake, averages = torch.tensor([-3.0, 3.0]), torch.tensor([5.0, 0.0]), (torch.tensor(2.0), torch.tensor(-1.0))
    # of the real values only 3 is above a_F = -1, of the generated ones only 0 is below a_R = 2
    assert lecam(real, fake, *averages, one_sided=True).item() == pytest.approx((3 + 1) ** 2 / 2 + (2 - 0) ** 2 / 2)
    assert lecam(real, fake, *averages).item() == pytest.approx((2**2 + 4**2) / 2 + (3**2 + 2**2) / 2)


def test_consistency_is_the_mean_squared_change_and_zero_without_one() -> None:
    values = torch.tensor([1.0, -2.0])
    assert consistency(values, values).item() == 0
    assert consistency(values, values + torch.tensor([1.0, 3.0])).item() == pytest.approx(5)


def test_path_lengths_of_a_linear_generator_are_those_of_its_transpose() -> None:
    # images = A w, so J^T y = A^T y / sqrt(pixels), for any y
    matrix = torch.randn(12, 5, dtype=torch.float64)
    styles = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(7, 3, 2, 2, dtype=torch.float64)
    found = path_lengths((styles @ matrix.t()).view(7, 3, 2, 2), styles, noise)
    torch.testing.assert_close(found, (noise.flatten(1) / 2 @ matrix).norm(dim=1))


def test_path_lengths_take_the_root_mean_square_over_layers() -> None:
    styles = torch.randn(4, 3, 6, dtype=torch.float64, requires_grad=True)
    scales = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
    noise = torch.randn(4, 1, 2, 3, dtype=torch.float64)
    images = (scales[:, None] * styles).sum(1).view(4, 1, 2, 3)
    expected = noise.flatten(1).norm(dim=1) / 6**0.5 * (scales.square().mean()).sqrt()
    torch.testing.assert_close(path_lengths(images, styles, noise), expected)


def test_path_lengths_of_an_isometry_average_to_the_root_of_the_style_dimension_at_any_resolution() -> None:
    # |J^T y| with J orthonormal columns scaled by sqrt(pixels): a chi variable with d degrees of freedom, mean about sqrt(d)
    for pixels in (16, 64):
        basis = torch.linalg.qr(torch.randn(pixels**2, 9, dtype=torch.float64)).Q * pixels
        styles = torch.randn(4000, 9, dtype=torch.float64, requires_grad=True)
        noise = torch.randn(4000, 1, pixels, pixels, dtype=torch.float64)
        lengths = path_lengths((styles @ basis.t()).view_as(noise), styles, noise)
        expected = math.sqrt(2) * math.exp(math.lgamma(5) - math.lgamma(4.5))
        assert lengths.mean().item() == pytest.approx(expected, abs=4 * lengths.std().item() / 4000**0.5)


def test_orthogonal_filters_of_any_length_cost_nothing_and_parallel_ones_their_squared_product_twice() -> None:
    orthogonal = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q[:4] * torch.tensor([[1.0], [2.0], [3.0], [4.0]]).double()
    assert orthogonal_penalty([orthogonal]).item() == pytest.approx(0, abs=1e-20)
    unit = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert orthogonal_penalty([unit]).item() == pytest.approx(2)
    assert orthogonal_penalty([unit.view(2, 2, 1, 1), 2 * unit]).item() == pytest.approx(2 + 32)
    tall = torch.randn(9, 4, dtype=torch.float64)
    products = tall @ tall.t()
    assert orthogonal_penalty([tall]).item() == pytest.approx(products.square().sum().item() - products.diag().square().sum().item())


def test_every_penalty_moves_the_discriminator_and_not_the_examples() -> None:
    critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    examples = torch.randn(4, 3, requires_grad=True)
    for penalty in (
        zero_centred_penalty(critic, examples),
        gradient_norm_penalty(critic, examples),
        dragan_penalty(critic, examples, torch.rand(4, 3), torch.rand(4)),
    ):
        critic.zero_grad()
        penalty.backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for name, p in critic.named_parameters() if name != "2.bias")
        assert examples.grad is None


def test_penalties_agree_with_finite_differences() -> None:
    weight = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    points, noise = torch.randn(5, 3).double(), torch.rand(5, 3).double()
    for function in (
        lambda w: zero_centred_penalty(lambda x: (x @ w).tanh().sum(1), points),
        lambda w: gradient_norm_penalty(lambda x: (x @ w).tanh().sum(1), points),
        lambda w: dragan_penalty(lambda x: (x @ w).tanh().sum(1), points, noise, noise[:, 0]),
        lambda w: orthogonal_penalty([w]),
    ):
        assert torch.autograd.gradcheck(function, (weight,))
