"""How does an optimizer move?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ganbench.distributed import ALONE, Ranks
from ganbench.training.plan import StepPlan
from ganbench.training.watch import Watch


class Updates:
    """The optimizers of a method, under the run's schedule of learning rates.

    Args:
        optimizers: By name. Their learning rates are scheduled in place.
        watch: Where losses and gradient norms are counted.
        ranks: This process among those that train together.
    """

    def __init__(self, optimizers: Mapping[str, Optimizer], watch: Watch, ranks: Ranks = ALONE) -> None:
        self._optimizers = optimizers
        self._watch = watch
        self._ranks = ranks
        for group in self._groups():
            group.setdefault("initial_lr", group["lr"])

    def begin(self, plan: StepPlan) -> None:
        """Sets every learning rate to that of a step."""
        for group in self._groups():
            group["lr"] = group["initial_lr"] * plan.learning_rate_factor

    def minimize(self, plan: StepPlan, name: str, loss: Tensor, **options: Any) -> None:
        """Moves one optimizer's parameters a step down a loss.

        Args:
            plan: Of the step in which it happens.
            name: Of the optimizer.
            loss: Scalar; with several ranks that of this one's examples, and what is minimised is the mean.
            options: Of the optimizer's groups from now on; ``lr`` is multiplied by the schedule.
        """
        optimizer = self._optimizers[name]
        for group in optimizer.param_groups:
            unknown = options.keys() - group.keys()
            if unknown:
                raise TypeError(f"{type(optimizer).__name__} has no option {', '.join(sorted(unknown))}")
            group.update({key: value * plan.learning_rate_factor if key == "lr" else value for key, value in options.items()})
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss, inputs=parameters)
        loss, gradients = loss.detach(), [p.grad for p in parameters if p.grad is not None]
        if self._ranks.size > 1:
            loss = self._averaged(loss, gradients)  # what is not finite on one rank is so on all from here on, and each counts it
        norm = torch.nn.utils.get_total_norm(gradients)
        self._watch.check(plan.step, loss, norm)
        self._watch.add({f"grad_norm/{name}": norm})
        optimizer.step()

    def _averaged(self, loss: Tensor, gradients: list[Tensor]) -> Tensor:
        """Averages gradients over the ranks in place, and the loss, all in one message."""
        tensors = [loss, *gradients]
        means = self._ranks.mean(torch.cat([tensor.flatten() for tensor in tensors]))
        mean, *pieces = torch.split(means, [tensor.numel() for tensor in tensors])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))
        return mean

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self._optimizers.values() for group in optimizer.param_groups]
