"""In which number formats are products computed? (torch's settings within a block, restored afterwards)"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from torch.backends import cuda, cudnn, mkldnn

PRODUCTS: tuple[Any, ...] = (cuda.matmul, cudnn.conv, cudnn.rnn, mkldnn.matmul, mkldnn.conv, mkldnn.rnn)  # type: ignore[attr-defined]
"""All kinds of products that torch may compute with less than float32 precision, each set by its ``fp32_precision``."""


@contextmanager
def convolutions(tf32: bool = False) -> Iterator[None]:
    """Makes convolutions on CUDA bit-reproducible within the block, in float32 or TF32, and restores the settings afterwards.

    Args:
        tf32: Whether TF32 is used, which rounds the factors to 10 bits.
    """
    conv: Any = cudnn.conv  # type: ignore[attr-defined]
    before = cudnn.benchmark, cudnn.deterministic, conv.fp32_precision
    try:
        cudnn.benchmark, cudnn.deterministic, conv.fp32_precision = False, True, "tf32" if tf32 else "ieee"
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic, conv.fp32_precision = before


@contextmanager
def products(form: Literal["ieee", "tf32"], benchmark: bool = False) -> Iterator[None]:
    """Sets how products of float32 are computed within the block, and restores the settings afterwards.

    The older ``allow_tf32`` is not used, since reading it is an error in a process that has set ``fp32_precision``.

    Args:
        form: "ieee" is float32 throughout; "tf32" keeps 10 of float32's 23 bits of the factors, on GPUs that can.
        benchmark: Whether cuDNN chooses the fastest algorithm by trial; different algorithms may round differently.
    """
    before, tried = [product.fp32_precision for product in PRODUCTS], cudnn.benchmark
    try:
        for product in PRODUCTS:
            product.fp32_precision = form
        cudnn.benchmark = benchmark
        yield
    finally:
        cudnn.benchmark = tried
        for product, value in zip(PRODUCTS, before, strict=True):
            product.fp32_precision = value


@contextmanager
def exact() -> Iterator[None]:
    """Computes products of float32 in float32 within the block, by algorithms that no trial chooses: every score is computed so."""
    with products("ieee"):
        yield
