"""How is a file of feature statistics (mean and covariance) made from sets?"""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import reduce
from pathlib import Path
from typing import Any

from ganbench.distributed import joined
from ganbench.environment import chosen_device
from ganbench.errors import DataError, RequestError
from ganbench.evaluation.notes import Note, ordered
from ganbench.evaluation.passes import CachedPass, MeterFor
from ganbench.evaluation.result import Statistics
from ganbench.evaluation.score import Silent, load_chosen
from ganbench.evaluation.sets import notes_on, open_set
from ganbench.evaluation.settings import settings_from
from ganbench.plan.requests import FEATURES, IMAGES
from ganbench.precision import exact
from ganbench.sets.comparison import Reference
from ganbench.sets.moments import Moments
from ganbench.sources.naming import check_target
from ganbench.sources.statistics_files import StatisticsFile
from ganbench.sources.stats import merged, write_statistics


def make_statistics(sources: Sequence[str], out: Path, *, meter: MeterFor = lambda name, total: Silent(), **settings: Any) -> Statistics:
    """Writes mean and covariance of the features of all examples of several sets.

    Args:
        sources: Sets as for ``open_source``; statistics files written by ganbench are merged.
        out: The npz file to write.
        meter: Opens a progress meter for a set.
        **settings: Fields of :class:`Settings`.

    Returns:
        Number of examples and of features, and warnings.

    Raises:
        RequestError: The request is invalid, or the sets do not meet it.
    """
    chosen = settings_from(settings)
    check_target(out)
    if twice := next((text for text in sources if sources.count(text) > 1), None):
        raise RequestError(f"{twice!r} is named twice, and its examples would count twice; name it once")
    with joined() as ranks, ExitStack() as stack:
        device = chosen_device(chosen.device)
        stack.enter_context(exact())
        extractor = load_chosen(chosen.extractor or (FEATURES if chosen.features else IMAGES), chosen, device)
        notes: list[Note] = []
        look = CachedPass(settings=chosen, device=device, ranks=ranks, meter=meter, stack=stack, notes=notes)
        found: list[Moments] = []
        sets = [open_set("real", text, chosen, device) for text in sources]
        for one in sets:
            stack.callback(one.given.close)
            notes += notes_on(one)
            if isinstance(one.given, StatisticsFile):
                one.given.check(extractor.identity(), extractor.width)
            known = look(extractor, one, {"moments"}, True)
            if known is None:
                continue
            found.append(Reference(known.features).moments)
            if not found[-1].n:
                raise DataError(
                    f"{one.given.name!r} does not say on how many images it rests, so it cannot be merged; make it again from the images"
                )
        if ranks.first:
            changes = list(dict.fromkeys(note for one in sets for note in one.given.notes))
            write_statistics(out, reduce(merged, found), extractor.identity(), [str(one.given.content) for one in sets], changes)
        return Statistics(n=sum(one.n for one in found), width=len(found[0].mean) if found else 0, warnings=ordered(notes))
