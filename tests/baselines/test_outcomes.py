"""Do the field's qualitative findings come out here too? (`make test-all`; minutes on two CPU cores)"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec
from ganbench.plan.suite import load_suite
from ganbench.results.record import Record
from ganbench.statistics.leaderboard import rows_by_name

pytestmark = pytest.mark.slow


def records(
    suite: str, folder: Path, only: Sequence[str], settings: Sequence[str] = (), keep: Callable[[RunSpec], bool] = lambda spec: True
) -> dict[str, list[Record]]:
    """Runs a part of a suite; records by the names that tables give to their rows."""
    specs: list[RunSpec] = [spec for spec in load_suite(suite, settings, only)[1] if keep(spec)]
    found = [run_cell(spec, folder / str(place), Runtime(device="cpu")) for place, spec in enumerate(specs)]
    assert all(record.status != "failed" for record in found)
    return dict(rows_by_name(found))


def distances(group: Sequence[Record]) -> list[float]:
    """FD of the EMA weights at the end; a run that diverged is infinitely far."""
    return [next((s.value for s in r.scores if s.protocol["weights"] == "ema"), float("inf")) for r in group]


def modes(group: Sequence[Record]) -> list[float]:
    return [next(d.value for d in record.diagnostics if d.name == "modes") or 0.0 for record in group]


def test_broken_recipes_fail_and_r1_mends_a_critic_without_bound(tmp_path: Path) -> None:
    found = {name: distances(group)[0] for name, group in records("broken", tmp_path, ["seed=0"]).items()}
    sound = found["dcgan (learning_rate=0.0002)"]
    assert found["dcgan (learning_rate=0.06)"] > 1.5 * sound
    assert found["broken_label_flip"] == float("inf")
    assert found["broken_no_batch_norm"] > 3 * sound
    assert found["broken_detached_penalty"] > 3 * found["wgan_gp"]
    assert found["broken_shared_latents"] > 2 * found["pacgan"]
    assert found["ablation (regulariser=none)"] > 2 * found["ablation (regulariser=r1)"]


def test_spectral_norm_mends_a_critic_without_bound(tmp_path: Path) -> None:
    def kept(spec: RunSpec) -> bool:
        return spec.variant.config["loss"] == "wasserstein" and spec.variant.config["regulariser"] in ("none", "spectral-norm", "r1")

    found = records("ablation", tmp_path, ["dataset=digits", "seed=0"], keep=kept)
    by_regulariser = {str(group[0].spec.variant.config["regulariser"]): distances(group)[0] for group in found.values()}
    assert by_regulariser["none"] > 1.25 * by_regulariser["spectral-norm"]
    assert by_regulariser["none"] > 2 * by_regulariser["r1"]


def modes_by_pack(found: dict[str, list[Record]]) -> dict[int, float]:
    """Modes that PacGAN's runs reach, by samples a pack: one is DCGAN's game in the same networks."""
    return {int(str(group[0].spec.variant.config["pack"])): modes(group)[0] for group in found.values()}


def test_packing_captures_more_modes_of_a_grid(tmp_path: Path) -> None:
    # Lin et al. 2018, table 1: 17.3 of 25 modes with one sample a pack, 24.8 with four
    def kept(spec: RunSpec) -> bool:
        config, batch_size = spec.variant.config, spec.training.batch_size
        return config["point_network"] == "small" and (config["pack"], batch_size) in ((1, 256), (4, 1024))

    reached = modes_by_pack(records("modes", tmp_path, ["dataset=grid25", "variant=pacgan", "seed=0"], keep=kept))
    assert reached[4] > 1.2 * reached[1]


def test_augmentation_helps_at_a_thousand_training_images(tmp_path: Path) -> None:
    # Zhao et al. 2020 and Karras et al. 2020: without it the discriminator learns the training images by heart
    found = {name: distances(group)[0] for name, group in records("few", tmp_path, ["seed=0"]).items()}
    assert 1.5 * found["diffaug_gan"] < found["stylegan2"]
    assert 1.5 * found["stylegan2_ada"] < found["stylegan2"]
