"""Does a command whose disk or memory fails end in one line?"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FAILING = """
import sys
import ganbench.cli, ganbench.commands.list

def failing(*_):
    raise {error}

ganbench.commands.list.list_registry = failing
sys.argv = ["ganbench", "list", "variants"]
ganbench.cli.main()
"""

WAITING = """
import pathlib, sys, time
import ganbench.cli

pathlib.Path("begun").touch()
while not pathlib.Path("closed").exists():
    time.sleep(0.01)
sys.argv = ["ganbench", "list", "variants"]
ganbench.cli.main()
"""
"""Prints once its reader has gone."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("OSError(28, 'No space left on device', 'out/x')", "[Errno 28] No space left on device: 'out/x'; check that path and the disk"),
        ("PermissionError(13, 'Permission denied', 'x')", "[Errno 13] Permission denied: 'x'"),
        ("IsADirectoryError(21, 'Is a directory', 'x')", "Is a directory"),
        ("MemoryError()", "out of memory; take fewer examples at a time"),
        ("MemoryError('Unable to allocate 7 TiB')", "out of memory (Unable to allocate 7 TiB)"),
        ("__import__('torch').OutOfMemoryError('CUDA out of memory.\\nmore')", "out of memory (CUDA out of memory.)"),
        ('RuntimeError("DefaultCPUAllocator: can\'t allocate memory: 1")', "out of memory"),
    ],
    ids=["disk", "permission", "folder", "memory", "numpy", "cuda", "torch"],
)
def test_a_fault_of_the_machine_is_one_line_and_exit_code_2(forked: Callable[..., Any], tmp_path: Path, error: str, words: str) -> None:
    process = forked(cwd=tmp_path, out=tmp_path / "out", err=tmp_path / "err", script=FAILING.format(error=error))
    assert process.wait() == 2
    (line,) = (tmp_path / "err").read_text().splitlines()
    assert line.startswith("ganbench: ") and words in line


def test_an_error_of_the_program_itself_keeps_its_traceback(forked: Callable[..., Any], tmp_path: Path) -> None:
    process = forked(cwd=tmp_path, out=tmp_path / "out", err=tmp_path / "err", script=FAILING.format(error="RuntimeError('a mistake')"))
    assert process.wait() == 1
    assert "Traceback" in (tmp_path / "err").read_text()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no device that is always full")
def test_output_to_a_full_disk_is_one_line(forked: Callable[..., Any], tmp_path: Path) -> None:
    process = forked("list", "variants", "--json", cwd=tmp_path, out=Path("/dev/full"), err=tmp_path / "err")
    assert process.wait() == 2
    (line,) = (tmp_path / "err").read_text().splitlines()
    assert "No space left on device" in line


def test_a_reader_that_has_seen_enough_is_told_nothing(forked: Callable[..., Any], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    process = forked(cwd=tmp_path, out=tmp_path / "pipe", err=tmp_path / "err", script=WAITING)
    while not (tmp_path / "begun").exists():  # its output is open
        assert process.poll() is None
    os.close(reader)
    (tmp_path / "closed").touch()
    assert process.wait() == 1
    assert (tmp_path / "err").read_text() == ""
