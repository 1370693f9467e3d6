"""How are examples drawn from a TorchScript or torch.export program?"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import seeding
from ganbench.content import content_hash
from ganbench.errors import DataError, RequestError
from ganbench.plan.facts import Need
from ganbench.sampling import CHUNK, SAMPLING_VERSION
from ganbench.sets.features import LatentModel
from ganbench.sets.source import Network
from ganbench.sources.generated import DrawnSource, brief, digest, last_line
from ganbench.sources.outputs import READING_VERSION, returned
from ganbench.sources.trust import check_trust

_FIXED_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Batch sizes that are tried if a program refuses a whole chunk and does not state its own: traced ones may accept only theirs."""


class ProgramSource(DrawnSource):
    """Examples from a TorchScript or ``torch.export`` program that takes standard normal latents.

    Args:
        name: The name as the user wrote it.
        path: The program's file.
        latent_dim: Length of a latent; None reads the program's attribute ``latent_dim`` or ``z_dim``, or its input.
        n: Number of examples; None is ``DEFAULT_N``.
        seed: Root seed of the streams.
        device: Device on which the program runs.
        trust: Whether the user allowed the program's code to run.

    Raises:
        RequestError: The user did not allow it; nothing of the file has been loaded then.
        DataError: The file is not a program, the length of its latents is unknown, or it cannot be called with latents.
    """

    def __init__(
        self, name: str, path: Path, latent_dim: int | None, n: int | None, seed: int, device: torch.device, trust: bool = False
    ) -> None:
        check_trust(trust, name, "a program, whose code runs from the moment it is loaded")
        super().__init__(name, n, seed)
        self.device = device
        program = _exported(path) if path.suffix.lower() == ".pt2" else _scripted(path)
        program.module.to(device)
        self.call = _settled(program, latent_dim, path, name, device)
        self._chunk(0)
        self.content = digest(
            content_hash(path), SAMPLING_VERSION, READING_VERSION, seed, self.call.latent_shape, self.call.batch, device.type
        )
        self.generator = ProgramLatents(self)

    def gives(self, need: Need, network: Network) -> bool:
        """Whether the need is met; a program that rounds to levels cannot show the effect of a small step of its latents."""
        return super().gives(need, network) and not (need == "generator" and self.reading.levels)

    def draw(self, chunk: int) -> Tensor:
        """Draws one chunk, with latents from the same streams as those of a run."""
        latents = torch.randn(CHUNK, *self.call.latent_shape, generator=seeding.stream(self.seed, "eval-latents", chunk))
        with seeding.global_stream(self.seed, "eval-noise", chunk, device=self.device):
            return self.call(latents)


