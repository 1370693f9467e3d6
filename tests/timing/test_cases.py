"""Is what `ganbench bench` times what a run would do, and is it recorded with all that it depends on?"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench.data.loading import load_dataset
from ganbench.errors import RequestError
from ganbench.plan.bench import bench_specs
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.plan.workload import Workload
from ganbench.results.timing_record import TimingRecord, read_timings, signed, timings_of, write_timing
from ganbench.spans import PHASES
from ganbench.statistics.speed import change, counterpart
from ganbench.timing.generation import sampling_case
from ganbench.timing.measure import timed
from ganbench.timing.scoring import scoring_case
from ganbench.timing.training import period, training_case
from ganbench.training.trainer import Trainer

CPU = torch.device("cpu")
HERE = Path(__file__)
DATA = load_dataset(DatasetSpec(name="noise", resolution=8, channels=1), Path())


def spec_of(variant: str, tiny_spec: Callable[..., RunSpec]) -> RunSpec:
    return tiny_spec(variant, DatasetSpec(name="noise", resolution=8, channels=1), budget_images=10**6)


@pytest.fixture(scope="module")
def record(tiny_spec: Callable[..., RunSpec]) -> TimingRecord:
    case = training_case(spec_of("wgan_gp", tiny_spec), DATA, CPU, 64, "wgan_gp")
    return signed(timed(case, Runtime(device="cpu"), CPU, 0.1, HERE))


def test_noise_is_images_of_the_size_that_is_asked_for() -> None:
    assert (DATA.train.examples.shape, DATA.shape.size, DATA.shape.classes) == ((4_096, 1, 8, 8), (1, 8, 8), 10)
    assert load_dataset(DatasetSpec(name="noise"), Path()).shape.size == (3, 32, 32)
    large = load_dataset(DatasetSpec(name="noise", resolution=512), Path())
    assert len(large.train) == 2**28 // (3 * 512 * 512) and len(large.held_out) == 256


def test_a_repetition_is_a_whole_number_of_periods(tiny_spec: Callable[..., RunSpec], tiny_trainer: Callable[..., Trainer]) -> None:
    # five steps of the critic and one of the generator
    assert training_case(spec_of("wgan_gp", tiny_spec), DATA, CPU, 64, "x").images == 5 * 16
    assert training_case(spec_of("dcgan", tiny_spec), DATA, CPU, 64, "x").images == 16
    spec = tiny_spec("stylegan2", config={"r1_interval": 4, "path_length_interval": 6}, budget_images=10**6)
    assert period(tiny_trainer(spec)) == 12


def test_a_growing_network_is_timed_when_it_has_grown(tiny_spec: Callable[..., RunSpec], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Trainer] = []

    class Kept(Trainer):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            made.append(self)

    monkeypatch.setattr("ganbench.timing.training.Trainer", Kept)
    training_case(spec_of("progressive_gan", tiny_spec), DATA, CPU, 64, "x").call()
    level, alpha = made[0].variant.discriminator.reached()  # type: ignore[operator]
    assert (level, alpha) == (made[0].variant.discriminator.levels - 1, 1.0)


def test_a_record_of_training_has_every_field_or_says_why_not(record: TimingRecord) -> None:
    assert record.task == "train" and record.images == 80 and len(record.seconds) == record.rate.measurements
    assert sum(record.phases.values()) == pytest.approx(1)
    assert (
        {"data", "discriminator", "generator", "regularisers", "optimizers", "ema", "records"} <= record.phases.keys() <= {*PHASES, "other"}
    )
    assert record.flops_per_image and record.utilisation is not None and 0 < record.utilisation < 1
    assert record.subject["shape"] == "1x8x8" and record.subject["config.critic_steps"] == 5 and record.subject["batch_size"] == 16
    assert "budget_images" not in record.subject and "training.precision" not in record.subject
    assert record.setting.keys() == {"device", "threads", "determinism", "precision", "engine", "runs_at_a_time"}
    absent = {name for name, value in vars(record).items() if value is None} - {"clock_mhz"}
    assert absent == record.unmeasured.keys() - {"steady"} == {
        "peak_allocated_bytes", "kernels", "kernel_s", "idle_share", "watts", "joules_per_image",
    }  # fmt: skip


def test_operations_are_those_of_the_method(tiny_spec: Callable[..., RunSpec]) -> None:
    # the same networks without a penalty: a WGAN-GP step costs more
    plain, penalised = (
        timed(training_case(spec_of(name, tiny_spec), DATA, CPU, 64, name), Runtime(device="cpu"), CPU, 0.1, HERE).flops_per_image
        for name in ("wgan", "wgan_gp")
    )
    assert plain and penalised and penalised > 1.3 * plain


def test_samples_and_scores_are_timed_too(tiny_spec: Callable[..., RunSpec]) -> None:
    drawn = timed(sampling_case(spec_of("dcgan", tiny_spec), DATA, CPU, "dcgan"), Runtime(device="cpu"), CPU, 0.1, HERE)
    assert (drawn.task, drawn.images, drawn.phases) == ("sample", 256, {"other": 1.0}) and drawn.flops_per_image
    scored = timed(scoring_case(("fd", "precision"), 100, 8, CPU), Runtime(device="cpu"), CPU, 0.1, HERE)
    assert (scored.task, scored.images, scored.phases.keys()) == ("score", 100, {"fd", "precision", "other"})


def test_records_survive_the_way_to_the_disk_and_damage_is_noticed(record: TimingRecord, tmp_path: Path) -> None:
    path = write_timing(tmp_path, record)
    assert read_timings(tmp_path) == read_timings(path) == [record]
    assert write_timing(tmp_path, replace(record, seconds=(1.0,))) == path  # the same subject and settings: timed anew
    whole = tmp_path / "all.json"
    data = json.loads(path.read_text())
    whole.write_text(json.dumps({"schema_version": 1, "timings": [data]}))
    assert len(read_timings(whole)) == 1
    path.write_text(json.dumps({**data, "images": 1}))
    with pytest.raises(RequestError, match="was changed after it was written"):
        read_timings(path)
    records, faults = timings_of(tmp_path)
    assert not records and "was changed" in faults[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [("[]", "no JSON object"), ("{}", "is no timing record"), ('{"kind": "timing", "schema_version": 9}', "has schema 9"),
     ('{"timings": 3}', "no list of records"), ('{"timings": [3]}', "no list of records")],
)  # fmt: skip
def test_what_is_no_timing_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(RequestError, match=words) as caught:
        read_timings(tmp_path / "x.json")
    assert "\n" not in str(caught.value)


def test_a_record_without_a_time_is_refused(record: TimingRecord, tmp_path: Path) -> None:
    path = write_timing(tmp_path, replace(record, seconds=()))
    with pytest.raises(RequestError, match="tells of no time"):
        read_timings(path)


def with_seconds(record: TimingRecord, *seconds: float, **setting: object) -> TimingRecord:
    rate = replace(record.rate, median=record.images / sorted(seconds)[len(seconds) // 2])
    return replace(record, seconds=seconds, rate=rate, setting={**record.setting, **setting})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("now", "verdict", "threshold"),
    [
        ((1.05, 1.05, 1.05), "no change beyond noise", 0.10),
        ((1.2, 1.2, 1.2), "slower", 0.10),
        ((0.8, 0.8, 0.8), "faster", 0.10),
        ((0.9, 1.2, 1.5), "no change beyond noise", 0.5),  # a median absolute deviation of 0.3 of 1.2
    ],
)
def test_a_change_counts_beyond_ten_per_cent_and_beyond_what_repetitions_differ(
    record: TimingRecord, now: tuple[float, ...], verdict: str, threshold: float
) -> None:
    found = change(with_seconds(record, 1.0, 1.0, 1.0), with_seconds(record, *now))
    assert (found.verdict, found.threshold) == (verdict, pytest.approx(threshold))
    assert found.ratio == pytest.approx(1 / sorted(now)[1])


def test_timings_under_unlike_settings_are_not_compared(record: TimingRecord) -> None:
    found = change(record, with_seconds(record, 1.0, threads=2, precision="bf16"))
    assert (found.verdict, found.ratio) == ("not comparable", None)
    assert found.differs == ("threads: 1, now 2", "precision: fp32, now bf16")


def test_the_counterpart_is_the_nearest_in_its_settings(record: TimingRecord) -> None:
    other, near = with_seconds(record, 1.0, threads=2, precision="bf16"), with_seconds(record, 1.0, threads=2)
    assert counterpart(record, [other, near]) is near
    assert counterpart(replace(record, subject={}), [other, near]) is None


def test_variants_data_and_settings_mean_what_they_mean_in_a_suite() -> None:
    work = Workload(resolution=16, batch=8, precision="fp32,bf16", preset="small")
    first, second = bench_specs(["dcgan"], work, ["config.dcgan.beta1=0.25"])
    assert (first.training.precision, second.training.precision) == ("fp32", "bf16")
    assert (first.dataset.name, first.dataset.resolution, first.training.batch_size) == ("noise", 16, 8)
    assert first.variant.config["beta1"] == 0.25 and first.variant.config["generator_width"] == 32
    assert len(bench_specs(["all"], Workload(), [])) > 27


@pytest.mark.parametrize(
    ("variants", "work", "words"),
    [
        (["dcgn"], Workload(), "did you mean 'dcgan'"),
        (["dcgan"], Workload(data="nois"), "did you mean 'noise'"),
        (["dcgan"], Workload(precision="fp16"), "did you mean 'bf16'"),
        (["dcgan"], Workload(precision="bf16,bf16"), "names one twice"),
        (["dcgan"], Workload(preset="smal"), "did you mean 'small'"),
    ],
)
def test_a_wrong_request_is_one_line(variants: list[str], work: Workload, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        bench_specs(variants, work, [])
