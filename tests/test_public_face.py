import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import ganbench


def test_all_is_what_can_be_imported() -> None:
    namespace: dict[str, object] = {}
    exec("from ganbench import *", namespace)
    assert set(ganbench.__all__) == namespace.keys() - {"__builtins__"}
    assert sorted(ganbench.__all__) == dir(ganbench)
    assert all(namespace[name] is not None for name in ganbench.__all__)


def test_type_checkers_see_the_same_names() -> None:
    text = Path(ganbench.__file__).read_text()
    declared = {line.rpartition(" as ")[2] for line in text.splitlines() if line.startswith("    from ganbench")}
    assert declared | {"__version__"} == set(ganbench.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ganbench.nothing  # noqa: B018


def test_importing_ganbench_imports_nothing_else_of_it() -> None:
    code = "import sys, ganbench; print(sorted(n for n in sys.modules if n.startswith('ganbench') or n in ('torch', 'numpy', 'rich')))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "['ganbench']"


def test_the_version_is_the_distributions() -> None:
    assert ganbench.__version__ == version("ganbench")


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(ganbench.__file__).parent / "py.typed").is_file()
