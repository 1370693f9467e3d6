"""Which features does CLIP give?"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganbench.features.archives import read
from ganbench.features.image_network import ImageNetwork, fill, normalised
from ganbench.features.published import Found, Published
from ganbench.sets.features import Features

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)
"""Mean and standard deviation of red, green and blue over CLIP's training images, for levels from 0 to 1."""
_HOST = "https://openaipublic.azureedge.net/clip/models"
_IMAGE_TOWER = "visual."
_NAMES = (
    ("transformer.resblocks.", "blocks."),
    ("conv1.", "patch_embed.proj."),
    ("ln_pre.", "norm_pre."),
    ("ln_post.", "norm."),
    ("ln_", "norm"),
    ("attn.in_proj_", "attn.qkv."),
    ("attn.out_proj.", "attn.proj."),
    ("mlp.c_fc.", "mlp.fc1."),
    ("mlp.c_proj.", "mlp.fc2."),
    ("positional_embedding", "pos_embed"),
    ("class_embedding", "cls_token"),
)
"""Substitutions from OpenAI's names of parameters to timm's, applied in this order."""


class _Clip(ImageNetwork):
    """The image encoder of CLIP; features are its projected embeddings, not normalised."""

    mode: ClassVar[str] = "bicubic"
    architecture: ClassVar[str]
    """Name of the model in timm."""
    options: ClassVar[dict[str, Any]]
    """Further arguments of ``timm.create_model``."""

    def build(self, found: Found) -> nn.Module:
        """The vision transformer of timm with OpenAI's weights."""
        import timm

        tensors = _renamed(read(self.name, found.path))
        with torch.device("meta"):
            network: nn.Module = timm.create_model(self.architecture, pretrained=False, **self.options)
        return fill(self.name, network, tensors, found)

    def seen(self, levels: Tensor) -> Features:
        """Embeddings (n, width)."""
        assert self.network is not None
        return Features(values=self.network(normalised(levels, _MEAN, _STD)))


class ClipVitB32(_Clip):
    """CLIP ViT-B/32 (OpenAI's weights), image embedding, 512 features."""

    name: ClassVar[str] = "clip-vit-b32"
    width: ClassVar[int] = 512
    size: ClassVar[int] = 224
    architecture: ClassVar[str] = "vit_base_patch32_clip_quickgelu_224"
    options: ClassVar[dict[str, Any]] = {"num_classes": 512}
    published: ClassVar[Published | None] = Published(
        file="ViT-B-32.pt",
        url=f"{_HOST}/40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt",
        sha256="40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
        megabytes=354,
    )


class ClipVitL14At336(_Clip):
    """CLIP ViT-L/14 at 336 pixels (OpenAI's weights), image embedding, 768 features; used by CMMD."""

    name: ClassVar[str] = "clip-vitl14-336"
    width: ClassVar[int] = 768
    size: ClassVar[int] = 336
    architecture: ClassVar[str] = "vit_large_patch14_clip_quickgelu_336"
    options: ClassVar[dict[str, Any]] = {"num_classes": 768}
    published: ClassVar[Published | None] = Published(
        file="ViT-L-14-336px.pt",
        url=f"{_HOST}/3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02/ViT-L-14-336px.pt",
        sha256="3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
        megabytes=934,
    )


def _renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The image encoder's tensors with timm's names and shapes; other checkpoints pass unchanged and are refused later."""
    tower = {key.removeprefix(_IMAGE_TOWER): tensor for key, tensor in tensors.items() if key.startswith(_IMAGE_TOWER)}
    if "proj" not in tower:
        return tensors
    projection = tower.pop("proj")
    renamed = {"head.weight": projection.T, "head.bias": torch.zeros(projection.shape[-1])}
    for key, tensor in tower.items():
        for theirs, ours in _NAMES:
            key = key.replace(theirs, ours)
        # one leading axis for the batch, and for the single class token one more for the position
        renamed[key] = tensor[None, None] if key == "cls_token" else tensor[None] if key == "pos_embed" else tensor
    return renamed
