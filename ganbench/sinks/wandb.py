"""How do entries reach Weights & Biases?"""

import os
from pathlib import Path
from typing import Any

from ganbench.sinks.base import Entry, LoggedRun, Sink

PROJECT = "ganbench"
"""Default project."""
PRIVATE: dict[str, Any] = {
    **dict.fromkeys(("silent", "disable_code", "disable_git", "x_disable_stats", "x_disable_meta"), True),
    "console": "off",
    "host": "",
}
"""Settings with which nothing is sent but entries and settings: neither code nor git, nor the machine's name and load."""


class WeightsAndBiases(Sink):
    """Weights & Biases, project PLACE or ganbench; without an API key into OUT/wandb, which `wandb sync` sends.

    A run keeps its id when it is resumed or replayed, and Weights & Biases leaves out steps that it has.
    """

    package = "wandb"

    @classmethod
    def remark(cls) -> str:
        """See :class:`Sink`."""
        return "wandb: offline, so entries stay in OUT/wandb; `wandb sync OUT/wandb/offline-*` sends them" if _mode() == "offline" else ""

    def __init__(self, run: LoggedRun, place: str, out: Path) -> None:
        import wandb

        out.mkdir(parents=True, exist_ok=True)  # else it takes a folder of its own choice
        self.image = wandb.Image
        self.run = wandb.init(
            project=place or PROJECT,
            id=run.run_id,
            name=run.name,
            config=dict(run.settings),
            dir=str(out),
            resume="allow",
            reinit="create_new",  # several runs are open at a time
            mode=_mode(),
            settings=wandb.Settings(**PRIVATE),
        )

    def write(self, entry: Entry) -> None:
        """See :class:`Sink`."""
        images = {tag: self.image(str(path)) for tag, path in entry.images.items()}
        texts: dict[str, str] = {}
        for tag, text in entry.texts:
            texts[tag] = f"{texts[tag]}; {text}" if tag in texts else text
        if given := {**entry.scalars, **texts, **images}:
            self.run.log(given, step=entry.images_seen)

    def close(self, status: str) -> None:
        """See :class:`Sink`."""
        self.run.summary["status"] = status
        self.run.finish(exit_code=0 if status in ("done", "diverged") else 1)


def _mode() -> Any:
    """WANDB_MODE, else online if there is an API key, without which ``wandb.init`` would ask for one."""
    import wandb

    return os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False, verify=False) else "offline")
