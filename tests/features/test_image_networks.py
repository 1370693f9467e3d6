import contextlib
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch_fidelity import sample_similarity_lpips as theirs_lpips
from torch_fidelity.feature_extractor_clip import VisionTransformer
from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16

from ganbench.errors import DataError
from ganbench.features import archives, clip, dinov2
from ganbench.features.base import extract
from ganbench.features.clip import ClipVitB32, ClipVitL14At336
from ganbench.features.dinov2 import DinoV2VitL14, at_224
from ganbench.features.lpips import Lpips
from ganbench.features.published import Found, Published, sha256
from ganbench.features.resize import resized
from ganbench.features.vgg import Vgg16

Tensors = dict[str, Tensor]


class ShallowClip(ClipVitB32):
    options: ClassVar[dict[str, Any]] = {"num_classes": 512, "depth": 2}


class ShallowDino(DinoV2VitL14):
    options: ClassVar[dict[str, Any]] = {"img_size": 224, "num_classes": 0, "depth": 2}


def filler(shapes: dict[str, torch.Size]) -> Tensors:
    """Random weights that keep the scale of the maps; one drawn block is repeated, for most of them are in big matrices."""
    block = torch.randn(65_537, generator=torch.Generator().manual_seed(0))  # a prime, so that no two rows are alike
    tensors = {}
    for position, (key, shape) in enumerate(shapes.items()):
        drawn = block.roll(position).repeat(-(-shape.numel() // len(block)))[: shape.numel()].view(shape)
        fan_in = shape[1:].numel() if len(shape) > 1 else 1
        tensors[key] = drawn * (2 / fan_in) ** 0.5 if len(shape) > 1 else drawn / 10
    return tensors


def images(n: int = 2, channels: int = 3, size: int = 40) -> Tensor:
    return torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def relative(ours: Tensor, theirs: Tensor) -> float:
    return ((ours - theirs).norm() / theirs.norm()).item()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def vgg_file(folder: Path) -> Path:
    with torch.device("meta"):
        network = torchvision.models.vgg16(weights=None, init_weights=False)
    path = folder / "vgg16-397923af.pth"
    torch.save(filler({key: tensor.shape for key, tensor in network.state_dict().items()}), path)
    return path


def test_vgg16_is_torch_fidelitys(vgg_file: Path) -> None:
    oracle = FeatureExtractorVGG16("oracle", ["fc2_relu"], feature_extractor_weights_path=str(vgg_file))
    before = torch.get_rng_state()
    extractor = Vgg16(vgg_file)
    assert extractor.resize == "tf1-224" and len(extractor.notes) == 1
    ours = extract(extractor, images())
    assert torch.equal(torch.get_rng_state(), before)
    with torch.inference_mode():
        (expected,) = oracle(images())
    assert ours.values.shape == (2, 4096) and ours.values.dtype == torch.float32 and ours.log_probabilities is None
    assert (expected == 0).any() and relative(ours.values, expected) < 5e-6
    # Which order a processor adds VGG's first 25,088 products in depends on the batch: sqrt(25,088) x 2^-24; 3.2e-6 was seen.
    assert relative(extract(extractor, images(), chunk=1).values, ours.values) < 1e-5
    grey = images(1, channels=1)
    assert relative(extract(extractor, grey).values, extract(extractor, grey.expand(-1, 3, -1, -1)).values) < 2e-6


@pytest.fixture(scope="module")
def tower() -> nn.Module:
    """OpenAI's definition of the image tower, as torch-fidelity keeps it, two layers deep."""
    network = VisionTransformer(input_resolution=224, patch_size=32, width=768, layers=2, heads=12, output_dim=512).eval()
    weights = filler({key: tensor.shape for key, tensor in network.state_dict().items()})
    network.load_state_dict({key: 1 + value if "ln_" in key and key.endswith("weight") else value for key, value in weights.items()})
    return network.requires_grad_(False)


@pytest.mark.parametrize("kind", ["state dictionary", "TorchScript archive"])
def test_clip_is_openais_network(kind: str, tower: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "ViT.pt"
    whole = nn.Module()
    whole.visual = tower
    whole.logit_scale = nn.Parameter(torch.ones(()), requires_grad=False)
    if kind == "state dictionary":
        torch.save(whole.state_dict(), path)
    else:
        whole.forward = lambda levels: tower(levels)  # type: ignore[method-assign]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.trace(whole, torch.zeros(1, 3, 224, 224)).save(str(path))
    extractor = ShallowClip(path)
    assert extractor.resize == "bicubic-224"
    ours = extract(extractor, images())
    mean, std = (255 * torch.tensor(v).view(3, 1, 1) for v in ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)))
    expected = tower((resized(images(), "bicubic", 224) - mean) / std)
    assert ours.values.shape == (2, 512) and relative(ours.values, expected) < 5e-6
    assert not torch.allclose(ours.values.norm(dim=1), torch.ones(2), atol=0.1), "embeddings are left as they are"


@pytest.mark.parametrize(
    ("extractor", "form"),
    [
        (ClipVitB32, {"input_resolution": 224, "patch_size": 32, "width": 768, "layers": 12, "heads": 12, "output_dim": 512}),
        (ClipVitL14At336, {"input_resolution": 336, "patch_size": 14, "width": 1024, "layers": 24, "heads": 16, "output_dim": 768}),
    ],
)
def test_the_whole_of_clip_fits(extractor: type[ClipVitB32], form: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    # Sizes from Radford et al. (2021), table 20; no storage is needed to compare names and shapes.
    with torch.device("meta"):
        tower = VisionTransformer(**form)
    tensors = {f"visual.{key}": tensor for key, tensor in tower.state_dict().items()}
    monkeypatch.setattr(clip, "read", lambda name, path: {**tensors, "token_embedding.weight": torch.zeros(1)})
    assert extractor.published is not None
    found = Found(published=extractor.published, path=Path("x.pt"), sha256="", named=True)
    network = extractor.build(extractor.__new__(extractor), found)
    assert sum(parameter.numel() for parameter in network.parameters()) == sum(t.numel() for t in tensors.values()) + extractor.width
    other = {**tensors, "visual.positional_embedding": torch.zeros(5, form["width"])}
    monkeypatch.setattr(clip, "read", lambda name, path: other)
    with pytest.raises(DataError, match=r"holds another network \(pos_embed of shape"):
        extractor.build(extractor.__new__(extractor), found)


def dino_shapes(depth: int) -> dict[str, torch.Size]:
    """Names and shapes of Meta's ViT-L/14 (Oquab et al. 2024, table 17), two layers or more deep."""
    width = 1024
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 1 + 37 * 37, width),
        "mask_token": (1, width),
        "patch_embed.proj.weight": (width, 3, 14, 14),
        "patch_embed.proj.bias": (width,),
    }
    for block in range(depth):
        for name, shape in {
            "norm1.weight": (width,),
            "norm1.bias": (width,),
            "attn.qkv.weight": (3 * width, width),
            "attn.qkv.bias": (3 * width,),
            "attn.proj.weight": (width, width),
            "attn.proj.bias": (width,),
            "ls1.gamma": (width,),
            "norm2.weight": (width,),
            "norm2.bias": (width,),
            "mlp.fc1.weight": (4 * width, width),
            "mlp.fc1.bias": (4 * width,),
            "mlp.fc2.weight": (width, 4 * width),
            "mlp.fc2.bias": (width,),
            "ls2.gamma": (width,),
        }.items():
            shapes[f"blocks.{block}.{name}"] = shape
    return {key: torch.Size(shape) for key, shape in {**shapes, "norm.weight": (width,), "norm.bias": (width,)}.items()}


