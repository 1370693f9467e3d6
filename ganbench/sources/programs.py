"""How are examples drawn from a TorchScript or torch.export program?"""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from ganbench import seeding
from ganbench.content import content_hash
from ganbench.errors import DataError
from ganbench.sampling import CHUNK, SAMPLING_VERSION
from ganbench.sets.features import LatentModel
from ganbench.sources.generated import DrawnSource, brief, digest, last_line


class ProgramSource(DrawnSource):
    """Examples from a TorchScript or ``torch.export`` program that takes standard normal latents.

    Args:
        name: The name as the user wrote it.
        path: The program's file.
        latent_dim: Length of a latent; None reads the program's attribute ``latent_dim`` or ``z_dim``, or its example input.
        n: Number of examples; None is ``DEFAULT_N``.
        seed: Root seed of the streams.
        device: Device on which the program runs.

    Raises:
        DataError: The file is not a program, or the length of its latents is unknown.
    """

    def __init__(self, name: str, path: Path, latent_dim: int | None, n: int | None, seed: int, device: torch.device) -> None:
        super().__init__(name, n, seed)
        self.module, self.latent_shape = _program(path, latent_dim)
        self.module.to(device)
        self.device = device
        self.content = digest(content_hash(path), SAMPLING_VERSION, seed, self.latent_shape, device.type)
        self.generator = ProgramLatents(self)

    def draw(self, chunk: int) -> Tensor:
        """Draws one chunk, with latents from the same streams as those of a run."""
        latents = torch.randn(CHUNK, *self.latent_shape, generator=seeding.stream(self.seed, "eval-latents", chunk))
        try:
            with seeding.global_stream(self.seed, "eval-noise", chunk, device=self.device):
                return self.module(latents.to(self.device))  # type: ignore[no-any-return]
        except Exception as error:
            shape = " x ".join(map(str, latents.shape))
            raise DataError(
                f"{self.name!r} raised {type(error).__name__} on {shape} latents ({last_line(error)}); "
                "does it take a batch of one tensor, and is --latent-dim right?"
            ) from error


class ProgramLatents(LatentModel):
    """A program as a generator of images for chosen latents."""

    has_styles = False

    def __init__(self, source: ProgramSource) -> None:
        self.source = source

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Standard normal latents."""
        return torch.randn(n, *self.source.latent_shape, generator=generator)

    def styles(self, latents: Tensor) -> Tensor | None:
        """None, since a program has no accessible intermediate latents."""
        return None

    def images(self, latents: Tensor, styles: bool) -> Tensor:
        """Images for latents, as returned by the program, with fixed noise inputs."""
        with seeding.global_stream(0, "eval-noise", device=self.source.device):
            images: Tensor = self.source.module(latents.to(self.source.device))
        return images


def _program(path: Path, latent_dim: int | None) -> tuple[nn.Module, tuple[int, ...]]:
    """Loads the module, and finds the shape of one latent."""
    if path.suffix == ".pt2":
        try:
            program = torch.export.load(path)
        except Exception as error:
            raise DataError(f"{str(path)!r} is no torch.export program ({brief(error)}); write it with torch.export.save") from None
        inputs = [value for value in program.example_inputs[0] if isinstance(value, Tensor)] if program.example_inputs else []
        return program.module(), (latent_dim,) if latent_dim else _shape(tuple(inputs[0].shape[1:]) if inputs else None, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch deprecates the format that users still have
            module = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except Exception as error:
        raise DataError(
            f"{str(path)!r} is no TorchScript program ({brief(error)}); write it with torch.jit.save, or torch.export.save as .pt2, "
            "or name a function as module:callable"
        ) from None
    declared = next((getattr(module, name) for name in ("latent_dim", "z_dim") if hasattr(module, name)), None)
    length = latent_dim or declared
    return module, _shape((int(length),) if length else None, path)


def _shape(found: tuple[int, ...] | None, path: Path) -> tuple[int, ...]:
    if found is None:
        raise DataError(f"{str(path)!r} does not say how long its latents are; give --latent-dim N")
    return found
