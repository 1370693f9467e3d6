"""How is a program's file loaded, and what does it say of its inputs? (torch.export, TorchScript, ONNX)"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganbench.errors import DataError
from ganbench.packages import check_package
from ganbench.sources.generated import brief
from ganbench.sources.passport import FIELD, FILE, Passport, read_passport


@dataclass(frozen=True, kw_only=True)
class Program:
    """A loaded program, and what its file says of its input."""

    module: nn.Module
    latent_shape: tuple[int, ...] = ()
    """Shape of one latent; empty if the file does not say."""
    batch: int | None = None
    """The only batch size that it accepts; None if it accepts any, or the file does not say."""
    states_batch: bool = False
    """Whether the file says which batch sizes it accepts."""
    dtype: torch.dtype = torch.float32
    passport: Passport | None = None
    """What ``ganbench export`` wrote into it; None for programs from elsewhere."""


def read_program(path: Path) -> Program:
    """Loads a program, whose code may run from this moment on: the caller has made sure that the user allowed it.

    Raises:
        DataError: The file is no program of the kind that its ending says, or takes something else than latents.
        RequestError: A package that reads it is missing.
    """
    return READERS.get(path.suffix.lower(), _scripted)(path)


def _exported(path: Path) -> Program:
    """Loads a torch.export program, which states the shape of its input."""
    beside: dict[str, Any] = {FILE: ""}
    try:
        program = torch.export.load(path, extra_files=beside)
        module = program.module()
    except Exception as error:
        raise DataError(f"{str(path)!r} is no torch.export program ({brief(error)}); write it with torch.export.save") from None
    passport = read_passport(beside[FILE], str(path))
    names = program.graph_signature.user_inputs
    inputs = [node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    if len(inputs) != _inputs(passport) or not tensors or tensors[0].ndim < 2:
        raise DataError(f"{str(path)!r} takes {len(inputs)} inputs; export a program of one tensor of latents (n, z)")
    batch, *shape = tensors[0].shape
    static = all(isinstance(side, int) for side in shape)
    return Program(
        module=module,
        latent_shape=tuple(int(side) for side in shape) if static else (),
        batch=batch if isinstance(batch, int) else None,
        states_batch=True,
        dtype=tensors[0].dtype if tensors[0].is_floating_point() else torch.float32,
        passport=passport,
    )


def _scripted(path: Path) -> Program:
    """Loads a TorchScript program, which may state the length of its latents in an attribute."""
    beside: dict[str, Any] = {FILE: ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch deprecates the format that users still have
            module = torch.jit.load(str(path), map_location="cpu", _extra_files=beside).eval()  # type: ignore[no-untyped-call]
    except Exception as error:
        raise DataError(
            f"{str(path)!r} is no TorchScript program ({brief(error)}); write it with torch.jit.save, or torch.export.save as .pt2, "
            "or name a function as module:callable"
        ) from None
    passport = read_passport(beside[FILE], str(path))
    length = next((getattr(module, name) for name in ("latent_dim", "z_dim") if isinstance(getattr(module, name, None), int)), 0)
    length = passport.latent_dim if passport else length
    tensors = chain(module.parameters(), module.buffers())
    dtype = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)
    return Program(module=module, latent_shape=(length,) if length else (), dtype=dtype, passport=passport)


class OnnxModule(nn.Module):
    """An ONNX program that is called like the others; it runs on the CPU.

    Args:
        session: Of ONNX Runtime.
    """

    def __init__(self, session: Any) -> None:
        super().__init__()
        self.session = session
        self.names = [one.name for one in session.get_inputs()]

    def forward(self, *inputs: Tensor) -> Tensor:
        """The first output for tensors in the order of the program's inputs."""
        given = {name: np.ascontiguousarray(value.cpu().numpy()) for name, value in zip(self.names, inputs, strict=True)}
        return torch.from_numpy(self.session.run(None, given)[0])


def _onnx(path: Path) -> Program:
    """Loads an ONNX program, which states the shape and type of its input."""
    check_package("onnxruntime", "onnx", str(path))
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors, which are raised as well
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise DataError(f"{str(path)!r} is no ONNX program ({brief(error)}); write it with torch.onnx.export") from None
    passport = read_passport(session.get_modelmeta().custom_metadata_map.get(FIELD), str(path))
    inputs = session.get_inputs()
    kinds = {"tensor(float)": torch.float32, "tensor(double)": torch.float64, "tensor(float16)": torch.float16}
    if len(inputs) != _inputs(passport) or inputs[0].type not in kinds or len(inputs[0].shape) < 2:
        said = ", ".join(f"{one.type} {one.shape}" for one in inputs)
        raise DataError(f"{str(path)!r} takes {said or 'no inputs'}; export a program of one tensor of latents (n, z)")
    batch, *shape = inputs[0].shape  # names stand for sizes that are free
    return Program(
        module=OnnxModule(session),
        latent_shape=tuple(shape) if all(isinstance(side, int) for side in shape) else (),
        batch=batch if isinstance(batch, int) else None,
        states_batch=True,
        dtype=kinds[inputs[0].type],
        passport=passport,
    )


def _inputs(passport: Passport | None) -> int:
    """Number of inputs that a program must have: latents, and labels if it says so."""
    return 2 if passport is not None and passport.takes_labels else 1


READERS: dict[str, Callable[[Path], Program]] = {".pt2": _exported, ".onnx": _onnx}
"""By ending; all others are TorchScript's."""
