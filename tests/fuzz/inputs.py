"""Which inputs are mutated, and through which doors are they opened? (what a user may get from others)"""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fuzzing import Door
from PIL import Image
from safetensors.torch import save_file

from ganbench.data.dataset import DataShape
from ganbench.data.own import content_at
from ganbench.evaluation.score import score
from ganbench.export import writers
from ganbench.features import archives, shipped
from ganbench.features.plain import Elsewhere
from ganbench.plan.validation import validated
from ganbench.plan.variant_config import variant_spec
from ganbench.sets.moments import moments
from ganbench.sources.passport import Passport
from ganbench.sources.stats import write_statistics
from ganbench.training.building import variant_class
from ganbench.training.checkpoint import weights_sha256

Make = Callable[[Path], Path]
N, SIDE = 12, 8
_CHANCE = np.random.default_rng(0)
IMAGES = _CHANCE.integers(0, 256, (N, SIDE, SIDE, 3), dtype=np.uint8)
FEATURES = _CHANCE.standard_normal((100, 3))
CHOICES: dict[str, Any] = {"use_cache": False, "device": "cpu", "workers": 1}
_ENDINGS = {".png": "PNG", ".jpg": "JPEG", ".gif": "GIF", ".ppm": "PPM", ".bmp": "BMP", ".webp": "WEBP", ".tif": "TIFF"}


def _scored(path: Path) -> None:
    """Images, by the two doors for images: a data set, and a set to score."""
    content_at(path)
    score(str(path), IMAGES.transpose(0, 3, 1, 2), ["fd", "kd"], extractor="pixels", **CHOICES)


def _resized(path: Path) -> None:
    content_at(path, 4)
    score(IMAGES.transpose(0, 3, 1, 2)[:, :, :4, :4].copy(), str(path), ["fd"], extractor="pixels", resolution=4, **CHOICES)


def _as_features(path: Path) -> None:
    score(FEATURES, str(path), ["fd", "precision"], features=True, **CHOICES)


def _as_statistics(path: Path) -> None:
    score(FEATURES, str(path), ["fd"], features=True, **CHOICES)


def _with_logits(path: Path) -> None:
    score(str(path), FEATURES, ["fd", "cs"], features=True, **CHOICES)


def _as_program(path: Path) -> None:
    score(str(path), "ring8", ["fd"], extractor="identity", **CHOICES)


def _as_exported(path: Path) -> None:
    score(str(path), IMAGES.transpose(0, 3, 1, 2), ["fd"], extractor="pixels", n=64, **CHOICES)


def _as_weights(path: Path) -> None:
    archives.read("net", path)


def _as_probe(path: Path) -> None:
    recipe = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}  # so that the file itself is looked at
    path.with_suffix(".json").write_text(json.dumps(recipe))
    shipped.load("probe", path.parent)


def folder(ending: str, classes: int = 0) -> Make:
    """Writes a folder of images, in folders of classes if there are any."""

    def make(place: Path) -> Path:
        for index, image in enumerate(IMAGES):
            target = place / "set" / (f"{index % classes}" if classes else "") / f"{index:02d}{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(target, _ENDINGS[ending])
        return place / "set"

    return make


def archive(labels: bool) -> Make:
    """Writes a zip of images, with a label file if wanted."""

    def make(place: Path) -> Path:
        source = folder(".png")(place)
        with zipfile.ZipFile(place / "set.zip", "w", zipfile.ZIP_DEFLATED) as target:
            names = [file.name for file in sorted(source.iterdir())]
            for name in names:
                target.write(source / name, name)
            if labels:
                target.writestr("dataset.json", json.dumps({"labels": [[name, index % 2] for index, name in enumerate(names)]}))
        return place / "set.zip"

    return make


def _unpacked(place: Path) -> Path:
    source = folder(".png")(place)
    (source / "dataset.json").write_text(json.dumps({"labels": [[file.name, "ab"[len(file.name) % 2]] for file in source.iterdir()]}))
    return source


