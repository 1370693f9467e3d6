import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench.errors import RequestError
from ganbench.plan.spec import ID_VERSION, DatasetSpec, EvaluationSpec, RunSpec, TrainingSpec, VariantSpec, from_json, run_id, to_json

SPEC = RunSpec(
    variant=VariantSpec(name="gan", config={"latent_dim": 2, "learning_rate": 1e-3, "widths": (8, 8), "loss": "minimax"}),
    dataset=DatasetSpec(name="ring8"),
    seed=0,
    budget_images=1_000,
    evaluation=EvaluationSpec(extractor="identity", metrics=("fd",), n_fake=100),
)


def test_the_id_of_one_spec_is_pinned() -> None:
    # Pins ID_VERSION 1: if this changes, every stored result loses its run, so raise ID_VERSION and pin the new one beside it.
    assert ID_VERSION == 1
    assert run_id(SPEC) == "2be188c9e87eaf21"
    assert SPEC.slug == "gan-ring8-s0-" + run_id(SPEC)[:8]


def test_the_id_is_the_same_before_and_after_json() -> None:
    again = from_json(json.loads(json.dumps(to_json(SPEC))), "test")
    assert again == SPEC
    assert run_id(again) == run_id(SPEC)


def test_the_order_in_which_a_config_is_written_does_not_matter() -> None:
    backwards = dict(reversed(SPEC.variant.config.items()))
    assert run_id(replace(SPEC, variant=replace(SPEC.variant, config=backwards))) == run_id(SPEC)


def test_paths_are_no_part_of_the_id_and_content_is() -> None:
    moved = replace(SPEC, variant=replace(SPEC.variant, path="/a/b.py"), dataset=replace(SPEC.dataset, path="/c"))
    assert run_id(moved) == run_id(SPEC)
    edited = replace(SPEC, dataset=replace(SPEC.dataset, content="0" * 64))
    assert run_id(edited) != run_id(SPEC)


OTHER: dict[str, Any] = {
    "variant.name": "wgan",
    "variant.config": {"latent_dim": 3},
    "variant.content": "0" * 64,
    "variant.version": 2,
    "dataset.name": "grid25",
    "dataset.content": "0" * 64,
    "dataset.resolution": 16,
    "dataset.channels": 1,
    "dataset.n_train": 1_000,
    "training.batch_size": 65,
    "training.ema_halflife_images": 1,
    "training.ema_rampup": 0.5,
    "training.precision": "bf16",
    "training.stop_on_collapse": True,
    "training.learning_rate_schedule": "linear",
    "training.augmentation": "translation",
    "evaluation.extractor": "pixels",
    "evaluation.metrics": ("fd", "kd"),
    "evaluation.n_fake": 101,
    "evaluation.n_real": 101,
    "evaluation.reference": "held_out",
    "evaluation.every_images": 500,
    "seed": 1,
    "budget_images": 1_001,
}


def paths(spec: Any, prefix: str = "") -> list[str]:
    """Every field of a spec, by its dotted name."""
    found: list[str] = []
    for part in fields(spec):
        value = getattr(spec, part.name)
        found += paths(value, f"{prefix}{part.name}.") if is_dataclass(value) else [prefix + part.name]
    return found


def changed(spec: Any, path: str, value: Any) -> Any:
    first, _, rest = path.partition(".")
    return replace(spec, **{first: changed(getattr(spec, first), rest, value) if rest else value})


def test_every_field_but_the_paths_is_tried_below() -> None:
    assert set(paths(SPEC)) - set(OTHER) == {"variant.path", "dataset.path"}


@pytest.mark.parametrize("path", list(OTHER))
def test_the_id_changes_with_every_field_that_can_change_the_outcome(path: str) -> None:
    assert run_id(changed(SPEC, path, OTHER[path])) != run_id(SPEC)


SCALARS = st.one_of(st.booleans(), st.integers(-(2**31), 2**31), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5))
CONFIGS = st.dictionaries(
    st.text(min_size=1, max_size=8), st.one_of(SCALARS, st.lists(SCALARS, max_size=3).map(tuple), st.none()), max_size=4
)
COUNTS = st.integers(1, 10**9)


@settings(max_examples=60, deadline=None)
@given(
    config=CONFIGS,
    seed=st.integers(0, 2**63),
    budget=COUNTS,
    rampup=st.floats(0, 1),
    n_real=st.none() | COUNTS,
    metrics=st.lists(st.text(max_size=4), max_size=3).map(tuple),
)
def test_any_spec_survives_json_with_its_id(config: Any, seed: int, budget: int, rampup: float, n_real: int | None, metrics: Any) -> None:
    spec = replace(
        SPEC,
        variant=replace(SPEC.variant, config=config),
        seed=seed,
        budget_images=budget,
        training=replace(SPEC.training, ema_rampup=rampup),
        evaluation=replace(SPEC.evaluation, n_real=n_real, metrics=metrics),
    )
    again = from_json(json.loads(json.dumps(to_json(spec))), "test")
    assert run_id(again) == run_id(spec)
    assert again == spec


@pytest.mark.parametrize(("budget", "batch", "steps"), [(1, 64, 1), (64, 64, 1), (65, 64, 2), (128, 64, 2), (1_000, 1, 1_000)])
def test_the_budget_pays_for_whole_steps_rounded_up(budget: int, batch: int, steps: int) -> None:
    assert replace(SPEC, budget_images=budget, training=TrainingSpec(batch_size=batch)).steps == steps


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", -1),
        ("budget_images", 0),
        ("budget_images", 1.5),
        ("training.ema_rampup", 1.1),
        ("training.augmentation", "flip"),
        ("dataset.channels", 2),
        ("evaluation.reference", "test"),
        ("variant.config", {"learning_rate": float("inf")}),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(path: str, value: Any) -> None:
    with pytest.raises(RequestError, match=f"^here: {path}"):
        from_json(to_json(changed(SPEC, path, value)), "here")
