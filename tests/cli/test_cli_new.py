"""Does ``new`` write files that the other commands take as they are, and nothing where it should not?"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def test_a_variant_runs_by_the_suite_that_its_first_lines_show(ganbench: Command, tmp_path: Path) -> None:
    assert "works as it is" in ganbench("new", "variant", "MyIdea").err
    shown = re.search(r'    name = "try"\n(\n|    .*\n)*', (tmp_path / "my_idea.py").read_text())
    assert shown is not None
    (tmp_path / "try.toml").write_text(re.sub("^    ", "", shown[0], flags=re.M))
    result = ganbench("run", "try.toml", "--set", "budget=smoke", "--device", "cpu")
    assert result.code == 0, result.err
    assert "my_idea.py:MyIdea" in result.err
    assert "width = 128" in ganbench("list", "variants", "my_idea.py:MyIdea").out


def test_a_metric_and_an_extractor_score_at_once(ganbench: Command) -> None:
    assert ganbench("new", "metric", "spread").code == ganbench("new", "extractor", "Cells", "--out", "my_cells.py").code == 0
    mine = ("--extractor", "my_cells.py:Cells", "--metrics", "fd,spread.py:SPREAD")
    result = ganbench("score", "digits:test", "--real", "digits:train", *mine, "--no-cache", "--device", "cpu")
    assert result.code == 0, result.err
    assert "SPREAD" in result.err and "cells" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("variant", "3d"), "cannot name this variant"),
        (("metric", "my-metric"), "cannot name this metric"),
        (("dataset", "Class"), "cannot name this dataset"),
        (("variant", "none"), "Python or the template uses it; take another, such as MyNone"),
        (("metric", "bounds"), "Python or the template uses it"),
        (("extractor", "Features"), "Python or the template uses it"),
        (("variant", "torch"), "torch.py would hide Python's module 'torch'"),
        (("variant", "Mine", "--out", "."), "write --out mine.py"),
        (("metric", "FD"), "'fd' is a registered metric already"),
        (("metric", "KID"), "'kid' is a registered metric already"),
        (("variant", "Mine", "--out", "mine.txt"), "write --out mine.py"),
        (("variant", "Mine", "--out", "nowhere/mine.py"), "nowhere/mine.py: cannot be written"),
        (("variant", "Taken"), "taken.py: is there already"),
        (("suite", "Mine"), "'variant', 'metric', 'extractor', 'dataset', 'diagnostic'"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_what_cannot_be_written_is_one_line_and_leaves_all_as_it_was(
    ganbench: Command, tmp_path: Path, tree: Callable[[Path], Any], arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "taken.py").write_text("mine\n")
    before = tree(tmp_path)
    assert words in ganbench("new", *arguments).one_line()
    assert tree(tmp_path) == before
