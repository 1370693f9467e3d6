"""Which features does the Inception network of the FID give?

This is the TensorFlow network of 2015 with 1008 classes, which every FID, IS and KID in the literature uses.
torchvision's Inception is a different network, and its scores are not comparable with those.
"""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from ganbench.errors import DataError
from ganbench.features.archives import read
from ganbench.features.image_network import BATCH_IMAGES, ImageNetwork, fill
from ganbench.features.inception_network import CLASSES, WIDTH, Definition, InceptionNetwork, Seen
from ganbench.features.published import Found, Published
from ganbench.precision import convolutions
from ganbench.sets.features import Features

COMPILED_FROM_IMAGES_PER_THREAD = 4_000
"""Images per thread from which compilation pays: it takes 20 to 50 s at any thread count, and saves 5 to 10 ms an image on two."""


class InceptionCompat(ImageNetwork):
    """Inception of the FID (2015, TensorFlow weights), 2048 features and 1008 classes.

    Features are ``pool_3``; log-probabilities omit the bias of the last layer, as in the Inception Score of
    Salimans et al. (2016). Spatial features are the first 7 channels of ``mixed_6/conv:0`` (Nash et al. 2021).

    Args:
        weights: A file of weights, or a folder that contains the published one; None uses the default locations.
        resize: Resize protocol without its size; None is "tf1". "torch" scales levels to [-1, 1] as in
            pytorch-fid, all others to (level - 128) / 128 as in the TensorFlow graph.
        fast: Whether TF32 (CUDA) or bfloat16 (CPU) arithmetic may be used. It shifts scores and is recorded in ``dtype``.

    Raises:
        UnknownName: There is no such resize protocol.
        DataError: The weights are not on this machine, or belong to another network.
    """

    name: ClassVar[str] = "inception-v3-compat"
    width: ClassVar[int] = WIDTH
    classes: ClassVar[int] = CLASSES
    size: ClassVar[int] = 299
    mode: ClassVar[str] = "tf1"
    gives_spatial: ClassVar[bool] = True
    spatial_version: ClassVar[int] = 2
    published: ClassVar[Published | None] = Published(
        file="weights-inception-2015-12-05-6726825d.pth",
        url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        megabytes=96,
    )

    def __init__(self, weights: Path | None = None, resize: str | None = None, fast: bool = False) -> None:
        super().__init__(weights, resize)
        self.fast = fast
        self._compiled: Callable[..., Seen] | None = None
        self._compiles = True
        self.to("cpu")

    def to(self, device: torch.device | str) -> Self:
        """Moves the network; in the fast mode this also selects its arithmetic."""
        super().to(device)
        if self.fast:
            self.dtype = "tf32" if self.device.type == "cuda" else "bf16"
        return self

    def expect(self, examples: int) -> None:
        """Compiles the network on a CPU if that saves time for this number of examples."""
        pays = (
            self.device.type == "cpu" and self.dtype == "float32" and examples >= COMPILED_FROM_IMAGES_PER_THREAD * torch.get_num_threads()
        )
        if pays and self._compiles and self._compiled is None:
            assert self.network is not None
            self._compiled = torch.compile(self.network, dynamic=False, options={"freezing": True})

    def build(self, found: Found) -> nn.Module:
        """Constructs the network with folded weights."""
        tensors = read(self.name, found.path)
        if any(key.startswith("AuxLogits.") for key in tensors) or tuple(tensors.get("fc.weight", torch.empty(0)).shape) == (1000, WIDTH):
            raise DataError(
                f"extractor {self.name!r}: {str(found.path)!r} is torchvision's Inception (1000 classes), not that of the FID (1008); "
                f"give {found.published.file}, or a folder that holds it"
            )
        with torch.device("meta"):
            source = Definition()
        fill(self.name, source, tensors, found)
        return InceptionNetwork(source)

    def seen(self, levels: Tensor) -> Features:
        """Pooled features (n, 2048), log-probabilities (n, 1008) and, if wanted, spatial features (n, 2023)."""
        inputs = levels / 127.5 - 1 if self.resize_mode == "torch" else (levels - 128) / 128
        if self.dtype == "bf16":
            inputs = inputs.bfloat16()
        assert self.network is not None
        with convolutions(tf32=self.dtype == "tf32"):
            # only whole batches, since every other size would be compiled separately
            seen = self._by_compiled(inputs) if self._compiled is not None and len(inputs) == BATCH_IMAGES else None
            if seen is None:
                seen = self.network(inputs, self.wants_spatial)
        return Features(values=seen.pooled, log_probabilities=torch.log_softmax(seen.logits.double(), dim=1), spatial=seen.spatial)

    def _by_compiled(self, inputs: Tensor) -> Seen | None:
        """Output of the compiled network; None if compilation fails, which is then not tried again."""
        assert self._compiled is not None
        try:
            return self._compiled(inputs, self.wants_spatial)
        except Exception:  # for example without a C++ compiler; compilers raise many types of errors
            self._compiled, self._compiles = None, False
            return None
