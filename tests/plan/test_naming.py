"""Are configurations told apart by what differs, and by nothing else?"""

from collections.abc import Callable
from dataclasses import replace

from ganbench.plan.naming import names
from ganbench.plan.spec import DatasetSpec, RunSpec

TinySpec = Callable[..., RunSpec]


def test_a_name_holds_the_settings_in_which_runs_of_a_variant_on_the_same_data_differ(tiny_spec: TinySpec) -> None:
    plain, packed = tiny_spec("pacgan", config={"pack": 1}), tiny_spec("pacgan", config={"pack": 4})
    assert names([plain, replace(plain, seed=1), packed, tiny_spec("dcgan")]) == ["pacgan (pack=1)"] * 2 + ["pacgan (pack=4)", "dcgan"]
    assert names([plain]) == ["pacgan"]


def test_training_and_budget_tell_runs_apart_and_other_data_do_not(tiny_spec: TinySpec) -> None:
    spec = tiny_spec("gan")
    longer = replace(spec, budget_images=320, training=replace(spec.training, batch_size=32))
    assert names([spec, longer]) == ["gan (batch_size=16, budget_images=192)", "gan (batch_size=32, budget_images=320)"]
    assert names([spec, replace(spec, dataset=DatasetSpec(name="ring8"), budget_images=64)]) == ["gan", "gan"]


def test_options_that_joined_later_and_versions_tell_runs_apart(tiny_spec: TinySpec) -> None:
    spec = tiny_spec("gan")
    longer = replace(spec, variant=replace(spec.variant, config={**spec.variant.config, "warm_up": 5}))
    assert names([spec, longer]) == ["gan", "gan (warm_up=5)"]
    older = replace(spec, variant=replace(spec.variant, version=9))  # another version than the installed one
    assert names([spec, older]) == ["gan (version=1)", "gan (version=9)"]
    assert names([older]) == ["gan (version=9)"]


def test_of_many_settings_those_are_named_that_tell_configurations_apart(tiny_spec: TinySpec) -> None:
    def packed(pack: int, batch: int, budget: int, **config: object) -> RunSpec:
        spec = tiny_spec("pacgan", config={"pack": pack, "learning_rate": 0.001, "beta1": 0.5, **config})
        return replace(spec, budget_images=budget, training=replace(spec.training, batch_size=batch))

    found = [
        packed(1, 16, 192),
        packed(2, 16, 192),
        packed(1, 12, 192, point_network="pacgan", learning_rate=0.01, beta1=0.8),
        packed(4, 64, 768),
        packed(2, 32, 384),
    ]
    assert names(found) == [
        "pacgan (pack=1, batch_size=16)",
        "pacgan (pack=2, batch_size=16)",
        "pacgan (pack=1, point_network=pacgan, batch_size=12)",
        "pacgan (pack=4, batch_size=64, budget_images=768)",
        "pacgan (pack=2, batch_size=32, budget_images=384)",
    ]
    assert names(found[:2]) == ["pacgan (pack=1)", "pacgan (pack=2)"]
