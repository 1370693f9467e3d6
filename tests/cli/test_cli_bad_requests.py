import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Command = Callable[..., Any]
Suite = Callable[..., Path]
POINTS = '{ extractor = "identity", metrics = ["fd"], n_fake = 64, n_real = 64 }'
IMAGES = '{ extractor = "random-conv", metrics = ["fd"], n_fake = 64 }'
FILES = '[datasets.mine]\npath = "mine"\n'
MINE = {"datasets": '["mine"]', "evaluation": IMAGES.replace("64", "10"), "training": "{ batch_size = 8 }"}


CONFIG = "import dataclasses\nclass GAN:\n    @dataclasses.dataclass\n    class Config:\n        latent_dim: int"


def evaluation(**changes: str) -> str:
    fields = {"extractor": '"identity"', "metrics": '["fd"]', "n_fake": "64", "n_real": "64", **changes}
    return "{ " + ", ".join(f"{key} = {value}" for key, value in fields.items() if value) + " }"


# Changes to a valid suite, arguments, and what the one line must say.
WRONG: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "variant": ({"variants": '["wgan-pg"]'}, [], ["unknown variant 'wgan-pg'", "did you mean 'wgan_gp'?"]),
    "dataset": ({"datasets": '["rng8"]'}, [], ["unknown dataset 'rng8'", "did you mean 'ring8'?"]),
    "extractor": ({"evaluation": evaluation(extractor='"identiti"')}, [], ["unknown extractor", "did you mean 'identity'?"]),
    "metric": ({"evaluation": evaluation(metrics='["precison"]')}, [], ["unknown metric", "did you mean 'precision'?"]),
    "reserved metric": (
        {"evaluation": evaluation(metrics='["fid"]')},
        [],
        ["'fid' is the name for", "write 'fd'"],
    ),
    "too few for a metric": (
        {"evaluation": evaluation(n_fake="5")},
        [],
        ["'fd' needs at least 10 examples", "the generated set has 5"],
    ),
    "metric twice": ({"evaluation": evaluation(metrics='["fd", "fd"]')}, [], ["'fd' is there twice"]),
    "no metric": ({"evaluation": evaluation(metrics="[]")}, [], ["evaluation.metrics is empty"]),
    "suite key": ({"head": 'descripton = "x"'}, [], ["unknown key 'descripton'", "did you mean 'description'?"]),
    "matrix key": ({"tail": "budget_image = 3"}, [], ["unknown key", "budget_image'", "did you mean 'budget_images'?"]),
    "training key": ({"training": "{ batchsize = 64 }"}, [], ["unknown key", "did you mean 'batch_size'?"]),
    "config key": ({"tail": "config.gan.latent_dims = 2"}, [], ["config.gan", "unknown key", "did you mean 'latent_dim'?"]),
    "config of a stranger": ({"tail": "config.wgan.clip = 0.1"}, [], ["unknown variant", "'wgan'", "did you mean 'gan'?"]),
    "config value": ({"tail": 'config.gan.loss = "hinge"'}, [], ["config.gan", "loss = 'hinge'"]),
    "type": ({"budget_images": '"many"'}, [], ["budget_images = 'many'"]),
    "negative budget": ({"budget_images": -5}, [], ["budget_images = -5"]),
    "negative seed": ({"seeds": "[-1]"}, [], ["seeds.0 = -1"]),
    "no variants": ({"variants": "[]"}, [], ["matrix.0.variants = []"]),
    "TOML": ({"budget_images": "= 3"}, [], ["not valid TOML", "line 7"]),
    "rate below 0": (
        {"tail": "config.gan.learning_rate = -1e-3"},
        [],
        ["config.gan", "learning_rate = -0.001", "must be at least 0"],
    ),
    "truth for a number": ({"tail": "config.gan.latent_dim = true"}, [], ["config.gan", "latent_dim = true", "a number is wanted"]),
    "width below 1": ({"tail": "config.gan.generator_widths = [-4]"}, [], ["config.gan", "generator_widths.0 = -4"]),
    "beta of 1": ({"tail": "config.gan.beta1 = 1.0"}, [], ["config.gan", "beta1 = 1.0", "must be below 1"]),
    "one example for batch norm": (
        {"variants": '["dcgan"]', "training": "{ batch_size = 1 }"},
        [],
        ["batch_size = 1", "dcgan", "2 or more"],
    ),
    "gamma without a slope": ({"variants": '["focal_gan"]', "tail": "config.focal_gan.gamma = 0.5"}, [], ["gamma = 0.5", "use 0, or 1"]),
    "not a number": ({"tail": "config.gan.learning_rate = nan"}, [], ["config.gan", "finite"]),
    "n_real": ({"evaluation": evaluation(n_real="100_001")}, [], ["n_real = 100,001", "100,000 examples", "train split"]),
    "n_fake": ({"evaluation": evaluation(n_fake="1")}, [], ["'fd' needs at least"]),
    "batch size": ({"training": "{ batch_size = 200_000 }"}, [], ["batch_size = 200,000", "100,000 training examples"]),
    "image extractor on points": ({"evaluation": evaluation(extractor='"pixels"')}, [], ["'pixels' sees images", "points", "'identity'"]),
    "point extractor on images": ({"datasets": '["digits"]'}, [], ["'identity' sees points", "images", "'random-conv'"]),
    "cs without a classifier": (
        {"evaluation": evaluation(metrics='["cs"]', n_fake="100")},
        [],
        ["'cs' needs", "class probabilities"],
    ),
    "translation": ({"training": '{ augmentation = "translation" }'}, [], ["augmentation = 'translation'", "holds points", "'none'"]),
    "size": (
        {"variants": '["sngan"]', "datasets": '["digits"]', "evaluation": IMAGES, "head": "datasets.digits.resolution = 17"},
        [],
        ["images of 17 pixels", "16 or 20", "resolution"],
    ),
    "batch of another multiple": (
        {"variants": '["pacgan"]', "training": "{ batch_size = 9 }"},
        [],
        ["batch_size = 9", "pacgan as configured takes multiples of 2", "use 8 or 10"],
    ),
    "images alone": ({"variants": '["stylegan2"]'}, [], ["stylegan2 works on images", "2-D points", "pacgan"]),
    "points with a resolution": ({"head": "datasets.ring8.resolution = 8"}, [], ["resolution = 8 has no meaning"]),
    "--set key": ({}, ["--set", "budget_imags=3"], ["unknown key", "did you mean 'budget_images'?"]),
    "--set nested key": ({}, ["--set", "training.batchsize=3"], ["unknown key", "did you mean 'batch_size'?"]),
    "--set without value": ({}, ["--set", "seeds"], ["--set seeds", "key.path=value"]),
    "--set into a value": ({}, ["--set", "budget_images.x=1"], ["'budget_images' holds a value"]),
    "--set for a stranger": ({}, ["--set", "config.wgann.clip=1"], ["unknown variant in --set 'wgann'"]),
    "device": ({}, ["--device", "cpuu"], ["--device cpuu", "auto, cpu, cuda"]),
    "device kind": ({}, ["--device", "mps"], ["--device mps", "only cpu and cuda"]),
    "workers": ({}, ["--workers", "0"], ["--workers"]),
    "option": ({}, ["--worker", "1"], ["--worker", "--help"]),
    "a spec as well": ({}, ["--spec", "spec.json"], ["either a suite or --spec"]),
    "missing path": ({"datasets": '["mine"]', "head": FILES}, [], ["mine' does not exist"]),
    "path of a registered name": ({"head": '[datasets.ring8]\npath = "."'}, [], ["'ring8' is a registered data set"]),
    "missing file of a variant": ({"variants": '["gone.py:GAN"]'}, [], ["gone.py: no such file"]),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_a_wrong_request_is_one_line_and_leaves_nothing(ganbench: Command, suite: Suite, tmp_path: Path, case: str) -> None:
    changes, arguments, words = WRONG[case]
    suite(**changes)
    before = sorted(tmp_path.rglob("*"))
    line = ganbench("run", "suite.toml", "--out", "out", *arguments).one_line()
    assert line.startswith("ganbench: ")
    assert all(word in line for word in words), line
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("case", ["variant", "TOML", "type", "--set key", "too few for a metric"])
def test_plan_refuses_the_same(ganbench: Command, suite: Suite, tmp_path: Path, case: str) -> None:
    changes, arguments, words = WRONG[case]
    suite(**changes)
    line = ganbench("plan", "suite.toml", *arguments).one_line()
    assert all(word in line for word in words), line


