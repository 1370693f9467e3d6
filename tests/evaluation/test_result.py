"""How do the scores of a request behave in Python?"""

import numpy as np
import pytest

import ganbench

RNG = np.random.default_rng(0)
FOUND = ganbench.score(
    RNG.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8), RNG.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8),
    ["kd@pixels", "kd@random-conv", "precision@pixels"], use_cache=False,
)  # fmt: skip


def test_scores_are_found_by_name_and_are_numbers() -> None:
    assert float(FOUND["precision"]) == FOUND["precision"].value == FOUND["PRECISION·pixels"].value
    assert FOUND["kd@pixels"].label == "KD·pixels"
    assert list(FOUND) == ["kd@pixels", "precision", "kd@random-conv"] and len(FOUND) == 3
    assert [FOUND[name] for name in FOUND] == list(FOUND.scores)
    assert "precision" in FOUND and "kd@random-conv" in FOUND and "fid" not in FOUND


def test_a_score_that_is_not_there_is_a_key_error_with_the_nearest_name() -> None:
    with pytest.raises(KeyError) as caught:
        FOUND["precission"]
    assert "did you mean 'precision'?" in str(caught.value) and not str(caught.value).startswith(('"', "'"))
    with pytest.raises(KeyError, match="several extractors gave it; name one"):
        FOUND["kd"]


def test_they_are_shown_in_one_line_and_as_a_table() -> None:
    assert repr(FOUND).startswith("Scores(KD·pixels ") and "\n" not in repr(FOUND) and len(repr(FOUND)) < 200
    assert repr(FOUND["precision"]).startswith("Score(PRECISION·pixels ") and len(repr(FOUND["precision"])) < 60
    page = FOUND._repr_html_()
    assert page.count("<tr>") == 4 and "KD·pixels ↓" in page
    hostile = ganbench.Scores(scores=FOUND.scores, warnings=("<script>",))
    assert "<script>" not in hostile._repr_html_() and "&lt;script&gt;" in hostile._repr_html_()


def test_a_data_frame_has_a_row_for_each() -> None:
    table = FOUND.to_frame()
    assert list(table["metric"]) == ["kd", "precision", "kd"]
    assert list(table["value"]) == [score.value for score in FOUND.scores]
    assert table["protocol"].nunique() == 3
