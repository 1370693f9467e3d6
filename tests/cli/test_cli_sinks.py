"""Does ``run --log`` send what ``replay`` sends, whatever a sink does, and without a trace in the results?"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OWN = '''
import json
from ganbench.sinks.base import Sink


class Lines(Sink):
    """Writes what it gets into a file."""

    def __init__(self, run, place, out):
        self.file = open(f"{place}-{run.name}.jsonl", "w")

    def write(self, entry):
        print(json.dumps([entry.images_seen, dict(entry.scalars), entry.texts, sorted(entry.images)]), file=self.file)

    def close(self, status):
        print(json.dumps(status), file=self.file)
        self.file.close()


class Broken(Lines):
    """Fails at the first entry."""

    def write(self, entry):
        raise OSError("no network")
'''


def start(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, since a process that forks, as the others here, had better have one thread."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "ganbench", *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def hashes(out: Path) -> list[Any]:
    return [json.loads(path.read_text())["weights_sha256"] for path in sorted(out.glob("runs/*/record.json"))]


def test_live_and_replay_agree_and_a_broken_sink_changes_nothing(
    suite: Callable[..., Path], ganbench: Callable[..., Any], tmp_path: Path
) -> None:
    suite(seeds="[0, 1]")
    (tmp_path / "own.py").write_text(OWN)
    result = start("run", "suite.toml", "--out", "there", "--device", "cpu", "--log", "own.py:Lines=live,own.py:Broken", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if line.startswith("log: ")]
    broken = "own.py:Broken"
    assert warnings == [f"log: {broken} failed (OSError: no network) and gets nothing more; later: ganbench replay there --to {broken}"]
    assert ganbench("replay", "there", "--to", "own.py:Lines=again").code == 0
    live, again = ({path.name.partition("-")[2]: path.read_text() for path in tmp_path.glob(f"{which}-*")} for which in ("live", "again"))
    assert live == again and len(live) == 2
    ended = {path.parent.name: json.loads(path.read_text())["status"] for path in tmp_path.glob("there/runs/*/record.json")}
    assert {name.removesuffix(".jsonl"): json.loads(text.splitlines()[-1]) for name, text in live.items()} == ended
    assert ganbench("run", "suite.toml", "--out", "without", "--device", "cpu").code == 0
    assert hashes(tmp_path / "there") == hashes(tmp_path / "without") != []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "suite.toml", "--log", "tensorbord"), "did you mean 'tensorboard'?"),
        (("run", "suite.toml", "--log", "own.py:Nothing"), "no such file"),
        (("run", "--spec", "spec.json", "--log", "tensorboard"), "--log go with a suite"),
        (("replay", "nowhere", "--to", "tensorboard"), "holds no runs"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_written(
    arguments: tuple[str, ...], words: str, suite: Callable[..., Path], ganbench: Callable[..., Any], tmp_path: Path
) -> None:
    suite()
    assert words in ganbench(*arguments).one_line()
    assert [path.name for path in tmp_path.iterdir()] == ["suite.toml"]