def positions_from_the_definition(positions: Tensor) -> Tensor:
    """Keys' cubic convolution (a = -3/4, torch's) at the centres of 16 patches of 37 / 16.1, borders repeated."""
    centres = (np.arange(16) + 0.5) * 37 / 16.1 - 0.5
    weights = np.zeros((16, 37))
    for row, centre in enumerate(centres):
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            x = abs(centre - tap)
            value = 1.25 * x**3 - 2.25 * x**2 + 1 if x <= 1 else -0.75 * x**3 + 3.75 * x**2 - 6 * x + 3
            weights[row, min(max(tap, 0), 36)] += value
    grid = positions[0, 1:].double().view(37, 37, -1)
    resampled = torch.einsum("ih,hwc,jw->ijc", torch.from_numpy(weights), grid, torch.from_numpy(weights))
    return torch.cat([positions[0, :1].double(), resampled.reshape(256, -1)])[None]


def test_position_embedding_is_resampled_as_metas_code_does() -> None:
    positions = torch.randn(1, 1 + 37 * 37, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(at_224(positions).double(), positions_from_the_definition(positions), rtol=0, atol=2e-5)


def vision_transformer(tensors: Tensors, pixels: Tensor, depth: int) -> Tensor:
    """DINOv2's class token from its paper and names alone, in float64."""
    w = {key: tensor.double() for key, tensor in tensors.items()}
    patches = F.conv2d(pixels.double(), w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=14).flatten(2).transpose(1, 2)
    x = torch.cat([w["cls_token"].expand(len(pixels), -1, -1), patches], 1) + positions_from_the_definition(tensors["pos_embed"])

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (1024,), w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-6)

    for block in (f"blocks.{index}" for index in range(depth)):
        qkv = norm(x, f"{block}.norm1") @ w[f"{block}.attn.qkv.weight"].T + w[f"{block}.attn.qkv.bias"]
        q, k, v = qkv.view(len(x), -1, 3, 16, 64).permute(2, 0, 3, 1, 4)
        attended = ((q @ k.transpose(2, 3) / 8).softmax(3) @ v).transpose(1, 2).flatten(2)
        x = x + w[f"{block}.ls1.gamma"] * (attended @ w[f"{block}.attn.proj.weight"].T + w[f"{block}.attn.proj.bias"])
        hidden = F.gelu(norm(x, f"{block}.norm2") @ w[f"{block}.mlp.fc1.weight"].T + w[f"{block}.mlp.fc1.bias"])
        x = x + w[f"{block}.ls2.gamma"] * (hidden @ w[f"{block}.mlp.fc2.weight"].T + w[f"{block}.mlp.fc2.bias"])
    return norm(x, "norm")[:, 0]


