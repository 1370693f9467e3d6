"""How are operations of a CUDA device recorded and replayed?"""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any

import torch


class CudaGraphs:
    """Records operations as CUDA graphs, which share one pool of memory.

    They may share it since graphs are replayed one after the other and nothing that one computes in the pool is read after the next began.
    """

    def __init__(self) -> None:
        self._pool: Any = None

    @cached_property
    def _stream(self) -> torch.cuda.Stream:
        """A stream of its own: the default stream cannot be recorded, and gradients are added up on the stream of their forward pass."""
        return torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def execute(self, step: Callable[[], None]) -> None:
        """See :class:`~ganbench.training.engines.graph.Recorder`."""
        before = torch.cuda.current_stream()
        self._stream.wait_stream(before)
        with torch.cuda.stream(self._stream):
            step()
        before.wait_stream(self._stream)

    def record(self, step: Callable[[], None]) -> Callable[[], None]:
        """See :class:`~ganbench.training.engines.graph.Recorder`."""
        graph = torch.cuda.CUDAGraph()
        try:
            # other threads, which read examples ahead say, may go on using the device
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                step()
        except Exception:
            self._settle()
            raise
        self._pool = graph.pool()
        replay: Callable[[], None] = graph.replay
        return replay

    def _settle(self) -> None:
        """Ends a recording that failed: until one succeeds, the device's generator waits for the end and cannot be seeded."""
        torch.cuda.synchronize()
        with suppress(RuntimeError), torch.cuda.graph(torch.cuda.CUDAGraph(), stream=self._stream):
            torch.zeros((), device="cuda")
