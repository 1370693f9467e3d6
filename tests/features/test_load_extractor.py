from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.errors import RequestError, UnknownName
from ganbench.features.base import extract, load_extractor

MEANS = '''
from typing import ClassVar
from ganbench.features.base import Extractor
from ganbench.sets.features import Features

class Means(Extractor):
    """Mean colour."""
    name = "means"
    accepts = "image"
    width = 3
    def features(self, examples):
        return Features(values=examples.float().mean((2, 3)))

class Half(Extractor):
    name = "half"

class Needy(Means):
    def __init__(self, depth):
        super().__init__()

number = 3
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MEANS)
    return path


def refusal(name: str, **options: object) -> str:
    with pytest.raises(RequestError) as caught:
        load_extractor(name, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_registered_names_are_made() -> None:
    extractor = load_extractor("digits-probe")
    assert (extractor.name, extractor.published, extractor.notes, extractor.dtype, extractor.source_sha256) == (
        "digits-probe", None, (), "float32", None,
    )  # fmt: skip
    with pytest.raises(UnknownName, match="did you mean 'digits-probe'"):
        load_extractor("digit-probe")


def test_a_class_from_a_file_is_made_and_its_file_is_hashed(file: Path) -> None:
    extractor = load_extractor(f"{file}:Means")
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 4), dtype=np.uint8)
    values = extract(extractor, images, chunk=2).values
    assert values.dtype == torch.float32, "float32 features are not doubled"
    np.testing.assert_allclose(values.numpy(), images.mean((2, 3)), rtol=1e-6)
    again = load_extractor(f"{file}:Means").source_sha256
    assert extractor.source_sha256 == again
    (file.parent / "beside.py").write_text("SCALE = 2\n")
    assert load_extractor(f"{file}:Means").source_sha256 != again, "what it may import counts too"


def test_what_is_no_extractor_is_refused(file: Path) -> None:
    assert "is no extractor; derive the class from ganbench.features.base.Extractor" in refusal(f"{file}:number")
    assert "define accepts, width, features in class Half" in refusal(f"{file}:Half")
    assert "cannot be made without depth" in refusal(f"{file}:Needy")
    assert "no such file" in refusal(f"{file.parent / 'nowhere.py'}:Means")


@pytest.mark.parametrize("options", [{"weights": Path("x.pth")}, {"resize": "clean"}, {"fast": True}])
def test_options_that_an_extractor_does_not_take_are_refused(options: dict[str, object], file: Path) -> None:
    option = next(iter(options))
    for name in ("digits-probe", f"{file}:Means"):
        assert f"takes no {option}; leave {option} out" in refusal(name, **options)
