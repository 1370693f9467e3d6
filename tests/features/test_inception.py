from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganbench.errors import DataError, UnknownName
from ganbench.features.base import extract, load_extractor
from ganbench.features.inception import InceptionCompat
from ganbench.features.resize import resized
from ganbench.sets.features import Features

N = 5


@pytest.fixture(scope="session")
def weights(inception_weights: Path) -> Path:
    return inception_weights


def images(n: int = N, channels: int = 3, size: int = 32) -> Tensor:
    return torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def oracle(weights: Path) -> FeatureExtractorInceptionV3:
    return FeatureExtractorInceptionV3("oracle", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(weights))


@pytest.fixture(scope="session")
def seen(weights: Path) -> Features:
    extractor = InceptionCompat(weights)
    extractor.wants_spatial = True
    return extract(extractor, images())


def relative(ours: Tensor, theirs: Tensor) -> float:
    return ((ours - theirs).norm() / theirs.norm()).item()


def test_features_and_logits_are_torch_fidelitys(seen: Features, oracle: FeatureExtractorInceptionV3) -> None:
    with torch.inference_mode():
        pooled, logits = oracle(images())
    assert pooled.std() > 0.01 and logits.std() > 0.1, "the random network says nothing"
    assert relative(seen.values, pooled) < 5e-6
    torch.testing.assert_close(seen.log_probabilities, torch.log_softmax(logits.double(), 1), rtol=0, atol=2e-5)
    assert seen.values.shape == (N, 2048) and seen.values.dtype == torch.float32
    assert seen.log_probabilities is not None and seen.log_probabilities.dtype == torch.float64


def test_spatial_features_are_the_rectified_first_branch_of_mixed_6(seen: Features, oracle: FeatureExtractorInceptionV3) -> None:
    caught: list[Tensor] = []
    handle = oracle.Mixed_6d.branch1x1.register_forward_hook(lambda module, inputs, output: caught.append(output))
    with torch.inference_mode():
        oracle(images(2))
    handle.remove()
    # The tensor mixed_6/conv:0 of the frozen graph is the ReLU's (openai/guided-diffusion issue 109).
    # TensorFlow lays maps out with the channel last: guided-diffusion cuts [..., :7] and flattens.
    expected = caught[0].permute(0, 2, 3, 1)[..., :7].reshape(2, -1)
    assert seen.spatial is not None and seen.spatial.shape == (N, 2023)
    assert seen.spatial.min() == 0 and seen.spatial.max() > 0
    assert relative(seen.spatial[:2], expected) < 5e-6


def test_spatial_features_are_left_out_unless_wanted(weights: Path) -> None:
    assert extract(InceptionCompat(weights), images(1)).spatial is None


def test_features_do_not_depend_on_the_chunk_and_grey_is_repeated(weights: Path, seen: Features) -> None:
    extractor = InceptionCompat(weights)
    assert relative(extract(extractor, images(), chunk=2).values, seen.values) < 2e-6
    grey = images(2, channels=1)
    assert relative(extract(extractor, grey).values, extract(extractor, grey.expand(-1, 3, -1, -1)).values) < 2e-6


def test_every_resize_mode_reaches_the_network_and_is_named(weights: Path) -> None:
    features = {}
    for mode in ("tf1", "torch", "clean", "clean-gpu"):
        extractor = InceptionCompat(weights, resize=mode)
        assert extractor.resize == f"{mode}-299"
        features[mode] = extract(extractor, images(1)).values
    assert InceptionCompat(weights).resize == "tf1-299"
    assert min(relative(features[one], features[other]) for one, other in (("tf1", "torch"), ("tf1", "clean"), ("torch", "clean"))) > 1e-3
    assert relative(features["clean-gpu"], features["clean"]) < 1e-3
    with pytest.raises(UnknownName, match="unknown resize 'lanczos'"):
        InceptionCompat(weights, resize="lanczos")


def test_torch_mode_scales_as_pytorch_fid_and_the_others_as_the_graph(weights: Path) -> None:
    network = InceptionCompat(weights).network
    assert network is not None
    for mode, scaled in (("torch", lambda levels: 2 * (levels / 255) - 1), ("clean-gpu", lambda levels: (levels - 128) / 128)):
        with torch.inference_mode():
            expected = network(scaled(resized(images(1), mode, 299))).pooled
        assert relative(extract(InceptionCompat(weights, resize=mode), images(1)).values, expected) < 2e-6


