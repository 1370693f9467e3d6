"""Does what a run says arrive in TensorBoard, Weights & Biases and MLflow?"""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganbench.results.events import EventLog
from ganbench.sinks.choosing import chosen
from ganbench.sinks.mapping import Translator
from ganbench.sinks.replaying import replay

NOT_HERE = "is large, and no part of the development packages; `pip install 'ganbench[{}]'` to run this"
pytestmark = pytest.mark.filterwarnings("ignore")  # of what these packages deprecate among themselves


def points(folder: Path) -> dict[tuple[str, int], float]:
    """What a sink should hold: values by tag and step."""
    translate = Translator(folder)
    entries = [translate(event) for event in EventLog(folder / "events.jsonl")]
    return {(tag, entry.images_seen): value for entry in entries for tag, value in entry.scalars.items()}


def send(folder: Path, to: str) -> None:
    replay(folder, chosen(to)[0])


def test_tensorboard_holds_every_point_text_image_and_setting_once(finished_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # the second replay replaces the first
        send(finished_run, f"tensorboard={tmp_path}")
    folder = tmp_path / finished_run.name
    assert len(list(folder.iterdir())) == 1
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    found.Reload()
    held = {(tag, one.step): one.value for tag in found.Tags()["scalars"] for one in found.Scalars(tag)}
    wanted = points(finished_run)
    assert held.keys() == wanted.keys()
    assert all(np.float32(value) == np.float32(held[key]) for key, value in wanted.items())
    assert ("score/fd@pixels/ema/ci_low", 64) in held and ("loss/generator", 16) in held
    assert [(one.step, one.width) for one in found.Images("samples/ema")] == [(0, 71), (64, 71)]  # 8 images of 8 pixels, 7 lines between
    texts = {tag: found.Tensors(tag)[-1].tensor_proto.string_val[0] for tag in found.Tags()["tensors"]}
    assert texts["end/text_summary"] == b"done"
    assert "_hparams_/session_start_info" in found.summary_metadata
    hparams = found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"training.batch_size" in hparams
    assert b"score/fd@pixels/ema" in found.summary_metadata["_hparams_/experiment"].plugin_data.content


def test_a_resumed_run_keeps_files_that_are_not_its_own(finished_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / finished_run.name
    folder.mkdir()
    (folder / "mine.txt").write_text("kept")
    send(finished_run, f"tensorboard={tmp_path}")
    assert (folder / "mine.txt").read_text() == "kept"


class FakeRun:
    """A run of Weights & Biases that remembers."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given, self.logged, self.summary, self.exit_code = given, list[tuple[int, dict[str, Any]]](), dict[str, Any](), -1

    def log(self, values: dict[str, Any], step: int) -> None:
        self.logged.append((step, values))

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code


@pytest.fixture
def fake_wandb(monkeypatch: pytest.MonkeyPatch) -> list[FakeRun]:
    """Stands in for the package; that its calls are those of the real one, the test below shows where that is installed."""
    runs: list[FakeRun] = []
    module = ModuleType("wandb")

    def init(**given: Any) -> FakeRun:
        runs.append(FakeRun(given))
        return runs[-1]

    vars(module).update(init=init, Image=lambda path: ("image", path), Settings=SimpleNamespace, login=lambda prompt, verify: False)
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr("ganbench.packages.find_spec", lambda name: module)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return runs


def test_wandb_gets_every_point_and_keeps_to_itself_without_a_key(finished_run: Path, fake_wandb: list[FakeRun]) -> None:
    send(finished_run, "wandb=my-project")
    (run,) = fake_wandb
    assert (run.given["mode"], run.given["project"], run.given["resume"]) == ("offline", "my-project", "allow")
    assert run.given["config"]["training.batch_size"] == 16
    settings = run.given["settings"]
    assert settings.disable_git and settings.disable_code and settings.x_disable_meta and settings.x_disable_stats and settings.host == ""
    held = {(tag, step): value for step, values in run.logged for tag, value in values.items() if isinstance(value, float)}
    assert held == points(finished_run)
    assert [step for step, _ in run.logged] == sorted(step for step, _ in run.logged)  # it takes no step before the last
    last = run.logged[-1][1]
    assert last["end"] == "done" and run.summary == {"status": "done"} and run.exit_code == 0
    images = {tag for _, values in run.logged for tag, value in values.items() if isinstance(value, tuple)}
    assert images == {"samples/raw", "samples/ema", "samples/real"}
    assert "wandb sync" in chosen("wandb")[0].kind.remark()


def test_the_real_wandb_takes_a_run_offline(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason=f"wandb {NOT_HERE.format('wandb')}")
    monkeypatch.setenv("WANDB_MODE", "offline")
    out = tmp_path / "runs"
    out.mkdir()
    (out / finished_run.name).symlink_to(finished_run)
    send(out / finished_run.name, "wandb")
    (written,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    held = written.read_bytes()
    assert all(word in held for word in (b"score/fd@pixels/ema/ci_low", b"training.batch_size", b"loss/generator"))
    assert len(list(written.parent.glob("files/media/images/samples/*.png"))) == 5


def test_mlflow_holds_every_point_once(finished_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason=f"mlflow {NOT_HERE.format('mlflow')}")
    from mlflow.tracking import MlflowClient

    out = tmp_path / "runs"
    out.mkdir()
    (out / finished_run.name).symlink_to(finished_run)
    for _ in range(2):
        send(out / finished_run.name, "mlflow")
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("ganbench")
    (run,) = client.search_runs([experiment.experiment_id])
    history = [(tag, one.step, one.value) for tag in run.data.metrics for one in client.get_metric_history(run.info.run_id, tag)]
    assert len(history) == len(points(finished_run))
    wanted = {(tag.replace("@", "_"), step): value for (tag, step), value in points(finished_run).items()}
    assert {(tag, step): value for tag, step, value in history} == wanted
    assert run.info.status == "FINISHED" and run.data.params["training.batch_size"] == "16"
    assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["events.txt", "samples"]


class FakeClient:
    """A client of MLflow that remembers, with one server for all of them."""

    runs: dict[str, Any] = {}

    def __init__(self, where: str) -> None:
        self.where = where

    def get_experiment_by_name(self, name: str) -> Any:
        return None

    def create_experiment(self, name: str, files: str | None) -> str:
        return "1"

    def search_runs(self, homes: list[str], which: str) -> list[Any]:
        return [run for run in self.runs.values() if run.tags["ganbench.run_id"] in which]

    def create_run(self, home: str, tags: dict[str, str], run_name: str) -> Any:
        data = SimpleNamespace(metrics={})
        self.runs["a"] = SimpleNamespace(info=SimpleNamespace(run_id="a"), data=data, tags=tags, points=[], params=[], texts={}, status="")
        return self.runs["a"]

    def get_metric_history(self, run: str, tag: str) -> list[Any]:
        return [SimpleNamespace(step=step) for one, _, step in self.runs[run].points if one == tag]

    def update_run(self, run: str, status: str) -> None:
        self.runs[run].status = status

    def log_batch(self, run: str, metrics: Any = (), params: Any = ()) -> None:
        assert len(params) <= 100
        self.runs[run].points += [(tag, value, step) for tag, value, _, step in metrics]
        self.runs[run].data.metrics.update({tag: value for tag, value, _, _ in metrics})
        self.runs[run].params += params

    def log_text(self, run: str, text: str, file: str) -> None:
        self.runs[run].texts[file] = text

    def log_artifact(self, run: str, path: str, folder: str) -> None:
        with Image.open(path) as image:
            assert image.width > 0 and folder == "samples"

    def set_terminated(self, run: str, status: str) -> None:
        self.runs[run].status = status


def test_mlflow_is_called_so_that_no_point_comes_twice(finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeClient, "runs", {})
    entities = SimpleNamespace(Metric=lambda *given: given, Param=lambda *given: given)
    modules = {"mlflow": ModuleType("mlflow"), "mlflow.entities": entities, "mlflow.tracking": SimpleNamespace(MlflowClient=FakeClient)}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("ganbench.packages.find_spec", lambda name: entities)
    for _ in range(2):
        send(finished_run, "mlflow")
    (run,) = FakeClient.runs.values()
    assert len(run.points) == len(points(finished_run)) and run.status == "FINISHED"
    assert {tag for tag, _, _ in run.points} == {tag.replace("@", "_") for tag, _ in points(finished_run)}
    assert run.texts["events.txt"].splitlines()[-1] == "64 end: done"
