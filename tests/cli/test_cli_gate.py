"""Do ``ganbench gate`` and ``ganbench compare`` say what is so, with real runs, and end with the right exit code?"""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
SUITE = """
name = "tiny"

[[matrix]]
variants = ["gan"]
datasets = ["ring8"]
seeds = [0, 1, 2, 3, 4, 5]
budget_images = 640
training = { batch_size = 64, ema_halflife_images = 100 }
evaluation = { extractor = "identity", metrics = ["fd", "precision"], n_fake = 200, n_real = 200 }
config.gan = { latent_dim = 2, generator_widths = [16], discriminator_widths = [16], learning_rate = 1e-3 }
"""
NAME = "gan on ring8"


@pytest.fixture(scope="module")
def made(ganbench_in: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite, its runs, and a bank with traces made of them."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "tiny.toml").write_text(SUITE)
    assert ganbench_in(folder, "run", "tiny.toml", "--out", "runs", "--device", "cpu").code == 0
    done = ganbench_in(folder, "gate", "bank", "runs", "--out", "bank", "--suite", "tiny.toml", "--device", "cpu")
    assert done.code == 0, done.err
    assert f"{NAME}: 6 runs, 0 failed" in done.err
    return folder


@pytest.fixture
def gate(made: Path, ganbench_in: Command, tmp_path: Path) -> Command:
    """``ganbench gate --baseline bank ...`` in a copy of that folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return partial(ganbench_in, tmp_path, "gate", "--baseline", "bank", env={"COLUMNS": "80"})


def test_a_bank_is_a_few_small_files(made: Path) -> None:
    files = [path for path in (made / "bank").rglob("*") if path.is_file()]
    assert sorted(path.parent.name for path in files) == ["bank", "bank", "traces", "traces"]
    assert sum(path.stat().st_size for path in files) < 60_000
    assert str(made) not in "".join(path.read_text() for path in files)  # no path of a machine


def test_the_same_runs_pass_by_their_bits(gate: Command) -> None:
    done = gate("--candidate", "runs", "--json")
    assert done.code == 0
    verdict = json.loads(done.out)
    assert (verdict["verdict"], verdict["exit_code"]) == ("PASS", 0)
    assert verdict["recipes"][0]["identical"] == 6
    assert max(map(len, done.err.splitlines())) <= 80


def test_a_neutral_claim_is_proved_by_traces_alone(gate: Command, tmp_path: Path) -> None:
    done = gate("--candidate", "none", "--suite", "tiny.toml", "--neutral", "--device", "cpu")
    assert done.code == 0
    assert f"{NAME}, seed 0: the first 10 steps have the same bits" in done.err
    assert not (tmp_path / "none").exists()


def test_a_claim_that_is_not_true_names_step_and_tensor_and_the_rest_goes_on(gate: Command, tmp_path: Path) -> None:
    """A rate that grows by a millionth changes every weight in the first step, and no verdict."""
    (tmp_path / "tiny.toml").write_text(SUITE.replace("learning_rate = 1e-3", "learning_rate = 1.000001e-3"))
    done = gate("--candidate", "new", "--suite", "tiny.toml", "--neutral", "--device", "cpu", "--json")
    verdict = json.loads(done.out)
    assert "differs first in step 1, in raw.generator." in verdict["notes"][0]
    assert verdict["verdict"] != "REGRESSED"
    assert done.code == {"PASS": 0, "INCONCLUSIVE": 3}[verdict["verdict"]]
    (one,) = verdict["recipes"]
    assert one["candidate_seeds"] in ([6, 7, 8, 9, 10], list(range(6, 16)))  # those after the bank's, as many as it took
    assert one["changes"] == ["learning_rate: 0.001, now 0.001000001"]


def test_a_broken_recipe_has_regressed_after_five_runs(gate: Command, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SUITE.replace("learning_rate = 1e-3", "learning_rate = 10.0"))
    done = gate("--candidate", "new", "--suite", "tiny.toml", "--device", "cpu", "--markdown", "page.md")
    assert done.code == 1
    assert done.err.splitlines()[-1] == "REGRESSED"
    assert len(list((tmp_path / "new" / "runs").iterdir())) == 5
    assert "| REGRESSED |" in (tmp_path / "page.md").read_text()
    again = gate("--candidate", "new")
    assert again.code == 1  # from the runs alone


def test_runs_of_the_baseline_in_the_candidates_folder_are_not_the_candidates(gate: Command, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SUITE.replace("learning_rate = 1e-3", "learning_rate = 10.0"))
    assert gate("--candidate", "runs", "--suite", "tiny.toml", "--device", "cpu").code == 1
    again = gate("--candidate", "runs", "--suite", "tiny.toml", "--device", "cpu", "--json")
    assert again.code == 1
    notes = json.loads(again.out)["notes"]
    assert notes[0] == "5 runs were in runs before and count as the candidate's: take a new folder for every candidate"


def test_power_is_simulated_from_the_bank(ganbench: Command, made: Path) -> None:
    done = ganbench("gate", "power", made / "bank", "--simulations", "200", "--json", env={"COLUMNS": "80"})
    assert done.code == 0
    (one,) = json.loads(done.out)["recipes"]
    equal = one["rates"][0]
    assert equal["shares"]["REGRESSED"] <= 0.05 + 3 * 0.0155  # of 200
    assert sum(equal["shares"].values()) == pytest.approx(1)
    assert max(map(len, done.err.splitlines())) <= 80


def test_compare_shows_what_two_folders_have_in_common(ganbench: Command, made: Path, tmp_path: Path) -> None:
    done = ganbench("compare", made / "bank", made / "runs", "--measure", "all", "--markdown", "page.md", env={"COLUMNS": "80"})
    assert done.code == 0
    assert "4 no difference found" in done.out  # two metrics of two kinds of weights
    assert "6 runs of the same seeds have the same outcome" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    assert "## noise" in (tmp_path / "page.md").read_text()
    plain = json.loads(ganbench("compare", made / "bank", made / "runs", "--json").out)
    assert plain["counts"] == {"better": 0, "worse": 0, "no_difference_found": 1, "too_few_runs": 0}


def test_a_single_record_can_be_compared(ganbench: Command, made: Path) -> None:
    record = next((made / "runs" / "runs").glob("*/record.json"))
    done = ganbench("compare", made / "bank", record)
    assert done.code == 0 and "1 too few runs" in done.out


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": (("gate",), "give --baseline BANK and --candidate DIR"),
    "no bank": (("gate", "--baseline", "nosuch", "--candidate", "runs"), "nosuch: holds no runs and no bank"),
    "no candidate": (("gate", "--baseline", "bank", "--candidate", "nosuch"), "nosuch: holds no runs and no bank"),
    "no threshold": (("gate", "--baseline", "runs", "--candidate", "runs"), "gate.toml: is missing; `ganbench gate bank"),
    "recipe": (("gate", "--baseline", "bank", "--candidate", "runs", "--recipe", "gan on ring9"), "did you mean 'gan on ring8'?"),
    "names": (("gate", "--baseline", "bank", "--candidate", "runs", "--as", "gan"), "--as gan: takes NEW=OLD"),
    "neutral": (("gate", "--baseline", "bank", "--candidate", "runs", "--neutral"), "name the suite of the bank's recipes with --suite"),
    "suite": (("gate", "--baseline", "bank", "--candidate", "new", "--suite", "cifar10"), "suite cifar10 has no runs of gan on ring8"),
    "measure of a suite": (
        ("gate", "--baseline", "bank", "--candidate", "new", "--suite", "smoke"),
        "recall@identity of gan on ring8, and the bank is decided by fd@identity; add that metric",
    ),
    "page": (("gate", "--baseline", "bank", "--candidate", "runs", "--markdown", "no/page.md"), "its folder does not exist"),
    "page that is a folder": (("gate", "--baseline", "bank", "--candidate", "runs", "--markdown", "."), ".: is a folder; name a file"),
    "candidate that is the bank": (("gate", "--baseline", "bank", "--candidate", "bank"), "bank: is the bank itself"),
    "power": (("gate", "power", "runs"), "gate.toml: is missing"),
    "compare": (("compare", "bank", "nosuch"), "nosuch: holds no runs and no bank"),
    "measure": (("compare", "bank", "runs", "--measure", "fd@identiti"), "did you mean 'fd@identity'?"),
    "bank of nothing": (("gate", "bank", "nosuch", "--out", "new"), "nosuch: holds no runs and no bank"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_cannot_be_done_is_one_line_and_writes_nothing(made: Path, ganbench_in: Command, case: str) -> None:
    arguments, said = REFUSED[case]
    before = sorted(made.rglob("*"))
    done = ganbench_in(made, *arguments)
    assert done.code == 2, done.err
    assert len(done.err.splitlines()) == 1
    assert said in done.err
    assert sorted(made.rglob("*")) == before


def test_a_damaged_file_of_a_candidate_is_named_and_keeps_it_from_nothing_else(gate: Command, tmp_path: Path) -> None:
    next((tmp_path / "runs" / "runs").glob("*/record.json")).write_text("{")
    done = gate("--candidate", "runs")
    assert done.code == 3 and "left out, so that nothing can pass: " in done.err
