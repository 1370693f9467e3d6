"""How is each format written? (everything from ``Program`` on is traced: what runs here runs in no file)"""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ganbench.sources.passport import FIELD, FILE, Passport, written
from ganbench.training.variant import Variant

TRACED = 4
"""Number of examples with which a program is traced; any number but 0 and 1, which tracers take for constants."""


class Unconditional(nn.Module):
    """A variant's generator as a program of latents.

    Args:
        variant: The method, in eval mode.
    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.variant = variant

    def forward(self, latents: Tensor) -> Tensor:
        """Images in [-1, 1] (n, channels, height, width), or points (n, dimensions), of latents (n, latent_dim)."""
        return self.variant.generate(latents)


class Conditional(Unconditional):
    """A variant's generator as a program of latents and labels."""

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        """The same of labels (n,), int64, as well."""
        return self.variant.generate(latents, labels)


def safetensors(variant: Variant, passport: Passport, out: Path) -> None:
    """Writes the generator's parameters and buffers, with the passport in the header."""
    tensors = {
        key: value.detach().cpu().clone(memory_format=torch.contiguous_format) for key, value in variant.generator.state_dict().items()
    }
    save_file(tensors, out, metadata={FIELD: written(passport)})


def torchscript(variant: Variant, passport: Passport, out: Path) -> None:
    """Writes a trace."""
    program, inputs = _traceable(variant, passport)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates the format, and says of every branch that it is a constant, as it is
        traced = torch.jit.trace(program, inputs, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, str(out), _extra_files={FILE: written(passport)})


def torch_export(variant: Variant, passport: Passport, out: Path) -> None:
    """Writes a program of torch.export."""
    with _quiet():
        torch.export.save(_exported(variant, passport), out, extra_files={FILE: written(passport)})


def onnx(variant: Variant, passport: Passport, out: Path) -> None:
    """Writes an ONNX program, made of that of torch.export."""
    names = ["latents", "labels"] if passport.takes_labels else ["latents"]
    with _quiet():
        made = torch.onnx.export(
            _exported(variant, passport), input_names=names, output_names=["examples"], dynamo=True, optimize=True, verbose=False
        )
        assert made is not None
        made.model.metadata_props[FIELD] = written(passport)
        made.save(out, external_data=False)


WRITERS: dict[str, Callable[[Variant, Passport, Path], None]] = {
    "safetensors": safetensors,
    "torchscript": torchscript,
    "torch.export": torch_export,
    "onnx": onnx,
}
"""By name of the format."""


def _exported(variant: Variant, passport: Passport) -> torch.export.ExportedProgram:
    program, inputs = _traceable(variant, passport)
    free = tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs)
    with torch.no_grad():
        return torch.export.export(program, inputs, dynamic_shapes=free)


def _traceable(variant: Variant, passport: Passport) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The generator alone as a module, and inputs to trace it with."""
    alone = copy.deepcopy(variant)
    del alone.discriminator
    program = (Conditional if passport.takes_labels else Unconditional)(alone).eval().requires_grad_(False)
    _settle_counters(program)
    latents = torch.zeros(TRACED, passport.latent_dim)
    labels = torch.arange(TRACED) % max(1, passport.classes)
    return program, (latents, labels) if passport.takes_labels else (latents,)


def _settle_counters(module: nn.Module) -> None:
    """Replaces whole numbers in buffers by Python's.

    Such a number says how far a growing network is grown. It decides which layers run, so that it must be known when they are traced; a
    program that is finished does not grow.
    """
    for part in module.modules():
        for name, value in list(part.named_buffers(recurse=False)):
            if value.dim() == 0 and not value.is_floating_point():
                delattr(part, name)
                setattr(part, name, int(value))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what torch's exporters print, and log of their attempts, from the terminal; what they raise is reported."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
