"""How do entries reach TensorBoard? (event files, in a folder for every run)"""

from pathlib import Path

import numpy as np
from PIL import Image

from ganbench.sinks.base import Entry, LoggedRun, Sink
from ganbench.text import markdown

FLUSH_S = 10
"""Longest time until an entry is in the file."""


class TensorBoard(Sink):
    """Event files for TensorBoard, below PLACE or OUT/tensorboard; those of an earlier attempt are replaced."""

    package = "tensorboard"

    def __init__(self, run: LoggedRun, place: str, out: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        folder = Path(place).expanduser() / run.name if place else out / "tensorboard" / run.name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("events.out.tfevents.*"):  # the run's entries come again from the first on
            old.unlink()
        self.writer = SummaryWriter(str(folder), flush_secs=FLUSH_S)
        settings = {key: markdown(value) if isinstance(value, str) else value for key, value in run.settings.items()}
        assert self.writer.file_writer is not None
        # not add_hparams, which also writes a value of every measure, before there is one
        for summary in hparams(settings, dict.fromkeys(run.measures, 0.0)):
            self.writer.file_writer.add_summary(summary)

    def write(self, entry: Entry) -> None:
        """See :class:`Sink`."""
        for tag, value in entry.scalars.items():
            self.writer.add_scalar(tag, value, entry.images_seen)
        for tag, text in entry.texts:
            self.writer.add_text(tag, markdown(text), entry.images_seen)
        for tag, path in entry.images.items():
            with Image.open(path) as image:
                self.writer.add_image(tag, np.asarray(image.convert("RGB")), entry.images_seen, dataformats="HWC")

    def close(self, status: str) -> None:
        """See :class:`Sink`."""
        self.writer.close()
