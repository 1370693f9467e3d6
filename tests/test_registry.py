import ast
import sys
from pathlib import Path

import pytest

from ganbench.errors import RequestError, UnknownName, nearest
from ganbench.registry import (
    DATASETS,
    EXTRACTORS,
    METRICS,
    VARIANTS,
    Registry,
)
from ganbench.targets import Target, definition

REGISTRIES = [VARIANTS, DATASETS, EXTRACTORS, METRICS]
ENTRIES = [(registry, name) for registry in REGISTRIES for name in registry.names()]
IDS = [f"{registry.kind}-{name}" for registry, name in ENTRIES]


@pytest.mark.parametrize(("registry", "name"), ENTRIES, ids=IDS)
def test_an_origin_is_the_line_that_defines_the_name_and_has_a_summary(registry: Registry, name: str) -> None:
    origin = registry.origin(name)
    attribute = registry.target(name).attribute
    line = origin.path.read_text().splitlines()[origin.line - 1]
    assert line.startswith((f"class {attribute}(", f"def {attribute}(", f"{attribute} =", f"{attribute}:"))
    assert origin.summary.strip() and "\n" not in origin.summary


@pytest.mark.parametrize(("registry", "name"), ENTRIES, ids=IDS)
def test_everything_registered_can_be_loaded(registry: Registry, name: str) -> None:
    assert registry.load(name) is not None


def test_a_misspelt_name_is_answered_with_the_nearest_and_where_to_look() -> None:
    with pytest.raises(UnknownName) as caught:
        VARIANTS.load("WGAN-GPP")
    assert str(caught.value) == "unknown variant 'WGAN-GPP'; did you mean 'wgan_gp'? (see `ganbench list variants`)"


def test_a_name_unlike_any_is_answered_with_all() -> None:
    with pytest.raises(UnknownName, match="known: cifar10, digits, grid25, mnist, noise, ring8"):
        DATASETS.target("zzzzzzzz")
    assert nearest("zzzzzzzz", DATASETS.names()) is None
    assert nearest("Ring-8", DATASETS.names()) == "ring8"


def test_built_ins_come_first_and_cannot_be_shadowed(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    found = [EntryPoint("ring8", "evil:ring8", "g"), EntryPoint("beta", "m:b", "g"), EntryPoint("alpha", "m:a", "g")]
    monkeypatch.setattr("ganbench.registry.entry_points", lambda group: found)
    registry = Registry("dataset", "g", {"ring8": "ganbench.data.synthetic:ring8"})
    assert registry.names() == ["ring8", "alpha", "beta"]
    assert str(registry.target("ring8")) == "ganbench.data.synthetic:ring8"


@pytest.mark.parametrize("target", ["no_such_package.x:Y", "ganbench.plan.spec:Nothing", "broken_plugin:Method"])
def test_a_broken_plug_in_is_one_line_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    (tmp_path / "broken_plugin.py").write_text("import no_such_package\nclass Method: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("variant", "none", {"own": target})
    with pytest.raises(RequestError) as caught:
        registry.load("own")
    assert "'own'" in str(caught.value) and target in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.delitem(sys.modules, "broken_plugin", raising=False)


def test_a_plug_in_whose_package_is_gone_cannot_be_described_and_says_so() -> None:
    with pytest.raises(RequestError, match="not installed"):
        Registry("variant", "none", {"own": "no_such_package.x:Y"}).origin("own")


def test_a_string_below_a_name_documents_it() -> None:
    tree = ast.parse(
        '"""The module."""\nA = 1\n"""What A is.\n\nMore."""\nB: int = 2\n\ndef c():\n    """What c is."""\n\nclass D:\n    pass\n'
    )
    assert [(node.lineno if node else None, documentation) for node, documentation in (definition(tree, name) for name in "ABcDE")] == [
        (2, "What A is.\n\nMore."),
        (6, ""),
        (8, "What c is."),
        (11, ""),
        (None, "The module."),
    ]


def test_a_file_target_is_a_path_and_a_class() -> None:
    target = Target.of_file("a/b.py:C")
    assert target is not None and (target.path, target.attribute) == (Path("a/b.py"), "C")
    assert Target.of_file("b.py") is None
    assert Target.of_file("package:C") is None


def test_a_class_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import dataclasses\n@dataclasses.dataclass\nclass Own:\n    x: 'int' = 3\n")
    assert Target(str(tmp_path / "own.py"), "Own").load()().x == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such file"),
        ("raise RuntimeError('two\\nlines')", "cannot be imported: RuntimeError"),
        ("import sys; sys.exit(0)", "cannot be imported: SystemExit: 0"),
        ("class Own(:", "cannot be imported: SyntaxError"),
        ("class Own_: ...", "did you mean 'Own_'?"),
    ],
)
def test_a_file_that_gives_no_class_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "own.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RequestError) as caught:
        Target(str(path), "Own").load()
    assert words in str(caught.value) and str(path) in str(caught.value)
