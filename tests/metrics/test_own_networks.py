"""Do metrics with a network of their own say which weights it has?"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganbench.evaluation.scores import score_metric
from ganbench.features.lpips import Lpips
from ganbench.features.plain import Elsewhere, Pixels
from ganbench.features.published import Found
from ganbench.metrics import pairs_of_images
from ganbench.metrics.pairs_of_images import LPIPS, MS_SSIM
from ganbench.plan.metric_names import NO_NETWORK
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

IMAGES = torch.randint(0, 256, (40, 3, 16, 16), generator=stream(0, "own-networks"), dtype=torch.uint8)


def lpips(genuine: bool) -> Lpips:
    """Lpips without its networks, which compares pixels, from files with the published hashes or with others."""

    class Compared(Lpips):
        def __call__(self, first: Tensor, second: Tensor) -> Tensor:
            return (first - second).square().mean((1, 2, 3))

    network = Compared.__new__(Compared)
    network.found = tuple(
        Found(published=one, path=Path(one.file), sha256=one.sha256 if genuine else "0" * 64, named=True) for one in Lpips.published
    )
    return network


def comparison() -> Comparison:
    given = Features(values=torch.zeros(40, 1), images=lambda which: IMAGES[which])
    return Comparison(Features(values=torch.zeros(40, 1)), given)


@pytest.mark.parametrize(("genuine", "label"), [(True, "LPIPS"), (False, "LPIPS (other weights)")])
def test_other_weights_are_in_label_and_protocol(genuine: bool, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = lpips(genuine)
    monkeypatch.setattr(pairs_of_images, "perceptual", lambda weights: own)
    score = score_metric(replace(LPIPS, network=lambda weights: own), "lpips", comparison(), Elsewhere(NO_NETWORK), 0, {})
    assert score.label == label
    assert score.protocol["network"] == "lpips-vgg16"
    expected = [published.sha256 if genuine else "0" * 64 for published in Lpips.published]
    assert score.protocol["network_weights_sha256"] == "+".join(expected)
    assert score.protocol["extractor"] == NO_NETWORK
    assert not {"extractor_version", "extractor_weights_sha256", "resize"} & score.protocol.keys(), "no trace of a placeholder"


def test_metrics_without_any_network_show_none() -> None:
    score = score_metric(MS_SSIM, "ms_ssim", comparison(), Elsewhere(NO_NETWORK), 0, {})
    assert score.label == "MS SSIM" and score.protocol["extractor"] == NO_NETWORK and "network" not in score.protocol


def test_metrics_of_features_name_their_extractor_alone() -> None:
    from ganbench.metrics.kernel import KD

    sets = Comparison(Features(values=torch.randn(40, 3, dtype=torch.float64)), Features(values=torch.randn(40, 3, dtype=torch.float64)))
    protocol = score_metric(KD, "kd", sets, Pixels(), 0, {}).protocol
    assert protocol["extractor"] == "pixels" and "network" not in protocol
