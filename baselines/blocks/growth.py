"""How do networks grow with the images that they have seen? (Karras et al. 2018, "Progressive growing of GANs", section 2 and figure 2)

Level 0 works at the smallest resolution, every level doubles it. A level is first faded in, its weight ``alpha`` going from 0 to 1,
then trained at full weight. Just before and just after a border the networks are the same function of an image.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.blocks.equalised import RELU_GAIN, EqualisedConv, EqualisedLinear, MinibatchStddev
from baselines.blocks.resampling import box_down, box_up
from ganbench.errors import RequestError
from ganbench.training.variant import Counters, StepContext

SLOPE = 0.2
"""Of the leaky ReLU below 0 (appendix A.1)."""


def progress(images_seen: int, levels: int, stage_images: int, fade_images: int) -> tuple[int, float]:
    """Level and its weight alpha.

    Args:
        images_seen: Real images that the discriminator saw so far.
        levels: Number of levels.
        stage_images: Images of a level at full weight; the last one keeps it for good.
        fade_images: Images of a fade ahead of that; level 0 has none.
    """
    if images_seen < stage_images or levels == 1:
        return 0, 1.0
    period = fade_images + stage_images
    level, images = divmod(images_seen - stage_images, period) if period else (levels, 0)
    if level + 1 >= levels:
        return levels - 1, 1.0
    return level + 1, min(1.0, images / fade_images) if fade_images else 1.0


def check_growth(method: str, images: int, levels: int, stage_images: int, fade_images: int) -> None:
    """Refuses a budget at the end of which the last level is not at full weight.

    Args:
        method: Name of the variant, for messages.
        images: Of the budget.
        levels: Number of levels.
        stage_images: See :func:`progress`.
        fade_images: See :func:`progress`.

    Raises:
        RequestError: It says which budget, and which stages, would do.
    """
    needed = (levels - 1) * (stage_images + fade_images)
    if images < needed:
        share = images // (2 * (levels - 1))
        raise RequestError(
            f"budget_images = {images:,}: {method} as configured is grown after {needed:,} images; use at least so many, or "
            f"config.{method} = {{ stage_images = {share}, fade_images = {share} }} at most"
        )


def level_channels(levels: int, base: int, largest: int) -> list[int]:
    """Feature maps of every level, the smallest resolution first: ``base / 2^stage``, at most ``largest`` (table 2: 8192 and 512).

    The stage is the level's number plus 1: the paper's 4x4 is stage 1.
    """
    return [max(1, min(base // 2 ** (level + 1), largest)) for level in range(levels)]


def reduced(images: Tensor, levels: int, level: int, alpha: float) -> Tensor:
    """Images of the last level as the given one shows them: averaged down, and while it is faded in, mixed with half their resolution."""
    for _ in range(levels - 1 - level):
        images = box_down(images)
    return torch.lerp(box_up(box_down(images)), images, alpha) if alpha < 1 else images


class Growing(nn.Module):
    """A network that knows how far it has grown.

    In training a step passes level and alpha, which come from the harness's counters; outside of it the buffer ``images_seen``, which
    every step sets, tells them. It is an integer, so that a moving average of the network copies it.

    Args:
        levels: Number of levels.
        stage_images: See :func:`progress`.
        fade_images: See :func:`progress`.
    """

    images_seen: Tensor

    def __init__(self, levels: int, stage_images: int, fade_images: int) -> None:
        super().__init__()
        self.levels, self.stage_images, self.fade_images = levels, stage_images, fade_images
        self.register_buffer("images_seen", torch.zeros((), dtype=torch.int64))

    def progress(self, images_seen: int) -> tuple[int, float]:
        """Level and alpha after some images."""
        return progress(images_seen, self.levels, self.stage_images, self.fade_images)

    def stage(self, counters: Counters) -> tuple[int, float]:
        """Level and alpha of a training step."""
        return self.progress(counters.images_seen)

    def enters(self, counters: Counters) -> bool:
        """Whether a step is the first of a fade, or of a stage but the first."""
        (level, alpha), (before, faded) = (self.progress(n) for n in (counters.images_seen, counters.images_seen - counters.step_images))
        return counters.step > 0 and (level, alpha < 1) != (before, faded < 1)

    def reached(self) -> tuple[int, float]:
        """Level and alpha of the last training step; waits for the device."""
        return self.progress(int(self.images_seen))

    def shown(self, images: Tensor, level: int) -> Tensor:
        """Images of a level at full size, every pixel copied, and within [-1, 1]: what the network shows outside of training."""
        for _ in range(self.levels - 1 - level):
            images = box_up(images)
        return images.clamp(-1, 1)


def grown(generator: Growing, discriminator: Growing, ctx: StepContext) -> tuple[int, float]:
    """Level and alpha of a step, which both networks note.

    In the first step of every fade and of every stage but the first, both optimizers forget their moments. So they do in the authors' code
    (tkarras/progressive_growing_of_gans and NVlabs/stylegan), where a fade starts and where it ends; the papers do not say it.
    """
    if ctx.scheduled(generator.enters):
        ctx.restart("discriminator")
        ctx.restart("generator")
    counter = ctx.counter()
    for network in (generator, discriminator):
        network.images_seen.copy_(counter)
    return ctx.scheduled(generator.stage)


class GrowingDiscriminator(Growing):
    """A 1x1 convolution from an image of any level's resolution, blocks that halve it, and a head (table 2, right half).

    Args:
        channels: Feature maps of every level, the smallest resolution first.
        image_channels: Of the images.
        root: Smallest side.
        group: Images in a group of the minibatch standard deviation.
        block: Builds what takes (n, inputs, 2h, 2w) to (n, outputs, h, w).
        stage_images: See :func:`progress`.
        fade_images: See :func:`progress`.
    """

    def __init__(
        self,
        channels: list[int],
        image_channels: int,
        root: int,
        group: int,
        block: Callable[[int, int], nn.Module],
        stage_images: int,
        fade_images: int,
    ) -> None:
        super().__init__(len(channels), stage_images, fade_images)
        self.from_rgb = nn.ModuleList(EqualisedConv(image_channels, width, 1, gain=RELU_GAIN) for width in channels)
        self.blocks = nn.ModuleList(block(inputs, outputs) for inputs, outputs in zip(channels[1:], channels, strict=False))
        self.stddev = MinibatchStddev(group)
        self.conv = EqualisedConv(channels[0] + 1, channels[0], 3, gain=RELU_GAIN)
        self.hidden = EqualisedLinear(channels[0] * root * root, channels[0], gain=RELU_GAIN)
        self.value = EqualisedLinear(channels[0], 1)

    def forward(self, images: Tensor, level: int | None = None, alpha: float = 1.0) -> Tensor:
        """Images of a level's resolution to values (n,); without a level, images of full size, which are averaged down."""
        if level is None:
            level, alpha = self.reached()
            images = reduced(images, self.levels, level, alpha)
        x = functional.leaky_relu(self.from_rgb[level](images), SLOPE)
        for index in reversed(range(level)):
            x = self.blocks[index](x)
            if index == level - 1 and alpha < 1:
                below = functional.leaky_relu(self.from_rgb[index](box_down(images)), SLOPE)
                x = torch.lerp(below.to(x.dtype), x, alpha)
        x = functional.leaky_relu(self.conv(self.stddev(x)), SLOPE)
        values: Tensor = self.value(functional.leaky_relu(self.hidden(x.flatten(1)), SLOPE))
        return values.flatten()
