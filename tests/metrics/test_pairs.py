"""Is what float32 proposes and float64 settles exactly what float64 alone would say?"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch

from ganbench.metrics.kernel import KD
from ganbench.metrics.manifold import COVERAGE, DENSITY, PRECISION, RECALL
from ganbench.pairs import one_pass as pairs
from ganbench.pairs import sizes
from ganbench.pairs.candidates import below
from ganbench.pairs.neighbours import NEIGHBOURS, Manifold, contained
from ganbench.pairs.points import Points, grams
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

FOUR = (PRECISION, RECALL, DENSITY, COVERAGE)


def layer(n: int, d: int, *name: int) -> torch.Tensor:
    """Rectified float32 features of a common scale, as a network gives them."""
    return torch.relu(torch.randn(n, d, generator=stream(21, "test-pairs", *name)) * torch.arange(1, d + 1) ** -0.5 + 0.3)


CHANGES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "same law": lambda x: x,
    "shifted": lambda x: x * 1.1 + 0.05,
    "far from the origin": lambda x: x + 300,
    "ten examples copied": lambda x: x[:10].repeat_interleave(-(-len(x) // 10), 0)[: len(x)],
    "nearly one point": lambda x: x[:1] + 1e-6 * x,
    "one point": lambda x: x[:1].expand_as(x).clone(),
}


def distances(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Squared distances from differences in float64."""
    return torch.stack([(row - y.double()).square().sum(1) for row in x.double()])


@pytest.mark.parametrize("kind", CHANGES)
def test_radii_are_those_of_differences_in_float64(kind: str) -> None:
    x = CHANGES[kind](layer(300, 200, 0))
    brute = distances(x, x).fill_diagonal_(torch.inf).sort(1).values[:, :NEIGHBOURS]
    found = Manifold.of(x)
    torch.testing.assert_close(found.squared_radii, brute, rtol=1e-12, atol=1e-12 * brute.max().item())
    own = torch.arange(300).repeat_interleave(NEIGHBOURS)
    assert torch.equal((x.double()[own] - x.double()[found.indices.reshape(-1)]).square().sum(1).view(-1, NEIGHBOURS), found.squared_radii)


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("closed", [True, False])
def test_containment_is_that_of_differences_in_float64(kind: str, closed: bool) -> None:
    x, y = layer(260, 120, 1), CHANGES[kind](layer(210, 120, 2))
    for queries, balls in ((x, y), (y, x), (y, y[torch.randperm(len(y), generator=stream(0, "order"))])):
        manifold, k = Manifold.of(balls), 3
        inside = distances(queries, balls) <= manifold.threshold(k, closed)
        found = contained(Manifold.of(queries), manifold, ((k, closed),))[0]
        assert torch.equal(found.per_query, inside.sum(1))
        assert torch.equal(found.per_ball, inside.sum(0))


