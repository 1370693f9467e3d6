"""Does a variant's Config mean without torch what it means with it, also where it inherits another's?"""

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from ganbench.errors import RequestError
from ganbench.plan.spec import VariantSpec
from ganbench.plan.variant_config import config_class, defaults, joined_later, outdated, variant_spec
from ganbench.registry import VARIANTS
from ganbench.targets import Target

HEAD = "from dataclasses import dataclass\nfrom typing import Annotated\nfrom annotated_types import Ge\n"


def method(name: str, base: str, *lines: str) -> str:
    head = f"\nclass {name}:\n    @dataclass(frozen=True, kw_only=True)\n    class Config{base}:\n"
    return head + "".join(f"        {line}\n" for line in lines or ('"""Nothing of its own."""',))


PARENT = method("Parent", "", "latent_dim: Annotated[int, Ge(1)] = 7", "width: int = 3")


def config(tmp_path: Path, text: str, name: str = "Heir") -> dict[str, object]:
    (tmp_path / "heir.py").write_text(HEAD + text)
    return dict(variant_spec(f"heir.py:{name}", {}, "here", tmp_path).config)


def test_a_registered_variant_inherits_from_another_module() -> None:
    assert defaults("lsgan") == defaults("dcgan")
    changed = {name for name, value in defaults("dragan").items() if defaults("dcgan").get(name) != value}
    assert changed == {"learning_rate", "beta2", "penalty_weight"}


def test_a_config_is_inherited_without_torch() -> None:
    code = "import sys; from ganbench.plan.variant_config import defaults; defaults('stylegan2_ada'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_file_inherits_from_a_registered_variants_module_and_overrides_a_default(tmp_path: Path) -> None:
    text = "from baselines.dcgan import DCGAN as Other\n" + method("Heir", "(Other.Config)", "latent_dim: Annotated[int, Ge(2)] = 16")
    assert config(tmp_path, text) == {**defaults("dcgan"), "latent_dim": 16}
    with pytest.raises(RequestError, match="must be at least 2"):
        variant_spec("heir.py:Heir", {"latent_dim": 1}, "here", tmp_path)


def test_a_file_inherits_from_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text(HEAD + PARENT)
    assert config(tmp_path, "from beside import Parent\n" + method("Heir", "(Parent.Config)", "depth: int = 2")) == {
        "latent_dim": 7, "width": 3, "depth": 2,
    }  # fmt: skip


def test_a_file_inherits_from_a_class_in_the_same_file_through_several_generations(tmp_path: Path) -> None:
    text = PARENT + method("Middle", "(Parent.Config)", "width: int = 4") + method("Heir", "(Middle.Config)")
    assert config(tmp_path, text) == {"latent_dim": 7, "width": 4}


def test_a_module_of_a_package_inherits_by_a_relative_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "relatives"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "parent.py").write_text(HEAD + PARENT)
    (package / "heir.py").write_text(HEAD + "from .parent import Parent\n" + method("Heir", "(Parent.Config)"))
    monkeypatch.syspath_prepend(tmp_path)
    assert [field.name for field in fields(config_class(Target("relatives.heir", "Heir")))] == ["latent_dim", "width"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (method("Heir", "(Missing.Config)"), "inherits Missing.Config, which cannot be read: unknown class in heir.py 'Missing'"),
        ("from nowhere import Parent\n" + method("Heir", "(Parent.Config)"), "cannot be read: module 'nowhere"),
        ("from torch import nn as Parent\n" + method("Heir", "(Parent.Config)"), "inherits Parent.Config, which cannot be read"),
        (method("Heir", "(Heir.Config)"), "Heir.Config inherits itself"),
        ("import baselines.dcgan as b\n" + method("Heir", "(b.DCGAN.Config)"), "the standard library only"),
    ],
    ids=["no such class", "no such module", "no variant", "itself", "through a module"],
)  # fmt: skip
def test_what_cannot_be_inherited_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RequestError) as refusal:
        config(tmp_path, text)
    assert words in str(refusal.value) and "heir.py" in str(refusal.value) and "\n" not in str(refusal.value)


def test_every_registered_variant_has_its_defaults() -> None:
    assert all(defaults(name) for name in VARIANTS.names())


def test_an_option_that_joined_later_is_left_out_while_it_has_its_default(tmp_path: Path) -> None:
    text = method("Mine", "", 'joined_later = ("depth",)', "latent_dim: int = 7", "depth: int = 2")
    (tmp_path / "mine.py").write_text(HEAD + text)
    assert variant_spec("mine.py:Mine", {}, "here", tmp_path).config == {"latent_dim": 7}
    assert variant_spec("mine.py:Mine", {"depth": 2}, "here", tmp_path).config == {"latent_dim": 7}
    assert variant_spec("mine.py:Mine", {"depth": 3}, "here", tmp_path).config == {"latent_dim": 7, "depth": 3}


def test_the_version_is_the_configs_and_inherited(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(HEAD + method("Mine", "", "version = 3", "latent_dim: int = 7"))
    (tmp_path / "heir.py").write_text("from mine import Mine\n" + HEAD + method("Heir", "(Mine.Config)", "depth: int = 2"))
    assert variant_spec("mine.py:Mine", {}, "here", tmp_path).version == 3
    assert variant_spec("heir.py:Heir", {}, "here", tmp_path).version == 3
    assert variant_spec("gan", {}, "here").version == 1


def test_only_a_registered_variant_of_another_version_is_outdated() -> None:
    current = variant_spec("gan", {}, "here")
    assert outdated(current) == ""
    assert outdated(replace(current, version=9)) == "version 9 of gan, and version 1 is installed"
    assert outdated(VariantSpec(name="of_another_package", config={}, version=9)) == ""


@pytest.mark.parametrize("name", VARIANTS.names())
def test_what_joined_later_is_an_option(name: str) -> None:
    cls = config_class(VARIANTS.target(name))
    assert set(joined_later(cls)) <= {field.name for field in fields(cls)}
