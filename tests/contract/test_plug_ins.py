"""Do all that is registered and every template keep the contract of ``ganbench.testing``, and is what breaks it told from it?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from ganbench import testing
from ganbench.commands.new import write_template
from ganbench.data.dataset import ModeSet
from ganbench.diagnostics.base import Case
from ganbench.errors import RequestError
from ganbench.registry import DATASETS, DIAGNOSTICS, EXTRACTORS, METRICS, Registry
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features
from ganbench.targets import Target


class Scaled:
    """A generator of points: its latents, halved."""

    has_styles = False

    def latents(self, n: int, generator: torch.Generator) -> torch.Tensor:
        return torch.randn(n, 2, generator=generator)

    def styles(self, latents: torch.Tensor) -> None:
        return None

    def images(self, latents: torch.Tensor, styles: bool) -> torch.Tensor:
        return latents / 2


OFFLINE = [name for name in EXTRACTORS.names() if EXTRACTORS.load(name).published is None]
CHECKS: dict[str, tuple[Callable[..., None], str]] = {
    "variant": (testing.check_variant, "Mine"),
    "metric": (testing.check_metric, "MINE"),
    "extractor": (testing.check_extractor, "Mine"),
    "dataset": (testing.check_dataset, "load"),
    "diagnostic": (testing.check_diagnostic, "MINE"),
}


@pytest.mark.parametrize("name", [name for name in METRICS.names() if name != "lpips"])
def test_metrics(name: str) -> None:
    testing.check_metric(name)


@pytest.mark.parametrize("name", OFFLINE)
def test_extractors(name: str) -> None:
    testing.check_extractor(name)


@pytest.mark.parametrize("name", [name for name in DATASETS.names() if not getattr(DATASETS.load(name), "files", ())])
def test_data_sets(name: str) -> None:
    testing.check_dataset(name)


@pytest.mark.parametrize("name", DIAGNOSTICS.names())
def test_diagnostics(name: str) -> None:
    points = [torch.from_numpy(np.random.default_rng(seed).normal(size=(50, 2))) for seed in (0, 1)]
    comparison = Comparison(*(Features(values=values) for values in points))
    mixture = ModeSet(centres=np.eye(2), sigma=0.1)
    cases = {
        "modes": Case(comparison=comparison, examples=points[1], modes=mixture),
        "class_modes": Case(comparison=comparison, mode_counts=lambda: torch.tensor([25, 25, 0])),
        "latent_sensitivity": Case(comparison=comparison, generator=Scaled(), real_examples=points[0]),
    }
    testing.check_diagnostic(name, cases.get(name))


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes a template, some of its text replaced, and gives the name to check it by."""

    def write(kind: str, old: str = "", new: str = "") -> str:
        path = tmp_path / f"broken_{kind}.py"
        write_template(kind, "Mine", path, Console(quiet=True))
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        target = Target(str(path), CHECKS[kind][1])
        if kind == "dataset":
            monkeypatch.setitem(vars(DATASETS), "targets", {**DATASETS.targets, "mine": target})
            return "mine"
        return str(target)

    return write


@pytest.mark.parametrize("kind", CHECKS)
def test_a_template_keeps_its_contract_and_says_what_to_change_and_how_to_check_it(
    template: Callable[..., str], kind: str, tmp_path: Path
) -> None:
    CHECKS[kind][0](template(kind))  # raises, as the next test shows, if the contract is broken
    said = (tmp_path / f"broken_{kind}.py").read_text()
    assert "CHANGE" in said and CHECKS[kind][0].__name__ in said


@pytest.mark.parametrize(
    ("kind", "old", "new", "words"),
    [
        ("variant", 'ctx.minimize("generator", loss)', "pass", "the generator is as it was"),
        ("variant", "real_logits = self", "self.seen = ctx.step\n        real_logits = self", "seen changes in training"),
        ("variant", "nn.Tanh() if", "nn.Identity() if", r"outside \[-1, 1\]"),
        ("variant", "nn.Unflatten(1, shape.size)", "nn.Identity()", "generate gave"),
        ("variant", "= 128", "= torch.get_num_threads()", "the standard library only"),
        ("variant", "latent_dim: Annotated[int, Ge(1)] = 64", "latent_dim: Annotated[int, Ge(1)]", "latent_dim of Config has no default"),
        ("variant", "super().__init__(config, shape)", 'from ganbench import RequestError; raise RequestError("no")', "refuses all"),
        ("metric", "outside.double().mean(1)", "outside.double().mean(1) + torch.rand(1).item()", "draw from the stream alone"),
        ("metric", "shares.mean().item(), variance", "2.0, variance", "should grow"),
        ("extractor", "cells.flatten(1))", "cells.flatten(1) - cells.mean())", "depend on the others of its chunk"),
        ("extractor", "cells.flatten(1))", "cells.flatten(1) / 0)", "a feature is not finite"),
        ("dataset", ".astype(np.uint8)", "", "train is int64, not uint8"),
        ("dataset", '"short": 48_000', '"short": 4_000', "should grow"),
        ("dataset", "random.integers(0, 2, N)", "np.random.default_rng().integers(0, 2, N)", "two loads give different"),
        ("diagnostic", 'measures=("mine",)', 'measures=("other",)', "measures are"),
        ("diagnostic", "case: True", "case: False", "does not fit"),
    ],
)
def test_what_breaks_the_contract_is_said(template: Callable[..., str], kind: str, old: str, new: str, words: str) -> None:
    with pytest.raises((AssertionError, RequestError), match=words):
        CHECKS[kind][0](template(kind, old, new))


def test_a_name_that_nobody_registered_is_refused() -> None:
    for check, _ in CHECKS.values():
        with pytest.raises(RequestError, match="unknown"):
            check("nothing_like_it")


def test_every_registry_of_plug_ins_has_a_template_and_a_check() -> None:
    from ganbench.registry import VARIANTS

    registries: list[Registry] = [VARIANTS, METRICS, EXTRACTORS, DATASETS, DIAGNOSTICS]
    assert [registry.kind for registry in registries] == list(CHECKS)
