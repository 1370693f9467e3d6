"""Do the committed bands hold what the collection promises, and is its page what they say?"""

import json
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from baselines.bands.bank import BANK, Run, read_bank, run_of, without_superseded, write_bank
from baselines.bands.page import CONTROLS, HERE, is_control, published, reference_variants, render
from baselines.blocks import spectral
from ganbench.errors import RequestError
from ganbench.plan.budgets import budget_images, budgets
from ganbench.plan.spec import run_id
from ganbench.plan.suite import load_suite
from ganbench.plan.variant_config import installed_version
from ganbench.registry import DATASETS, VARIANTS
from ganbench.results.record import read_record

RUNS = read_bank()


def group(dataset: str, budget: str) -> dict[str, list[Run]]:
    groups = defaultdict(list)
    for run in RUNS:
        if (run.dataset, run.budget) == (dataset, budget):
            groups[run.variant].append(run)
    return groups


def test_the_page_is_what_the_bank_says(monkeypatch: pytest.MonkeyPatch) -> None:
    # the page counts parameters of networks without memory, whose singular vectors nobody needs and take ten seconds
    monkeypatch.setattr(spectral, "FIRST_ITERATIONS", 0)
    monkeypatch.setattr(spectral, "DEGREE", 1)
    assert (HERE / "README.md").read_text(encoding="utf-8") == render(RUNS), "run `python -m baselines.bands`"


def test_the_page_lists_every_variant_that_is_no_control() -> None:
    assert set(reference_variants()) == {name for name in VARIANTS.targets if not name.startswith(CONTROLS)}
    known = published()
    marks = known.pop("protocols")
    assert all({"recipe", "here", "number"} <= entry.keys() <= {"recipe", "here", "number", "differs"} for entry in known.values())
    assert all(("differs" in entry) is not entry["number"].startswith("none") for entry in known.values()), "no suite reaches a number"
    used = {mark for entry in known.values() for mark in re.findall(r"\(([A-Z][A-Z0-9]+)\b", entry["number"])} - {"VEEGAN", "CNN"}
    assert used == marks.keys(), "every mark of a published number says how it was got"


@pytest.mark.parametrize(
    ("suite", "datasets"),
    [
        ("smoke", {"digits", "mnist", "ring8", "grid25"}),
        ("digits", {"digits"}),
        ("mnist", {"mnist"}),
        ("modes", {"ring8", "grid25"}),
        ("few", {"digits"}),
        ("broken", {"digits"}),
    ],
)
def test_every_run_of_a_band_is_one_that_its_suite_means_today(suite: str, datasets: set[str]) -> None:
    meant = {run_id(spec): spec for spec in load_suite(suite)[1] if spec.dataset.name in datasets}
    missing = [spec.slug for key, spec in meant.items() if key not in {run.run_id for run in RUNS}]
    assert meant and not missing, f"{len(missing)} of {len(meant)} runs were never measured with these settings: `make bands`"


def test_no_run_on_the_cpus_data_sets_is_of_settings_that_no_suite_means_any_more() -> None:
    meant = {run_id(spec) for suite in ("smoke", "digits", "mnist", "modes", "few", "ablation", "broken") for spec in load_suite(suite)[1]}
    own = {run.run_id for run in RUNS if run.dataset in ("digits", "mnist", "ring8", "grid25", "stacked-digits")}
    assert own <= meant


def test_the_page_names_the_version_of_every_band_that_is_not_the_installed_ones() -> None:
    page = (HERE / "README.md").read_text(encoding="utf-8")
    for run in RUNS:
        if run.version != installed_version(run.variant):
            assert re.search(rf"\| `{run.variant}` \([^)]*version={run.version}[,)]", page), run.run_id


def test_every_loss_was_measured_with_every_regulariser() -> None:
    meant = {run_id(spec): spec for spec in load_suite("ablation")[1] if spec.seed == 0}
    measured = {run.run_id: run for run in RUNS if run.run_id in meant}
    assert measured.keys() == meant.keys()
    assert {run.status for run in measured.values()} <= {"done", "diverged"}


