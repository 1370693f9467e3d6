"""How are random numbers seeded?

All random numbers are a pure function of ``(root seed, purpose, index...)``: a named stream is opened where
it is needed and then discarded, so resuming needs counters but no generator states. The purposes are
``init``, ``order``, ``latents``, ``labels``, ``augment``, ``step`` (dropout and noise inputs of a
training step), ``eval-latents``, ``eval-labels``, ``eval-noise``, ``metric/<name>``, ``diagnostic/<name>``, ``subset``, ``subset/<role>``,
``atlas``.

Only this module may change the state of a global generator, and it restores it afterwards.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(seed: int, purpose: str, *index: int) -> int:
    """A 63-bit seed from the root seed, a purpose and indices, by SHA-256, so that related keys give unrelated seeds."""
    key = "/".join([str(seed), purpose, *map(str, index)])
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1


def stream(seed: int, purpose: str, *index: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Opens one named stream.

    PyTorch's CPU generator uses 32 bits of a seed, so among N streams about N**2 / 2**33 pairs coincide.
    A coincidence repeats one batch of latents and has no other effect.

    Args:
        seed: Root seed of the run, or of the data protocol.
        purpose: Purpose of the numbers (see the module's docstring).
        index: Global step, image or call numbers; never relative to a rank or worker.
        device: Device on which the numbers are drawn; CPU and CUDA streams of one name differ.

    Returns:
        A freshly seeded generator.
    """
    return torch.Generator(device=device).manual_seed(derive(seed, purpose, *index))


@contextmanager
def global_stream(seed: int, purpose: str, *index: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Seeds the global generators from a named stream within the block, and restores their states on exit.

    For code that takes no generator argument: layer initialisation, dropout, noise layers.

    Args:
        seed: Root seed of the run.
        purpose: Purpose of the numbers.
        index: Global step or chunk numbers.
        device: If it is a CUDA device, its global generator is seeded too.
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
