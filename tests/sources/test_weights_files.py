"""Is a file of exported weights read as data, and refused in one line where it is not what it says?"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ganbench.data.dataset import DataShape
from ganbench.errors import DataError, RequestError, UnknownName
from ganbench.export import writers
from ganbench.plan.spec import VariantSpec
from ganbench.plan.variant_config import variant_spec
from ganbench.sources.passport import FIELD, Passport
from ganbench.sources.weights import WeightsSource
from ganbench.training.building import variant_class
from ganbench.training.checkpoint import weights_sha256

CPU = torch.device("cpu")
SPEC = variant_spec("gan", {"latent_dim": 3, "generator_widths": [4], "discriminator_widths": [4]}, "test")
Change = Callable[[dict[str, Any]], object]


def written(path: Path) -> Passport:
    """A generator of images of 4 x 4 pixels that was never trained."""
    cls = variant_class(SPEC)
    network = cls(cls.Config(**SPEC.config), DataShape(size=(1, 4, 4)))
    passport = Passport(
        run_id="0123456789abcdef",
        variant=SPEC,
        weights="ema",
        weights_sha256=weights_sha256(network.generator.state_dict()),
        images_seen=64,
        seed=0,
        latent_dim=3,
        size=(1, 4, 4),
        value_range=(-1.0, 1.0),
        takes_labels=False,
    )
    writers.safetensors(network, passport, path)
    return passport


def rewritten(path: Path, fields: Mapping[str, Any]) -> Path:
    save_file(load_file(path), path, metadata={FIELD: json.dumps(fields)})
    return path


def opened(path: Path, **how: Any) -> WeightsSource:
    return WeightsSource("generator", path, 5, None, CPU, **how)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written(tmp_path / "a.safetensors")
    source = opened(tmp_path / "a.safetensors")
    assert source.at(range(5)).shape == (5, 1, 4, 4)
    assert source.remarks == ["generator: EMA weights of gan, run 0123456789abcdef, after 64 images"]


CHANGES: dict[str, tuple[Change, str]] = {
    "no longer known fields": (lambda one: one.update(colour="red"), "unknown key 'colour'"),
    "another version": (lambda one: one.update(version=2), "version = 2"),
    "a huge image": (lambda one: one.update(size=[3, 2**20, 2**20]), "which no generator of ganbench does"),
    "a shape of five numbers": (lambda one: one.update(size=[1, 2, 3, 4, 5]), "which no generator of ganbench does"),
    "no shape": (lambda one: one.update(size=[]), "which no generator of ganbench does"),
    "a huge latent": (lambda one: one.update(latent_dim=2**30), "which no generator of ganbench does"),
    "a negative class": (lambda one: one.update(class_shares=[-1.0, 2.0]), "class_shares"),
    "classes that never occur": (lambda one: one.update(class_shares=[0.0, 0.0]), "no class ever occurs"),
    "labels without classes": (lambda one: one.update(takes_labels=True), "not of which classes"),
    "more names than classes": (lambda one: one.update(class_names=["a"]), "names 1 of its 0 classes"),
    "huge networks": (lambda one: one["variant"]["config"].update(discriminator_widths=[2**20, 2**20]), "its header asks for networks of"),
    "other networks": (lambda one: one["variant"]["config"].update(generator_widths=[5]), "another network than the gan that is installed"),
    "another version of the method": (lambda one: one["variant"].update(version=9), "version 9 of gan"),
    "other weights": (lambda one: one.update(weights_sha256="0" * 64), "their hash is another"),
    "an unknown option": (lambda one: one["variant"]["config"].update(maxout_piece=5), "did you mean 'maxout_pieces'"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_false_header_is_refused_in_one_line(change: str, tmp_path: Path) -> None:
    fields, (apply, words) = asdict(written(tmp_path / "a.safetensors")), CHANGES[change]
    apply(fields)
    if change == "another version of the method":  # of which the same weights are read, with a note
        assert words in opened(rewritten(tmp_path / "a.safetensors", fields)).notes[0]
        return
    with pytest.raises(RequestError, match=words) as said:
        opened(rewritten(tmp_path / "a.safetensors", fields))
    assert len(str(said.value).splitlines()) == 1


def test_an_unknown_method_is_named(tmp_path: Path) -> None:
    passport = written(tmp_path / "a.safetensors")
    fields = asdict(replace(passport, variant=VariantSpec(name="gann", config=SPEC.config)))
    with pytest.raises(UnknownName, match="did you mean"):
        opened(rewritten(tmp_path / "a.safetensors", fields))


def test_a_method_from_a_file_runs_only_if_trusted(tmp_path: Path) -> None:
    file, trap = tmp_path / "own.py", tmp_path / "ran"
    file.write_text(f"open({str(trap)!r}, 'w')\n")
    passport = written(tmp_path / "a.safetensors")
    own = VariantSpec(name="own.py:Own", config=SPEC.config, path=str(file), content="0" * 64)
    path = rewritten(tmp_path / "a.safetensors", asdict(replace(passport, variant=own)))
    with pytest.raises(RequestError, match="add --trust"):
        opened(path)
    with pytest.raises(RequestError, match="has changed"):  # trusted, but it is not the file of that hash
        opened(path, trust=True)
    assert not trap.exists()


def test_weights_from_elsewhere_say_not_of_what(tmp_path: Path) -> None:
    save_file(nn.Linear(2, 2).state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="does not say of which network"):
        opened(tmp_path / "a.safetensors")
    (tmp_path / "b.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match="no readable safetensors file"):
        opened(tmp_path / "b.safetensors")