@pytest.mark.parametrize("variant", reference_variants())
def test_every_variant_learns_digits_at_the_short_budget_over_three_seeds(variant: str) -> None:
    runs = [run for run in group("digits", "short")[variant] if not is_control(run)]
    assert len({run.seed for run in runs}) >= 3
    assert [run.status for run in runs] == ["done"] * len(runs)
    assert all(run.gain is not None and run.gain >= 3 for run in runs), [run.gain for run in runs]
    shares = [run.feature_variance for run in runs if run.feature_variance is not None]  # older runs of unchanged settings have none
    assert all(share > 0.5 for share in shares), shares


@pytest.mark.parametrize("variant", reference_variants())
def test_every_variant_learns_mnist_at_the_short_budget_over_three_seeds(variant: str) -> None:
    """A third of the untrained distance at most, and more than half of the real feature variance."""
    runs = group("mnist", "short")[variant]
    assert len({run.seed for run in runs}) >= 3
    assert [run.status for run in runs] == ["done"] * len(runs)
    assert all(run.gain is not None and run.gain >= 3 for run in runs), [run.gain for run in runs]
    assert all(run.feature_variance is not None and run.feature_variance > 0.5 for run in runs), [run.feature_variance for run in runs]


def distances(variant: str, **settings: object) -> list[float]:
    """FD of a recipe's runs on digits; one that did not end is infinitely far. None is the variant's own setting."""
    runs = [run for run in group("digits", "short")[variant] if all(json.loads(run.overrides).get(k) == v for k, v in settings.items())]
    assert len({run.seed for run in runs}) >= 3, variant
    return [float("inf") if run.final is None else run.final for run in runs]


def test_broken_recipes_score_worse_than_their_sound_parents_with_every_seed() -> None:
    sound = max(distances("dcgan", learning_rate=None))
    assert min(distances("dcgan", learning_rate=0.06)) > 1.5 * sound
    assert min(distances("broken_label_flip")) > 3 * sound
    assert min(distances("broken_no_batch_norm")) > 3 * sound
    assert min(distances("broken_detached_penalty")) > 2 * max(distances("wgan_gp"))
    assert min(distances("broken_shared_latents")) > 2 * max(distances("pacgan"))


def test_r1_and_spectral_norm_mend_a_critic_without_bound_with_every_seed() -> None:
    bare, *bound = (distances("ablation", loss="wasserstein", regulariser=regulariser) for regulariser in (None, "r1", "spectral-norm"))
    assert min(bare) > 2 * max(bound[0])
    assert min(bare) > 1.25 * max(bound[1])


def seeds_of(dataset: str, pack: int, **settings: object) -> list[Run]:
    """Runs of PacGAN with as many packs a step as DCGAN has samples, and as many steps."""
    wanted = {"pack": None if pack == 2 else pack, **settings}
    runs = group(dataset, "short" if pack == 1 else f"{pack}x short")["pacgan"]
    found = [run for run in runs if all(json.loads(run.overrides).get(key) == value for key, value in wanted.items())]
    assert len({run.seed for run in found}) == len(found) >= 3
    return found


def test_packing_captures_more_modes_of_a_grid_with_every_seed() -> None:
    # Lin et al. 2018, table 1: 17.3 of 25 modes with one sample a pack, 23.8 with two and 24.8 with four
    alone, packed = (seeds_of("grid25", pack, point_network=None) for pack in (1, 4))
    assert min(run.modes or 0 for run in packed) > max(run.modes or 0 for run in alone)
    assert 3 * max(run.kl_all or 0 for run in packed) < min(run.kl_all or 0 for run in alone)