def test_plan_and_run_refuse_a_held_out_set_that_is_too_small(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", np.zeros((400, 1, 8, 8), np.uint8))  # a fifth is held out
    suite(**{**MINE, "head": FILES.replace('"mine"', '"mine.npz"'), "evaluation": IMAGES.replace('["fd"]', '["ct"]').replace("64", "200")})
    before = sorted(tmp_path.rglob("*"))
    for command in ("plan", "run"):
        line = ganbench(command, "suite.toml", "--out", "out").one_line()
        assert "'ct' needs at least 100 examples, and the held-out set has 80" in line
    assert sorted(tmp_path.rglob("*")) == before


def test_unknown_suites_commands_and_kinds_are_one_line(ganbench: Command, suite: Suite) -> None:
    suite()
    assert "did you mean 'quickstart'?" in ganbench("run", "quikstart").one_line()
    assert "did you mean 'suite.toml'?" in ganbench("run", "suit.toml").one_line()
    assert "runn" in ganbench("runn", "quickstart").one_line()
    assert "variant" in ganbench("list", "variant").one_line()
    assert "either a suite or --spec" in ganbench("run").one_line()


def test_an_error_after_runs_are_there_leaves_them_as_they_are(ganbench: Command, suite: Suite, tmp_path: Path, tree: Any) -> None:
    suite(seeds='["x"]')
    (tmp_path / "out" / "runs").mkdir(parents=True)
    (tmp_path / "out" / "manifest.json").write_text("{}")
    before = tree(tmp_path)
    ganbench("run", "suite.toml", "--out", "out").one_line()
    assert tree(tmp_path) == before


def png(size: tuple[int, int] = (8, 8), mode: str = "L", index: int = 0) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(index).integers(0, 256, (size[1], size[0], *((3,) if mode == "RGB" else ())), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def folder_of(path: Path, **options: Any) -> Path:
    path.mkdir()
    for index in range(20):
        (path / f"{index:02}.png").write_bytes(png(index=index, **options))
    return path


def test_a_good_folder_can_be_checked_so_that_the_refusals_below_mean_something(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    folder_of(tmp_path / "mine")
    suite(head=FILES, **MINE)
    assert ganbench("plan", "suite.toml").code == 0


def test_folders_that_cannot_be_used_are_named_in_one_line(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    suite(head=FILES, **MINE)
    assert f"{str(folder)!r} holds no images" in ganbench("run", "suite.toml", "--out", "out").one_line()
    folder.rmdir()
    folder_of(folder)
    (folder / "05.png").write_bytes(png(size=(9, 8)))
    line = ganbench("run", "suite.toml", "--out", "out").one_line()
    assert "'05.png' is 9x8" in line and "resolution" in line
    (folder / "05.png").write_bytes(png()[:60])
    assert "'05.png'" in ganbench("run", "suite.toml", "--out", "out").one_line()
    for path in list(folder.iterdir())[5:]:
        path.unlink()
    (folder / "05.png").write_bytes(png())
    assert "at least 10" in ganbench("run", "suite.toml", "--out", "out").one_line()
    assert not (tmp_path / "out").exists()


def test_channels_and_shapes_that_do_not_fit_are_one_line(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    folder_of(tmp_path / "mine", mode="RGB", size=(12, 8))
    suite(head=FILES + "channels = 1", **MINE)
    assert "3 channel(s), not 1" in ganbench("run", "suite.toml", "--out", "out").one_line()
    suite(head=FILES, **{**MINE, "variants": '["dcgan"]'})
    line = ganbench("run", "suite.toml", "--out", "out").one_line()
    assert "8x12 pixels are not square" in line and "resolution" in line
    suite(head=FILES, **{**MINE, "training": "{ batch_size = 17 }"})
    assert "more than the 16 training examples" in ganbench("run", "suite.toml", "--out", "out").one_line()
    assert not (tmp_path / "out").exists()


def test_labels_that_do_not_match_are_one_line(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for index in range(20):
            archive.writestr(f"{index:02}.png", png(index=index))
        archive.writestr("dataset.json", json.dumps({"labels": [[f"{index:02}.png", 0] for index in range(19)]}))
    suite(head=FILES.replace('"mine"', '"mine.zip"'), **MINE)
    assert "no label for image '19.png'" in ganbench("run", "suite.toml", "--out", "out").one_line()
    assert not (tmp_path / "out").exists()


def test_mnist_without_files_and_network_names_the_remedies(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    # closed local ports stand for a network that cannot be reached
    offline = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    offline |= {"no_proxy": "", "NO_PROXY": "", "GANBENCH_DATA": str(tmp_path / "data")}
    (tmp_path / "data").mkdir()
    suite(datasets='["mnist"]', evaluation=IMAGES)
    line = ganbench("run", "suite.toml", "--out", "out", env=offline).one_line()
    assert "mnist" in line and "GANBENCH_DATA" in line and "train-images-idx3-ubyte" in line
    assert not (tmp_path / "out").exists()


def test_an_out_that_cannot_be_written_is_one_line(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    suite()
    (tmp_path / "file").write_text("mine")
    assert "is not a folder" in ganbench("run", "suite.toml", "--out", "file").one_line()
    assert "is not a folder" in ganbench("run", "suite.toml", "--out", "file/below").one_line()
    assert (tmp_path / "file").read_text() == "mine"
    if os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "shut").mkdir(mode=0o500)
        assert "cannot be written to" in ganbench("run", "suite.toml", "--out", "shut").one_line()


def test_cuda_without_a_gpu_is_one_line(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    suite()
    line = ganbench("run", "suite.toml", "--out", "out", "--device", "cuda", env={"CUDA_VISIBLE_DEVICES": ""}).one_line()
    assert "--device cuda" in line and "--device cpu" in line
    assert not (tmp_path / "out").exists()


def written_spec(suite: Suite, tmp_path: Path, **changes: Any) -> Path:
    from ganbench.plan.spec import to_json
    from ganbench.plan.suite import load_suite

    (spec,) = load_suite(str(suite(**changes)))[1]
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(to_json(spec)))
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "holds no JSON object; give the spec.json of a run"),
        ("{}", "is missing"),
        ("\udcff", "not valid JSON"),
        (None, "cannot be read"),
    ],
)
def test_a_spec_file_that_is_none_is_one_line(ganbench: Command, tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "spec.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert words in ganbench("run", "--spec", "spec.json", "--out", "cell").one_line()
    assert not (tmp_path / "cell").exists()


def test_a_spec_with_a_wrong_field_is_one_line(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    path = written_spec(suite, tmp_path)
    good = json.loads(path.read_text())
    for fields, words in (
        ({**good, "sed": 1}, "unknown key 'sed'; did you mean 'seed'?"),
        ({**good, "training": {**good["training"], "batch_size": 0}}, "training.batch_size = 0"),
        ({**good, "seed": "0x"}, "seed = '0x'"),
        ({**good, "dataset": {**good["dataset"], "name": "rng8"}}, "did you mean 'ring8'?"),
        ({**good, "variant": {**good["variant"], "config": {"latent_dims": 2}}}, "did you mean 'latent_dim'?"),
        ({**good, "evaluation": {**good["evaluation"], "metrics": ["fdd"]}}, "did you mean 'fd'?"),
        ({**good, "evaluation": {**good["evaluation"], "metrics": []}}, "is empty"),
        ({**good, "evaluation": {**good["evaluation"], "metrics": ["fid"]}}, "is the name for"),
    ):
        path.write_text(json.dumps(fields))
        assert words in ganbench("run", "--spec", path, "--out", "cell").one_line()
        assert not (tmp_path / "cell").exists(), words


def test_data_or_method_that_changed_since_the_plan_are_refused(ganbench: Command, suite: Suite, tmp_path: Path, methods: Path) -> None:
    folder = folder_of(tmp_path / "mine")
    path = written_spec(suite, tmp_path, head=FILES, **MINE)
    (folder / "00.png").write_bytes(png(index=99))
    line = ganbench("run", "--spec", path, "--out", "cell").one_line()
    assert "mine: has changed since this run was planned" in line
    (tmp_path / "own.py").write_text(methods.read_text())
    path = written_spec(suite, tmp_path, variants='["own.py:Healthy"]')
    (tmp_path / "own.py").write_text(methods.read_text() + "\n")
    line = ganbench("run", "--spec", path, "--out", "cell").one_line()
    assert "own.py: has changed since this run was planned" in line
    assert not (tmp_path / "cell").exists()


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"schema_version": 1}', '{"schema_version": 99}', "\x00"])
def test_a_damaged_record_is_named_in_one_line(ganbench: Command, suite: Suite, tmp_path: Path, tree: Any, text: str) -> None:
    from ganbench.plan.suite import load_suite
    from ganbench.results.folders import run_folder

    (spec,) = load_suite(str(suite()))[1]
    folder = run_folder(tmp_path / "out", spec)
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(text)
    before = tree(tmp_path)
    for verb, code in (("run", 1), ("plan", 0)):  # nothing is wrong with the request, and other runs would be carried out and shown
        result = ganbench(verb, "suite.toml", "--out", "out")
        assert result.code == code and "Traceback" not in result.err
        (line,) = [line for line in result.err.splitlines() if "record.json" in line]
        assert line.startswith("left out: ")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("class GAN(:", "not valid Python"),
        ("x = 1", "unknown class in own.py 'GAN'"),
        ("class GAN: pass", "has no Config of its own"),
        ("class GAN:\n    class Config:\n        latent_dim: int = 2", "is no dataclass"),
        (CONFIG + " = 2", "is no ganbench.training.variant.Variant"),
        ("import nothing_here\n" + CONFIG + " = 2", "ModuleNotFoundError"),
        (CONFIG + "", "'latent_dim' is missing"),
        (CONFIG + " = 1 // 0", "own.py"),
    ],
)
def test_a_file_that_is_no_method_is_one_line(ganbench: Command, suite: Suite, tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "own.py").write_text(source)
    suite(variants='["own.py:GAN"]')
    assert words in ganbench("run", "suite.toml", "--out", "out").one_line()
    assert not (tmp_path / "out").exists()
