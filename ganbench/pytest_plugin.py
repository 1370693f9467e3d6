"""What may a test assert of a training? (the fixture ``gan_stability``; nothing heavy is imported before a test uses it)

::

    def test_stability(gan_stability):
        gan_stability.check("suite.toml", bank="bank")
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ganbench.statistics.gate import Verdict

INCONCLUSIVE = ("fail", "skip", "pass")
"""What a test may do with an inconclusive verdict."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option of what an inconclusive verdict means."""
    parser.addini(
        "gan_inconclusive", "What an inconclusive verdict of gan_stability does to its test: fail (default), skip or pass.", default="fail"
    )


class GanStability:
    """Holds trainings against a bank, and fails the test if they have become worse.

    Args:
        folder: Folder for the runs of a test that names none.
        inconclusive: What an inconclusive verdict does: "fail", "skip" or "pass".
        record: Adds a property to the test's report.
    """

    def __init__(self, folder: Path, inconclusive: str, record: Callable[[str, object], None]) -> None:
        self._folder, self._inconclusive, self._record, self._checks = folder, inconclusive, record, 0

    def check(
        self,
        suite: str | Path | None = None,
        *,
        bank: str | Path,
        train: Callable[[int, Path], object] | None = None,
        runs: str | Path | None = None,
        recipes: Sequence[str] = (),
        **options: Any,
    ) -> Verdict:
        """Trains a candidate as often as it takes to decide, and fails the test if it is worse than the bank.

        Args:
            suite: Suite with the recipes of the bank.
            bank: Folder of the bank.
            train: A training loop of one's own in place of a suite: ``train(seed, folder)`` logs the run with ``ganbench.log_run``.
            runs: Folder of the runs; with neither suite nor loop, runs that are there already. Default: a new folder of the test.
            recipes: Names of the bank's recipes; none takes all.
            options: Further arguments of :func:`ganbench.gate`.

        Returns:
            The verdict, if it does not fail the test.
        """
        from ganbench.errors import RequestError
        from ganbench.guard import gate
        from ganbench.report.terminal import in_terminal
        from ganbench.report.verdicts import verdict_tables

        if suite is None and train is None and runs is None:
            raise pytest.UsageError("gan_stability.check takes a suite, train=, or the folder of runs that are there already with runs=")
        if "PYTEST_XDIST_WORKER" in os.environ:
            options.setdefault("workers", 1)  # the tests themselves run beside each other
        self._checks += 1
        folder = runs or self._folder.with_name(f"{self._folder.name}-{self._checks}")  # of each check its own
        try:
            verdict = gate(bank, folder, suite=suite, train=train, recipes=recipes, **options)
        except RequestError as error:
            pytest.fail(f"gan_stability: {error}", pytrace=False)
        for one in verdict.judgements:
            self._record(f"ganbench: {one.recipe}", one.word)
        self._record("ganbench: verdict", verdict.word)
        why = "; ".join([*(f"{one.recipe}: {one.word}, {one.why}" for one in verdict.judgements), *verdict.notes][:3])
        page = f"{verdict.word}: {' '.join(why.split())}\n\n{in_terminal(verdict_tables(verdict, bool(options.get('speed'))), 100)}"
        print(page)  # which pytest shows with -rA of a test that passes
        if verdict.word == "REGRESSED":
            pytest.fail(page, pytrace=False)
        if verdict.word == "INCONCLUSIVE" and self._inconclusive == "fail":
            pytest.fail(page, pytrace=False)
        if verdict.word == "INCONCLUSIVE" and self._inconclusive == "skip":
            pytest.skip(page)
        return verdict


@pytest.fixture
def gan_stability(request: pytest.FixtureRequest, tmp_path: Path) -> GanStability:
    """Holds trainings against a bank: ``gan_stability.check("suite.toml", bank="bank")``."""
    inconclusive = str(request.config.getini("gan_inconclusive"))
    if inconclusive not in INCONCLUSIVE:
        raise pytest.UsageError(f"gan_inconclusive = {inconclusive}: known: {', '.join(INCONCLUSIVE)}")
    properties = request.node.user_properties  # which every family of junit files writes
    return GanStability(tmp_path / "runs", inconclusive, lambda name, value: properties.append((name, value)))
