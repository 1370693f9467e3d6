"""Do charts and tables show themselves in notebooks, and is wrong input refused in one line?"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import ganbench
from ganbench import plots
from ganbench.errors import RequestError
from ganbench.matrix import Matrix
from ganbench.plan.spec import run_id
from ganbench.report.notebook import NotebookProgress, in_notebook
from ganbench.results.record import Record, read_record, write_record

FINISHED = read_record(Path(__file__).parent / "golden" / "record-v1.json")


def run(seed: int, fd: float, dataset: str = "digits", name: str = "dcgan") -> Record:
    of = {"dataset": replace(FINISHED.spec.dataset, name=dataset), "variant": replace(FINISHED.spec.variant, name=name)}
    spec = replace(FINISHED.spec, seed=seed, **of)

    def scores(found: Any) -> Any:
        return tuple(replace(one, value=fd, ci_low=fd, ci_high=fd) if one.metric == "fd" else one for one in found)

    evaluations = tuple(replace(one, scores=scores(one.scores)) for one in FINISHED.evaluations)
    return replace(FINISHED, spec=spec, run_id=run_id(spec), scores=scores(FINISHED.scores), evaluations=evaluations)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Record files of two variants on digits."""
    for record in (run(0, 2.0), run(1, 3.0), run(0, 9.0, name="gan")):
        write_record(tmp_path / f"{record.spec.slug}.json", record)
    return tmp_path


@pytest.mark.parametrize("draw", [plots.seeds, plots.cost, plots.curves])
def test_a_chart_shows_itself_and_is_written_as_drawing_and_picture(draw: Callable[..., plots.Chart], results: Path) -> None:
    made = draw(results)
    assert ElementTree.fromstring(made._repr_svg_()).get("role") == "img" and "digits" in made.alt
    assert made.save(results / "sub" / "chart.svg").read_text().startswith("<svg")
    assert made.save(results / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert draw([results])._repr_svg_() == made._repr_svg_()
    with pytest.raises(RequestError, match="name the file chart.svg"):
        made.save(results / "chart.pdf")


def test_a_variant_has_a_sheet_and_what_is_missing_is_told(results: Path) -> None:
    assert "dcgan on digits" in plots.variant(results, "dcgan").title
    with pytest.raises(RequestError, match="'biggan' has no results on digits; there are dcgan, gan"):
        plots.variant(results, "biggan")
    with pytest.raises(RequestError, match="no folder of a run has samples"):
        plots.samples(results)
    with pytest.raises(RequestError, match="neither precision and recall"):
        plots.fidelity(results)
    with pytest.raises(RequestError, match="there is no such folder"):
        plots.seeds(results / "nothing")


def test_several_data_sets_need_a_name(results: Path) -> None:
    other = run(5, 1.0, dataset="ring8")
    write_record(results / "other.json", other)
    with pytest.raises(RequestError, match="name one of them with data=: .*ring8"):
        plots.seeds(results)
    with pytest.raises(RequestError, match="data='x': there are no results on it"):
        plots.seeds(results, data="x")
    assert "on ring8" in plots.seeds(results, data="ring8").alt


def test_tables_and_records_show_themselves(results: Path) -> None:
    shown = ganbench.leaderboard(results)
    assert "<table" in shown._repr_html_() and "digits: scores" in str(shown)
    assert shown.to_markdown().startswith("# Leaderboard") and "\\toprule" in shown.to_latex()
    record = replace(run(0, 2.0), run_id="<b>")
    assert "&lt;b&gt;" in record._repr_html_() and "<table>" in record._repr_html_() and "done after" in record._repr_html_()
    assert "digits: scores" in Matrix(suite="s", out=results, specs=(), records=(run(0, 2.0),))._repr_html_()
    page = ganbench.write_report(results, results / "out", title="T")
    assert page.name == "index.html" and "<title>T</title>" in page.read_text()
    with pytest.raises(RequestError, match="holds no results"):
        ganbench.leaderboard(page.parent / "figures")


def test_a_notebook_sees_how_far_every_run_is() -> None:
    said: list[str] = []
    one, other = run(0, 2.0), run(1, 3.0)
    progress = NotebookProgress([one.spec, other.spec], said.append)
    with progress:
        progress.started(one.spec)
        progress.event(one.spec, {"kind": "evaluation", "weights": "ema", "images_seen": 10, "scores": [asdict(one.scores[0])]})
        progress.event(other.spec, {"kind": "tick", "images_seen": 10})  # of a run that it was not told of
        progress.finished(one.spec, one, "")
        progress.finished(other.spec, None, "another process")
    assert f"<progress max='{one.spec.budget_images}' value='0'>" in said[0] and "dcgan on digits, seed 0" in said[0]
    assert said[-1].startswith("<p>2 of 2 runs (1 done, 1 elsewhere)</p>")
    assert not in_notebook()
