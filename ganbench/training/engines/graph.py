"""How is a training step recorded once and then replayed as a whole?"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer

from ganbench.spans import heard_by_any
from ganbench.training.context import HarnessContext, Kind
from ganbench.training.draws import Handed, refill
from ganbench.training.engines.cuda_graphs import CudaGraphs
from ganbench.training.engines.eager import Eager
from ganbench.training.plan import StepPlan
from ganbench.training.variant import Variant

REMEMBERED = 16
"""Kinds of steps seen once whose tensors are kept: a fade gives every step a kind of its own, which never comes again."""


class Recorder(Protocol):
    """Executes and records operations of a device."""

    def execute(self, step: Callable[[], None]) -> None:
        """Executes a step operation by operation, in such a way that it can be recorded later."""

    def record(self, step: Callable[[], None]) -> Callable[[], None]:
        """Records the operations of a step without executing them; the result executes them on the same tensors."""


@dataclass(frozen=True, kw_only=True)
class Numbers(StepPlan):
    """A plan whose numbers a recorded step reads from the device."""

    counter: Tensor
    """int64 (): the step's number."""

    @property
    def number(self) -> Tensor:
        """See :class:`~ganbench.training.plan.StepPlan`."""
        return self.counter


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A step that can be replayed."""

    replay: Callable[[], None]
    handed: list[Handed]
    """Its random tensors."""
    logs: Counter[str]
    """The scalars that it records."""


@dataclass(frozen=True, kw_only=True)
class Graph(Eager):
    """Records one step of every kind and replays it for the others, so that the host starts one thing a step and not hundreds.

    The first step of a kind is executed as in eager mode, since optimizers and constants come into being in it; the second is recorded.
    What changes from step to step is written into the tensors that the recording reads: real examples, random tensors, learning-rate
    factor, decay and number. Steps are of one kind if the periods and schedules that the method asks its context for have the same values.
    """

    recorder: Recorder = field(default_factory=CudaGraphs)
    _first: OrderedDict[Kind, list[Handed]] = field(default_factory=OrderedDict, init=False)
    _recorded: dict[Kind, Recorded] = field(default_factory=dict, init=False)
    _reasons: dict[Kind, str] = field(default_factory=dict, init=False)
    _state: dict[str, int] = field(default_factory=dict, init=False)
    _moves: dict[str, int] = field(default_factory=dict, init=False)
    _inputs: dict[str, Tensor] = field(default_factory=dict, init=False)

    @staticmethod
    def refuses(variant: Variant) -> str:
        """Why the engine cannot take a method, as far as that can be told without a step; empty if it can."""
        on = next(iter(variant.parameters())).device.type
        return "" if on == "cuda" else "graphs are of CUDA devices"

    @property
    def reason(self) -> str:
        """Why some kinds of steps are executed as in eager mode although they come again; empty if none is."""
        return next(iter(self._reasons.values()), "")

    def __call__(self, context: HarnessContext) -> None:
        """See :class:`~ganbench.training.engines.Engine`."""
        self.variant.train()
        self._fill(context)
        kind = context.kind()
        with context.draws.noise():  # a replay reads the seed of the global generator as it is then
            if heard_by_any() or not (self._replayed(kind, context) or self._newly_recorded(kind, context)):
                self._execute(kind, context)

    def _replayed(self, kind: Kind, context: HarnessContext) -> bool:
        """Replays the recording of a kind, if there is one."""
        if (found := self._recorded.get(kind)) is None:
            return False
        refill(found.handed, context.plan.step)
        found.replay()
        self.watch.counts.update(found.logs)
        return True

    def _newly_recorded(self, kind: Kind, context: HarnessContext) -> bool:
        """Records a kind that was executed once and replays it; false if it is new, or cannot be recorded, for which there is a reason."""
        if kind in self._reasons or (handed := self._first.pop(kind, None)) is None:
            return False
        before = Counter(self.watch.counts)
        try:
            context.draws.again(handed)
            replay = self.recorder.record(lambda: self.operations(context))
            if moved := self._moved():
                raise RuntimeError(f"a step replaces {moved[0]} instead of writing into it")
            if context.kind() != kind or context.read:
                raise RuntimeError(f"a step depends on {', '.join(sorted(context.read)) or 'its number'}, which no recording can follow")
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            self._reasons[kind] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            self.watch.counts.clear()
            self.watch.counts.update(before)
            context.draws.begin(context.plan.step)
            return False
        logs = Counter({name: n - before[name] for name, n in self.watch.counts.items() if n > before[name]})
        self._recorded[kind] = Recorded(replay=replay, handed=handed, logs=logs)
        refill(handed, context.plan.step)
        replay()
        return True

    def _execute(self, kind: Kind, context: HarnessContext) -> None:
        """Executes a step operation by operation, and remembers the tensors of its kind."""
        self.recorder.execute(lambda: self.operations(context))
        if (moved := self._moved()) or context.kind() != kind:  # recordings would go on with state that is no longer the method's
            for known in (self._first, self._recorded, self._reasons, self._state):
                known.clear()
            self._state.update(self._addresses())
            kind = context.kind()
        step = context.plan.step
        if again := [name for name in moved if self._moves.get(name) == step - 1]:
            self._reasons[kind] = f"every step replaces {again[0]} instead of writing into it"
        self._moves.update(dict.fromkeys(moved, step))
        if context.read:
            self._reasons[kind] = f"a step reads ctx.{min(context.read)}, which changes from step to step (ctx.scheduled would do)"
        self._first[kind] = context.draws.handed
        while len(self._first) > REMEMBERED:
            self._first.popitem(last=False)

    def operations(self, context: HarnessContext) -> None:
        """See :class:`~ganbench.training.engines.eager.Eager`; learning rates are computed on the device."""
        given = self._inputs
        plan = {name: getattr(context.plan, name) for name in ("step", "images_seen", "batch_size")}
        with recordable(self.optimizers.values()):
            context.follow(Numbers(**plan, learning_rate_factor=given["factor"], ema_decay=given["decay"], counter=given["number"]))
            super().operations(context)

    def _fill(self, context: HarnessContext) -> None:
        """Writes what the host knows of a step into the tensors that recordings read."""
        plan, real = context.plan, context.real
        on = real.examples.device
        values = {"factor": plan.learning_rate_factor, "decay": plan.ema_decay, "number": plan.step}
        if not self._inputs:
            self._inputs["examples"] = real.examples.clone()
            if real.labels is not None:
                self._inputs["labels"] = real.labels.clone()
            for name, value in values.items():
                self._inputs[name] = torch.tensor(value, device=on)
        self._inputs["examples"].copy_(real.examples)
        if real.labels is not None:
            self._inputs["labels"].copy_(real.labels)
        for name, value in values.items():
            self._inputs[name].fill_(value)
        context.real = replace(real, examples=self._inputs["examples"], labels=self._inputs.get("labels"))

    def _moved(self) -> list[str]:
        """Names of tensors of the state that have another place in memory than before."""
        now = self._addresses()
        return sorted(name for name in now.keys() | self._state.keys() if now.get(name) != self._state.get(name))

    def _addresses(self) -> dict[str, int]:
        """Where the tensors of the method, of its average and of its optimizers lie."""
        tensors: dict[str, Tensor] = {}
        for side, module in (("", self.variant), ("ema.", self.ema.module)):
            tensors |= {f"{side}{name}": tensor for name, tensor in (*module.named_parameters(), *module.named_buffers())}
        for name, optimizer in self.optimizers.items():
            for index, state in enumerate(optimizer.state.values()):
                tensors |= {f"{name}.{index}.{key}": value for key, value in state.items() if isinstance(value, Tensor)}
        return {name: tensor.data_ptr() for name, tensor in tensors.items()}


@contextmanager
def recordable(optimizers: Collection[Optimizer]) -> Iterator[None]:
    """Within the block, optimizers keep on the device what they count, and update all parameters in few operations."""
    groups = [(optimizer, group) for optimizer in optimizers for group in optimizer.param_groups]
    before: list[dict[str, Any]] = [
        {key: group[key] for key in ("lr", "capturable", "fused", "foreach") if key in group} for _, group in groups
    ]
    for optimizer, group in groups:
        if "capturable" in group:
            group["capturable"] = True
        if "foreach" in group:  # parameter by parameter, rates would be read back to the host
            fused = isinstance(optimizer, Adam | SGD)
            group["fused"], group["foreach"] = fused, not fused
    for optimizer in optimizers:
        for parameter, state in optimizer.state.items():
            if "step" in state:  # a checkpoint has it on the host
                state["step"] = state["step"].to(parameter.device)
    try:
        yield
    finally:  # a checkpoint is the same in every engine
        for (_, group), options in zip(groups, before, strict=True):
            group.update(options)
