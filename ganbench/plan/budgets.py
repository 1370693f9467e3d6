"""How many images is a named budget on a data set?

``smoke`` shows within seconds that a recipe runs. ``short`` takes minutes on a CPU core and separates what learns from what does not.
``standard`` is a training of hours on one GPU. ``paper`` is a published length, whose source stands beside it. The loader of a data set
says how long each is (``ganbench.data.loader``).
"""

from collections.abc import Mapping
from typing import Literal

from ganbench.errors import RequestError
from ganbench.registry import DATASETS

Budget = Literal["smoke", "short", "standard", "paper"]


def budgets(dataset: str) -> Mapping[Budget, int]:
    """Images that the discriminator sees, by budget; nothing for data that are not registered, or whose loader names none."""
    known: Mapping[Budget, int] = getattr(DATASETS.load(dataset), "budgets", {}) if dataset in DATASETS.targets else {}
    return known


def budget_images(budget: Budget, dataset: str, where: str) -> int:
    """Images of a named budget.

    Args:
        budget: Its name.
        dataset: Registered data set, or one of the user's own.
        where: Place of the request, for messages.

    Raises:
        RequestError: The data set has no budgets, or not this one.
    """
    known = budgets(dataset)
    if not known:
        examples = ", ".join(f"{budgets(name)['short']:,} on {name}" for name in ("digits", "mnist", "cifar10"))
        raise RequestError(f"{where}: budget = {budget!r} has no meaning on {dataset!r}; give budget_images (short is {examples})")
    if budget not in known:
        raise RequestError(f"{where}: nobody published a length on {dataset}, so it has no budget {budget!r}; take {', '.join(known)}")
    return known[budget]
