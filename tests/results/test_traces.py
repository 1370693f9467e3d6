from dataclasses import replace
from pathlib import Path

import pytest

from ganbench.errors import RequestError
from ganbench.results.traces import FOLDER, Trace, difference, read_traces, write_trace

TRACE = Trace(
    method="gan",
    data="digits",
    key="0123abcd",
    seed=0,
    environment="e",
    logs=tuple({"loss": (1.0 + step).hex(), "norm": (2.0).hex()} for step in range(3)),
    tensors={"1": {"raw.a": "00", "ema.a": "01"}, "3": {"raw.a": "02", "ema.a": "03"}},
)


def test_a_trace_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_trace(tmp_path / FOLDER, TRACE)
    assert read_traces(tmp_path) == {("0123abcd", 0): TRACE}
    assert read_traces(tmp_path / "none") == {}


def test_equal_traces_do_not_differ() -> None:
    assert difference(TRACE, replace(TRACE)) is None


def test_the_first_tensor_that_differs_is_named_before_any_loss() -> None:
    logs = ({**TRACE.logs[0], "loss": (1.5).hex()}, *TRACE.logs[1:])
    found = difference(TRACE, replace(TRACE, logs=logs, tensors={**TRACE.tensors, "1": {"raw.a": "00", "ema.a": "ff"}}))
    assert found is not None
    assert (found.step, found.what) == (1, "ema.a")
    assert found.drift == pytest.approx(0.5 / 1.5)
    assert str(found).startswith("differs first in step 1, in ema.a")


def test_a_loss_names_the_step_between_two_hashes() -> None:
    logs = (TRACE.logs[0], {**TRACE.logs[1], "norm": (2.0 + 2**-40).hex()}, TRACE.logs[2])
    found = difference(TRACE, replace(TRACE, logs=logs, tensors={**TRACE.tensors, "3": {"raw.a": "ff", "ema.a": "03"}}))
    assert found is not None
    assert (found.step, found.what) == (2, "norm")
    assert 0 < found.drift < 1e-11


def test_what_one_side_lacks_differs() -> None:
    fewer = difference(TRACE, replace(TRACE, logs=TRACE.logs[:2]))
    assert fewer is not None and (fewer.step, fewer.what) == (3, "the number of steps")
    gone = difference(TRACE, replace(TRACE, tensors={**TRACE.tensors, "1": {"raw.a": "00"}}))
    assert gone is not None and gone.what == "ema.a"
    assert difference(TRACE, replace(TRACE, logs=tuple({"loss": one["loss"], "new": "0x1p0"} for one in TRACE.logs))) is None  # only logged


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "x.json").write_text("{}")
    with pytest.raises(RequestError, match="is no trace that this ganbench reads"):
        read_traces(tmp_path)
