"""How are examples drawn from a program? (TorchScript, torch.export, ONNX)"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import seeding
from ganbench.content import content_hash
from ganbench.errors import DataError, RequestError
from ganbench.plan.facts import Need
from ganbench.sampling import CHUNK, SAMPLING_VERSION, drawn_labels
from ganbench.sets.classes import Classes
from ganbench.sets.features import LatentModel
from ganbench.sets.source import Network
from ganbench.sources.generated import DrawnSource, digest, last_line
from ganbench.sources.outputs import READING_VERSION, Reading, returned
from ganbench.sources.passport import Passport
from ganbench.sources.program_files import Program, read_program
from ganbench.sources.trust import check_trust

_FIXED_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Batch sizes that are tried if a program refuses a whole chunk and does not state its own: traced ones may accept only theirs."""


class ProgramSource(DrawnSource):
    """Examples from a program that takes standard normal latents, and labels if ``ganbench export`` wrote it for a run with classes.

    Args:
        name: The name as the user wrote it.
        path: The program's file.
        latent_dim: Length of a latent; None reads the program's attribute ``latent_dim`` or ``z_dim``, or its input.
        n: Number of examples; None is ``DEFAULT_N``.
        seed: Root seed of the streams; None is that of the run which the program is from, and 0 for other programs.
        device: Device on which the program runs.
        trust: Whether the user allowed the program's code to run.

    Raises:
        RequestError: The user did not allow it; nothing of the file has been loaded then.
        DataError: The file is not a program, the length of its latents is unknown, or it cannot be called with latents.
    """

    def __init__(
        self, name: str, path: Path, latent_dim: int | None, n: int | None, seed: int | None, device: torch.device, trust: bool = False
    ) -> None:
        check_trust(trust, name, "a program, whose code runs from the moment it is loaded")
        program = read_program(path)
        self.passport = program.passport
        super().__init__(name, n, (0 if self.passport is None else self.passport.seed) if seed is None else seed)
        self.device = device
        self.call = self._called(program, latent_dim, path)
        self.shares: Tensor | None = None
        """Probability of every class, if the program takes labels."""
        if self.passport is not None:
            self._know(self.passport)
        self._chunk(0)
        self.content = digest(
            content_hash(path), SAMPLING_VERSION, READING_VERSION, self.seed, self.call.latent_shape, self.call.batch, self.device.type
        )
        self.generator = ProgramLatents(self)

    def _called(self, program: Program, latent_dim: int | None, path: Path) -> "Call":
        """The program with the form of latents that it takes.

        ``ganbench export`` traces on the CPU. What it wrote runs there if constants that the trace made there keep it from another device.
        """
        try:
            program.module.to(self.device)
            return _settled(program, latent_dim, path, self.name, self.device)
        except (DataError, RuntimeError):
            if self.passport is None or self.device.type == "cpu":
                raise
        self.remarks.append(f"{self.name}: runs on the CPU, where it was traced")
        self.device = torch.device("cpu")
        return _settled(read_program(path), latent_dim, path, self.name, self.device)

    def _know(self, passport: Passport) -> None:
        """Takes what the program says of itself, so that nothing is guessed."""
        self._reading = Reading(points=not passport.is_image)
        if passport.takes_labels:
            self.shares = torch.tensor(passport.class_shares)
            self.labels = torch.cat([drawn_labels(chunk, self.seed, self.shares) for chunk in range(-(-self.n // CHUNK))])[: self.n]
            self.classes = Classes(numbers=tuple(range(passport.classes)), names=passport.class_names, own_numbers=passport.own_numbers)
        self.remarks.append(f"{self.name}: {passport.origin}")

    def gives(self, need: Need, network: Network) -> bool:
        """Whether the need is met; a program that rounds to levels cannot show the effect of a small step of its latents."""
        return super().gives(need, network) and not (need == "generator" and self.reading.levels)

    def draw(self, chunk: int) -> Tensor:
        """Draws one chunk, with latents and labels from the same streams as those of a run."""
        latents = torch.randn(CHUNK, *self.call.latent_shape, generator=seeding.stream(self.seed, "eval-latents", chunk))
        labels = None if self.shares is None else drawn_labels(chunk, self.seed, self.shares)
        with seeding.global_stream(self.seed, "eval-noise", chunk, device=self.device):
            return self.call(latents, labels)


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
        labels = None if source.shares is None else torch.arange(len(latents)) % len(source.shares)  # as a variant's own latents do
        with torch.inference_mode(), seeding.global_stream(0, "eval-noise", device=source.device):
            return source.reading.images(source.call(latents, labels), source.name)


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

    classes: int = 0
    """Number of classes, if it takes labels."""

    def __call__(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the program returns for latents (n, z) and labels (n,) of any n, on the CPU.

        A program with a batch size of its own is called several times, the last time with the first example again to fill up.

        Raises:
            DataError: It raised an exception, or returned no tensor with one example a row.
        """
        n, batch = len(latents), self.batch or len(latents)
        inputs = [latents.reshape(n, *self.latent_shape).to(self.device, self.dtype)]
        if self.classes:
            inputs.append((torch.zeros(n, dtype=torch.int64) if labels is None else labels).to(self.device))
        filled = [torch.cat([value, value[:1].expand(-n % batch, *value.shape[1:])]) for value in inputs]
        parts = zip(*(torch.split(value, batch) for value in filled), strict=True)
        pieces = [returned(self._raw(part), batch, self.name) for part in parts]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)[:n]

    def _raw(self, inputs: tuple[Tensor, ...]) -> Any:
        try:
            return self.module(*inputs)
        except Exception as error:
            shape = " x ".join(map(str, inputs[0].shape))
            raise DataError(
                f"{self.name!r} raised {type(error).__name__} on {shape} latents ({last_line(error)}); "
                "does it take a batch of one tensor, and is --latent-dim right?"
            ) from error


def _settled(program: Program, latent_dim: int | None, path: Path, name: str, device: torch.device) -> Call:
    """The program with the first form of latents, of those that its file allows, with which it can be called.

    Raises:
        DataError: The length of its latents is unknown, or it can be called with none of the forms; the first one's error.
    """
    shapes = list(_shapes(program.latent_shape, latent_dim))
    if not shapes:
        raise DataError(f"{str(path)!r} does not say how long its latents are; give --latent-dim N")
    batches = [program.batch] if program.states_batch else [None, *_FIXED_BATCHES]
    classes = program.passport.classes if program.passport and program.passport.takes_labels else 0
    first: DataError | None = None
    for batch in batches:
        for shape in shapes:
            call = Call(
                name=name, module=program.module, device=device, latent_shape=shape, batch=batch, dtype=program.dtype, classes=classes
            )
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
