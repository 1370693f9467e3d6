"""Which functions does a user call?"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ganbench.distributed import joined
from ganbench.evaluation.session import Examples, MeterFor, Session
from ganbench.evaluation.settings import Scores, Statistics, settings_from
from ganbench.sources.stats import check_target


class Silent:
    """A meter that nobody watches."""

    def advance(self, examples: int) -> None:
        """Says nothing."""


def score(
    fake: Examples,
    real: Examples | None = None,
    metrics: Sequence[str] | None = None,
    *,
    held_out: Examples | None = None,
    meter: MeterFor = lambda name, total: Silent(),
    **settings: Any,
) -> Scores:
    """Scores a set of generated examples.

    Args:
        fake: Generated examples: a path or name as ``ganbench score`` takes it, or an array: uint8 images
            (n, channels, height, width), or float points or features (n, d).
        real: Reference examples or statistics; None where no metric needs any.
        metrics: Names like "fid", "kd" or "fd@dinov2-vitl14"; None takes the usual ones.
        held_out: Real examples that the generator was not trained on, for metrics of memorisation.
        meter: Opens a meter of progress for a set.
        **settings: Fields of :class:`Settings`.

    Returns:
        Scores and warnings; on other ranks than the first both are empty.

    Raises:
        RequestError: The request cannot be carried out as it was written.
    """
    chosen = settings_from(settings)
    with joined() as ranks, ExitStack() as stack:
        return Session(chosen, ranks, meter, stack).run({"generated": fake, "real": real, "held-out": held_out}, metrics)


def make_statistics(sources: Sequence[str], out: Path, *, meter: MeterFor = lambda name, total: Silent(), **settings: Any) -> Statistics:
    """Writes mean and covariance of all examples of some sets together.

    Args:
        sources: Whatever ``opened_source`` knows; statistics of ours among them are merged.
        out: An npz file.
        meter: Opens a meter of progress for a set.
        **settings: Fields of :class:`Settings`.

    Returns:
        Number of examples and of features, and warnings.

    Raises:
        RequestError: The request cannot be carried out as it was written.
    """
    chosen = settings_from(settings)
    check_target(out)
    with joined() as ranks, ExitStack() as stack:
        return Session(chosen, ranks, meter, stack).statistics(sources, out)
