"""Does ``list KIND NAME`` say what a person must know of one thing before using it?"""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from test_cli_light import HEAVY, imported, start

from ganbench.plan.facts import Facts, facts
from ganbench.plan.variant_config import defaults
from ganbench.registry import DATASETS, DIAGNOSTICS, EXTRACTORS, METRICS, VARIANTS

Command = Callable[..., Any]


@pytest.mark.parametrize(
    "arguments", [("variants", "dcgan"), ("metrics", "fd"), ("datasets", "mnist"), ("diagnostics", "modes")], ids=" ".join
)
def test_one_thing_is_shown_without_anything_heavy(arguments: tuple[str, ...]) -> None:
    result = start("list", *arguments, options=("-X", "importtime"))
    assert result.returncode == 0
    assert imported(result.stderr).isdisjoint(HEAVY)


def test_a_variant_shows_its_options_with_type_range_default_and_source(ganbench: Command) -> None:
    said = " ".join(ganbench("list", "variants", "dcgan").out.split())
    assert "Section 4 of the paper" in said and "baselines.dcgan:" in said
    assert "generator_width = 128 int ≥ 1 Channels before the last layer" in said
    assert "beta1 = 0.5 float ≥ 0, < 1" in said


def test_an_inherited_option_keeps_its_meaning_and_shows_its_own_default(ganbench: Command) -> None:
    options = {one["name"]: one for one in json.loads(ganbench("list", "variants", "stylegan2_ada", "--json").out)["options"]}
    assert {name: one["default"] for name, one in options.items()} == defaults("stylegan2_ada")
    assert options["r1_interval"]["meaning"].startswith("R1 in one step of so many")
    assert options["r1_gamma"]["meaning"].startswith("Weight of R1; a rule of thumb")
    assert options["discriminator"]["type"] == '"residual" | "orig"'


@pytest.mark.parametrize("registry", [VARIANTS, METRICS, EXTRACTORS, DATASETS, DIAGNOSTICS], ids=lambda one: one.kind)
def test_everything_registered_can_be_shown(ganbench: Command, registry: Any) -> None:
    for name in registry.names()[-4:]:
        result = ganbench("list", f"{registry.kind}s", name, "--json")
        assert (result.code, result.err) == (0, ""), name
        assert json.loads(result.out)["name"] == name


def test_a_metric_shows_the_facts_that_it_declares(ganbench: Command) -> None:
    said = json.loads(ganbench("list", "metrics", "coverage", "--json").out)
    declared = facts("coverage")
    shared = {field.name for field in fields(Facts)} & said.keys()
    assert shared == {"higher_is_better", "minimum_n", "bounds", "depends_on_n", "depends_on_ratio"}
    assert all(said[key] == (list(declared.bounds) if key == "bounds" else getattr(declared, key)) for key in shared)
    assert said["needs"]["generated"] == list(declared.needs_fake)
    assert "extractor inception-v3-compat" in " ".join(ganbench("list", "metrics", "fid").out.split())


def test_a_data_set_shows_its_budgets(ganbench: Command) -> None:
    assert "short 64,000" in ganbench("list", "datasets", "mnist").out


def test_a_variant_in_a_file_can_be_shown(ganbench: Command, methods: Path) -> None:
    assert "latent_dim = 2" in ganbench("list", "variants", f"{methods}:Healthy").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("variants", "dcgn"), "did you mean 'dcgan'?"),
        (("diagnostics", "diversty"), "did you mean 'diversity'?"),
        (("metrics", "fids"), "unknown metric 'fids'"),
        (("variants", "no.py:Mine"), "no.py: no such file"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_an_unknown_name_is_one_line(ganbench: Command, arguments: tuple[str, ...], words: str) -> None:
    assert words in ganbench("list", *arguments).one_line()
