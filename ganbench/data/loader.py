"""What does a loader say of its data set, before anything is loaded?"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ganbench.data.dataset import Dataset
from ganbench.plan.budgets import Budget
from ganbench.plan.spec import DatasetSpec

Load = TypeVar("Load", bound=Callable[[DatasetSpec, Path], Dataset])


def loader(*, budgets: Mapping[Budget, int] | None = None, files: tuple[str, ...] = ()) -> Callable[[Load], Load]:
    """Gives a loader what ``plan`` and ``doctor`` ask it; a loader without it is one of data without budgets that need no download.

    Args:
        budgets: Images that the discriminator sees, by the budget's name (see ``ganbench.plan.budgets``), with the source of ``paper``.
        files: Below the root of data; any of them shows that the data are there. Empty where nothing need be fetched.
    """

    def say(load: Load) -> Load:
        vars(load).update(budgets=dict(budgets or {}), files=files)
        return load

    return say
