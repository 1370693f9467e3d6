"""Can a leaderboard be kept as a repository: set up, submitted to, checked and published, also against people who mean no good?"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ganbench.results.record import Record, read_record, write_record
from ganbench.storage import compressed

Command = Callable[..., Any]
Honest = Callable[..., Record]
WORKFLOW = Path(".github") / "workflows" / "leaderboard.yml"


@pytest.fixture
def runs(tmp_path: Path, honest: Honest) -> Path:
    """Records of two seeds, one of them compressed."""
    folder = tmp_path / "runs"
    folder.mkdir()
    write_record(folder / "0.json", honest(0))
    write_record(folder / "1.json", honest(1, fd=4.5))
    (folder / "1.json.gz").write_bytes(compressed((folder / "1.json").read_bytes()))
    (folder / "1.json").unlink()
    return folder


@pytest.fixture
def board(ganbench: Command, tmp_path: Path, runs: Path) -> Path:
    """A repository that accepts the protocol of these records, and has them."""
    made = ganbench("leaderboard", "init", "board", "--name", "My board", "--like", "runs", "--url", "https://example.org/b/")
    assert (made.code, made.out) == (0, ""), made.err
    added = ganbench("leaderboard", "add", "board", "runs")
    assert added.code == 0 and added.err.count("added: records/") == 2, added.err
    return tmp_path / "board"


def names(board: Path) -> list[str]:
    return sorted(path.name for path in (board / "records").glob("*.json"))


def test_init_writes_a_skeleton_and_refuses_what_is_not_empty(ganbench: Command, tmp_path: Path) -> None:
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / ".git").mkdir()
    result = ganbench("leaderboard", "init", "board")
    assert result.code == 0 and "next: ganbench leaderboard add board RUNS" in result.err
    written = {path.relative_to(tmp_path / "board").as_posix() for path in (tmp_path / "board").rglob("*") if path.is_file()}
    assert written == {"README.md", "leaderboard.toml", "CITATION.cff", ".gitignore", "records/.gitkeep", str(WORKFLOW)}
    assert 'title = "board"' in (tmp_path / "board" / "leaderboard.toml").read_text()
    assert "is a leaderboard's repository already" in ganbench("leaderboard", "init", "board").one_line()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    assert "holds other files (thesis.tex), and nothing is overwritten" in ganbench("leaderboard", "init", "full").one_line()
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]
    assert "an address is wanted" in ganbench("leaderboard", "init", "new", "--url", "javascript:alert(1)").one_line()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("title", ['A "b" \\ <script>', "${title} $x", "two\nlines", "\x1b[2J\x7f", "é 中 \U0001f600"])
def test_a_title_of_any_kind_gives_settings_that_are_read(ganbench: Command, tmp_path: Path, title: str) -> None:
    assert ganbench("leaderboard", "init", "board", "--name", title, "--contact", title).code == 0
    assert ganbench("leaderboard", "submit-check", "board").code == 0
    readme = (tmp_path / "board" / "README.md").read_text()
    assert "<script>" not in readme and "\x1b" not in readme
    assert yaml.safe_load((tmp_path / "board" / "CITATION.cff").read_text())["type"] == "dataset"


def test_a_folder_is_shown_and_one_with_the_name_of_a_command_is_reached_by_its_path(ganbench: Command, tmp_path: Path, runs: Path) -> None:
    for name in ("init", "runs"):
        if name != "runs":
            shutil.copytree(runs, tmp_path / name)
    shown = [ganbench("leaderboard", *words) for words in (["runs"], ["./init"], ["show", "init"], ["--columns", "fd", "init"])]
    assert all(one.code == 0 and "digits: scores" in one.out for one in shown), shown
    assert "See `ganbench leaderboard init --help`" in ganbench("leaderboard", "init").one_line()
    assert "Missing argument 'DIR...'" in ganbench("leaderboard").one_line()
    told = ganbench("leaderboard", "--help").out
    assert all(word in told for word in ("show", "init", "add", "submit-check", "build"))


def test_records_are_added_as_they_were_written_and_git_is_left_to_people(
    ganbench: Command, board: Path, runs: Path, honest: Honest
) -> None:
    assert names(board) == sorted(f"{honest(seed).spec.slug}.json" for seed in range(2))
    assert (board / "records" / f"{honest(0).spec.slug}.json").read_bytes() == (runs / "0.json").read_bytes()
    assert not (board / ".git").exists()
    again = ganbench("leaderboard", "add", "board", "runs")
    assert again.code == 0 and again.err.splitlines() == ["2 records are there already"]


def test_what_is_refused_is_told_in_a_line_each_and_the_rest_is_added(ganbench: Command, board: Path, runs: Path, honest: Honest) -> None:
    write_record(runs / "2.json", honest(2, fd=5.0))
    write_record(runs / "3.json", honest(3, fd=6.0, attempts=0))
    (runs / "4.json").write_text("{")
    write_record(runs / "5.json", honest(0, fd=1.0))
    result = ganbench("leaderboard", "add", "board", "runs")
    assert result.code == 1
    refused = [line for line in result.err.splitlines() if line.startswith("refused: ")]
    assert len(refused) == 3
    assert any("3.json: was started 0 times (times)" in line for line in refused)
    assert any("4.json: damaged, not valid JSON" in line and "(schema)" in line for line in refused)
    assert any("0" in line and "with another result" in line for line in refused)
    assert len(names(board)) == 3 and 'commit -m "Add 1 record"' in result.err
    assert ganbench("leaderboard", "submit-check", "board").code == 0


def test_another_protocol_is_refused_with_its_fields(ganbench: Command, board: Path, tmp_path: Path) -> None:
    settings = board / "leaderboard.toml"
    settings.write_text(settings.read_text().replace("n_fake = 128", "n_fake = 50000"))
    result = ganbench("leaderboard", "submit-check", "board", "--json")
    assert result.code == 1
    found = json.loads(result.out)
    assert found["checked"] == 2 and found["looks"] == [] and {one["rule"] for one in found["refused"]} == {"protocol"}
    assert "evaluation.n_fake is 128, and 50000 is wanted" in found["refused"][0]["text"]


def test_a_submission_can_be_tried_without_a_change(ganbench: Command, board: Path, runs: Path, honest: Honest, tree: Any) -> None:
    write_record(runs / "2.json", honest(2, fd=5.0))
    write_record(runs / "3.json", honest(3, fd=6.0, weights_sha256=honest(0).weights_sha256))
    before = tree(board)
    result = ganbench("submit-check", "board", "runs")  # the short form of `ganbench leaderboard submit-check`
    assert result.code == 1 and tree(board) == before
    assert "2 records are there already" in result.err and "2 records checked: 1 finding refuses it" in result.err
    assert "has the weights of records/" in result.err and "(copies)" in result.err


def test_a_file_that_cannot_be_read_is_not_overwritten(ganbench: Command, board: Path, runs: Path, honest: Honest) -> None:
    write_record(runs / "2.json", honest(2, fd=5.0))
    (board / "records" / f"{honest(2).spec.slug}.json").write_text("precious")
    result = ganbench("leaderboard", "add", "board", "runs")
    assert result.code == 1 and "is there, and cannot be read" in result.err
    assert (board / "records" / f"{honest(2).spec.slug}.json").read_text() == "precious"


@pytest.fixture
def submission(board: Path) -> Path:
    """A copy of the repository, as of a pull request."""
    return Path(shutil.copytree(board, board.with_name("submission"), symlinks=True))


def checked(ganbench: Command) -> tuple[int, dict[str, str]]:
    """Exit code, and by file what refuses it or, with a question mark, asks for a look."""
    result = ganbench("leaderboard", "submit-check", "submission", "--base", "board", "--json")
    found = json.loads(result.out)
    return result.code, {one["file"] + mark: one["text"] for key, mark in (("refused", ""), ("looks", "?")) for one in found[key]}


def test_a_pull_request_of_new_records_alone_passes(ganbench: Command, submission: Path, runs: Path, honest: Honest) -> None:
    write_record(runs / "2.json", honest(2, fd=5.0))
    assert ganbench("leaderboard", "add", "submission", "runs").code == 0
    assert checked(ganbench) == (0, {})


def test_a_pull_request_cannot_loosen_the_rules_change_the_past_or_hide_files(
    ganbench: Command, board: Path, submission: Path, honest: Honest
) -> None:
    first, second = (f"records/{name}" for name in names(board))
    settings = submission / "leaderboard.toml"
    settings.write_text(settings.read_text().replace("n_fake = 128", "n_fake = 64"))
    (submission / first).unlink()
    write_record(submission / second, honest(1, fd=0.5))
    (submission / "records" / "link.json").symlink_to("/etc/passwd")
    (submission / "records" / "folder.json").mkdir()
    (submission / ".github" / "workflows" / "own.yml").write_text("on: push")
    (submission / "README.md").unlink()
    write_record(submission / "records" / f"{honest(3).spec.slug}.json", honest(3, fd=9.0, attempts=-1))
    code, found = checked(ganbench)
    assert code == 1
    assert found[first] == "is removed" and "a record never changes" in found[second]
    assert "is a link" in found["records/link.json"] and "no ordinary file" in found["records/folder.json"]
    assert "was started -1 times" in found[f"records/{honest(3).spec.slug}.json"]
    assert {"leaderboard.toml?", ".github/workflows/own.yml?", "README.md?"} <= found.keys()


def test_faults_that_were_there_before_are_not_those_of_a_pull_request(ganbench: Command, board: Path, honest: Honest, runs: Path) -> None:
    write_record(board / "records" / f"{honest(4).spec.slug}.json", honest(4, fd=4.4, attempts=0))
    (board / "records" / "broken.json").write_text("{")
    shutil.copytree(board, board.with_name("submission"))
    write_record(runs / "2.json", honest(2, fd=5.0))
    added = ganbench("leaderboard", "add", "submission", "runs")
    assert added.code == 0 and "in submission itself there are faults" in added.err
    assert checked(ganbench) == (0, {})
    assert ganbench("leaderboard", "submit-check", "board").code == 1


def test_a_site_is_built_with_what_can_be_read_and_a_release_needs_all(ganbench: Command, board: Path, tmp_path: Path) -> None:
    (board / "records" / "broken.json").write_text("{")
    (board / "records" / "link.json").symlink_to("/etc/passwd")
    result = ganbench("leaderboard", "build", "board", "--out", "site")
    assert result.code == 1 and result.err.count("left out: ") == 2
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "broken.json: damaged" in page and "link.json: is a link" in page and str(tmp_path) not in page
    assert "2 runs of 1 variant" in page
    assert "mend or remove it first" in ganbench("leaderboard", "build", "board", "--release", "v1.0").one_line()


def test_a_release_pins_the_records_as_sha256sum_does(ganbench: Command, board: Path, tmp_path: Path, honest: Honest) -> None:
    result = ganbench("leaderboard", "build", "board", "--release", "v1.0")
    assert result.code == 0 and "permalink: https://example.org/b/releases/v1.0/" in result.err
    assert "stays as it is" in ganbench("leaderboard", "build", "board", "--release", "v1.0").err
    release = json.loads((tmp_path / "site" / "releases" / "v1.0" / "release.json").read_text())
    listed = subprocess.run(["sha256sum", *names(board)], cwd=board / "records", capture_output=True, check=True).stdout
    hashed = subprocess.run(["sha256sum"], input=listed, capture_output=True, check=True).stdout
    assert release["records_sha256"] == hashed.split()[0].decode() and release["records"] == 2
    write_record(board / "records" / f"{honest(2).spec.slug}.json", honest(2, fd=5.0))
    shown = ganbench("leaderboard", "site/releases/v1.0", "board")  # the release's records, and the repository's: the same runs
    assert shown.code == 0 and "left out" not in shown.err and "digits: scores" in shown.out
    assert "a release never changes; name another one" in ganbench("leaderboard", "build", "board", "--release", "v1.0").one_line()
    assert "is the leaderboard's repository itself" in ganbench("leaderboard", "build", "board", "--out", "board").one_line()


@pytest.mark.parametrize("command", [["add", "nosuch", "runs"], ["submit-check", "runs"], ["build", "runs"], ["submit-check", "nosuch"]])
def test_a_folder_that_is_no_repository_is_refused_with_the_next_command(ganbench: Command, runs: Path, command: list[str]) -> None:
    assert f"`ganbench leaderboard init {command[1]}` makes one" in ganbench("leaderboard", *command).one_line()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "My board"', 'title = ""', "title = '': text is wanted"),
        ('title = "My board"', "titel = 'x'", "unknown key 'titel'; did you mean 'title'?"),
        ("spreads = 4.0", "spreads = 0", "spreads = 0: must be above 0"),
        ("https://example.org/b/", "https://example.org/b", "an address is wanted that ends with a slash"),
        ("[limits]", "[limits", "not valid TOML"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_a_line(ganbench: Command, board: Path, old: str, new: str, words: str) -> None:
    settings = board / "leaderboard.toml"
    assert old in settings.read_text()
    settings.write_text(settings.read_text().replace(old, new))
    assert words in ganbench("leaderboard", "submit-check", "board").one_line()


def test_the_workflow_reads_pull_requests_without_rights_and_writes_one_branch(board: Path) -> None:
    found = yaml.safe_load((board / WORKFLOW).read_text())
    assert set(found[True]) == {"pull_request", "push"}  # YAML 1.1 takes "on" for true
    assert found["permissions"] == {"contents": "read"}
    assert "permissions" not in found["jobs"]["check"] and found["jobs"]["publish"]["permissions"] == {"contents": "write"}
    steps = [step for job in found["jobs"].values() for step in job["steps"]]
    assert all("@v" in step["uses"] for step in steps if "uses" in step)
    assert all("${{" not in step["run"] for step in steps if "run" in step)  # nothing that others write becomes part of a script
    assert all(
        step["with"]["persist-credentials"] is False for step in found["jobs"]["check"]["steps"] if "checkout" in step.get("uses", "")
    )


@pytest.mark.slow
def test_the_workflow_publishes_states_and_releases_on_its_branch(ganbench: Command, board: Path, tmp_path: Path, honest: Honest) -> None:
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "ganbench"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m ganbench "$@"\n')
    shim.chmod(0o755)
    known = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.c", "GIT_COMMITTER_NAME": "a"}
    env = {**os.environ, **known, "GIT_COMMITTER_EMAIL": "a@b.c", "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "GITHUB_SHA": "abc"}

    def shell(script: str, folder: Path, **more: str) -> str:
        done = subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=folder, env={**env, **more}, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def published(kind: str, name: str) -> list[str]:
        shell(f"rm -rf work && git clone -q origin.git work && git -C work checkout -q {name}", tmp_path)
        for step in yaml.safe_load((board / WORKFLOW).read_text())["jobs"]["publish"]["steps"]:
            if "run" in step and "pip install" not in step["run"]:
                shell(step["run"], tmp_path / "work", KIND=kind, NAME=name)
        return shell("git ls-tree -r --name-only gh-pages", tmp_path / "origin.git").splitlines()

    shell("git init -q --bare -b main origin.git", tmp_path)
    shell("git init -q -b main && git add -A && git commit -qm first && git push -q ../origin.git main", board)
    assert "index.html" in published("branch", "main")
    shell("git tag v1.0 && git push -q ../origin.git v1.0", board)
    assert "releases/v1.0/index.html" in published("tag", "v1.0")
    write_record(board / "records" / f"{honest(2).spec.slug}.json", honest(2, fd=5.0))
    shell("git add -A && git commit -qm more && git push -q ../origin.git main", board)
    files = published("branch", "main")
    assert "releases/v1.0/index.html" in files and f"records/{honest(2).spec.slug}.json.gz" in files
    assert f"releases/v1.0/records/{honest(2).spec.slug}.json.gz" not in files
    assert read_record(tmp_path / "work" / "records" / f"{honest(2).spec.slug}.json") == honest(2, fd=5.0)