@pytest.mark.parametrize("kind", CHANGES)
def test_float32_features_score_as_their_float64_copies(kind: str) -> None:
    x, y = layer(250, 150, 3), CHANGES[kind](layer(240, 150, 4))
    narrow = Comparison(Features(values=x), Features(values=y))
    wide = Comparison(Features(values=x.double()), Features(values=y.double()))
    for metric in FOUR:
        first, second = (metric.estimate(sets, stream(0, "metric")) for sets in (narrow, wide))
        assert first == second
    first, second = (KD.estimate(sets, stream(0, "metric")) for sets in (narrow, wide))
    assert first.value == pytest.approx(second.value, rel=1e-6, abs=1e-9)
    assert first.ci_high == pytest.approx(second.ci_high, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("kind", CHANGES)
def test_kernel_sums_are_those_of_the_kernel_itself(kind: str) -> None:
    x, y = layer(150, 90, 5), CHANGES[kind](layer(140, 90, 6))
    kernels = [(a.double() @ b.double().T / 90 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
    expected = sum((k.sum() - k.trace()).item() / (len(k) * (len(k) - 1)) for k in kernels[:2]) - 2 * kernels[2].mean().item()
    found = KD.estimate(Comparison(Features(values=x), Features(values=y)), stream(0, "metric")).value
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9 * kernels[2].abs().max().item())
    comparison = Comparison(Features(values=x.double()), Features(values=y.double()))
    torch.testing.assert_close(comparison.kernel.row_means, kernels[2].mean(1), rtol=1e-12, atol=0)
    torch.testing.assert_close(comparison.kernel.column_means, kernels[2].mean(0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("noise", [0.0, 1e-6])
def test_many_doubtful_pairs_are_settled_by_one_product(monkeypatch: pytest.MonkeyPatch, noise: float) -> None:
    x, y = layer(200, 60, 7), layer(5, 60, 8).repeat(40, 1) + noise * layer(200, 60, 9)
    x[::4] = y[::4]
    before = contained(Manifold.of(y), Manifold.of(x), ((3, True),))[0]
    monkeypatch.setattr(sizes, "CACHED", replace(sizes.CACHED, pairs=0))
    after = contained(Manifold.of(y), Manifold.of(x), ((3, True),))[0]
    assert torch.equal(before.per_query, after.per_query)
    assert torch.equal(before.per_ball, after.per_ball)


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("held", [replace(sizes.LARGE, rows=64), sizes.Sizes(rows=37, differences=1, pairs=100), sizes.LARGE], ids=str)
def test_no_size_changes_a_neighbour_or_a_membership(kind: str, held: sizes.Sizes, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = layer(260, 50, 16), CHANGES[kind](layer(210, 50, 17))
    monkeypatch.setattr(sizes, "CACHED", held)
    for queries, balls in ((x, y), (y, x)):
        manifold = Manifold.of(balls)
        assert torch.equal(manifold.squared_radii, distances(balls, balls).fill_diagonal_(torch.inf).sort(1).values[:, :NEIGHBOURS])
        found = contained(Manifold.of(queries), manifold, ((3, True), (5, False)))
        for count, (k, closed) in zip(found, ((3, True), (5, False)), strict=True):
            inside = distances(queries, balls) <= manifold.threshold(k, closed)
            assert torch.equal(count.per_query, inside.sum(1))
            assert torch.equal(count.per_ball, inside.sum(0))
            shell = (distances(queries, balls) <= manifold.threshold(k + 1, closed)) & ~inside
            assert torch.equal(count.shell_per_ball, shell.sum(0))


@pytest.mark.parametrize("shape", [(1, 1), (5, 31), (31, 5), (64, 64), (50, 100)])
def test_pairs_below_a_limit_are_found_in_blocks_of_any_shape(shape: tuple[int, int]) -> None:
    gram, rows, columns = (torch.randn(size, generator=stream(0, f"below/{size}")) for size in (shape, shape[:1], shape[1:]))
    columns[::3] = torch.inf  # no neighbours yet
    for view, across, down in ((gram, rows, columns), (gram.T.contiguous().T, rows, columns), (gram, rows - 9, columns)):
        found = torch.zeros(shape, dtype=torch.int64)
        row, column = below(view, across, down)
        found.index_put_((row, column), torch.ones_like(row), accumulate=True)
        assert torch.equal(found, (down - 2 * gram <= across[:, None]).long())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("far", [1e4, 1e6, 1e12])
def test_a_far_example_changes_nothing_about_the_others(far: float, dtype: torch.dtype) -> None:
    x, y = layer(300, 16, 14).to(dtype), (layer(250, 16, 15) * 1.05).to(dtype)
    x[3], y[4] = far, -far
    for queries, balls in ((x, y), (y, x)):
        manifold = Manifold.of(balls)
        brute = distances(balls, balls).fill_diagonal_(torch.inf).sort(1).values[:, :NEIGHBOURS]
        assert torch.equal(manifold.squared_radii, brute)
        for k, closed in ((3, True), (5, False)):
            inside = distances(queries, balls) <= manifold.threshold(k, closed)
            found = contained(Manifold.of(queries), manifold, ((k, closed),))[0]
            assert torch.equal(found.per_query, inside.sum(1))
            assert torch.equal(found.per_ball, inside.sum(0))


def test_one_pass_serves_all_metrics_with_the_values_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = layer(120, 40, 10), layer(110, 40, 11) * 1.05
    alone = [metric.estimate(Comparison(Features(values=x), Features(values=y)), stream(0, "metric")) for metric in (KD, *FOUR)]
    monkeypatch.setattr(sizes, "CACHED", replace(sizes.CACHED, rows=50))
    blocks: list[int] = []

    def counted(rows: Points, columns: Points) -> Iterator[tuple[slice, slice, torch.Tensor]]:
        for block in grams(rows, columns):
            blocks.append(1)
            yield block

    monkeypatch.setattr(pairs, "grams", counted)
    comparison = Comparison(Features(values=x), Features(values=y))
    comparison.expect(share for metric in (KD, *FOUR) for share in metric.shares)
    together = [metric.estimate(comparison, stream(0, "metric")) for metric in (KD, *FOUR)]
    assert [one.value for one in together[1:]] == [one.value for one in alone[1:]]
    assert together[0].value == pytest.approx(alone[0].value, rel=1e-6)  # sums in another order, of float32 blocks
    # 3 blocks of 50 rows on either side: 6 on and above the diagonal of each set, and 9 between them.
    assert len(blocks) == 6 + 6 + 9


def test_features_too_large_for_float32_products_are_taken_in_float64() -> None:
    x = layer(50, 10, 12)
    assert Points.of(x, x.double().mean(0)).centred.dtype == torch.float32
    assert Points.of(x * 1e8, x.double().mean(0)).centred.dtype == torch.float64


def test_the_callers_features_stay_as_they_were() -> None:
    for x in (layer(80, 10, 13), layer(80, 10, 13).double()):
        before = x.clone()
        comparison = Comparison(Features(values=x), Features(values=x + 0.1))
        for metric in (KD, *FOUR):
            metric.estimate(comparison, stream(0, "metric"))
        assert torch.equal(x, before)