def arrays(**given: np.ndarray) -> Make:  # type: ignore[type-arg]
    """Writes an npz."""

    def make(place: Path) -> Path:
        np.savez(place / "a.npz", **given)  # type: ignore[arg-type]
        return place / "a.npz"

    return make


def _npy(place: Path) -> Path:
    np.save(place / "a.npy", IMAGES)
    return place / "a.npy"


def _npy_features(place: Path) -> Path:
    np.save(place / "a.npy", FEATURES)
    return place / "a.npy"


class _Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.layer(z)  # type: ignore[no-any-return]


def _script(ending: str) -> Make:
    def make(place: Path) -> Path:
        torch.jit.save(torch.jit.trace(_Net().eval(), torch.zeros(2, 2)), str(place / f"net{ending}"))  # type: ignore[no-untyped-call]
        return place / f"net{ending}"

    return make


def _state(place: Path) -> Path:
    torch.save(_Net().state_dict(), place / "w.pth")
    return place / "w.pth"


def _old_state(place: Path) -> Path:
    torch.save(_Net().state_dict(), place / "w.pth", _use_new_zipfile_serialization=False)
    return place / "w.pth"


def _probe(place: Path) -> Path:
    save_file(_Net().state_dict(), place / "probe.safetensors")
    return place / "probe.safetensors"


def _exported(place: Path) -> Path:
    config = variant_spec("gan", {"latent_dim": 3, "generator_widths": [4], "discriminator_widths": [4]}, "fuzz")
    network = variant_class(config)(validated(variant_class(config).Config, config.config, "fuzz"), DataShape(size=(3, SIDE, SIDE)))
    passport = Passport(
        run_id="0123456789abcdef", variant=config, weights="ema", weights_sha256=weights_sha256(network.generator.state_dict()),
        images_seen=64, seed=0, latent_dim=3, size=(3, SIDE, SIDE), value_range=(-1.0, 1.0), takes_labels=False,
    )  # fmt: skip
    writers.safetensors(network, passport, place / "generator.safetensors")
    return place / "generator.safetensors"


def _own_statistics(place: Path) -> Path:
    write_statistics(place / "s.npz", moments(torch.from_numpy(FEATURES)), Elsewhere("identity").identity(), ["a"], ["a note"])
    return place / "s.npz"


LABELS = np.arange(N) % 2
CLASSES = np.arange(100) % 2
LOGITS = _CHANCE.standard_normal((100, 4))
DOORS = [
    *(Door(name=f"folder of {ending[1:]}", make=folder(ending), open=_scored) for ending in _ENDINGS),
    Door(name="folder of classes", make=folder(".png", 2), open=_resized),
    Door(name="folder with labels", make=_unpacked, open=_scored),
    Door(name="zip", make=archive(False), open=_scored),
    Door(name="zip, resized", make=archive(False), open=_resized),
    Door(name="zip with labels", make=archive(True), open=_scored),
    Door(name="npz of images", make=arrays(images=IMAGES, labels=LABELS), open=_scored),
    Door(name="npz of named classes", make=arrays(arr_0=IMAGES, labels=np.array(["a", "b"])[LABELS]), open=_resized),
    Door(name="npy of images", make=_npy, open=_scored),
    Door(name="npz of features", make=arrays(features=FEATURES, logits=LOGITS, labels=CLASSES, spatial=LOGITS), open=_with_logits),
    Door(name="npy of features", make=_npy_features, open=_as_features),
    Door(name="statistics", make=arrays(mu=FEATURES.mean(0), sigma=np.cov(FEATURES.T)), open=_as_statistics),
    Door(name="statistics of ganbench", make=_own_statistics, open=_as_statistics),
    Door(name="TorchScript, not trusted", make=_script(".pt"), open=_as_program, taken=False),
    Door(name="exported program, not trusted", make=_script(".pt2"), open=_as_program, taken=False),
    Door(name="TorchScript as weights", make=_script(".pth"), open=_as_weights),
    Door(name="state dictionary", make=_state, open=_as_weights),
    Door(name="old state dictionary", make=_old_state, open=_as_weights),
    Door(name="safetensors", make=_probe, open=_as_probe),
    Door(name="exported weights", make=_exported, open=_as_exported),
]
