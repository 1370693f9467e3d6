"""Does every registered variant say what it is, and refuse what it cannot do with what works?"""

import json
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from variant_forms import DOUBLED, FORMS, TinySpec, build, does, inputs, of_every_variant, spec_for, takes_labels

from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import ConfigValue, Scalar
from ganbench.plan.validation import validated
from ganbench.plan.variant_config import config_class, variant_target
from ganbench.registry import VARIANTS


@of_every_variant
def test_what_a_variant_cannot_do_is_refused_with_what_works(tiny_spec: TinySpec, name: str) -> None:
    for form in ("points", "grey"):
        if does(name, form):
            continue
        with pytest.raises(RequestError) as refusal:
            build(spec_for(tiny_spec, name), FORMS[form].shape)
        said = str(refusal.value)
        assert "\n" not in said and ("take" in said)
        assert ("works on images" in said) if form == "points" else ("needs labels" in said)
    if takes_labels(name):
        with pytest.raises(RequestError, match="labels") as refusal:
            build(tiny_spec(name, config={"conditional": True}), FORMS["grey"].shape)
        assert "\n" not in str(refusal.value)


@of_every_variant
def test_a_config_cut_out_of_the_source_equals_the_imported_one(name: str) -> None:
    cut, imported = config_class(variant_target(name)), VARIANTS.load(name).Config
    assert cut.__module__ != imported.__module__
    assert [(f.name, f.type, f.default, f.kw_only) for f in fields(cut)] == [
        (f.name, f.type, f.default, f.kw_only) for f in fields(imported)
    ]
    assert cut.__doc__ == imported.__doc__


@of_every_variant
def test_every_default_is_there_is_of_its_type_and_survives_json(name: str) -> None:
    config = VARIANTS.load(name).Config
    assert all(field.default is not MISSING for field in fields(config))
    default = asdict(config())
    for value in default.values():
        assert isinstance(value, (*get_args(Scalar), tuple, type(None)))
        assert not isinstance(value, tuple) or all(isinstance(item, get_args(Scalar)) for item in value)
    again: dict[str, ConfigValue] = asdict(validated(config, json.loads(json.dumps(default)), name))
    assert again == default
    assert isinstance(default["latent_dim"], int)


@of_every_variant
def test_an_unknown_hyper_parameter_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="did you mean 'latent_dim'"):
        validated(VARIANTS.load(name).Config, {"latent_dims": 3}, name)


@pytest.mark.parametrize(
    "size", [(1, 8, 16), (3, 32, 16), (1, 7, 7), (1, 17, 17), (1, 28, 28), (3, 64, 64), (3, 256, 256), (3, 260, 260)], ids=str
)
@of_every_variant
def test_a_form_is_done_or_refused_in_one_line(tiny_spec: TinySpec, name: str, size: tuple[int, ...]) -> None:
    spec = spec_for(tiny_spec, name)
    shape = DataShape(size=size, classes=3)
    square, side = size[1] == size[2], size[1]
    if name == "gan" or (square and (side in (28, 64, 256) if name in DOUBLED else 8 <= side <= 256)):
        variant = build(spec, shape).eval()
        with torch.no_grad():
            images = variant.generate(torch.randn(2, variant.config.latent_dim), torch.zeros(2, dtype=torch.int64))
        assert images.shape == (2, *size)
        return
    with pytest.raises(RequestError, match="resolution") as refusal:
        build(spec, shape)
    assert "\n" not in str(refusal.value)
    assert square or "not square" in str(refusal.value)


@of_every_variant
def test_a_batch_is_a_multiple_of_what_the_variant_says(tiny_spec: TinySpec, name: str) -> None:
    form = next(form for form in ("grey", "labelled") if does(name, form))
    variant = build(spec_for(tiny_spec, name, form), FORMS[form].shape)
    assert variant.batch_multiple >= 1
    latents, labels = inputs(variant, form, 2 * variant.batch_multiple)
    assert torch.isfinite(variant.discriminate(variant.generate(latents, labels), labels)).all()


@of_every_variant
def test_a_variant_in_a_file_of_the_user_runs(tiny_spec: TinySpec, name: str, tmp_path: Path) -> None:
    module, attribute = VARIANTS.target(name).place, VARIANTS.target(name).attribute
    file = tmp_path / "mine.py"
    file.write_text(
        "from dataclasses import dataclass\n"
        f"from {module} import {attribute}\n\n\n"
        f"class Mine({attribute}):\n"
        '    """A copy under another name."""\n\n'
        "    @dataclass(frozen=True, kw_only=True)\n"
        "    class Config:\n"
        + "".join(f"        {field.name}: object = {field.default!r}\n" for field in fields(VARIANTS.load(name).Config))
    )
    theirs = tiny_spec(name)
    mine = tiny_spec(f"{file}:Mine", config=dict(theirs.variant.config))
    assert mine.variant.name == "mine.py:Mine"
    mine = replace(mine, budget_images=6 * 16)
    theirs = replace(theirs, budget_images=6 * 16)
    records = [run_cell(spec, tmp_path / str(i), Runtime(device="cpu")) for i, spec in enumerate((mine, theirs))]
    assert records[0].error is None
    assert records[0].weights_sha256 == records[1].weights_sha256
    assert records[0].run_id != records[1].run_id
