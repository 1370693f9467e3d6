"""Which scalars of the training steps are recorded?"""

from collections.abc import Mapping

import torch
from torch import Tensor

from ganbench.distributed import ALONE, Ranks


class Watch:
    """Running means of scalars since the last reading, kept on the device so that no step waits for it.

    Args:
        device: Device of the training steps.
        ranks: This process among those that train together.
    """

    def __init__(self, device: torch.device, ranks: Ranks = ALONE) -> None:
        self._ranks = ranks
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self.nonfinite_updates = torch.zeros((), dtype=torch.int64, device=device)
        """Number of updates with a non-finite loss or gradient, over the whole run."""
        self.first_nonfinite_step = torch.full((), -1, dtype=torch.int64, device=device)
        """Step of the first such update, or -1."""

    def add(self, logs: Mapping[str, Tensor]) -> None:
        """Adds one step's scalars to the running means."""
        for name, value in logs.items():
            value = value.detach().double()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def check(self, step: int, *values: Tensor) -> None:
        """Counts an update as non-finite if any of its values is."""
        bad = ~torch.stack([torch.isfinite(value).all() for value in values]).all()
        self.nonfinite_updates += bad
        unset = self.first_nonfinite_step < 0
        self.first_nonfinite_step.copy_(torch.where(bad & unset, step, self.first_nonfinite_step))

    def read(self) -> dict[str, float]:
        """Means over steps and ranks since the last reading; waits for the device once."""
        if not self._sums:
            return {}
        values = self._ranks.mean(torch.stack(list(self._sums.values()))).tolist()
        means = {name: value / self._counts[name] for name, value in zip(self._sums, values, strict=True)}
        self._sums.clear()
        self._counts.clear()
        return means
