import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from ganbench.errors import RequestError
from ganbench.plan.changes import apply_setting
from ganbench.plan.spec import RunSpec, run_id
from ganbench.plan.suite import load_suite
from ganbench.plan.variant_config import defaults, variant_spec
from ganbench.registry import PRESETS, SUITES, VARIANTS

PLAN = 'evaluation = { extractor = "identity", metrics = ["fd"], n_fake = 64 }\n'
MATRIX = '[[matrix]]\nvariants = ["gan", "wgan"]\ndatasets = ["ring8", "grid25"]\nseeds = [1, 0]\nbudget_images = 100\n' + PLAN
METHOD = (
    "from dataclasses import dataclass\nimport torch\nclass Own:\n    @dataclass(frozen=True, kw_only=True)\n"
    "    class Config:\n        latent_dim: int = 2\n        rate: float = 1\n"
)

Load = Callable[..., list[RunSpec]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Expands a suite that is written to a file first."""

    def expanded(text: str, *settings: str) -> list[RunSpec]:
        (tmp_path / "suite.toml").write_text('name = "x"\n' + text)
        return load_suite(str(tmp_path / "suite.toml"), settings)[1]

    return expanded


def cells(specs: list[RunSpec]) -> list[tuple[str, str, int]]:
    return [(spec.dataset.name, spec.variant.name, spec.seed) for spec in specs]


def test_a_matrix_is_every_variant_on_every_data_set_under_every_seed_in_the_order_of_the_file(load: Load) -> None:
    assert cells(load(MATRIX)) == [(d, v, s) for d in ("ring8", "grid25") for v in ("gan", "wgan") for s in (1, 0)]


def test_a_run_that_two_matrices_mean_is_there_once(load: Load) -> None:
    more = MATRIX.replace('["gan", "wgan"]', '["wgan", "dcgan"]')
    specs = load(MATRIX + more)
    assert len({run_id(spec) for spec in specs}) == len(specs) == 12
    assert specs[:8] == load(MATRIX)


def test_the_full_configuration_is_resolved_and_overrides_stand_in_it(load: Load) -> None:
    gan, wgan = (load(MATRIX + "[matrix.config.wgan]\nclip = 0.5\n")[index].variant.config for index in (0, 2))
    assert gan["learning_rate"] == 2e-4 and gan["beta1"] == 0.5  # the defaults that baselines/gan.py gives
    assert wgan["clip"] == 0.5 and wgan["learning_rate"] == 5e-5


def test_an_override_that_says_the_default_is_the_same_run(load: Load) -> None:
    assert load(MATRIX) == load(MATRIX + "[matrix.config.wgan]\nclip = 0.01\n")


def test_a_whole_number_for_a_float_is_the_same_run_as_the_float(load: Load) -> None:
    one, float_one = (load(MATRIX + f"[matrix.config.gan]\nlearning_rate = {value}\n") for value in ("1", "1.0"))
    assert [run_id(spec) for spec in one] == [run_id(spec) for spec in float_one]
    rampup, float_rampup = (load(MATRIX + f"[matrix.training]\nema_rampup = {value}\n") for value in ("0", "0.0"))
    assert [run_id(spec) for spec in rampup] == [run_id(spec) for spec in float_rampup]


def test_paths_start_at_the_suites_folder_and_the_id_follows_the_content(load: Load, tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.zeros((12, 8, 8), np.uint8))
    text = '[datasets.mine]\npath = "mine.npy"\nresolution = 8\n' + MATRIX.replace('["ring8", "grid25"]', '["mine"]')
    first = load(text)[0]
    assert first.dataset.path == str(tmp_path / "mine.npy")
    assert first.dataset.resolution == 8 and len(first.dataset.content or "") == 64
    (tmp_path / "mine.npy").rename(tmp_path / "moved.npy")
    assert run_id(load(text.replace("mine.npy", "moved.npy"))[0]) == run_id(first)
    np.save(tmp_path / "moved.npy", np.ones((12, 8, 8), np.uint8))
    assert run_id(load(text.replace("mine.npy", "moved.npy"))[0]) != run_id(first)


def test_a_table_gives_a_registered_data_set_a_protocol(load: Load) -> None:
    specs = load("[datasets.digits]\nresolution = 8\nchannels = 1\n" + MATRIX.replace('"grid25"', '"digits"'))
    assert {(spec.dataset.name, spec.dataset.resolution, spec.dataset.channels) for spec in specs} == {
        ("ring8", None, None),
        ("digits", 8, 1),
    }


def test_a_method_from_a_file_keeps_no_folder_in_its_name(load: Load, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "own.py").write_text(METHOD)
    text = MATRIX.replace('["gan", "wgan"]', '["deep/own.py:Own"]')
    first = load(text + '[matrix.config."deep/own.py:Own"]\nrate = 2\n')[0]
    assert first.variant.name == "own.py:Own"
    assert first.variant.path == str(tmp_path / "deep" / "own.py")
    assert first.variant.config == {"latent_dim": 2, "rate": 2.0}
    assert "/" not in first.slug and ":" not in first.slug
    before = run_id(load(text)[0])
    (tmp_path / "deep" / "own.py").write_text(METHOD + "\n# edited\n")
    assert run_id(load(text)[0]) != before


@pytest.mark.parametrize(
    ("setting", "read"),
    [
        ("budget_images=7", lambda spec: spec.budget_images == 7),
        ("seeds=[5]", lambda spec: spec.seed == 5),
        ("training.batch_size = 8", lambda spec: spec.training.batch_size == 8),
        ("training.learning_rate_schedule=cosine", lambda spec: spec.training.learning_rate_schedule == "cosine"),
        ('variants=["wgan"]', lambda spec: spec.variant.name == "wgan"),
        ("evaluation.n_fake=65", lambda spec: spec.evaluation.n_fake == 65),
        ('evaluation.metrics=["fd", "kd"]', lambda spec: spec.evaluation.metrics == ("fd", "kd")),
    ],
)
def test_a_setting_changes_every_matrix(load: Load, setting: str, read: Callable[[RunSpec], bool]) -> None:
    assert all(read(spec) for spec in load(MATRIX + MATRIX, setting))


def test_later_settings_win_and_each_reaches_its_place(load: Load) -> None:
    specs = load(MATRIX, "budget_images=7", "budget_images=8", "datasets.ring8.resolution=8", "config.wgan.clip=0.5", "name=renamed")
    assert {spec.budget_images for spec in specs} == {8}
    assert {spec.dataset.resolution for spec in specs if spec.dataset.name == "ring8"} == {8}
    assert {spec.variant.config.get("clip") for spec in specs} == {None, 0.5}


@pytest.mark.parametrize("setting", ["", "=", "=3", "seeds", "budget_images.x=1"])
def test_a_setting_of_another_form_is_refused(setting: str) -> None:
    with pytest.raises(RequestError, match="--set"):
        apply_setting({"matrix": [{"budget_images": 1}]}, setting)


@pytest.mark.parametrize("name", SUITES.names())
def test_every_registered_suite_expands_without_repetition(name: str) -> None:
    suite, specs = load_suite(name)
    assert suite.description
    assert (
        len({run_id(spec) for spec in specs}) == len(specs) == sum(len(m.variants) * len(m.datasets) * len(m.seeds) for m in suite.matrix)
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'matrix' is missing"),
        ("matrix = []", "matrix = "),
        ("[[matrix]]", "is missing"),
        (MATRIX.replace("[1, 0]", "[1, 0.5]"), "seeds"),
        (MATRIX.replace("budget_images = 100", 'budget_images = "100 k"'), "budget_images = '100 k'"),
        (MATRIX + "[matrix.trainig]\nbatch_size = 1", "did you mean 'training'?"),
        (MATRIX + "[matrix.training]\nbatch_sise = 1", "did you mean 'batch_size'?"),
        (MATRIX.replace("n_fake", "n_fakes"), "did you mean 'n_fake'?"),
        ("[datasets.mine]\npth = 'x'\n" + MATRIX, "did you mean 'path'?"),
        (MATRIX.replace('"fd"', '"is"'), "write 'cs'"),
    ],
)
def test_a_suite_that_cannot_be_meant_is_refused_on_one_line(load: Load, tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        load(text)
    assert words in str(caught.value)
    assert str(tmp_path / "suite.toml") in str(caught.value) and "\n" not in str(caught.value)


def test_a_named_budget_is_that_of_each_data_set(load: Load) -> None:
    text = MATRIX.replace("budget_images = 100", 'budget = "smoke"').replace('"grid25"', '"digits"')
    assert {(spec.dataset.name, spec.budget_images) for spec in load(text)} == {("ring8", 51_200), ("digits", 5_120)}
    longer = load(text, "budget=short")
    assert {spec.budget_images for spec in longer} == {768_000, 48_000}


def test_a_setting_of_one_budget_takes_the_other_away(load: Load) -> None:
    assert {spec.budget_images for spec in load(MATRIX, "budget=smoke")} == {51_200}
    assert {spec.budget_images for spec in load(MATRIX, "budget=smoke", "budget_images=9")} == {9}


@pytest.mark.parametrize(
    ("budget", "dataset", "words"),
    [
        ('budget = "short"\nbudget_images = 5', "ring8", "give either budget_images = 100_000 or budget = 'short'"),
        ("", "ring8", "give either budget_images = 100_000 or budget = 'short'"),
        ('budget = "long"', "ring8", "budget = 'long'"),
        ('budget = "paper"', "digits", "nobody published a length on digits, so it has no budget 'paper'; take smoke, short, standard"),
        ('budget = "short"', "mine", "budget = 'short' has no meaning on 'mine'; give budget_images"),
    ],
)
def test_a_budget_that_cannot_be_meant_is_refused(load: Load, tmp_path: Path, budget: str, dataset: str, words: str) -> None:
    np.save(tmp_path / "mine.npy", np.zeros((12, 8, 8), np.uint8))
    text = MATRIX.replace("budget_images = 100", budget).replace('["ring8", "grid25"]', f'["{dataset}"]')
    with pytest.raises(RequestError) as refusal:
        load('[datasets.mine]\npath = "mine.npy"\n' + text)
    assert words in str(refusal.value)


def test_axes_repeat_a_matrix_with_every_combination(load: Load) -> None:
    specs = load(MATRIX + 'axes = { "config.wgan.clip" = [0.1, 0.2], "training.batch_size" = [8, 16] }\n')
    found = {(spec.variant.config["clip"], spec.training.batch_size) for spec in specs if spec.variant.name == "wgan"}
    assert found == {(clip, size) for clip in (0.1, 0.2) for size in (8, 16)}
    assert {spec.training.batch_size for spec in specs if spec.variant.name == "gan"} == {8, 16}
    assert len(specs) == 4 * 4 + 4 * 2  # the axis of wgan's clip leaves gan's runs alone, which are there once


def test_a_list_is_a_value_of_an_axis(load: Load) -> None:
    specs = load(MATRIX + 'axes = { "config.gan.generator_widths" = [[8], [8, 8]] }\n')
    assert {spec.variant.config["generator_widths"] for spec in specs if spec.variant.name == "gan"} == {(8,), (8, 8)}


def test_a_suite_of_too_many_cells_is_refused_by_arithmetic(load: Load) -> None:
    axis = f'axes = {{ "training.batch_size" = {list(range(1, 5001))}, "config.gan.latent_dim" = {list(range(1, 5001))} }}\n'
    with pytest.raises(RequestError, match="has 200,000,000 cells, and the limit is 100,000"):  # 8 in the matrix, times 5,000 twice
        load(MATRIX + axis)


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ("axes = 3", "axes must be a table of lists"),
        ('axes = { "training.batch_size" = 16 }', "axes must be a table of lists"),
        ('axes = { "training.batch_size" = [] }', "axes must be a table of lists"),
        ('axes = { "config.wagn.clip" = [1.0] }', "suite.toml: axes 'wagn'; did you mean 'wgan'?"),
        ('axes = { "training.batchsize" = [16] }', "did you mean 'batch_size'"),
        ('axes = { "budget_images.x" = [16] }', "holds a value, not a table"),
    ],
)
def test_an_axis_that_cannot_be_meant_is_refused(load: Load, axes: str, words: str) -> None:
    with pytest.raises(RequestError) as refusal:
        load(MATRIX + axes + "\n")
    assert words in str(refusal.value)


def test_what_is_set_is_no_axis_any_more(load: Load) -> None:
    axes = 'axes = { "config.wgan.clip" = [0.1, 0.2], "training.batch_size" = [8, 16] }\n'
    specs = load(MATRIX + axes, "config.wgan.clip=0.7", "training.batch_size=4")
    assert {spec.variant.config["clip"] for spec in specs if spec.variant.name == "wgan"} == {0.7}
    assert {spec.training.batch_size for spec in specs} == {4}


def test_presets_stand_between_defaults_and_the_matrixs_own(load: Load, tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text("[config.wgan]\nclip = 0.1\ncritic_steps = 2\n[config.dcgan]\ngenerator_width = 1\n")
    (tmp_path / "second.toml").write_text("[config.wgan]\nclip = 0.2\nlearning_rate = 0.3\n")
    text = MATRIX + 'presets = ["first.toml", "second.toml"]\n[matrix.config.wgan]\nlearning_rate = 0.4\n'
    config = next(spec for spec in load(text) if spec.variant.name == "wgan").variant.config
    assert (config["critic_steps"], config["clip"], config["learning_rate"]) == (2, 0.2, 0.4)
    assert next(spec for spec in load(text, "config.wgan.clip=0.5") if spec.variant.name == "wgan").variant.config["clip"] == 0.5


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("smal", "unknown preset 'smal'; did you mean 'small'?"),
        ("other.toml", "config.wgan: unknown key 'clipp'; did you mean 'clip'?"),
        ("form.toml", "unknown key 'wgan'"),
        ("broken.toml", "not valid TOML"),
        ("name.toml", "unknown variant 'wagn'; did you mean 'wgan'?"),
    ],
)
def test_a_preset_that_cannot_be_meant_is_refused(load: Load, tmp_path: Path, preset: str, words: str) -> None:
    (tmp_path / "other.toml").write_text("[config.wgan]\nclipp = 0.1\n")
    (tmp_path / "form.toml").write_text("[wgan]\nclip = 0.1\n")
    (tmp_path / "broken.toml").write_text("[wgan\n")
    (tmp_path / "name.toml").write_text("[config.wagn]\nclip = 0.1\n")
    with pytest.raises(RequestError) as refusal:
        load(MATRIX + f'presets = ["{preset}"]\n')
    assert words in str(refusal.value)


@pytest.mark.parametrize("name", PRESETS.names())
def test_every_registered_preset_fits_the_variants_that_it_names(name: str) -> None:
    target = PRESETS.target(name)
    table = tomllib.loads(files(target.place).joinpath(f"{target.attribute}.toml").read_text())
    assert table["description"] and table["config"].keys() <= VARIANTS.targets.keys()
    for variant, overrides in table["config"].items():
        assert variant_spec(variant, overrides, name).config != defaults(variant)


def test_only_keeps_a_part_and_parts_add_up(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text('name = "x"\n' + MATRIX)

    def held(*only: str) -> list[tuple[str, str, int]]:
        return cells(load_suite(str(tmp_path / "suite.toml"), (), only)[1])

    assert held("variant=wgan") == [(d, "wgan", s) for d in ("ring8", "grid25") for s in (1, 0)]
    assert held("variant=wgan,gan", "dataset=grid25", "seed=0") == [("grid25", "gan", 0), ("grid25", "wgan", 0)]


@pytest.mark.parametrize(
    ("only", "words"),
    [
        ("wgan", "--only wgan: write variant=NAME"),
        ("variant=", "write variant=NAME"),
        ("variants=gan", "unknown part in --only 'variants'; did you mean 'variant'?"),
        ("variant=wagn", "unknown variant in --only 'wagn'; did you mean 'wgan'?"),
        ("seed=3", "unknown seed in --only '3'"),
    ],
)
def test_an_only_that_keeps_nothing_is_refused(tmp_path: Path, only: str, words: str) -> None:
    (tmp_path / "suite.toml").write_text('name = "x"\n' + MATRIX)
    with pytest.raises(RequestError) as refusal:
        load_suite(str(tmp_path / "suite.toml"), (), [only])
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("config.gman.discriminators=0", "discriminators = 0: must be at least 1"),
        ("config.stylegan2.stddev_group=0", "stddev_group = 0"),
        ("config.stylegan2.r1_interval=0", "r1_interval = 0"),
        ("config.r3gan.group_channels=0", "group_channels = 0"),
        ("config.wgan_gp.critic_steps=0", "critic_steps = 0"),
        ("config.focal_gan.gamma=-1", "gamma = -1: must be at least 0"),
        ("config.acgan.dropout=1.5", "dropout = 1.5: must be below 1"),
        ("config.gan.dropout=1", "dropout = 1: must be below 1"),
        ("config.improved_gan.real_target=0", "real_target = 0: must be above 0"),
        ("config.unrolled_gan.unrolling_steps=-1", "unrolling_steps = -1: must be at least 0"),
    ],
)
def test_a_number_that_a_method_cannot_mean_is_refused_by_the_plan(setting: str, words: str) -> None:
    with pytest.raises(RequestError) as refusal:
        load_suite("digits", [setting])
    assert words in str(refusal.value)
