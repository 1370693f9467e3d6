"""How does an optimizer update parameters?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ganbench.distributed import ALONE, Ranks
from ganbench.errors import UnknownName
from ganbench.spans import span
from ganbench.training.plan import StepPlan
from ganbench.training.watch import Watch


class Updates:
    """The optimizers of a method, with the run's learning-rate schedule.

    Args:
        optimizers: Optimizers by name; their learning rates are changed in place.
        watch: Records gradient norms and non-finite losses and gradients.
        ranks: This process among those that train together.
    """

    def __init__(self, optimizers: Mapping[str, Optimizer], watch: Watch, ranks: Ranks = ALONE) -> None:
        self._optimizers = optimizers
        self._watch = watch
        self._ranks = ranks
        self.updated: set[Tensor] = set()
        """Parameters that :meth:`minimize` has given a gradient."""
        for group in self._groups():
            group.setdefault("initial_lr", group["lr"])

    def begin(self, plan: StepPlan) -> None:
        """Sets the learning rates of a step."""
        for group in self._groups():
            group["lr"] = group["initial_lr"] * plan.learning_rate_factor

    def minimize(self, plan: StepPlan, name: str, loss: Tensor, **options: Any) -> None:
        """Updates one optimizer's parameters once to reduce a loss.

        Args:
            plan: Plan of the current step.
            name: Name of the optimizer.
            loss: Scalar loss of this rank's examples; the mean over ranks is minimised.
            options: New options of the optimizer's parameter groups; ``lr`` is multiplied by the schedule's factor.

        Raises:
            UnknownName: There is no such optimizer, or the optimizer has no such option.
        """
        optimizer = self._named("minimize", name)
        for group in optimizer.param_groups:
            if unknown := sorted(options.keys() - group.keys()):
                raise UnknownName(f"option of {type(optimizer).__name__} in ctx.minimize", unknown[0], set(group) - {"params"})
            group.update({key: value * plan.learning_rate_factor if key == "lr" else value for key, value in options.items()})
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss, inputs=parameters)
        reached = [parameter for parameter in parameters if parameter.grad is not None]
        self.updated.update(reached)
        loss, gradients = loss.detach(), [parameter.grad for parameter in reached if parameter.grad is not None]
        if self._ranks.size > 1:
            loss = self._averaged(loss, gradients)  # a non-finite value on one rank is now on all, and each counts it
        with span("records"):
            norm = torch.nn.utils.get_total_norm(gradients)
            self._watch.check(plan.number, loss, norm)
            self._watch.add({f"grad_norm/{name}": norm})
        with span("optimizers"):
            optimizer.step()

    def restart(self, name: str) -> None:
        """Forgets an optimizer's moments and counters, which it then gathers anew; its options stay.

        Raises:
            UnknownName: There is no such optimizer.
        """
        self._named("restart", name).state.clear()

    def _named(self, door: str, name: str) -> Optimizer:
        if name not in self._optimizers:
            raise UnknownName(f"optimizer in ctx.{door}", name, self._optimizers, "these are the keys of what optimizers() returns")
        return self._optimizers[name]

    def _averaged(self, loss: Tensor, gradients: list[Tensor]) -> Tensor:
        """Averages gradients in place, and the loss, over the ranks in one message; returns the mean loss."""
        tensors = [loss, *gradients]
        means = self._ranks.mean(torch.cat([tensor.flatten() for tensor in tensors]))
        mean, *pieces = torch.split(means, [tensor.numel() for tensor in tensors])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))
        return mean

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self._optimizers.values() for group in optimizer.param_groups]
