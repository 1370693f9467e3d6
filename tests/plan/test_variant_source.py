"""Does a plan find in the source what keeps a variant from running, and may a class from a file be named alone?"""

from pathlib import Path

import pytest

from ganbench.errors import RequestError, UnknownName
from ganbench.plan.suite import load_suite
from ganbench.plan.variant_config import meant
from ganbench.plan.variant_source import check_methods, may_refuse
from ganbench.registry import VARIANTS
from ganbench.targets import Target

METHOD = '''
from dataclasses import dataclass
from ganbench.training.variant import Variant

class Base(Variant):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2
        beta: float = 0.5

    def optimizers(self): ...
    def discriminator_step(self, real, ctx): ...

class MyGAN(Base):
    @dataclass(frozen=True, kw_only=True)
    class Config(Base.Config):
        """Nothing of its own."""

    def generator_step(self, ctx): ...
'''
SUITE = """
name = "s"
[[matrix]]
variants = ["gan", "my.py:MyGAN"]
datasets = ["ring8"]
seeds = [0]
budget_images = 640
evaluation = { extractor = "identity", metrics = ["fd"], n_fake = 64 }
"""


@pytest.fixture
def suite(tmp_path: Path) -> str:
    (tmp_path / "my.py").write_text(METHOD)
    (tmp_path / "suite.toml").write_text(SUITE)
    return str(tmp_path / "suite.toml")


def refused(tmp_path: Path, old: str, new: str) -> str:
    (tmp_path / "my.py").write_text(METHOD.replace(old, new))
    with pytest.raises(RequestError) as caught:
        load_suite(str(tmp_path / "suite.toml"))
    return str(caught.value)


def test_what_a_method_lacks_is_named_with_the_nearest_name_there_is(suite: str, tmp_path: Path) -> None:
    assert "MyGAN has no method generator_step; did you mean that by 'generator_stpe'?" in refused(
        tmp_path, "generator_step", "generator_stpe"
    )
    assert "MyGAN has no method optimizers; `ganbench new variant" in refused(tmp_path, "def optimizers", "def xyz")
    assert "Config has no latent_dim" in refused(tmp_path, "latent_dim", "latentdim")
    assert "did you mean that by 'latentdim'?" in refused(tmp_path, "latent_dim", "latentdim")
    assert refused(tmp_path, "class MyGAN", "class MyGAM").endswith("unknown class in my.py 'MyGAN'; did you mean 'MyGAM'?")


def test_a_mistake_in_a_users_file_is_told_with_file_and_line(suite: str, tmp_path: Path) -> None:
    said = refused(tmp_path, "    def optimizers(self): ...", "    def optimizers(self: ...")
    assert "my.py, line 11: not valid Python" in said and "unknown>" not in said
    assert "division by zero; my.py, line 9, in Config)" in refused(tmp_path, "beta: float = 0.5", "beta: float = 1 / 0")


def test_every_registered_variant_has_its_methods_and_a_base_that_cannot_be_read_is_no_refusal(tmp_path: Path) -> None:
    for name in VARIANTS.names():
        check_methods(VARIANTS.target(name))
    (tmp_path / "odd.py").write_text("import elsewhere\nclass Odd(elsewhere.Base): ...\nclass Made(make()): ...\n")
    for name in ("Odd", "Made"):
        check_methods(Target(str(tmp_path / "odd.py"), name))


def test_only_methods_that_can_refuse_are_asked() -> None:
    assert not may_refuse(VARIANTS.target("gan"))  # fully connected networks take any shape
    assert all(may_refuse(VARIANTS.target(name)) for name in ("dcgan", "acgan", "progressive_gan", "pacgan", "stylegan2"))
    assert may_refuse(Target("my.py", "MyGAN"))  # may generate another shape


def test_a_class_from_a_file_may_be_named_alone(suite: str, tmp_path: Path) -> None:
    whole = load_suite(suite, ["config.my.py:MyGAN.beta=0.25"], ["variant=my.py:MyGAN"])[1]
    assert load_suite(suite, ["config.MyGAN.beta=0.25"], ["variant=MyGAN"])[1] == whole
    assert whole[0].variant.config["beta"] == 0.25
    (tmp_path / "suite.toml").write_text(SUITE + "[matrix.config.MyGAN]\nbeta = 0.25\n")
    assert load_suite(suite, (), ["variant=MyGAN"])[1] == whole
    (tmp_path / "suite.toml").write_text(SUITE + 'axes = { "config.MyGAN.beta" = [0.25, 0.75] }\n')
    assert [spec.variant.config["beta"] for spec in load_suite(suite, (), ["variant=MyGAN"])[1]] == [0.25, 0.75]


def test_a_class_that_is_unknown_or_in_two_files_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'MyGAN'"):
        meant("MyGAM", ["gan", "a.py:MyGAN"], "variant in --only")
    with pytest.raises(RequestError, match=r"may be 'a.py:MyGAN' or 'b.py:MyGAN'; write the file as well"):
        meant("MyGAN", ["a.py:MyGAN", "b.py:MyGAN"], "variant in --only")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("budget_images=many", "budget_images = 'many': a whole number is wanted"),
        ("budget_images=1.5", "budget_images = 1.5: a whole number is wanted"),
        ("config.gan.beta1=fast", "beta1 = 'fast': a number is wanted"),
        ("config.gan.beta1=nan", "beta1 = nan: a finite number is wanted"),
        ("config.gan.loss=hinge", "loss = 'hinge': known: non-saturating, minimax"),
        ("config.gan.loss=minmax", "loss = 'minmax': did you mean 'minimax'?"),
        ("variants=[]", "variants = []: must not be empty"),
        ("seeds=3", "seeds = 3: a list is wanted"),
        ("training=fast", "training = 'fast': a table is wanted"),
        ("evaluation.metrics=[1]", "metrics.0 = 1: text is wanted"),
        ("seeds=[-1]", "seeds.0 = -1: must be at least 0"),
    ],
)
def test_what_is_wanted_is_said_in_words_of_suites(suite: str, setting: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        load_suite(suite, [setting])
    assert words in str(caught.value)
    assert "nput should" not in str(caught.value)
