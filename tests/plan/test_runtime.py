"""Does a worker learn how it is meant to run?"""

from pathlib import Path

import pytest

from ganbench.errors import RequestError
from ganbench.plan.runtime import Runtime, read_runtime, write_runtime


def test_every_field_reaches_the_worker(tmp_path: Path) -> None:
    given = Runtime(device="cuda:1", threads=3, data_root=Path("here"), tick_images=7, checkpoint_s=0.5)
    write_runtime(tmp_path, given)
    assert read_runtime(tmp_path) == given


def test_what_is_given_by_hand_wins_and_nothing_is_needed(tmp_path: Path) -> None:
    assert read_runtime(tmp_path) == Runtime()
    write_runtime(tmp_path, Runtime(device="cuda", threads=2))
    assert read_runtime(tmp_path, device="cpu") == Runtime(device="cpu", threads=2)


@pytest.mark.parametrize(("text", "words"), [("{", "damaged"), ("[]", "no JSON object"), ('{"thread": 2}', "did you mean 'threads'")])
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "runtime.json").write_text(text)
    with pytest.raises(RequestError, match=words):
        read_runtime(tmp_path)
