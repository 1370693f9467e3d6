"""Do the tables of Dirac-GANs say in few letters what was found?"""

import pytest

from ganbench.dirac.verdict import Outcome, Verdict
from ganbench.report.dirac import eigenvalue_table, verdict_table
from ganbench.report.table import MISSING


def outcome(
    verdict: Verdict = "orbits",
    distance: float = 0.5,
    eigenvalues: tuple[complex, complex] | None = (0.5j, -0.5j),
    rule: str = "alternating",
    loss: str = "hinge",
) -> Outcome:
    return Outcome(
        loss=loss,
        regulariser="r1",
        strength=0.3,
        rule=rule,
        verdict=verdict,
        distance=distance,
        exponent=0.0,
        theta=distance,
        theta_ema=distance / 10,
        spectral_radius=1.0,
        eigenvalues=eigenvalues,
    )


@pytest.mark.parametrize(
    ("verdict", "distance", "shown"),
    [
        ("orbits", 0.632, ".63○"),
        ("orbits", 0.996, "1.0○"),
        ("orbits", 1.41, "1.4○"),
        ("orbits", 13.4, "13○"),
        ("orbits", 9.96, "10○"),
        ("converges", 0.2, ".20↓"),
        ("converges", 3e-9, "↓"),
        ("diverges", 4e8, "↑"),
        ("diverges", float("inf"), "↑"),
    ],
)
def test_a_verdict_is_a_symbol_behind_a_distance_that_matters(verdict: Verdict, distance: float, shown: str) -> None:
    table = verdict_table([outcome(verdict, distance)], {"alternating": "alt"}, "alternating", [])
    assert table.texts()[1][1] == shown
    assert len(shown) <= 4


def test_games_are_grouped_by_regulariser_and_rules_keep_their_order() -> None:
    found = [outcome(rule=rule, loss=loss, distance=i + 1) for loss in ("hinge", "minimax") for i, rule in enumerate(("a", "b"))]
    table = verdict_table(found, {"b": "B", "a": "A"}, "a", ["a note"])
    assert [column.heading for column in table.columns] == ["loss", "B", "A", "EMA"]
    assert table.texts() == [["r1 0.3:", "", "", ""], ["hinge", "2.0○", "1.0○", ".10"], ["minimax", "2.0○", "1.0○", ".10"]]
    assert table.notes == ("a note",)


@pytest.mark.parametrize(
    ("eigenvalues", "shown"),
    [
        ((0.5j, -0.5j), "±.50i"),
        ((-0.15 + 0.477j, -0.15 - 0.477j), "-.15±.48i"),
        ((1j, -1j), "±1.00i"),
        ((-0.134, -1.866), "-.13\n-1.87"),
        ((0.5 + 0j, -0.5 + 0j), ".50\n-.50"),
        (None, f"{MISSING}ᵃ"),
    ],
)
def test_eigenvalues_are_a_conjugate_pair_or_two_numbers(eigenvalues: tuple[complex, complex] | None, shown: str) -> None:
    assert eigenvalue_table([outcome(eigenvalues=eigenvalues)]).texts() == [["hinge", shown]]


def test_plain_rows_hold_numbers_and_none_for_what_overflowed() -> None:
    row = outcome("diverges", float("inf"), (-0.15 + 0.477j, -0.15 - 0.477j)).row()
    assert row["distance"] is None and row["verdict"] == "diverges"
    assert (row["eigenvalue_2_real"], row["eigenvalue_2_imaginary"]) == (-0.15, -0.477)