def test_dinov2_is_the_network_of_its_paper(tmp_path: Path) -> None:
    tensors = filler(dino_shapes(2))
    tensors = {key: 1 + value if key.endswith(("norm1.weight", "norm2.weight", "norm.weight")) else value for key, value in tensors.items()}
    path = tmp_path / "dino.pth"
    torch.save(tensors, path)
    before = torch.get_rng_state()
    extractor = ShallowDino(path)
    ours = extract(extractor, images())
    assert torch.equal(torch.get_rng_state(), before)
    assert extractor.resize == "bicubic-224" and extractor.weights_sha256 == sha256(path)
    mean, std = (255 * torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = vision_transformer(tensors, (resized(images(), "bicubic", 224) - mean) / std, 2)
    assert ours.values.shape == (2, 1024) and relative(ours.values, expected) < 1e-5
    assert relative(extract(extractor, images(), chunk=1).values, ours.values) < 2e-6


def test_the_whole_of_dinov2_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        tensors = {key: torch.empty(shape) for key, shape in dino_shapes(24).items()}
    monkeypatch.setattr(dinov2, "read", lambda name, path: dict(tensors))
    assert DinoV2VitL14.published is not None
    found = Found(published=DinoV2VitL14.published, path=Path("x.pth"), sha256="", named=True)
    network = DinoV2VitL14.build(DinoV2VitL14.__new__(DinoV2VitL14), found)
    assert round(sum(parameter.numel() for parameter in network.parameters()), -6) == 303_000_000  # "300 M", table 17; grid of 224
    del tensors["norm.bias"]
    with pytest.raises(DataError, match=r"holds another network \(no norm.bias\)"):
        DinoV2VitL14.build(DinoV2VitL14.__new__(DinoV2VitL14), found)


@pytest.fixture(scope="module")
def lpips_heads(vgg_file: Path) -> Path:
    """Heads in the form of the published file, beside VGG16."""
    generator = torch.Generator().manual_seed(2)
    heads = {
        f"lin{i}.model.1.weight": torch.rand(1, channels, 1, 1, generator=generator) for i, channels in enumerate((64, 128, 256, 512, 512))
    }
    path = vgg_file.with_name("weights-vgg16-lpips.pth")
    torch.save(heads, path)
    return path


@pytest.fixture
def published_lpips(vgg_file: Path, lpips_heads: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Published, ...]:
    """The random files pass for the published ones."""
    published = tuple(replace(p, sha256=sha256(path)) for p, path in zip(Lpips.published, (vgg_file, lpips_heads), strict=True))
    monkeypatch.setattr(Lpips, "published", published)
    return published


def test_lpips_is_torch_fidelitys(vgg_file: Path, lpips_heads: Path, published_lpips: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def backbone() -> nn.Module:
        with torch.device("meta"):
            network: nn.Module = torchvision.models.vgg16(weights=None, init_weights=False)
        network.load_state_dict(torch.load(vgg_file, weights_only=True), assign=True)
        return network

    monkeypatch.setattr(theirs_lpips, "torchvision_load_pretrained_vgg16", backbone)
    monkeypatch.setattr(
        theirs_lpips.SampleSimilarityLPIPS, "load_state_dict", lambda self, tensors: nn.Module.load_state_dict(self, tensors)
    )
    monkeypatch.setattr(theirs_lpips, "load_state_dict_from_url", lambda *a, **k: torch.load(lpips_heads, weights_only=True))
    oracle = theirs_lpips.SampleSimilarityLPIPS("oracle")
    lpips = Lpips(vgg_file.parent)
    assert lpips.notes == () and lpips.departures() == []
    first, second = images(3).float() / 127.5 - 1, images(6)[3:].float() / 127.5 - 1
    second[1] = first[1]
    second[2] = first[2] + 1e-3
    distance = lpips(first, second)
    with torch.no_grad():
        expected = oracle((first + 1) * 127.5, (second + 1) * 127.5).flatten()
    torch.testing.assert_close(distance, expected, rtol=2e-4, atol=1e-7)
    assert distance.shape == (3,) and distance[0] > 100 * distance[2] > 0 and distance[1] == 0
    torch.testing.assert_close(lpips(second, first), distance)
    torch.testing.assert_close(lpips(first[:1], second[:1]), distance[:1], rtol=1e-5, atol=0)


def test_lpips_refuses_other_images_and_other_heads(vgg_file: Path, lpips_heads: Path, published_lpips: Any, tmp_path: Path) -> None:
    lpips = Lpips(vgg_file.parent)
    for first, second in (((1, 3, 32, 32), (1, 3, 32, 31)), ((1, 1, 32, 32), (1, 1, 32, 32)), ((1, 3, 8, 32), (1, 3, 8, 32))):
        with pytest.raises(DataError, match="takes two equal shapes"):
            lpips(torch.zeros(first), torch.zeros(second))
    heads = torch.load(lpips_heads, weights_only=True)
    heads["lin0.model.1.weight"][0, 0] = -1
    path = tmp_path / lpips_heads.name
    torch.save(heads, path)
    (tmp_path / vgg_file.name).symlink_to(vgg_file)
    Lpips.published = (Lpips.published[0], replace(Lpips.published[1], sha256=sha256(path)))
    with pytest.raises(DataError, match=r"has negative weights in lin0.model.1.weight; give weights-vgg16-lpips.pth"):
        Lpips(tmp_path)


class Sets(nn.Module):
    """A module whose code runs when torch loads it: TorchScript has ``__setstate__``, and an operator that writes files."""

    def __init__(self) -> None:
        super().__init__()

    @torch.jit.export
    def __getstate__(self):  # type: ignore[no-untyped-def]
        return (self.training,)

    @torch.jit.export
    def __setstate__(self, state: tuple[bool]) -> None:
        self.training = state[0]
        torch.save(torch.zeros(1), "ran")

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning", "ignore:.*torch.jit.*:DeprecationWarning")
def test_attributes_of_a_torchscript_archive_are_read_and_its_code_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()
    torch.jit.trace(plain, torch.zeros(2, 3)).save("plain.pt")
    found = archives.read("net", Path("plain.pt"))
    assert found.keys() == plain.state_dict().keys()
    assert all(torch.equal(found[key], tensor) for key, tensor in plain.state_dict().items())
    torch.jit.script(Sets()).save("sets.pt")
    with contextlib.suppress(DataError):
        archives.read("net", Path("sets.pt"))
    assert not Path("ran").exists()
    torch.jit.load("sets.pt")  # type: ignore[no-untyped-call]
    assert Path("ran").exists(), "torch itself runs it, so this test can fail"


def test_tensors_larger_than_their_storage_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1).expand(10**12)}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="holds no state dictionary"):
        archives.read("net", tmp_path / "w.pth")


def test_torchscript_archives_are_told_from_state_dictionaries(lpips_heads: Path) -> None:
    assert set(archives.read("net", lpips_heads)) == {f"lin{i}.model.1.weight" for i in range(5)}