class ProgramLatents(LatentModel):
    """A program as a generator of images for chosen latents."""

    has_styles = False

    def __init__(self, source: ProgramSource) -> None:
        self.source = source

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Standard normal latents."""
        return torch.randn(n, *self.source.call.latent_shape, generator=generator)

    def styles(self, latents: Tensor) -> Tensor | None:
        """None, since a program has no accessible intermediate latents."""
        return None

    def images(self, latents: Tensor, styles: bool) -> Tensor:
        """Float images in [-1, 1] for latents, with fixed noise inputs, read as those that are scored.

        Raises:
            RequestError: The program rounds its images to 8 bits.
        """
        source = self.source
        if source.reading.levels:
            raise RequestError(f"{source.name}: rounds its images to 8 bits, which exceeds the effect of a small step; export it as floats")
        with torch.inference_mode(), seeding.global_stream(0, "eval-noise", device=source.device):
            return source.reading.images(source.call(latents), source.name)


@dataclass(frozen=True, kw_only=True)
class _Program:
    """A loaded program, and what its file says of its input."""

    module: nn.Module
    latent_shape: tuple[int, ...] = ()
    """Shape of one latent; empty if the file does not say."""
    batch: int | None = None
    """The only batch size that it accepts; None if it accepts any, or the file does not say."""
    states_batch: bool = False
    """Whether the file says which batch sizes it accepts."""
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True, kw_only=True)
class Call:
    """A program with the form of latents that it takes."""

    name: str
    module: nn.Module
    device: torch.device
    latent_shape: tuple[int, ...]
    """(z,), or (z, 1, 1) for a generator that starts with a convolution."""
    batch: int | None
    """The only batch size that it accepts; None if it accepts any."""
    dtype: torch.dtype

    def __call__(self, latents: Tensor) -> Tensor:
        """What the program returns for latents (n, z) of any n, on the CPU.

        A program with a batch size of its own is called several times, the last time with the first latent again to fill up.

        Raises:
            DataError: It raised an exception, or returned no tensor with one example a row.
        """
        n, batch = len(latents), self.batch or len(latents)
        shaped = latents.reshape(n, *self.latent_shape).to(self.device, self.dtype)
        filled = torch.cat([shaped, shaped[:1].expand(-n % batch, *self.latent_shape)])
        pieces = [returned(self._raw(piece), batch, self.name) for piece in torch.split(filled, batch)]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)[:n]

    def _raw(self, latents: Tensor) -> Any:
        try:
            return self.module(latents)
        except Exception as error:
            shape = " x ".join(map(str, latents.shape))
            raise DataError(
                f"{self.name!r} raised {type(error).__name__} on {shape} latents ({last_line(error)}); "
                "does it take a batch of one tensor, and is --latent-dim right?"
            ) from error


def _settled(program: _Program, latent_dim: int | None, path: Path, name: str, device: torch.device) -> Call:
    """The program with the first form of latents, of those that its file allows, with which it can be called.

    Raises:
        DataError: The length of its latents is unknown, or it can be called with none of the forms; the first one's error.
    """
    shapes = list(_shapes(program.latent_shape, latent_dim))
    if not shapes:
        raise DataError(f"{str(path)!r} does not say how long its latents are; give --latent-dim N")
    batches = [program.batch] if program.states_batch else [None, *_FIXED_BATCHES]
    first: DataError | None = None
    for batch in batches:
        for shape in shapes:
            call = Call(name=name, module=program.module, device=device, latent_shape=shape, batch=batch, dtype=program.dtype)
            try:
                with torch.inference_mode(), seeding.global_stream(0, "eval-noise", device=device):
                    call(torch.zeros(batch or CHUNK, *shape))
            except DataError as error:
                first = first or error
            else:
                return call
    assert first is not None
    raise first


def _shapes(stated: tuple[int, ...], latent_dim: int | None) -> Iterator[tuple[int, ...]]:
    """Possible shapes of one latent: as stated by the file, or the given length with and without the axes of an image."""
    if stated and latent_dim in (None, stated[0]):
        yield stated
    length = latent_dim or (stated[0] if stated and set(stated[1:]) <= {1} else None)
    if length:
        yield from (shape for shape in ((length,), (length, 1, 1)) if shape != stated)


def _exported(path: Path) -> _Program:
    """Loads a torch.export program, which states the shape of its input."""
    try:
        program = torch.export.load(path)
        module = program.module()
    except Exception as error:
        raise DataError(f"{str(path)!r} is no torch.export program ({brief(error)}); write it with torch.export.save") from None
    names = program.graph_signature.user_inputs
    inputs = [node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    if len(inputs) != 1 or not tensors or tensors[0].ndim < 2:
        raise DataError(f"{str(path)!r} takes {len(inputs)} inputs; export a program of one tensor of latents (n, z)")
    batch, *shape = tensors[0].shape
    static = all(isinstance(side, int) for side in shape)
    return _Program(
        module=module,
        latent_shape=tuple(int(side) for side in shape) if static else (),
        batch=batch if isinstance(batch, int) else None,
        states_batch=True,
        dtype=tensors[0].dtype if tensors[0].is_floating_point() else torch.float32,
    )


def _scripted(path: Path) -> _Program:
    """Loads a TorchScript program, which may state the length of its latents in an attribute."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch deprecates the format that users still have
            module = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except Exception as error:
        raise DataError(
            f"{str(path)!r} is no TorchScript program ({brief(error)}); write it with torch.jit.save, or torch.export.save as .pt2, "
            "or name a function as module:callable"
        ) from None
    length = next((getattr(module, name) for name in ("latent_dim", "z_dim") if isinstance(getattr(module, name, None), int)), 0)
    tensors = chain(module.parameters(), module.buffers())
    dtype = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)
    return _Program(module=module, latent_shape=(length,) if length else (), dtype=dtype)
