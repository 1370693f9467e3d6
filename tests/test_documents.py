"""Do the documents hold? (links lead somewhere, commands exist with their options, Python runs its imports, versions agree)"""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

import ganbench
from ganbench.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("baselines/*.md"), *ROOT.glob("reports/**/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
WITH_COMMANDS = ("README.md", "MANUAL.md")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def fenced(name: str, language: str) -> list[str]:
    """Code blocks of a language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.M | re.S)


def prose(page: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S))


def anchors(page: Path) -> set[str]:
    """What links within a page may name: its headings, in lower case, with hyphens for spaces and no punctuation."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("https:", "http:", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        to = (page.parent / file).resolve() if file else page
        assert to.is_relative_to(ROOT), target
        assert to.exists(), target
        assert not anchor or anchor in anchors(to), target


def test_the_manual_lists_its_sections() -> None:
    page = (ROOT / "MANUAL.md").read_text(encoding="utf-8")
    assert re.findall(r"^- \[(.+)\]\(#", page, re.M) == re.findall(r"^## (.+)$", page, re.M)


def commands(name: str) -> Iterator[list[str]]:
    """The command lines of ganbench on a page, as words."""
    for block in fenced(name, "sh"):
        for line in block.splitlines():
            for part in line.replace("&&", "\n").splitlines():
                words = shlex.split(part, comments=True)
                if words and "ganbench" in words and words[0] in ("ganbench", "torchrun", "docker"):
                    after = words[words.index("ganbench") + 1 :]
                    if words[0] != "docker" or words[1] == "run":
                        yield after


@pytest.mark.parametrize(("name", "least"), zip(WITH_COMMANDS, (9, 40), strict=True))
def test_commands_exist_with_their_options(name: str, least: int) -> None:
    top: Any = get_command(app)
    told = list(commands(name))
    assert len(told) >= least
    for words in told:
        command, rest, values = top, list(words), []
        while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
            named = rest[0] in command.commands
            assert named or hasattr(command, "default"), words
            command = command.commands[rest.pop(0) if named else command.default]
        options = {flag: one for one in command.params for flag in (*one.opts, *one.secondary_opts)}
        while rest:
            word = rest.pop(0)
            if word.startswith("--"):
                assert word in options, f"{word} in {words}"
                if not options[word].is_flag:
                    assert rest, words
                    rest.pop(0)
            else:
                values.append(word)
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        assert len(values) >= sum(one.required for one in arguments), words
        assert len(values) <= len(arguments) or any(one.nargs == -1 for one in arguments), words


@pytest.mark.parametrize("number", range(len(fenced("MANUAL.md", "python"))))
def test_python_of_the_manual_names_what_there_is(number: int) -> None:
    """Its attributes of ganbench and of ``ganbench.plots``; the lines themselves need results that are not here."""
    from ganbench import plots

    tree = ast.parse(fenced("MANUAL.md", "python")[number])
    homes = {"ganbench": ganbench, "plots": plots}
    used = [(one.value.id, one.attr) for one in ast.walk(tree) if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)]
    for home, attribute in used:
        if home in homes:
            assert hasattr(homes[home], attribute), f"{home}.{attribute}"


def test_versions_agree() -> None:
    assert PROJECT["version"] == ganbench.__version__ == CITATION["version"]
    assert re.search(rf"^## {re.escape(ganbench.__version__)}\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)


def test_the_citation_is_of_this_project() -> None:
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "license"} <= CITATION.keys()
    assert CITATION["license"] == PROJECT["license"]


def test_declared_pythons_are_those_that_tools_are_told() -> None:
    """The whole suite runs on the oldest one, for which code is also written."""
    declared = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", one)]
    assert PROJECT["requires-python"] == f">={declared[0]}"
    assert declared == sorted(declared, key=lambda version: int(version.partition(".")[2]))
    assert f"ARG PYTHON={declared[0]}\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_readme_names_the_commands_of_ci() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make quickstart" in first
    assert "make test" in first
    assert "exec make test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
