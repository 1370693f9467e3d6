"""Is a diagnosis shown as it is, within 80 characters, with names that stay text and pictures that can be told apart?"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganbench.commands.diagnose import _print, print_rules
from ganbench.commands.output import PlainConsole
from ganbench.report.diagnosis import PAGE, PICTURE, markdown_page, reasons, remarks, write_diagnosis
from ganbench.results.diagnosis import Diagnosis, Finding, ModeShare, Pair, Pictures

LONG = "a name with <b>markup</b> and |pipes| that is long enough to need a second line in a terminal of eighty characters"


def finding(measure: str, value: float | None, held_out: float | None, **fields: object) -> Finding:
    known: dict[str, object] = {"perfect": None, "least": 0.0, "most": None, "n": 100, "verdict": "fine", "why": "", "note": ""}
    return Finding(diagnostic="some", measure=measure, value=value, held_out=held_out, **{**known, **fields})  # type: ignore[arg-type]


def image(shade: int, channels: int = 1, side: int = 16) -> np.ndarray:  # type: ignore[type-arg]
    return np.full((channels, side, side), shade, np.uint8)


def diagnosis(channels: int = 1, side: int = 16) -> Diagnosis:
    pairs = tuple(Pair(example=10**5 + i, training=i, distance=1e-5 * i, ratio=0.001 * i) for i in range(5))
    twice = (Pair(example=0, training=1, distance=123_456.789, ratio=None),)
    return Diagnosis(
        findings=(
            finding("feature_variance_ratio", 0.01, 1.0, verdict="collapsed", why="1 % of the held-out value (limit 5 %)", perfect=1.0),
            finding("birthday_support", 28_839_471.0, 2_883_947.0, least=1.0, note="at least: no example repeats"),
            finding("birthday_size", 2_000.0, 2_000.0, verdict=None, note="at least: no example repeats"),
            finding("latent_sensitivity_min", 1e-7, None, verdict="suspicious", why="1e-07 (limit 0)"),
            finding("vendi_rbf", 1.0, 99.5, least=1.0, most=1000.0, verdict="collapsed", why="1 % of the held-out value (limit 50 %)"),
            finding("kl_hq", None, 0.01, verdict="suspicious", why="undefined, where real examples have a value"),
            finding("worst_share", None, None, verdict=None, note="too few: the rarest mode needs 3,000"),
        ),
        n=100,
        n_reference=1000,
        held_out_is=f"100 examples of {LONG}",
        extractor={"extractor": "pixels"},
        shares=(
            ModeShare(name="<i>", expected=0.5, generated=70, ratio=1.4, low=1.2, high=1.6),
            ModeShare(name="b", expected=0.5, generated=0, ratio=0.0, low=0.0, high=0.1),
        ),
        pairs=pairs,
        held_out_pairs=twice,
        left_out=(("modes", "points of a data set with known modes"), ("classes", "a classifier"), ("class_spread", "a classifier")),
        warnings=(LONG,),
        pictures=Pictures(
            generated=tuple((image(40 * i, channels, side), image(40 * i + 30, channels, side)) for i in range(5)),
            held_out=((image(10, channels, side), image(200, channels, side)),),
        ),
    )


def test_everything_fits_a_terminal_of_80_characters(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _print(diagnosis(), PlainConsole(stderr=True))
    print_rules(as_json=False)
    captured = capsys.readouterr()
    shown, lines = captured.err, [*captured.err.splitlines(), *captured.out.splitlines()]
    assert captured.out.startswith("A rule speaks only if")
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if line.strip().startswith("vendi rbf"))
    assert row.split() == ["vendi", "rbf", "1", "99.5", "—", "1", "to", "1,000", "collapsed"]
    assert not any(line.startswith(" worst share") for line in shown.splitlines()), "no row for what is undefined on both sides"
    flat = " ".join(shown.split())
    assert "worst share: too few: the rarest mode needs 3,000" in flat
    assert "birthday support, birthday size: at least: no example repeats" in flat
    assert "left out: classes, class spread, for want of a classifier" in flat


def test_the_worst_reasons_come_first() -> None:
    found = reasons(diagnosis())
    assert [line.partition(":")[0] for line in found] == ["feature variance ratio", "vendi rbf", "latent sensitivity min", "kl hq"]
    assert len(remarks(diagnosis())) == 4


def test_names_stay_text_in_markdown() -> None:
    page = markdown_page(diagnosis(), "of <script>")
    assert "<b>" not in page and "<script>" not in page and "&lt;b&gt;" in page
    assert "\\|pipes\\|" in page
    assert "| vendi rbf | 1 | 99.5 | —ᵃ | 1 to 1,000 | collapsed |" in page
    assert "Verdict: collapsed" in page
    assert page.index("| b | 50 % | 0 | 0.000 [0.000, 0.1") < page.index("| &lt;i&gt; | 50 % | 70 | 1.40 [1.20, 1.60]"), "the lowest first"


@pytest.mark.parametrize(("channels", "side"), [(1, 16), (3, 64)])
def test_pairs_are_drawn_side_by_side(tmp_path: Path, channels: int, side: int) -> None:
    files = write_diagnosis(tmp_path, diagnosis(channels, side), {}, "a diagnosis")
    assert [path.name for path in files] == [PAGE, "diagnosis.json", PICTURE]
    with Image.open(tmp_path / PICTURE) as picture:
        levels = set(np.asarray(picture.convert("L")).reshape(-1).tolist())
    # every image is there in its own shade: 0, 40, ... of the generated, 30, 70, ... of the training ones, 10 and 200 of held-out ones
    assert {*range(0, 200, 40), *range(30, 200, 40), 10, 200} <= levels