def test_the_fast_mode_is_declared_and_near(weights: Path, seen: Features) -> None:
    extractor = InceptionCompat(weights, fast=True)
    assert extractor.dtype == "bf16" and InceptionCompat(weights).dtype == "float32"
    fast = extract(extractor, images())
    assert 1e-5 < relative(fast.values, seen.values) < 2e-2  # bfloat16 keeps 8 bits
    assert fast.values.dtype == torch.float32


def test_weights_named_by_the_environment_are_found_and_noted(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_WEIGHTS", str(weights))
    extractor = load_extractor("inception-v3-compat", resize="clean")
    assert extractor.resize == "clean-299"
    assert extractor.weights_sha256 is not None and len(extractor.weights_sha256) == 64
    assert len(extractor.notes) == 1 and extractor.weights_sha256 in extractor.notes[0]


def test_making_and_running_leaves_the_global_generator_alone(weights: Path) -> None:
    before = torch.get_rng_state()
    extract(InceptionCompat(weights), images(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_where_nothing_compiles_the_network_runs_as_it_is(weights: Path, seen: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_compiler(*inputs: object) -> None:
        raise RuntimeError("no C++ compiler")

    asked: list[dict[str, object]] = []
    monkeypatch.setattr(torch, "compile", lambda network, **options: asked.append(options) or no_compiler)
    monkeypatch.setattr("ganbench.features.inception.BATCH_IMAGES", 2)
    monkeypatch.setattr("ganbench.features.image_network.BATCH_IMAGES", 2)
    extractor = InceptionCompat(weights)
    extract(extractor, images(1))
    assert asked == [], "compilation does not pay for one image"
    monkeypatch.setattr("ganbench.features.inception.COMPILED_FROM_IMAGES_PER_THREAD", 0)
    assert relative(extract(extractor, images()).values, seen.values) < 2e-6
    extract(extractor, images(2))
    assert len(asked) == 1, "what failed once is not tried again"


@pytest.mark.slow
def test_compiled_features_are_the_same(weights: Path) -> None:
    many = images(65, size=16)
    plain, compiled = InceptionCompat(weights), InceptionCompat(weights)
    compiled.expect(10**6)
    assert relative(extract(compiled, many).values, extract(plain, many).values) < 5e-6
    assert compiled._compiled is not None


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        InceptionCompat(path)
    message = str(caught.value)
    assert "\n" not in message and repr(str(path)) in message and "give weights-inception-2015-12-05-6726825d.pth" in message
    return message


def test_torchvisions_inception_is_recognised(tmp_path: Path) -> None:
    with torch.device("meta"):
        network = torchvision.models.inception_v3(weights=None, init_weights=False)
    path = tmp_path / "inception_v3_google-0cc3c7bd.pth"
    shapes = {key: tensor.shape for key, tensor in network.state_dict().items()}
    shared = torch.zeros(max(shape.numel() for shape in shapes.values()))  # one storage, so that the file is small
    torch.save({key: shared[: shape.numel()].view(shape) for key, shape in shapes.items()}, path)
    assert "is torchvision's Inception (1000 classes), not that of the FID (1008)" in refusal(path)


def test_other_weights_are_refused(weights: Path, tmp_path: Path) -> None:
    tensors = torch.load(weights, weights_only=True)
    path = tmp_path / "other.pth"
    torch.save({key: tensor for key, tensor in tensors.items() if key != "fc.bias"}, path)
    assert "holds another network (no fc.bias)" in refusal(path)
    torch.save({**tensors, "fc.bias": torch.zeros(7), "extra": torch.zeros(1)}, path)
    assert "holds another network (an unexpected extra and 1 more differences)" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04"])
def test_what_is_no_state_dictionary_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(DataError, match="holds no state dictionary of tensors"):
        InceptionCompat(path)
    torch.save([torch.zeros(1)], path)
    with pytest.raises(DataError, match="holds no state dictionary of tensors"):
        InceptionCompat(path)
