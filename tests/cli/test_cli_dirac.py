"""Does ``ganbench dirac`` print, write and refuse what it should?"""

import csv
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_cli_light import HEAVY, imported, start

from ganbench.registry import GAMES as REGISTERED
from ganbench.targets import Target

Command = Callable[..., Any]
ROOT = Path(__file__).parents[2]
GAMES = f"{ROOT}/baselines/dirac.py:GAMES"
QUICK = ("--steps", "500")
OWN = """
from torch.nn.functional import softplus

from ganbench.dirac.game import GameSet, Loss, Regulariser

logistic = Loss(
    name="mine",
    discriminator=lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
    generator=lambda real, fake: softplus(-fake).mean(),
)
flipped = Loss(name="=flipped", discriminator=logistic.discriminator, generator=lambda real, fake: softplus(fake).mean())
SMALL = GameSet(losses=(logistic, flipped), regularisers=(Regulariser(name="none"),))
NOTHING = 3
"""


def test_the_table_fits_80_columns_and_names_everything(ganbench: Command) -> None:
    result = ganbench("dirac", GAMES, *QUICK, env={"COLUMNS": "80"})
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith(" non-saturating ") for line in lines) == 7 + 2  # a row for each regulariser; eigenvalues in two parts
    plain = next(line.split() for line in lines if line.split()[:1] == ["non-saturating"])
    assert [cell[-1] for cell in plain[1:9]] == list("○↓↓↓↓○○○")
    assert "±.50i" in result.out and "-.15±.48i" in result.out
    assert "↓ converges, ○ orbits, ↑ diverges" in result.out and "spectral norm" in result.out


def test_json_alone_is_on_stdout_and_files_hold_the_same(ganbench: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    result = ganbench("dirac", "mine.py:SMALL", "--json", "--out", "out", *QUICK)
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document == json.loads((tmp_path / "out/dirac.json").read_text())
    assert {(one["loss"], one["rule"]): one["verdict"] for one in document["outcomes"]}["mine", "simultaneous"] == "orbits"
    # a generator paid for being caught: eigenvalues +-1/2, a saddle; it runs away along the line
    flipped = {one["rule"]: one for one in document["outcomes"] if one["loss"] == "=flipped"}
    assert {one["verdict"] for one in flipped.values()} == {"diverges"}
    assert flipped["alternating"]["eigenvalue_1_real"] == pytest.approx(0.5) and flipped["alternating"]["eigenvalue_1_imaginary"] == 0
    with (tmp_path / "out/dirac.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == len(document["outcomes"]) == 2 * 8
    assert {row["loss"] for row in rows} == {"mine", "'=flipped"}  # no formula
    image = np.asarray(Image.open(tmp_path / "out/dirac.png").convert("RGB"))
    assert {(0, 114, 178), (213, 94, 0), (0, 158, 115)} <= {tuple(pixel) for pixel in image.reshape(-1, 3).tolist()}  # three rules' paths
    assert "Date" not in (tmp_path / "out/dirac.svg").read_text()
    assert all(f"out/dirac.{ending}" in result.err for ending in ("png", "svg", "csv", "json"))


def test_the_same_command_writes_the_same_bytes(ganbench: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    for folder in ("a", "b"):
        ganbench("dirac", "mine.py:SMALL", "--json", "--out", folder, *QUICK)
    for name in ("dirac.png", "dirac.svg", "dirac.csv", "dirac.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_options_change_the_games(ganbench: Command) -> None:
    result = ganbench("dirac", GAMES, "--json", "--step-size", "0.41", "--steps", "300", "--strength", "r1=0.1", "--strength", "noise=1")
    document = json.loads(result.out)
    assert (document["step_size"], document["steps"]) == (0.41, 300)
    found = {(one["loss"], one["regulariser"], one["rule"]): one for one in document["outcomes"]}
    one = found["minimax", "r1", "simultaneous"]
    assert one["strength"] == 0.1 and one["spectral_radius"] > 1 and one["verdict"] != "converges"  # steps of 4 gamma and more
    assert found["minimax", "noise", "simultaneous"]["eigenvalue_1_real"] == pytest.approx(-0.25)  # -g / 2 with g = 1 / 2


def test_few_steps_are_answered_with_a_warning(ganbench: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    assert "--steps 1,000 or more" in ganbench("dirac", "mine.py:SMALL", "--step-size", "0.1", "--steps", "999", "--json").err
    assert "steps" not in ganbench("dirac", "mine.py:SMALL", "--step-size", "0.1", "--steps", "1000", "--json").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mine.py:SMAL"], "did you mean 'SMALL'?|unknown"),
        (["nothing.py:SMALL"], "nothing.py: no such file"),
        (["refrence"], "unknown game 'refrence'"),
        (["mine.py:NOTHING"], "is no set of games, but int"),
        (["mine.py:SMALL", "--strength", "r1=1"], "unknown regulariser with a strength 'r1'"),
        ([GAMES, "--strength", "r11=1"], "did you mean 'r1'?"),
        ([GAMES, "--strength", "none=1"], "unknown regulariser with a strength 'none'"),
        ([GAMES, "--strength", "r1"], "write a name and a number, as in r1=0.3"),
        ([GAMES, "--strength", "r1=-1"], "from 0 to 1e+06"),
        ([GAMES, "--strength", "r1=nan"], "from 0 to 1e+06"),
        ([GAMES, "--step-size", "0"], "must be above 0"),
        ([GAMES, "--step-size", "nan"], "must be above 0"),
        ([GAMES, "--step-size", "11"], "at most 10"),
        ([GAMES, "--steps", "10"], "200"),
        ([GAMES, "--steps", "1000000"], "20000"),
        ([GAMES, "--out", "mine.py"], "mine.py: is not a folder"),
    ],
    ids=lambda value: " ".join(value[-2:]).replace(str(ROOT), "") if isinstance(value, list) else "",
)
def test_a_bad_request_is_one_line(ganbench: Command, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    result = ganbench("dirac", *arguments)
    assert result.code == 2
    assert result.out == "" and len(result.err.strip().splitlines()) == 1
    assert any(part in result.err for part in said.split("|"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.py"]


def test_help_and_refusals_import_nothing_heavy() -> None:
    for arguments, code in ((("dirac", "--help"), 0), (("dirac", GAMES, "--step-size", "0"), 2)):
        result = start(*arguments, options=("-X", "importtime"))
        assert result.returncode == code
        assert imported(result.stderr).isdisjoint(HEAVY)


def test_the_reference_games_are_registered() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    games = Target.parse(groups[REGISTERED.group]["reference"]).load()
    assert len(games.losses) == 6 and len(games.regularisers) == 7
