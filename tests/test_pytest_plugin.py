"""Does a project's own test get the gate's verdict, with xdist and junit, and without torch at collection?"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
LOOP = """
import numpy as np
import ganbench

def train(seed, out, factor=1.0):
    noise = np.random.default_rng(seed)
    with ganbench.log_run(out, method="toy", data="line", seed=seed, measures={"fid": "distance"}, settings={"factor": factor}) as run:
        for step in range(1, 10):
            run.log(step, fid=factor * (50 + noise.normal()) + 50 / step)
"""
TESTS = """
import pytest
from loop import train

def test_better(gan_stability):
    gan_stability.check(bank="bank", train=lambda seed, out: train(seed, out, 0.5))

def test_worse(gan_stability):
    gan_stability.check(bank="bank", train=lambda seed, out: train(seed, out, 2.0))

def test_too_few(gan_stability):
    gan_stability.check(bank="bank", runs="few")
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """A project with a training loop of its own, a bank of 20 runs, and a folder of 2."""
    pytester.makepyfile(loop=LOOP, test_stability=TESTS)
    pytester.makepyfile(
        make="""
        from pathlib import Path
        from loop import train
        from ganbench.statistics.banking import make_bank
        for seed in range(20):
            train(seed, "runs")
        for seed in (20, 21):
            train(seed, "few")
        make_bank([Path("runs")], Path("bank"))
        """
    )
    done = pytester.runpython("make.py")
    assert done.ret == 0
    return pytester.path


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_verdicts_are_results_of_tests(pytester: pytest.Pytester, project: Path, workers: list[str]) -> None:
    found = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", "--junitxml=report.xml", "-o", "addopts=", *workers)
    found.assert_outcomes(passed=1, failed=2)
    found.stdout.fnmatch_lines(["*gate: REGRESSED*", "*toy on line: worse in 100 % of pairs*"])
    found.stdout.fnmatch_lines(["*the first decision takes 5 runs, and there are 2*"])
    cases = {case.get("name"): case for case in ElementTree.parse(project / "report.xml").iter("testcase")}
    properties = {name: {p.get("name"): p.get("value") for p in case.iter("property")} for name, case in cases.items()}
    assert properties["test_better"] == {"ganbench: toy on line": "PASS", "ganbench: verdict": "PASS"}
    assert properties["test_worse"]["ganbench: verdict"] == "REGRESSED"


@pytest.mark.parametrize(("choice", "outcome"), [("skip", "skipped"), ("pass", "passed"), ("fail", "failed")])
def test_what_an_inconclusive_verdict_means_is_the_projects_choice(
    pytester: pytest.Pytester, project: Path, choice: str, outcome: str
) -> None:
    found = pytester.runpytest_subprocess("-o", "addopts=", "-o", f"gan_inconclusive={choice}", "-k", "too_few")
    found.assert_outcomes(**{outcome: 1})


def test_a_choice_that_does_not_exist_is_told(pytester: pytest.Pytester, project: Path) -> None:
    found = pytester.runpytest_subprocess("-o", "addopts=", "-o", "gan_inconclusive=maybe", "-k", "too_few")
    found.stdout.fnmatch_lines(["*gan_inconclusive = maybe: known: fail, skip, pass*"])


def test_a_loop_that_logs_nothing_and_a_call_without_runs_are_told(pytester: pytest.Pytester, project: Path) -> None:
    pytester.makepyfile(
        test_wrong="""
        def test_silent(gan_stability):
            gan_stability.check(bank="bank", train=lambda seed, out: None)

        def test_nothing(gan_stability):
            gan_stability.check(bank="bank")
        """
    )
    found = pytester.runpytest_subprocess("-o", "addopts=", "test_wrong.py")
    found.stdout.fnmatch_lines(["*the training loop logged no run with seed 20*"])
    found.stdout.fnmatch_lines(["*takes a suite, train=, or the folder of runs*"])


def test_a_loop_that_raises_is_a_failed_run_and_not_an_error_of_the_test(pytester: pytest.Pytester, project: Path) -> None:
    pytester.makepyfile(
        test_raises="""
        import ganbench

        def train(seed, out):
            with ganbench.log_run(out, method="toy", data="line", seed=seed, measures={"fid": "distance"}, settings={"factor": 1.0}) as run:
                raise ArithmeticError("too much")

        def test_raising(gan_stability):
            gan_stability.check(bank="bank", train=train)
        """
    )
    found = pytester.runpytest_subprocess("-o", "addopts=", "test_raises.py")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*REGRESSED: toy on line: REGRESSED, 5 of 5 runs failed, 0 of 20 before*"])


def test_each_check_has_runs_of_its_own_and_a_pass_can_be_seen(pytester: pytest.Pytester, project: Path) -> None:
    pytester.makepyfile(
        test_twice="""
        import pytest
        from loop import train

        def test_twice(gan_stability):
            gan_stability.check(bank="bank", train=lambda seed, out: train(seed, out, 0.5))
            with pytest.raises(pytest.fail.Exception):
                gan_stability.check(bank="bank", train=lambda seed, out: train(seed, out, 2.0))

        def test_after(gan_stability):
            def late(seed, out):
                train(seed, out, 0.5)
                raise ArithmeticError("after the log")

            with pytest.raises(ArithmeticError):
                gan_stability.check(bank="bank", train=late)

        def test_no_bank(gan_stability):
            gan_stability.check(bank="nosuch", train=train)
        """
    )
    found = pytester.runpytest_subprocess("-o", "addopts=", "-rA", "test_twice.py")
    found.assert_outcomes(passed=2, failed=1)
    found.stdout.fnmatch_lines(["*gate: PASS*"])
    found.stdout.fnmatch_lines(["*gan_stability: nosuch: holds no runs and no bank*"])


def test_collecting_imports_no_torch(pytester: pytest.Pytester, project: Path) -> None:
    pytester.makeconftest(
        """
        import sys

        def pytest_collection_finish(session):
            print("HEAVY", sorted({"torch", "scipy", "matplotlib", "pandas"} & set(sys.modules)))
        """
    )
    pytester.makepyfile(loop="train = None")
    found = pytester.runpytest_subprocess("-o", "addopts=", "--collect-only", "-s")
    found.stdout.fnmatch_lines(["*HEAVY []*"])
