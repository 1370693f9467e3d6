import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.commands.completion import known

BASH = shutil.which("bash")
STARTED = "import sys; sys.argv[0] = 'ganbench'; from ganbench.cli import main; main()"
"""What the installed command does: shells ask for completions by its name."""


@pytest.fixture
def offered(ganbench: Callable[..., Any]) -> Callable[..., list[str]]:
    """What bash is offered for the last of these words."""

    def ask(*words: str) -> list[str]:
        asked = {"COMP_WORDS": "\n".join(("ganbench", *words)), "COMP_CWORD": str(len(words)), "_GANBENCH_COMPLETE": "complete_bash"}
        said = ganbench(env=asked)
        assert (said.code, said.err) == (0, ""), said
        return [line for line in said.out.splitlines() if line]

    return ask


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("lead",), ["leaderboard"]),
        (("run", "qui"), ["quickstart"]),
        (("plan", "cifar10"), ["cifar10", "cifar10_small"]),
        (("list", "varia"), ["variants"]),
        (("list", "variants", "wgan"), ["wgan", "wgan_gp"]),
        (("list", "metrics", "fid"), ["fid", "fid_infinity"]),
        (("bench", "train", "dcgan", "sng"), ["sngan"]),
        (("bench", "train", "al"), ["all"]),
        (("bench", "train", "dcgan", "--preset", "sm"), ["small"]),
        (("gate", "--suite", "stab"), ["stability"]),
        (("leaderboard", "submit"), ["submit-check"]),
        (("leaderboard", "runs", "--metrics", "prec"), ["precision"]),
        (("dirac", "ref"), ["reference"]),
        (("run", "digits", "--log", "tensorboard,ml"), ["tensorboard,mlflow"]),
        (("score", "samples", "--real", "digits:te"), ["digits:test"]),
        (("score", "samples", "--extractor", "digits"), ["digits-probe"]),
        (("score", "samples", "--metrics", "fid,prec"), ["fid,precision"]),
        (("score", "samples", "--held"), ["--held-out"]),
    ],
    ids=" ".join,
)
def test_names_that_begin_so_are_offered(offered: Callable[..., list[str]], words: tuple[str, ...], names: list[str]) -> None:
    assert offered(*words) == names


def test_a_metric_is_offered_once_in_a_list(offered: Callable[..., list[str]]) -> None:
    words = offered("score", "samples", "--metrics", "fid,")
    assert words == [f"fid,{name}" for name in known("metrics") if name != "fid"]


@pytest.mark.parametrize(
    "words", [("run", "digits", "--out", "ru"), ("compare", "a"), ("no_such_command", "a"), ("list", "no_such_kind", "a"), ("score", "")]
)
def test_nothing_is_offered_where_files_or_nothing_can_stand(offered: Callable[..., list[str]], words: tuple[str, ...]) -> None:
    assert offered(*words) == []


def test_own_samples_come_before_data_sets(offered: Callable[..., list[str]], tmp_path: Path) -> None:
    assert offered("score", "cif") == ["cifar10:train", "cifar10:test"]
    (tmp_path / "cif-samples").mkdir()
    assert offered("score", "cif") == []


def test_completion_imports_nothing_heavy() -> None:
    asked = {"COMP_WORDS": "ganbench list variants dc", "COMP_CWORD": "3", "_GANBENCH_COMPLETE": "complete_bash"}
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", STARTED], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert said.stdout == "dcgan\n"
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.stderr.splitlines()}
    assert "typer" in names  # the reading works
    assert names.isdisjoint({"torch", "torchvision", "pandas", "matplotlib", "scipy", "sklearn"})


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script(ganbench: Callable[..., Any], shell: str) -> None:
    said = ganbench(env={"_GANBENCH_COMPLETE": f"source_{shell}"})
    assert said.code == 0
    assert f"_GANBENCH_COMPLETE=complete_{shell}" in said.out


@pytest.mark.skipif(BASH is None, reason="no bash here")
def test_bash_itself_completes(tmp_path: Path) -> None:
    command = tmp_path / "ganbench"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{STARTED}" "$@"\n')
    command.chmod(0o755)
    script = """
eval "$(_GANBENCH_COMPLETE=source_bash ganbench)"
complete -p ganbench
COMP_WORDS=(ganbench run qui); COMP_CWORD=2
_ganbench_completion ganbench
printf '%s\n' "${COMPREPLY[@]}"
"""
    said = subprocess.run(
        [str(BASH), "--norc", "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "complete -o default -F _ganbench_completion ganbench\nquickstart\n"
