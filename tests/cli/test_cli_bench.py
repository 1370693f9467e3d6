"""Does ``ganbench bench`` time, print, write and compare, and say in one line what it cannot do?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
QUICK = ("--seconds", "0.1", "--device", "cpu", "--resolution", "8", "--batch", "16", "--preset", "small")

HUNGRY = '''
from dataclasses import dataclass

import torch

from baselines.dcgan import DCGAN


class Hungry(DCGAN):
    """Fits into the memory with eight images and no more."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """Its own."""

    def discriminator_step(self, real, ctx):
        if ctx.batch_size > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().discriminator_step(real, ctx)
'''


def test_timings_are_printed_written_compared_and_shown_by_the_leaderboard(ganbench: Command, tmp_path: Path) -> None:
    first = ganbench("bench", "train", "dcgan", "wgan", *QUICK, "--precision", "fp32,bf16", "--out", "timed", env={"COLUMNS": "80"})
    assert first.code == 0, first.err
    assert max(map(len, first.err.splitlines())) <= 80
    said = " ".join(first.err.split())
    for words in ("training: ", "fp32, determinism strict", "bf16, determinism strict", "where the time goes", "wrote 4", "Not measured: "):
        assert words in said, words
    assert len(list((tmp_path / "timed" / "timings").glob("train-*.json"))) == 4
    page = (tmp_path / "timed" / "timings.md").read_text()
    assert page.count("## training") == 4 and "| dcgan |" in page and "bf16" in page

    again = ganbench("bench", "train", "wgan", *QUICK, "--compare", "timed", "--json")
    assert again.code == 0, again.err
    (timing,) = json.loads(again.out)["timings"]
    assert (timing["kind"], timing["name"], timing["setting"]["precision"], timing["images"]) == ("timing", "wgan", "fp32", 80)
    assert "against the earlier timings" in again.err and "not among" not in again.err
    (tmp_path / "again.json").write_text(again.out)
    other = ganbench("bench", "train", "dcgan", *QUICK, "--compare", "again.json")
    assert other.code == 0 and "dcgan: not among the earlier timings" in other.err

    shown = ganbench("leaderboard", "timed")
    assert shown.code == 0 and "training: " in shown.out and "wgan" in shown.out
    assert len(json.loads(ganbench("leaderboard", "timed", "--json").out)["timings"]) == 4


def test_samples_and_scores(ganbench: Command) -> None:
    drawn = ganbench("bench", "sample", "dcgan", *QUICK, "--json")
    assert drawn.code == 0 and json.loads(drawn.out)["timings"][0]["images"] == 256
    scored = ganbench("bench", "score", "--n", "50,100", "--width", "8", "--seconds", "0.1", "--device", "cpu", "--json")
    assert scored.code == 0, scored.err
    assert [timing["images"] for timing in json.loads(scored.out)["timings"]] == [50, 100]
    assert "coverage" in scored.err


def test_what_does_not_fit_into_the_memory_is_one_line_with_a_batch_size_that_does(ganbench: Command, tmp_path: Path) -> None:
    (tmp_path / "hungry.py").write_text(HUNGRY)
    result = ganbench("bench", "train", "hungry.py:Hungry", "dcgan", *QUICK)
    assert result.code == 1
    assert "left out: hungry.py:Hungry: out of memory (OutOfMemoryError); batch_size = 16 does not fit, 8 does: --batch 8" in result.err
    assert "dcgan: " in result.err, "the others are timed all the same"


def test_all_leaves_out_what_does_not_take_the_data_and_a_name_is_refused(ganbench: Command) -> None:
    points = ("--seconds", "0.1", "--device", "cpu", "--data", "ring8", "--preset", "points")
    result = ganbench("bench", "sample", "all", *points)
    assert result.code == 1 and "left out: stylegan2: " in result.err and "r3gan: " in result.err
    result = ganbench("bench", "sample", "r3gan", "stylegan2", *points)
    assert result.code == 2 and len(result.err.splitlines()) == 1


def test_without_a_command_its_help_is_all_that_is_printed(ganbench: Command) -> None:
    result = ganbench("bench")
    assert result.code == 2 and "score" in result.out + result.err and "ganbench: ." not in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "dcgn"), "did you mean 'dcgan'"),
        (("train", "dcgan", "--precision", "tf32", "--device", "cpu"), '"tf32" is a format of CUDA GPUs'),
        (("train", "dcgan", "--batch", "5000"), "more than the 4,096 training examples of noise"),
        (("train", "dcgan", "--compare", "nothing"), "nothing: cannot be read"),
        (("train", "dcgan", "--set", "training.batch=3"), "did you mean 'batch_size'"),
        (("sample", "dcgan", "--precision", "bf16"), "samples are always drawn in float32"),
        (("score", "--engine", "channels-last"), "--engine is of training steps"),
        (("score", "--metrics", "lpips"), "needs images"),
        (("score", "--metrics", "fdd"), "did you mean 'fd'"),
        (("score", "--n", "5,000"), "write numbers of examples from 10 on"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_2(ganbench: Command, arguments: tuple[str, ...], words: str) -> None:
    result = ganbench("bench", *arguments)
    assert result.code == 2 and words in result.err and len(result.err.splitlines()) == 1
