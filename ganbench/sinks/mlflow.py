"""How do entries reach MLflow?"""

import logging
import os
import re
import time
from pathlib import Path
from typing import Any

from ganbench.sinks.base import Entry, LoggedRun, Sink

EXPERIMENT = "ganbench"
TAG = "ganbench.run_id"
BATCH = 100
"""Largest number of parameters in a request; the server's limit."""
ENDED = {"done": "FINISHED", "diverged": "FINISHED", "failed": "FAILED"}
"""MLflow's word for how a run ended; KILLED for all others."""


class MLflow(Sink):
    """MLflow, at the tracking server PLACE or MLFLOW_TRACKING_URI, else in OUT/mlflow.db; experiment ganbench.

    A run that is resumed or replayed goes on in the MLflow run with its id, and points that are there are left out.
    """

    package = "mlflow"

    def __init__(self, run: LoggedRun, place: str, out: Path) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent but to the place that the user names
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # not earlier, since its import sets it

        self.metric = Metric
        given = place or os.environ.get("MLFLOW_TRACKING_URI")
        self.client: Any = MlflowClient(given or f"sqlite:///{out.absolute() / 'mlflow.db'}")
        files = None if given else (out.absolute() / "mlflow").as_uri()
        experiment = self.client.get_experiment_by_name(EXPERIMENT)
        home = experiment.experiment_id if experiment else self.client.create_experiment(EXPERIMENT, files)
        found = self.client.search_runs([home], f"tags.`{TAG}` = '{run.run_id}'")
        own = found[0] if found else self.client.create_run(home, tags={TAG: run.run_id}, run_name=run.name)
        self.id = own.info.run_id
        self.known = {(tag, one.step) for tag in own.data.metrics for one in self.client.get_metric_history(self.id, tag)}
        if found:
            self.client.update_run(self.id, status="RUNNING")
        else:
            params = [Param(allowed(key), str(value)) for key, value in run.settings.items()]
            for start in range(0, len(params), BATCH):
                self.client.log_batch(self.id, params=params[start : start + BATCH])
        self.texts = ""

    def write(self, entry: Entry) -> None:
        """See :class:`Sink`."""
        now_ms = int(time.time() * 1000)
        fresh = {allowed(tag): value for tag, value in entry.scalars.items() if (allowed(tag), entry.images_seen) not in self.known}
        if fresh:
            self.client.log_batch(self.id, metrics=[self.metric(tag, value, now_ms, entry.images_seen) for tag, value in fresh.items()])
        for tag, text in entry.texts:
            self.texts += f"{entry.images_seen} {tag}: {text}\n"
        if entry.texts:
            self.client.log_text(self.id, self.texts, "events.txt")
        for path in entry.images.values():
            self.client.log_artifact(self.id, str(path), "samples")

    def close(self, status: str) -> None:
        """See :class:`Sink`."""
        self.client.set_terminated(self.id, ENDED.get(status, "KILLED"))


def allowed(name: str) -> str:
    """A name with nothing but the characters that MLflow takes.

    >>> allowed("score/fd@digits-probe/ema")
    'score/fd_digits-probe/ema'
    """
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)
