"""Are the comparisons with public code sound, and do the kept results hold what the page says?"""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from baselines.blocks.spectral import normalise_spectrally
from baselines.conformance.__main__ import compared_with, main
from baselines.conformance.codes import CODES
from baselines.conformance.copying import apart, called, copied, imported, randomised
from baselines.conformance.results import RESULTS, Result, read_results, write_results
from ganbench.errors import RequestError
from ganbench.registry import VARIANTS

CHECKOUTS = os.environ.get("GANBENCH_CHECKOUTS", "")
"""A folder with checkouts of public code, each under the last part of its name."""


class Backwards(nn.Module):
    """Defines its layers in another order than it calls them, as other people's code may."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.last = nn.Linear(6, 2, bias=bias)
        self.norm = nn.BatchNorm1d(6)
        self.first = nn.Linear(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.norm(self.first(x)).relu())
        return y


def forwards() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("bias", [True, False])
def test_weights_are_copied_in_the_order_in_which_layers_are_called(bias: bool) -> None:
    theirs, ours, x = Backwards(bias).eval(), forwards().eval(), torch.randn(5, 4)
    layers = called(theirs, lambda: theirs(x))
    assert layers == [theirs.first, theirs.norm, theirs.last]
    randomised(layers)
    assert apart(ours(x), theirs(x)) > 0.1
    copied(layers, called(ours, lambda: ours(x)))
    torch.testing.assert_close(ours(x), theirs(x))
    with torch.no_grad():
        theirs.first.bias[0] += 1e-2  # a comparison sees a single weight
    assert apart(ours(x), theirs(x)) > 1e-4


def test_layers_under_spectral_normalisation_are_copied_ahead_of_it() -> None:
    theirs, ours, x = forwards().eval(), normalise_spectrally(forwards().eval()), torch.randn(5, 4)
    layers = called(theirs, lambda: theirs(x))
    randomised(layers)
    found = called(ours, lambda: ours(x))
    assert all(parametrize.is_parametrized(layer) for layer in (found[0], found[2])) and len(found) == 3
    copied(layers, found)
    torch.testing.assert_close(ours(x), theirs(x), msg="random weights have a spectral norm of 1")


def test_networks_that_do_not_match_are_told() -> None:
    theirs, x = forwards(), torch.randn(5, 4)
    layers = called(theirs, lambda: theirs(x))
    with pytest.raises(ValueError, match="3 layers of theirs and 1 of ours"):
        copied(layers, [nn.Linear(4, 6)])
    with pytest.raises(ValueError, match=r"layer 0: weight of Linear is \(6, 4\), ours \(6, 5\)"):
        copied(layers[:1], [nn.Linear(5, 6)])
    with pytest.raises(ValueError, match="layer 0: bias of Linear has no place in Linear"):
        copied(layers[:1], [nn.Linear(4, 6, bias=False)])


def test_checkouts_with_equal_names_do_not_get_into_each_others_way(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model_of_somebody.py").write_text(f"import not_installed_here\nNAME = {name!r}\n")
        with imported(tmp_path / name, "model_of_somebody", absent={"not_installed_here": nn}) as (module,):
            assert name == module.NAME
        with pytest.raises(ModuleNotFoundError):
            __import__("not_installed_here")


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    given = Result(variant="b", part="all, and more", code="me/mine", version="1", difference=1.5e-7, ours=3, theirs=None, remark="a, b")
    write_results(
        [given, Result(variant="a", part="", code="me/mine", version="1", difference=0.0, ours=None, theirs=None)], tmp_path / "r.csv"
    )
    assert [one.variant for one in read_results(tmp_path / "r.csv")] == ["a", "b"]
    assert read_results(tmp_path / "r.csv")[1] == given


def test_what_cannot_be_compared_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="unknown code 'kwotsin/mimicri'; did you mean 'kwotsin/mimicry'"):
        main([f"kwotsin/mimicri={tmp_path}"])
    with pytest.raises(RequestError, match="give a checkout of https://github.com/kwotsin/mimicry"):
        main(["kwotsin/mimicry=nowhere"])
    before = RESULTS.read_bytes()
    for code in CODES:  # a folder of something else
        with pytest.raises(RequestError, match=f"^{code}: .* is no checkout that can be compared"):
            main([f"{code}={tmp_path}"])
    assert RESULTS.read_bytes() == before, "nothing is lost"


def test_every_comparison_was_made_and_found_the_networks_equal() -> None:
    results = read_results()
    assert {result.code for result in results} == set(CODES)
    assert {result.variant for result in results} <= set(VARIANTS.names())
    for result in results:
        # float64 leaves 1e-11 after a network; where the other code computes in float32, its rounding remains
        assert result.difference < (1e-5 if "float32" in result.remark else 1e-11), result
        assert result.ours == result.theirs or "bias" in result.remark, "another number of parameters is explained"


@pytest.mark.parametrize("code", CODES)
def test_a_checkout_gives_the_kept_results(code: str) -> None:
    folder = Path(CHECKOUTS) / code.rpartition("/")[2]
    if not CHECKOUTS or not folder.is_dir():
        pytest.skip(f"needs a checkout of {code} below GANBENCH_CHECKOUTS")
    found, kept = compared_with(code, folder), [result for result in read_results() if result.code == code]
    assert {(one.variant, one.part, one.ours, one.theirs) for one in found} == {
        (one.variant, one.part, one.ours, one.theirs) for one in kept
    }
    assert max(one.difference for one in found) < 1e-5
