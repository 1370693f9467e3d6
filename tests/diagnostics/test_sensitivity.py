"""Does a generator that ignores its latents show it?"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from ganbench.diagnostics.base import Case
from ganbench.diagnostics.rules import judge
from ganbench.diagnostics.sensitivity import PAIRS, sensitivity_diagnostics, typical_distance
from ganbench.results.diagnosis import Finding
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

REAL = torch.randn(500, 16, generator=stream(3, "test-sensitivity"))


@dataclass
class Model:
    """A generator of points or images of 16 values, from as many latents."""

    make: Callable[[Tensor], Tensor]
    has_styles = False

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, 16, generator=generator)

    def styles(self, latents: Tensor) -> None:
        return None

    def images(self, latents: Tensor, styles: bool) -> Tensor:
        return self.make(latents)


def found(make: Callable[[Tensor], Tensor], real: Tensor = REAL) -> dict[str, Finding]:
    case = Case(
        comparison=Comparison(Features(values=torch.rand(10, 2)), Features(values=torch.rand(10, 2))),
        generator=Model(make),
        real_examples=real,
    )
    findings = [
        Finding(
            diagnostic="latent_sensitivity", measure=one.name, value=one.value, held_out=None, perfect=one.perfect, least=0, most=None,
            n=one.n, verdict=None,
        )
        for one in sensitivity_diagnostics(case)
    ]  # fmt: skip
    return {one.measure: one for one in findings}


def verdicts(some: dict[str, Finding]) -> list[str | None]:
    return [judge(one)[0] for one in some.values()]


def test_a_generator_whose_examples_are_spread_as_real_ones_has_one() -> None:
    same = found(lambda latents: latents)
    # distances over distances: equal for every pair, but for the estimate of the real distance from 250 pairs, 18 % / sqrt(250)
    assert same["latent_sensitivity"].value == pytest.approx(1, abs=0.05)
    assert same["latent_sensitivity_min"].value == pytest.approx(same["latent_sensitivity"].value, rel=1e-6)
    assert verdicts(same) == ["fine", "fine"]
    assert same["latent_sensitivity"].n == PAIRS


@pytest.mark.parametrize(("factor", "verdict"), [(0.8, "fine"), (0.4, "suspicious"), (0.1, "collapsed")])
def test_a_weaker_answer_to_latents_is_proportional(factor: float, verdict: str) -> None:
    less = found(lambda latents: factor * latents + 3)
    assert less["latent_sensitivity"].value == pytest.approx(factor, rel=0.05)
    assert verdicts(less) == [verdict, "fine"]


def test_a_constant_generator_has_zero() -> None:
    constant = found(torch.ones_like)
    assert [one.value for one in constant.values()] == [0, 0]
    assert verdicts(constant) == ["collapsed", "suspicious"]


def test_latents_that_give_the_same_example_are_told() -> None:
    # half of the latents give one example, so that a quarter of the pairs are equal
    some = found(lambda latents: torch.where(latents[:, :1] > 0, latents, torch.zeros(16)))
    assert some["latent_sensitivity_min"].value == 0
    assert verdicts(some)[1] == "suspicious"


def test_images_are_compared_in_their_range_whatever_their_size() -> None:
    levels = torch.randint(0, 256, (400, 1, 4, 4), generator=stream(3, "test-levels"), dtype=torch.uint8)
    large = levels.repeat(1, 1, 3, 3)
    assert typical_distance(levels, 0) == pytest.approx(typical_distance(large, 0), rel=1e-12)
    # two independent uniform values in [-1, 1]: root mean square difference sqrt(2/3)
    assert typical_distance(levels, 0) == pytest.approx((2 / 3) ** 0.5, rel=0.03)


def test_equal_real_examples_leave_it_undefined() -> None:
    assert [one.value for one in found(lambda latents: latents, torch.ones(50, 16)).values()] == [None, None]
