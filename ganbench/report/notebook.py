"""How is the progress of a matrix shown in a notebook? (one table that changes in place)"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ganbench.execution.reporter import Reporter
from ganbench.plan.naming import names
from ganbench.plan.spec import RunSpec
from ganbench.report.table import number
from ganbench.results.record import Record
from ganbench.text import html

EVERY_S = 0.5
"""Shortest time between two changes of the display."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


class NotebookProgress(Reporter):
    """Shows how far every run is, and its newest score.

    Args:
        specs: Runs that will be carried out.
        show: Shows HTML in place of what it showed before.
    """

    def __init__(self, specs: Sequence[RunSpec], show: Callable[[str], None] | None = None) -> None:
        self._show = show or _display()
        named = zip(specs, names(specs), strict=True)
        self._names = {spec.slug: f"{name} on {spec.dataset.name}, seed {spec.seed}" for spec, name in named}
        self._running: dict[str, tuple[int, int, str]] = {}
        self._ended: dict[str, int] = {}
        self._shown_s = -EVERY_S

    def started(self, spec: RunSpec) -> None:
        """See :class:`Reporter`."""
        self._running[spec.slug] = 0, spec.budget_images, ""
        self._draw()

    def event(self, spec: RunSpec, event: Mapping[str, Any]) -> None:
        """See :class:`Reporter`."""
        if "images_seen" not in event or spec.slug not in self._running:
            return
        said = self._running[spec.slug][2]
        if event["kind"] == "evaluation" and event["weights"] == "ema":
            score = event["scores"][0]
            said = f"{score['label']} {number(score['value'])}"
        self._running[spec.slug] = min(event["images_seen"], spec.budget_images), spec.budget_images, said
        if time.monotonic() - self._shown_s >= EVERY_S:
            self._draw()

    def finished(self, spec: RunSpec, record: Record | None, detail: str) -> None:
        """See :class:`Reporter`."""
        self._running.pop(spec.slug, None)
        status = record.status if record else "elsewhere"
        self._ended[status] = self._ended.get(status, 0) + 1
        self._draw()

    def _draw(self) -> None:
        self._shown_s = time.monotonic()
        ended = ", ".join(f"{count} {status}" for status, count in self._ended.items())
        rows = "".join(
            f"<tr><td>{html(self._names[slug])}</td><td><progress max='{budget}' value='{seen}'></progress></td><td>{html(said)}</td></tr>"
            for slug, (seen, budget, said) in self._running.items()
        )
        count = f"{sum(self._ended.values())} of {len(self._names)} runs"
        self._show(f"<p>{count}{f' ({ended})' if ended else ''}</p><table>{rows}</table>")


def _display() -> Callable[[str], None]:
    """Shows HTML in the cell that is being executed, in place of what was shown before."""
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)

    def show(text: str) -> None:
        handle.update(HTML(text))

    return show
