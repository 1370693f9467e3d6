"""What do the runs of one variant look like at their ends? (charts of their galleries, one line or bar a seed)"""

from collections.abc import Sequence

from ganbench.report.charts.chart import Chart, Mark, chart
from ganbench.report.charts.marks import bars, dots, lines, steps
from ganbench.report.charts.scale import Axis, categories, fitted
from ganbench.report.runs import Run
from ganbench.results.gallery import SCORED, Gallery

SETS = {"train": "training", "held_out": "held-out", "fake": "generated"}


def value_histogram(run: Run, name: str) -> Chart | None:
    """Values of the discriminator on training, held-out and generated examples, of one run."""
    found = run.gallery.discriminator if run.gallery else None
    if found is None:
        return None
    shares = {part: [count / max(sum(found.counts[part]), 1) for count in found.counts[part]] for part in SCORED}
    x = Axis(label="value of the discriminator", low=found.edges[0], high=found.edges[-1])
    y = fitted("share", [value for part in shares.values() for value in part], log=False, zero=True)
    marks = [steps(found.edges, part, colour) for colour, part in enumerate(shares.values())]
    apart = _overlap(shares["train"], shares["fake"])
    return chart(
        f"Values of the discriminator, {run.how}",
        f"Histograms of the discriminator's values of {name}: those of training and generated examples overlap by {100 * apart:.0f} %",
        x,
        y,
        marks,
        legend=[(words, colour) for colour, words in enumerate(SETS.values())],
    )


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(map(min, one, other))


def attainable_curve(runs: Sequence[Run], name: str) -> Chart | None:
    """Attainable pairs of precision and recall (PRD curve), a line a seed."""
    found = [(run, run.gallery) for run in runs if run.gallery and run.gallery.recall]
    if not found:
        return None
    marks: list[Mark] = [lines(list(zip(one.recall, one.precision, strict=True)), place) for place, (_, one) in enumerate(found)]
    areas = ", ".join(f"{_area(one):.2f} ({run.how})" for run, one in found)
    return chart(
        "Attainable precision and recall",
        f"Curves of attainable precision and recall of {name}; the area below them is {areas}, and 1 for a perfect generator",
        Axis(label="recall", low=0, high=1.02),
        Axis(label="precision", low=0, high=1.02),
        marks,
        legend=[(run.how, place) for place, (run, _) in enumerate(found)],
    )


def _area(gallery: Gallery) -> float:
    """Area below the curve, by trapezoids."""
    points = sorted(zip(gallery.recall, gallery.precision, strict=True))
    return sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False))


def mode_histogram(runs: Sequence[Run], name: str) -> Chart | None:
    """Share of the generated examples in every mode or class, a dot a seed; a bar for the share in the data."""
    found = [(run, run.gallery.modes) for run in runs if run.gallery and run.gallery.modes]
    if not found:
        return None
    first = found[0][1]
    shares = [value for _, one in found for value in (*one.expected, *one.generated)]
    edges = [place - 0.5 for place in range(len(first.names) + 1)]
    marks: list[Mark] = [
        bars(
            edges, first.expected, 6, [f"{mode}: {share:.3f} of the data" for mode, share in zip(first.names, first.expected, strict=True)]
        )
    ]
    for place, (run, one) in enumerate(found):
        hints = [f"{mode}: {share:.3f}, {run.how}" for mode, share in zip(one.names, one.generated, strict=True)]
        marks.append(dots([(float(number), share) for number, share in enumerate(one.generated)], place, hints, radius=3))
    lost = sorted({mode for _, one in found for mode, share in zip(one.names, one.generated, strict=True) if share == 0})
    words = f"no seed has lost one of {len(first.names)}" if not lost else f"a seed has none of {', '.join(lost)}"
    return chart(
        "Modes: generated (dots), data (bars)",
        f"Shares of the modes or classes in the examples of {name}: {words}",
        categories(first.names, "mode or class"),
        fitted("share", shares, log=False, zero=True),
        marks,
        legend=[(run.how, place) for place, (run, _) in enumerate(found)],
    )


def frequency_curve(runs: Sequence[Run], name: str) -> Chart | None:
    """Power of real and generated images by spatial frequency."""
    found = [(run, run.gallery.spectrum) for run in runs if run.gallery and run.gallery.spectrum]
    if not found:
        return None
    real = found[0][1]["real"]
    values = [value for _, one in found for value in (*one["real"], *one["fake"])]
    marks: list[Mark] = [lines(_numbered(one["fake"]), place) for place, (_, one) in enumerate(found)]
    marks.insert(0, lines(_numbered(real), 6))
    gap = max(abs(one["fake"][-1] - real[-1]) for _, one in found)
    return chart(
        "Power by spatial frequency",
        f"Mean log10 power of real images and those of {name} by frequency; at the highest one they differ by up to {gap:.2f}",
        Axis(label="cycles per image", low=1, high=max(len(real), 2)),
        fitted("log10 power", values, log=False),
        marks,
        legend=[("real", 6), *((run.how, place) for place, (run, _) in enumerate(found))],
    )


def _numbered(values: Sequence[float]) -> list[tuple[float, float]]:
    return [(float(place), value) for place, value in enumerate(values, start=1)]
