"""How many images is a named budget on a data set?

``smoke`` shows within seconds that a recipe runs. ``short`` takes minutes on a CPU core and separates what learns from what does not.
``standard`` is a training of hours on one GPU. ``paper`` is a published length, whose source stands beside it.
"""

from typing import Literal

from ganbench.errors import RequestError

Budget = Literal["smoke", "short", "standard", "paper"]

BUDGETS: dict[str, dict[Budget, int]] = {
    "digits": {"smoke": 5_120, "short": 48_000, "standard": 640_000},
    "mnist": {"smoke": 5_120, "short": 25_600, "standard": 1_920_000, "paper": 640_000},
    "cifar10": {"smoke": 5_120, "short": 256_000, "standard": 6_400_000, "paper": 32_000_000},
    "stacked-digits": {"smoke": 5_120, "short": 256_000, "standard": 2_560_000},
    "stacked-mnist": {"smoke": 5_120, "short": 512_000, "standard": 2_560_000, "paper": 6_400_000},
    "ring8": {"smoke": 51_200, "short": 768_000, "standard": 7_680_000, "paper": 40_000_000},
    "grid25": {"smoke": 51_200, "short": 768_000, "standard": 7_680_000, "paper": 40_000_000},
}
"""Images that the discriminator sees, by data set.

Paper: mnist 5,000 iterations of 128 (mmgeneration's DCGAN); cifar10 100,000 generator steps behind 5 discriminator steps of 64 (mimicry's
table); stacked-mnist 50 epochs of 128,000 (PacGAN, section 4.2); mixtures 400 epochs of 100,000 (PacGAN, section 4.1). No paper trains on
digits. Short on mixtures: 3,000 steps of 256, with which this project's reference magnitudes were measured.
"""


def budget_images(budget: Budget, dataset: str, where: str) -> int:
    """Images of a named budget.

    Args:
        budget: Its name.
        dataset: Registered data set.
        where: Place of the request, for messages.

    Raises:
        RequestError: The data set has no budgets, or not this one.
    """
    known = BUDGETS.get(dataset)
    if known is None:
        raise RequestError(
            f"{where}: budget = {budget!r} has no meaning on {dataset!r}; give budget_images (short is {BUDGETS['digits']['short']:,} on "
            f"digits, {BUDGETS['mnist']['short']:,} on mnist, {BUDGETS['cifar10']['short']:,} on cifar10)"
        )
    if budget not in known:
        raise RequestError(f"{where}: nobody published a length on {dataset}, so it has no budget {budget!r}; take {', '.join(known)}")
    return known[budget]
