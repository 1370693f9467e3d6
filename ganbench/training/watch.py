"""Which scalars of the training steps are recorded?"""

from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor

from ganbench.distributed import ALONE, Ranks

LOGIT = "logit/"
"""Begin of the names of logs that hold the values of the discriminator, one an example: of "logit/real" and "logit/fake"."""


def spread(logits: Tensor) -> dict[str, Tensor]:
    """Standard deviation, largest magnitude, and share of values above 0 (where a discriminator says "real"), of logits (n,).

    Among ranks these are averages over their parts of the batch.
    """
    logits = logits.float()
    return {"sd": logits.std(correction=0), "max": logits.abs().amax(), "positive": (logits > 0).float().mean()}


class Watch:
    """Running means of scalars since the last reading, kept on the device so that no step waits for it.

    Args:
        device: Device of the training steps.
        ranks: This process among those that train together.
        health: Whether the spread of logits is recorded besides their mean.
    """

    def __init__(self, device: torch.device, ranks: Ranks = ALONE, health: bool = True) -> None:
        self._ranks = ranks
        self._health = health
        self._device = device
        self._sums: dict[str, Tensor] = {}
        self.counts: Counter[str] = Counter()
        """How often each scalar was added since the last reading."""
        self.nonfinite_updates = torch.zeros((), dtype=torch.int64, device=device)
        """Number of updates with a non-finite loss or gradient, over the whole run."""
        self.first_nonfinite_step = torch.full((), -1, dtype=torch.int64, device=device)
        """Step of the first such update, or -1."""

    def add(self, logs: Mapping[str, Tensor]) -> None:
        """Adds one step's scalars to the running means; of several values of a log their mean, and of logits also their spread."""
        for name, value in logs.items():
            value = value.detach()
            if self._health and value.numel() > 1 and name.startswith(LOGIT):
                for kind, number in spread(value).items():
                    self._add(f"logit_{kind}/{name.removeprefix(LOGIT)}", number)
            self._add(name, value.mean() if value.numel() > 1 else value)

    def _add(self, name: str, value: Tensor) -> None:
        if name not in self._sums:
            self._sums[name] = torch.zeros((), dtype=torch.float64, device=self._device)
        self._sums[name] += value  # in place, so that a recorded step adds to the same sum in every replay
        self.counts[name] += 1

    def check(self, step: int | Tensor, *values: Tensor) -> None:
        """Counts an update as non-finite if any of its values is."""
        bad = ~torch.stack([torch.isfinite(value).all() for value in values]).all()
        self.nonfinite_updates += bad
        unset = self.first_nonfinite_step < 0
        self.first_nonfinite_step.copy_(torch.where(bad & unset, step, self.first_nonfinite_step))

    def read(self) -> dict[str, float]:
        """Means over steps and ranks since the last reading; waits for the device once."""
        if not self.counts:
            return {}
        sums = [self._sums[name] for name in self.counts]
        values = self._ranks.mean(torch.stack(sums)).tolist()
        means = {name: value / n for (name, n), value in zip(self.counts.items(), values, strict=True)}
        torch._foreach_zero_(sums)
        self.counts.clear()
        return means
