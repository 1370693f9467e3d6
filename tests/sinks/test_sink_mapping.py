"""Do events become the numbers, texts and images that they stand for, and damaged ones nothing worse than less?"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.sinks.mapping import Translator, described

SCORE = {"metric": "fd", "value": 2.5, "ci_low": 2.0, "ci_high": 3.0, "protocol": {"extractor": "digits-probe"}}
EVALUATION = {
    "kind": "evaluation",
    "images_seen": 64,
    "weights": "ema",
    "scores": [SCORE],
    "diagnostics": [{"name": "duplicate_rate", "value": 0.25}, {"name": "class_kl", "value": None}],
    "notes": ["they are \x1b[2Jnegatives"],
}


def test_an_evaluation_gives_scores_with_their_intervals_diagnostics_and_notes(tmp_path: Path) -> None:
    entry = Translator(tmp_path)(EVALUATION)
    assert entry.images_seen == 64 and entry.event is EVALUATION
    assert entry.scalars == {
        "score/fd@digits-probe/ema": 2.5,
        "score/fd@digits-probe/ema/ci_low": 2.0,
        "score/fd@digits-probe/ema/ci_high": 3.0,
        "diagnostic/duplicate_rate/ema": 0.25,
    }
    assert entry.texts == (("note/ema", "they are \\x1b[2Jnegatives"),)
    assert entry.images == {}


def test_ticks_and_health_give_what_they_logged_without_what_is_not_finite(tmp_path: Path) -> None:
    translate = Translator(tmp_path)
    logs = {"loss/generator": 1.5, "loss/discriminator": None}
    tick = translate({"kind": "tick", "images_seen": 128, "logs": logs, "images": 64, "seconds": 0.5, "warm_up": False})
    assert tick.scalars == {"loss/generator": 1.5, "speed/train_images_per_s": 128.0}
    slow = translate({"kind": "tick", "images_seen": 128, "logs": {}, "images": 64, "seconds": 0.5, "warm_up": True})
    assert slow.scalars == {}
    assert translate({"kind": "health", "images_seen": 128, "signals": {"r_v": 0.5}}).scalars == {"health/r_v": 0.5}


def test_what_has_no_step_stands_where_the_run_was(tmp_path: Path) -> None:
    translate = Translator(tmp_path)
    assert translate({"kind": "start", "time": "now"}).images_seen == 0
    translate(EVALUATION)
    note = translate({"kind": "note", "text": "a note"})
    assert (note.images_seen, note.texts) == (64, (("note", "a note"),))


def test_the_end_says_how_and_which_alarms(tmp_path: Path) -> None:
    alarms = [{"rule": "vanished", "images_seen": 32, "detail": "no gradient"}]
    end = Translator(tmp_path)({"kind": "end", "images_seen": 64, "status": "diverged", "alarms": alarms, "divergence": {"detail": "nan"}})
    assert end.texts == (("alarm/vanished", "since 32 images: no gradient"), ("end", "diverged: nan"))


def test_samples_are_images_and_the_real_ones_come_once(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for name in ("real", "0000000000-raw", "0000000000-ema", "0000000064-ema"):
        Image.new("L", (4, 4)).save(tmp_path / "samples" / f"{name}.png")
    translate = Translator(tmp_path)
    first = [translate({"kind": "evaluation", "images_seen": 0, "weights": weights}).images for weights in ("raw", "ema")]
    assert [sorted(images) for images in first] == [["samples/raw", "samples/real"], ["samples/ema"]]
    assert translate(EVALUATION).images == {"samples/ema": tmp_path / "samples" / "0000000064-ema.png"}
    escaping = translate({"kind": "evaluation", "images_seen": 64, "weights": "../../x"})
    assert escaping.images == {}


WORDS = st.text("a\x1b<|/", max_size=4)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(EVALUATION) + ["logs", "signals", "alarms"]), inner),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kind=st.sampled_from(["start", "tick", "evaluation", "health", "note", "interrupted", "end", "other"]),
       rest=st.dictionaries(st.sampled_from([*EVALUATION, "logs", "signals", "alarms", "images", "seconds", "error"]), ANY))  # fmt: skip
def test_any_event_gives_an_entry(kind: str, rest: dict[str, Any]) -> None:
    entry = Translator(Path("nowhere"))({**rest, "kind": kind})
    assert all(isinstance(value, float) and math.isfinite(value) for value in entry.scalars.values())
    assert 0 <= entry.images_seen < 2**63
    assert all("\x1b" not in text for pair in entry.texts for text in pair)


@pytest.mark.parametrize("dataset", ["digits", "ring8"])
def test_settings_are_flat_and_hold_no_path(tiny_spec: Callable[..., RunSpec], dataset: str) -> None:
    spec = tiny_spec("gan" if dataset == "ring8" else "dcgan", DatasetSpec(name=dataset))
    run = described(spec)
    assert run.name == spec.slug
    assert run.settings["dataset"] == dataset and run.settings["seed"] == 0 and run.settings["training.batch_size"] == 16
    assert not any("path" in key and "path_length" not in key for key in run.settings)
    assert all(isinstance(value, bool | int | float | str) for value in run.settings.values())
    assert run.measures == (f"score/fd@{spec.evaluation.extractor}/ema",)
