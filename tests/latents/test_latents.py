"""Are paths, their smoothness and SeFa's directions what their definitions say?"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ganbench.errors import RequestError
from ganbench.latents.directions import first_weights, sefa
from ganbench.latents.figures import TRUNCATIONS, LatentAtlas
from ganbench.latents.paths import path, smoothness
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.training.trainer import Trainer

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]


def test_a_great_circle_keeps_its_radius_and_a_line_does_not() -> None:
    start, end = torch.tensor([[3.0, 0.0]]).double(), torch.tensor([[0.0, 3.0]]).double()
    round_, straight = path(start, end, 5, straight=False), path(start, end, 5, straight=True)
    for way in (round_, straight):
        assert way.shape == (1, 5, 2)
        torch.testing.assert_close(way[:, 0], start)
        torch.testing.assert_close(way[:, -1], end)
    torch.testing.assert_close(round_.norm(dim=2), torch.full((1, 5), 3.0).double())
    torch.testing.assert_close(round_[0, 2], torch.tensor([3.0, 3.0]).double() / 2**0.5)
    torch.testing.assert_close(straight[0, 2], torch.tensor([1.5, 1.5]).double())


def test_an_even_straight_path_is_smooth_and_one_jump_is_as_large_as_the_number_of_steps() -> None:
    even = torch.linspace(0, 1, 6).view(1, 6, 1).expand(3, 6, 4)
    found = smoothness(even)
    assert found is not None and (found.jump, found.length) == (pytest.approx(1), pytest.approx(1))
    jumping = torch.tensor([0.0, 0, 0, 1, 1, 1]).view(1, 6, 1)
    found = smoothness(jumping)
    assert found is not None and (found.jump, found.length) == (pytest.approx(5), pytest.approx(1))
    detour = torch.tensor([0.0, 1, 2, 1]).view(1, 4, 1)
    found = smoothness(detour)
    assert found is not None and found.length == pytest.approx(3)
    assert smoothness(torch.ones(2, 4, 3)) is None
    both = torch.cat([torch.ones(1, 6, 1), jumping])
    found = smoothness(both)
    assert found is not None and found.jump == pytest.approx(5), "a path that goes nowhere has no smoothness"


def test_sefa_finds_the_axes_of_a_stretching_and_counts_them() -> None:
    rotation = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
    stretch = torch.diag(torch.tensor([1.0, 5.0, 3.0, 0.0], dtype=torch.float64))
    found = sefa(rotation @ stretch, 3)
    torch.testing.assert_close(found.vectors, torch.eye(4, dtype=torch.float64)[[1, 2, 0]])
    torch.testing.assert_close(found.eigenvalues, torch.tensor([25.0, 9.0, 1.0, 0.0], dtype=torch.float64), atol=1e-12, rtol=0)
    assert sefa(torch.eye(6), 6).effective_rank == pytest.approx(6)
    assert sefa(torch.ones(5, 1) @ torch.randn(1, 6), 2).effective_rank == pytest.approx(1, abs=1e-6)
    assert sefa(torch.randn(3, 6), 99).vectors.shape == (6, 6)


def test_the_first_weights_are_those_that_a_latent_meets(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    gan: Any = tiny_trainer(tiny_spec("gan")).variant
    assert torch.equal(first_weights(gan), gan.generator[0].weight)  # type: ignore[arg-type]
    dcgan: Any = tiny_trainer(tiny_spec("dcgan")).variant
    weights = first_weights(dcgan)
    latents = torch.randn(3, dcgan.config.latent_dim)
    assert weights is not None
    torch.testing.assert_close(latents @ weights.t(), dcgan.generator.project(latents[:, :, None, None]).flatten(1))
    style: Any = tiny_trainer(tiny_spec("stylegan2", config={"style_dim": 6})).variant
    affine = first_weights(style)
    assert affine is not None and affine.shape[1] == 6
    taking = [
        m for m in style.generator.synthesis.modules() if isinstance(getattr(m, "weight", None), nn.Parameter) and m.weight.dim() == 2
    ]
    assert affine.shape[0] == sum(len(m.weight) for m in taking)
    for name in ("biggan", "acgan"):  # hierarchical latents; a class beside the latent
        assert first_weights(tiny_trainer(tiny_spec(name)).variant) is None


def test_a_table_of_classes_before_the_first_layer_hides_no_directions(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    variant: Any = tiny_trainer(tiny_spec("gan")).variant
    first = variant.generator[0].weight
    variant.generator = nn.Sequential(nn.Embedding(10, variant.config.latent_dim), *variant.generator)
    assert torch.equal(first_weights(variant), first)  # type: ignore[arg-type]


def test_a_mistake_in_a_methods_truncation_is_told(tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    variant = tiny_trainer(tiny_spec("biggan")).variant

    def mistaken(self: Any, latents: torch.Tensor, truncation: float, labels: torch.Tensor | None = None) -> torch.Tensor:
        raise RequestError("labels are missing")

    monkeypatch.setattr(type(variant), "generate_truncated", mistaken)
    with pytest.raises(RequestError, match="labels are missing"):
        LatentAtlas(variant, 0, 2, 3).figures()


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("dcgan", ["interpolation-latents", "directions"]),
        ("biggan", ["interpolation-latents", "truncation"]),
        ("stylegan", ["interpolation-latents", "interpolation-styles", "mixing", "truncation", "directions"]),
        ("stylegan2", ["interpolation-latents", "interpolation-styles", "mixing", "truncation", "directions"]),
        ("stylegan2_ada", ["interpolation-latents", "interpolation-styles", "mixing", "truncation", "directions"]),
    ],
)
def test_an_atlas_shows_what_a_method_has(tiny_spec: TinySpec, tiny_trainer: NewTrainer, name: str, figures: list[str]) -> None:
    variant = tiny_trainer(tiny_spec(name)).variant
    before = {key: value.clone() for key, value in variant.state_dict().items()}
    atlas = LatentAtlas(variant, seed=0, rows=3, columns=5)
    found = {figure.name: figure for figure in atlas.figures()}
    assert list(found) == figures
    sizes = {"mixing": (16, 4), "truncation": (3 * len(TRUNCATIONS), len(TRUNCATIONS))}
    for key, figure in found.items():
        assert (len(figure.images), figure.columns) == sizes.get(key, (15, 5))
        assert figure.images.shape[1:] == (1, 8, 8) and figure.caption
    again = LatentAtlas(variant, seed=0, rows=3, columns=5).figures()
    assert all((figure.images == found[figure.name].images).all() for figure in again)
    assert all(torch.equal(value, before[key]) for key, value in variant.state_dict().items()), "looking changes nothing"
    if "mixing" in found:
        grid = found["mixing"].images.reshape(4, 4, 1, 8, 8)
        assert (grid[0, 0] == 128).all()
        whole = found["truncation"].images.reshape(3, -1, 1, 8, 8)[:, TRUNCATIONS.index(1.0)]
        starts = found["interpolation-latents"].images.reshape(3, 5, 1, 8, 8)[:, 0]
        assert (whole == starts).all(), "truncation 1 is none"


@pytest.mark.parametrize("name", ["biggan", "projection_gan", "stylegan2"])
def test_a_row_is_of_one_class(tiny_spec: TinySpec, tiny_trainer: NewTrainer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"conditional": True} if name == "stylegan2" else {}
    training = tiny_trainer(tiny_spec(name, config=config))
    asked: list[tuple[int, list[int]]] = []
    real = type(training.variant).generate

    def noted(self: Any, latents: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        if labels is not None:
            asked.append((len(latents), labels.tolist()))
        return real(self, latents, labels)

    atlas = LatentAtlas(training.variant, seed=0, rows=3, columns=5)
    assert atlas.classes == ("class 0", "class 1", "class 2")
    monkeypatch.setattr(type(training.variant), "generate", noted)
    atlas.interpolation(straight=False)
    assert asked == [(15, [0] * 5 + [1] * 5 + [2] * 5)]


def test_points_have_no_atlas(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    with pytest.raises(RequestError, match="figures of a latent space need images, and this run makes 2-D points"):
        LatentAtlas(tiny_trainer(tiny_spec("gan", DatasetSpec(name="ring8"))).variant, 0, 2, 3)
