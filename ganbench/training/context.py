"""What does the harness do behind the doors that a training step sees?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ganbench import seeding
from ganbench.training.augmentation import Augmentation
from ganbench.training.variant import Batch


class Watch:
    """Scalars of the steps since the last reading, kept on the device so that no step waits for it.

    Args:
        device: Where the steps run.
    """

    def __init__(self, device: torch.device) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self.nonfinite_updates = torch.zeros((), dtype=torch.int64, device=device)
        """Updates whose loss or gradient was not finite, over the whole run."""
        self.first_nonfinite_step = torch.full((), -1, dtype=torch.int64, device=device)
        """Step of the first of them, or -1."""

    def add(self, logs: Mapping[str, Tensor]) -> None:
        """Adds one step's scalars to the running means."""
        for name, value in logs.items():
            value = value.detach().double()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def check(self, step: int, *values: Tensor) -> None:
        """Counts an update as non-finite if any of its scalars is."""
        bad = ~torch.stack([torch.isfinite(value).all() for value in values]).all()
        self.nonfinite_updates += bad
        unset = self.first_nonfinite_step < 0
        self.first_nonfinite_step.copy_(torch.where(bad & unset, step, self.first_nonfinite_step))

    def read(self) -> dict[str, float]:
        """Means since the last reading; waits for the device once."""
        if not self._sums:
            return {}
        values = torch.stack(list(self._sums.values())).tolist()
        means = {name: value / self._counts[name] for name, value in zip(self._sums, values, strict=True)}
        self._sums.clear()
        self._counts.clear()
        return means


class HarnessContext:
    """The :class:`~ganbench.training.variant.StepContext` that the harness hands to a method.

    Args:
        seed: Root seed of the run.
        device: Where the steps run.
        batch_size: Real examples in a step.
        latent_dim: Width of a latent.
        class_shares: Probability of every class (classes,) on the device, or None without labels.
        optimizers: What :meth:`minimize` updates, by name. Their learning rates are scheduled in place.
        augmentation: What :meth:`augment` does.
        watch: Where losses and gradient norms are counted.
    """

    def __init__(
        self,
        *,
        seed: int,
        device: torch.device,
        batch_size: int,
        latent_dim: int,
        class_shares: Tensor | None,
        optimizers: Mapping[str, Optimizer],
        augmentation: Augmentation,
        watch: Watch,
    ) -> None:
        self._seed = seed
        self._device = device
        self.batch_size = batch_size
        self._latent_dim = latent_dim
        self._class_bounds = None if class_shares is None else class_shares.cpu().double().cumsum(0)[:-1].to(device)
        self._optimizers = optimizers
        self._augmentation = augmentation
        self._watch = watch
        self._calls: dict[str, int] = {}
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        self.step = 0
        self.images_seen = 0
        self.real: Batch
        self._learning_rate_factor = 1.0

    def begin(self, step: int, images_seen: int, learning_rate_factor: float, real: Batch) -> None:
        """Moves to another step: counters, streams, learning rates and real examples."""
        self.real = real
        self.step = step
        self.images_seen = images_seen
        self._calls.clear()
        self._learning_rate_factor = learning_rate_factor
        for optimizer in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * learning_rate_factor

    def latents(self, n: int) -> Tensor:
        """See :class:`~ganbench.training.variant.StepContext`."""
        return torch.randn(n, self._latent_dim, generator=self._stream("latents"), device=self._device)

    def labels(self, n: int) -> Tensor | None:
        """See :class:`~ganbench.training.variant.StepContext`."""
        if self._class_bounds is None:
            return None
        # by inversion: multinomial has no deterministic kernel on every GPU
        uniform = torch.rand(n, generator=self._stream("labels"), device=self._device, dtype=torch.float64)
        return torch.searchsorted(self._class_bounds, uniform, right=True)

    def augment(self, examples: Tensor) -> Tensor:
        """See :class:`~ganbench.training.variant.StepContext`."""
        return self._augmentation(examples, self._stream("augment"))

    def every(self, n: int) -> bool:
        """See :class:`~ganbench.training.variant.StepContext`."""
        return self.step % n == n - 1

    def minimize(self, name: str, loss: Tensor, **options: Any) -> None:
        """See :class:`~ganbench.training.variant.StepContext`."""
        optimizer = self._optimizers[name]
        for group in optimizer.param_groups:
            unknown = options.keys() - group.keys()
            if unknown:
                raise TypeError(f"{type(optimizer).__name__} has no option {', '.join(sorted(unknown))}")
            group.update({key: value * self._learning_rate_factor if key == "lr" else value for key, value in options.items()})
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss, inputs=parameters)
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        self._watch.check(self.step, loss.detach(), norm)
        self._watch.add({f"grad_norm/{name}": norm})
        optimizer.step()

    def _stream(self, purpose: str) -> torch.Generator:
        """A stream for one call: step and number of the call within the step are its index."""
        call = self._calls.get(purpose, 0)
        self._calls[purpose] = call + 1
        return seeding.stream(self._seed, purpose, self.step, call, device=self._device)