def test_minibatch_discrimination_keeps_the_modes_of_a_ring_with_every_seed() -> None:
    # kernels that start from neighbours within a mode, as on images, leave one or two
    runs = group("ring8", "short")["improved_gan"]
    assert len({run.seed for run in runs}) >= 3
    assert all((run.modes or 0) >= 7 for run in runs), [run.modes for run in runs]


@pytest.mark.parametrize("width", [4, 2])
def test_packing_captures_more_modes_of_stacked_digits_from_weak_discriminators_with_every_seed(width: int) -> None:
    # A discriminator as strong as its generator (8) loses few modes here, and packing wins none.
    # Lin et al. 2018, section 4.2, on stacked MNIST: 78.5 to 484.5 modes with D = G/4, 487.7 to 840.7 with D = G/2, by a second sample
    alone, packed = ({run.seed: run for run in seeds_of("stacked-digits", pack, discriminator_width=width)} for pack in (1, 2))
    assert alone.keys() == packed.keys()
    assert all((packed[seed].modes or 0) > (alone[seed].modes or 0) for seed in alone)


def few(variant: str) -> dict[int, float]:
    """FD by seed of a recipe's runs on 1,000 digits, against held-out ones."""
    runs = [run for run in RUNS if run.n_train == 1_000 and run.variant == variant]
    assert len(runs) >= 3, variant
    return {run.seed: float("inf") if run.final is None else run.final for run in runs}


def test_adaptive_augmentation_helps_at_a_thousand_training_images_with_every_seed() -> None:
    # Karras et al. 2020, "Training GANs with limited data": without it the discriminator learns the training images by heart
    plain, augmented = few("stylegan2"), few("stylegan2_ada")
    assert augmented.keys() == plain.keys()
    assert all(augmented[seed] < plain[seed] for seed in plain)
    assert 1.25 * median(augmented.values()) < median(plain.values())


def test_differentiable_augmentation_helps_at_a_thousand_training_images_with_every_seed() -> None:
    # Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training"
    plain, augmented = few("stylegan2"), few("diffaug_gan")
    assert augmented.keys() == plain.keys()
    assert all(augmented[seed] < plain[seed] for seed in plain)
    assert 2 * median(augmented.values()) < median(plain.values())


def test_a_record_becomes_a_line_of_the_bank_and_comes_back(tmp_path: Path) -> None:
    record = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
    assert run_of(record) is None, "its budget has no name"
    spec = replace(record.spec, budget_images=budgets(record.spec.dataset.name)["smoke"])
    line = run_of(replace(record, spec=spec))
    assert line is not None and (line.variant, line.budget, line.status) == (spec.variant.name, "smoke", record.status)
    write_bank([line], tmp_path / "bank.csv")
    (again,) = read_bank(tmp_path / "bank.csv")
    assert (again.variant, again.overrides, again.modes) == (line.variant, line.overrides, line.modes)
    if line.final is not None:
        assert again.final == pytest.approx(line.final, rel=1e-5)


def test_budgets_grow_and_every_data_set_of_this_project_has_them() -> None:
    for dataset in set(DATASETS.builtins) - {"noise"}:  # on which there is nothing to learn
        lengths = budgets(dataset)
        assert lengths["smoke"] < lengths["short"] < lengths["standard"]
        assert budget_images("short", dataset, "here") == lengths["short"]
    with pytest.raises(RequestError, match="nobody published a length on digits"):
        budget_images("paper", "digits", "here")


def test_the_bank_holds_each_run_once() -> None:
    assert len({run.run_id for run in RUNS}) == len(RUNS) and BANK.is_file()


def test_a_newer_versions_runs_take_the_place_of_an_olders_with_the_same_data_length_and_seed() -> None:
    old = next(run for run in RUNS if run.budget == "smoke")
    new, elsewhere = replace(old, version=old.version + 1, run_id="new"), replace(old, seed=old.seed + 1, run_id="elsewhere")
    configured = replace(new, run_id="configured", overrides="{}")
    assert without_superseded([old, new, elsewhere, configured]) == [new, elsewhere, configured]
