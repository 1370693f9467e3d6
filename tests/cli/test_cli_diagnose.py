"""Does ``ganbench diagnose`` give what it promises: a table, one document, files, and the right exit code?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganbench.data.bundled import digits
from ganbench.plan.spec import DatasetSpec

Command = Callable[..., Any]
DATA = digits(DatasetSpec(name="digits"), Path("."))
POINTS = ["--features", "--no-cache"]
SETS = ["--real", "real.npy", "--held-out", "held.npy", *POINTS]


@pytest.fixture(autouse=True)
def points(tmp_path: Path) -> None:
    """Points of three clusters: real ones, held-out ones, as good ones, those of two clusters, and one repeated."""
    rng = np.random.default_rng(0)
    for name, n, kinds in (("real", 400, 3), ("held", 150, 3), ("good", 150, 3), ("two", 150, 2)):
        np.save(tmp_path / f"{name}.npy", 6 * np.eye(3)[rng.integers(0, kinds, n)] + rng.normal(size=(n, 3)))
    np.save(tmp_path / "one.npy", np.ones((150, 3)))


def test_the_table_is_on_stderr_and_ends_with_the_verdict(ganbench: Command) -> None:
    result = ganbench("diagnose", "good.npy", "--real", "real.npy", *POINTS)
    assert (result.code, result.out) == (0, "")
    lines = result.err.splitlines()
    assert lines[0] == "150 generated examples against 200 real ones; features: identity"
    said = " ".join(result.err.split())  # lines are as long as the terminal is wide
    assert "held-out: 150 examples of a random half of the real set; the other half is the reference" in said
    row = next(line.split() for line in lines if line.strip().startswith("copied percent"))
    assert row[-5:] == ["—", "0", "to", "100", "fine"]
    assert "for want of the generator itself" in said
    assert "verdict: fine" in lines


def test_a_verdict_is_a_finding_and_no_error_unless_it_is_to_fail(ganbench: Command) -> None:
    result = ganbench("diagnose", "one.npy", *SETS)
    assert result.code == 0
    assert "verdict: collapsed" in result.err and "feature variance ratio: 0 % of the held-out value (limit 5 %)" in result.err
    for fake, alarm, code in (
        ("one.npy", "collapsed", 1),
        ("one.npy", "suspicious", 1),
        ("two.npy", "suspicious", 1),
        ("two.npy", "collapsed", 0),
        ("good.npy", "suspicious", 0),
    ):
        failed = ganbench("diagnose", fake, *SETS, "--fail-on", alarm, "--json")
        assert failed.code == code, (fake, alarm, failed.err)
        assert json.loads(failed.out)["verdict"] == {"one.npy": "collapsed", "two.npy": "suspicious", "good.npy": "fine"}[fake]


def test_the_machine_form_is_one_document_with_its_rules(ganbench: Command) -> None:
    result = ganbench("diagnose", "good.npy", *SETS, "--json")
    found = json.loads(result.out)
    assert found["schema_version"] == 1 and found["verdict"] == "fine"
    keys = {"findings", "pairs", "held_out_pairs", "held_out", "left_out", "warnings", "extractor", "rules", "n", "n_reference"}
    assert keys <= found.keys()
    measures = {one["measure"] for one in found["findings"]}
    assert measures >= {"vendi_rbf", "ndb_share", "birthday_support", "copied_percent", "duplicate_rate"}
    assert {"measure", "compares", "worse", "suspicious", "collapsed", "noise", "source"} == found["rules"][0].keys()


def test_the_rules_need_no_sets(ganbench: Command) -> None:
    result = ganbench("diagnose", "--rules", env={"COLUMNS": "80"})
    assert (result.code, result.err) == (0, "")
    assert "feature variance ratio" in result.out and "collapse.py" in result.out and "noise" in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    assert [one["measure"] for one in json.loads(ganbench("diagnose", "--rules", "--json").out)][0] == "feature_variance_ratio"


def test_out_has_the_page_the_document_and_the_pairs(ganbench: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", DATA.held_out.examples[:100])
    how = ["--real", "digits:train", "--n-real", "300", "--extractor", "pixels", "--no-cache", "--out", "found"]
    result = ganbench("diagnose", "images.npy", *how)
    assert result.code == 0
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == ["diagnosis.json", "diagnosis.md", "pairs.png"]
    page = (tmp_path / "found" / "diagnosis.md").read_text()
    assert page.startswith("# Diagnosis of images.npy") and "| vendi rbf |" in page and "## Rules" in page
    assert json.loads((tmp_path / "found" / "diagnosis.json").read_text())["verdict"] == "fine"
    with Image.open(tmp_path / "found" / "pairs.png") as image:
        assert image.width > 800 and image.height > 500
    before = (tmp_path / "found" / "pairs.png").read_bytes()
    assert ganbench("diagnose", "images.npy", *how).code == 0, "a diagnosis is written over, as a report is"
    assert (tmp_path / "found" / "diagnosis.md").read_text() == page
    assert (tmp_path / "found" / "pairs.png").read_bytes() == before


def test_points_have_no_pictures(ganbench: Command, tmp_path: Path) -> None:
    assert ganbench("diagnose", "good.npy", *SETS, "--out", "found").code == 0
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == ["diagnosis.json", "diagnosis.md"]


def test_a_run_is_diagnosed_with_its_generator(ganbench: Command, suite: Callable[..., Path], tmp_path: Path) -> None:
    assert ganbench("run", suite(), "--out", "runs").code == 0
    run = next((tmp_path / "runs" / "runs").iterdir())
    how = ["--real", "ring8:train", "--held-out", "ring8:test", "--extractor", "identity", "--n", "200", "--n-real", "500", "--no-cache"]
    found = json.loads(ganbench("diagnose", run, *how, "--json").out)
    measures = {one["measure"]: one for one in found["findings"]}
    assert measures["latent_sensitivity"]["value"] is not None and measures["modes"]["most"] == 8
    assert found["verdict"] == "collapsed", "after two steps of a generator"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "lacks FAKE, the generated examples"),
        (["digits:test"], "lacks --real"),
        (["digts", "--real", "digits"], "did you mean the data set 'digits'?"),
        (["digits:test", "--real", "digits", "--extractor", "digits-prob"], "did you mean 'digits-probe'?"),
        (["digits:test", "--real", "digits", "--out", "file"], "is not a folder"),
        (["good.npy", *SETS, "--n", "20"], "--n 20 is too few"),
        (["digits:test", "--real", "digits:train", "--fail-on", "fine"], "fail-on"),
        (["good.npy", "--real", "stats.npz", *POINTS], "holds statistics"),
        (["digits:test", "--real", "real.npy", "--extractor", "pixels"], "'real.npy' has type float64"),
        (["ring8:test", "--real", "ring8", "--extractor", "pixels", "--n-real", "200", "--no-cache"], "takes images"),
    ],
)
def test_wrong_requests_are_refused_in_one_line(ganbench: Command, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "file").write_text("")
    np.savez(tmp_path / "stats.npz", mu=np.zeros(64), sigma=np.eye(64))
    assert words in ganbench("diagnose", *arguments).one_line()
