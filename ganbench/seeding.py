"""Where does every random number come from?

All randomness is a pure function of ``(root seed, purpose, index...)``: a named stream is opened where
it is needed, used and dropped, so that resuming needs counters and no generator states. Purposes in
use: ``init``, ``order``, ``latents``, ``labels``, ``augment``, ``step`` (dropout and noise inputs of a
training step), ``eval-latents``, ``eval-labels``, ``eval-noise``, ``metric/<name>``, ``subset``.

This is the only module that may touch a global generator, and it puts it back as it was.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(seed: int, purpose: str, *index: int) -> int:
    """A 63-bit seed from the root seed, a purpose and indices (SHA-256, so streams never overlap by arithmetic)."""
    key = "/".join([str(seed), purpose, *map(str, index)])
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1


def stream(seed: int, purpose: str, *index: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Opens one named stream.

    PyTorch's CPU engine keeps 32 bits of a seed, so among N streams about N**2 / 2**33 pairs coincide.
    A coincidence repeats one batch of latents; it correlates nothing else.

    Args:
        seed: Root seed of the run, or of the data protocol.
        purpose: What the numbers are for (see the module's docstring).
        index: Global step, image or call numbers; never relative to a rank or worker.
        device: Where the numbers will be drawn. CPU and CUDA streams of one name differ.

    Returns:
        A freshly seeded generator.
    """
    return torch.Generator(device=device).manual_seed(derive(seed, purpose, *index))


@contextmanager
def global_stream(seed: int, purpose: str, *index: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Makes the global generators a named stream for the length of the block, then restores them.

    For code that accepts no generator: layer initialisation, dropout, noise layers.

    Args:
        seed: Root seed of the run.
        purpose: What the numbers are for.
        index: Global step or chunk numbers.
        device: The CUDA device whose global generator is taken along, if it is one.
    """
    device = torch.device(device)
    cpu_state = torch.get_rng_state()
    cuda_state = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    derived = derive(seed, purpose, *index)
    torch.default_generator.manual_seed(derived)
    if cuda_state is not None:
        with torch.cuda.device(device):
            torch.cuda.manual_seed(derived)
    try:
        yield
    finally:
        torch.set_rng_state(cpu_state)
        if cuda_state is not None:
            torch.cuda.set_rng_state(cuda_state, device)
