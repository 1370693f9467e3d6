"""In which number formats are products taken? (settings of torch for the length of a block, never of the process)"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch.backends import cuda, cudnn, mkldnn

PRODUCTS: tuple[Any, ...] = (cuda.matmul, cudnn.conv, cudnn.rnn, mkldnn.matmul, mkldnn.conv, mkldnn.rnn)  # type: ignore[attr-defined]
"""Every kind of product that torch may compute in less than float32; ``fp32_precision`` of each says in what."""


@contextmanager
def convolutions(tf32: bool = False) -> Iterator[None]:
    """A block in which convolutions on CUDA repeat to the bit, in float32 or in TF32, then what was set before.

    Args:
        tf32: Whether their factors may be rounded to 10 bits.
    """
    conv: Any = cudnn.conv  # type: ignore[attr-defined]
    before = cudnn.benchmark, cudnn.deterministic, conv.fp32_precision
    try:
        cudnn.benchmark, cudnn.deterministic, conv.fp32_precision = False, True, "tf32" if tf32 else "ieee"
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic, conv.fp32_precision = before


@contextmanager
def exact() -> Iterator[None]:
    """Keeps products of float32 in float32 for the length of the block, then restores what was set before.

    TF32, which a GPU may use for them, keeps 10 of float32's 23 bits. cuDNN's benchmark picks the fastest algorithm by
    trial, and another one may round otherwise. The older ``allow_tf32`` is not used, since reading it is an error in a
    process that has set ``fp32_precision``.
    """
    before, benchmark = [product.fp32_precision for product in PRODUCTS], cudnn.benchmark
    try:
        for product in PRODUCTS:
            product.fp32_precision = "ieee"
        cudnn.benchmark = False
        yield
    finally:
        cudnn.benchmark = benchmark
        for product, value in zip(PRODUCTS, before, strict=True):
            product.fp32_precision = value


PRECISIONS: dict[str, Callable[[], AbstractContextManager[None]]] = {"exact": exact}
"""Precisions by name."""
