"""How much faster are Inception features than torch-fidelity's? (ratios of one run; two threads on a CPU)

Steady rates come from interleaved rounds, so that what else the machine does falls on both alike; compilation is
timed with empty caches. From the two follows the time for 2,000 and for 10,000 images.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganbench.features.image_network import BATCH_IMAGES
from ganbench.features.inception import COMPILED_FROM_IMAGES_PER_THREAD, InceptionCompat
from ganbench.features.inception_network import Definition
from ganbench.precision import convolutions
from ganbench.seeding import stream

pytestmark = pytest.mark.slow  # minutes of compilation; `make bench BENCH="-m slow"`
THREADS = 2
ROUNDS = 5


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the form of the published file: the time does not depend on them."""
    generator = stream(0, "init")
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in Definition().state_dict().items() if "num_batches" not in key}
    tensors = {
        key: torch.ones(shape)
        if key.endswith(("bn.weight", "running_var"))
        else torch.randn(shape, generator=generator) * (2 / shape[1:].numel()) ** 0.5
        for key, shape in shapes.items()
    }
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(tensors, path)
    return path


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def seconds(call: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start_s


def interleaved(calls: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds of every call in every round, in the order of the rounds."""
    rounds = [{name: seconds(call) for name, call in calls.items()} for _ in range(ROUNDS)]
    return {name: [each[name] for each in rounds] for name in calls}


def disagreement(ours: Tensor, theirs: Tensor) -> float:
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def test_features_on_two_threads(
    benchmark: BenchmarkFixture, weights: Path, two_threads: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    images = torch.randint(0, 256, (BATCH_IMAGES, 3, 32, 32), dtype=torch.uint8, generator=stream(0, "images"))
    theirs = FeatureExtractorInceptionV3("theirs", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(weights))
    plain, compiled = InceptionCompat(weights), InceptionCompat(weights)
    compiled.expect(COMPILED_FROM_IMAGES_PER_THREAD * THREADS)
    with torch.inference_mode():
        expected = theirs(images)[0]
        first_s = seconds(lambda: compiled.features(images))
        for ours in (plain, compiled):
            assert disagreement(ours.features(images).values, expected) <= 1e-4
        calls = {"theirs": lambda: theirs(images), "plain": lambda: plain.features(images), "compiled": lambda: compiled.features(images)}
        taken = interleaved(calls)
        benchmark.pedantic(plain.features, (images,), rounds=2)
    per_image_s = {name: median(values) / BATCH_IMAGES for name, values in taken.items()}
    compilation_s = first_s - median(taken["compiled"])
    ratio = {
        "steady, plain": median([a / b for a, b in zip(taken["theirs"], taken["plain"], strict=True)]),
        "steady, compiled": median([a / b for a, b in zip(taken["theirs"], taken["compiled"], strict=True)]),
    }
    ratio["2,000 images"] = ratio["steady, plain"]
    ratio["10,000 images"] = 1 / (1 / ratio["steady, compiled"] + compilation_s / (10_000 * per_image_s["theirs"]))
    benchmark.extra_info.update(ratio, compilation_s=compilation_s, images_per_s={name: 1 / value for name, value in per_image_s.items()})
    print({name: round(value, 2) for name, value in ratio.items()}, f"compilation {compilation_s:.0f} s", per_image_s)
    assert ratio["2,000 images"] >= 1.6
    assert ratio["10,000 images"] >= 1.9


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("fast", [False, True])
def test_features_on_cuda(benchmark: BenchmarkFixture, weights: Path, fast: bool) -> None:
    images = torch.randint(0, 256, (4 * BATCH_IMAGES, 3, 32, 32), dtype=torch.uint8, generator=stream(0, "images")).cuda()
    theirs = FeatureExtractorInceptionV3("theirs", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(weights)).cuda()
    ours = InceptionCompat(weights, fast=fast).to("cuda")
    with torch.inference_mode(), convolutions():
        expected = theirs(images)[0]
        shift = disagreement(ours.features(images).values, expected)
        taken = interleaved({"theirs": lambda: theirs(images), "ours": lambda: ours.features(images)})
        benchmark.pedantic(ours.features, (images,), rounds=2)
    ratio = median([a / b for a, b in zip(taken["theirs"], taken["ours"], strict=True)])
    benchmark.extra_info.update(ratio=ratio, shift=shift)
    print(f"{ratio:.2f} times torch-fidelity's rate, largest relative shift of a feature {shift:.1e}")
    assert fast or (ratio >= 2 and shift <= 1e-4)
