"""Does a metric score the same alone and beside all others, with more examples than an interval is taken from?"""

from typing import ClassVar, Literal

import numpy as np
import pytest
from torch import Tensor

import ganbench
from ganbench.features.base import Extractor
from ganbench.registry import METRICS
from ganbench.sets.features import Features
from ganbench.sets.moments import INFLUENCES

N = INFLUENCES + 300
NAMES = ("fd", "fd_infinity", "kd", "cs", "precision", "density", "vendi", "rke", "gan_test", "realism", "intra_fd", "mmd_rbf")


class Eight(Extractor):
    """Eight pixels as features, and two classes by their mean."""

    name: ClassVar[str] = "eight"
    accepts: ClassVar[Literal["image", "points", "any"]] = "image"
    width: ClassVar[int] = 8
    classes: ClassVar[int] = 2

    def features(self, examples: Tensor) -> Features:
        pixels = examples.flatten(1).float() / 64
        logits = (pixels.mean(1, keepdim=True) - 1.5) * pixels.new_tensor([-2.0, 2.0])
        return Features(values=pixels, log_probabilities=logits.double().log_softmax(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Points with labels, in npz files of tiny images, so that features come from shards."""
    where = tmp_path_factory.mktemp("sets")
    generator = np.random.default_rng(0)
    for name in ("real", "fake", "held-out"):
        labels = np.arange(N) % 2
        images = generator.integers(0, 128, (N, 1, 2, 4)) + 60 * labels[:, None, None, None]
        np.savez(where / f"{name}.npz", images=images.astype(np.uint8), labels=labels)
    return {name: str(where / f"{name}.npz") for name in ("real", "fake", "held-out")}


def values(folder: dict[str, str], names: list[str]) -> dict[str, tuple[float, float, float, float]]:
    found = ganbench.score(
        folder["fake"], folder["real"], names, held_out=folder["held-out"], extractor=f"{__file__}:Eight", use_cache=False
    ).scores
    return {score.metric: (score.value, score.ci_low, score.ci_high, -1 if score.perfect is None else score.perfect) for score in found}


def test_alone_and_together_are_the_same(folder: dict[str, str]) -> None:
    together = values(folder, list(NAMES))
    for name in NAMES:
        assert values(folder, [name])[name] == pytest.approx(together[name], rel=1e-9, abs=1e-12), name
    assert set(NAMES) <= METRICS.targets.keys()
