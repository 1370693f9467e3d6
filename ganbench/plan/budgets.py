"""How many images does a named budget mean on a data set?

``smoke`` shows within seconds that a recipe runs. ``short`` takes minutes on a CPU core and separates methods that learn from those that
do not. ``standard`` is a training of hours on one GPU. ``paper`` is a published training length, with its source beside it. The loader
of a data set defines the lengths (``ganbench.data.loader``).
"""

from collections.abc import Mapping
from typing import Literal

from ganbench.errors import RequestError
from ganbench.registry import DATASETS

Budget = Literal["smoke", "short", "standard", "paper"]


def budgets(dataset: str) -> Mapping[Budget, int]:
    """Real images that the discriminator sees, by budget; empty for unregistered data sets and loaders without budgets."""
    known: Mapping[Budget, int] = getattr(DATASETS.load(dataset), "budgets", {}) if dataset in DATASETS.targets else {}
    return known


def budget_images(budget: Budget, dataset: str, where: str) -> int:
    """Number of images of a named budget.

    Args:
        budget: Name of the budget.
        dataset: Name of a registered data set, or of the user's own.
        where: Place of the request, for error messages.

    Raises:
        RequestError: The data set does not define this budget.
    """
    known = budgets(dataset)
    if not known:
        examples = ", ".join(f"{budgets(name)['short']:,} on {name}" for name in ("digits", "mnist", "cifar10"))
        raise RequestError(f"{where}: budget = {budget!r} has no meaning on {dataset!r}; give budget_images (short is {examples})")
    if budget not in known:
        raise RequestError(f"{where}: nobody published a length on {dataset}, so it has no budget {budget!r}; take {', '.join(known)}")
    return known[budget]
