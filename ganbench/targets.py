"""Where is a named object defined, and how is it imported? (``module:attribute`` or ``path/to/file.py:attribute``)"""

import ast
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError, UnknownName


@dataclass(frozen=True)
class Target:
    """A name in an importable module, or in a Python file outside every package."""

    place: str
    """Name of the module, or path of the file, which ends in ``.py``."""
    attribute: str

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Parses ``module:attribute`` or ``path/to/file.py:attribute``.

        >>> Target.parse("my/method.py:MyGAN").attribute
        'MyGAN'
        """
        place, _, attribute = text.rpartition(":")
        return cls(place, attribute)

    @classmethod
    def of_file(cls, text: str) -> "Target | None":
        """The target of a text of the form ``path/to/file.py:attribute``; None for any other text, such as a registered name."""
        target = cls.parse(text)
        return target if target.is_file else None

    @property
    def is_file(self) -> bool:
        """Whether the name is defined in a file outside every package."""
        return self.place.endswith(".py")

    @property
    def path(self) -> Path:
        """Path of the file, as the user wrote it."""
        return Path(self.place)

    def below(self, folder: Path) -> "Target":
        """The same target with its path made absolute; a relative path starts at ``folder``.

        Raises:
            RequestError: The file does not exist.
        """
        path = folder / self.path.expanduser()
        _check_file(path)
        return Target(str(path.resolve()), self.attribute)

    @property
    def source(self) -> Path:
        """The file that defines it, found without importing its module (parent packages are imported).

        Raises:
            RequestError: The module or file does not exist, or has no source.
        """
        if self.is_file:
            _check_file(self.path)
            return self.path
        try:
            found = importlib.util.find_spec(self.place)
        except ModuleNotFoundError:
            found = None
        if found is None or found.origin is None:
            raise RequestError(f"module {self.place!r} is registered but not installed; reinstall the package that registers it")
        return Path(found.origin)

    @cached_property
    def content(self) -> str:
        """SHA-256 of the file that defines it."""
        return hashlib.sha256(self.source.read_bytes()).hexdigest()

    @property
    def tree(self) -> ast.Module:
        """Syntax tree of the file that defines it, parsed without importing it.

        Raises:
            RequestError: The file does not exist, or is not valid Python.
        """
        source = self.source
        try:
            return ast.parse(source.read_bytes(), str(source))
        except SyntaxError as error:
            raise RequestError(f"{source}, line {error.lineno or 1}: not valid Python: {error.msg}") from None
        except (ValueError, RecursionError) as error:  # NUL, or expressions nested too deeply
            raise RequestError(f"{source}: not valid Python: {error}") from None

    def check(self, kind: str) -> None:
        """Checks, without importing it, that its file can define it.

        Args:
            kind: What it is, for the error message ("extractor").

        Raises:
            RequestError: The file does not exist, or is not valid Python.
            UnknownName: Nothing in the file has this name.
        """
        names, tree = set[str](), self.tree
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.alias):
                names.add(node.asname or node.name.partition(".")[0])
        if self.attribute not in names and "*" not in names:
            raise UnknownName(f"{kind} in {self.source}", self.attribute, [one.name for one in tree.body if isinstance(one, ast.ClassDef)])

    def definition(self) -> tuple[ast.stmt | None, str]:
        """The statement that defines it, and its documentation, read without importing it."""
        return definition(self.tree, self.attribute)

    def load(self) -> Any:
        """Imports the object.

        Raises:
            RequestError: Its file is missing, cannot be imported, or does not define it.
            ImportError: Its module cannot be imported.
            AttributeError: Its module does not define it.
        """
        return _from_file(self.path, self.attribute) if self.is_file else getattr(importlib.import_module(self.place), self.attribute)

    def __str__(self) -> str:
        return f"{self.place}:{self.attribute}"


def definition(tree: ast.Module, name: str) -> tuple[ast.stmt | None, str]:
    """The statement that defines a name, and its documentation.

    Classes and functions are documented by their docstring, an assigned name by the string below the assignment.
    """
    for node, below in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node, ast.get_docstring(node) or ""
        if isinstance(node, ast.Assign | ast.AnnAssign) and _assigns(node, name):
            documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            return node, inspect.cleandoc(str(below.value.value)) if documented else ""  # type: ignore[union-attr]
    return None, ast.get_docstring(tree) or ""


def raised_at(error: BaseException, path: Path) -> str:
    """Where in a file an error was raised, or what the file called raised it ("my.py, line 31, in generator_step"); else empty."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path.name}, line {error.lineno}"
    if not frames:
        return ""
    inside = "" if frames[-1].name == "<module>" else f", in {frames[-1].name}"
    return f"{path.name}, line {frames[-1].lineno}{inside}"


def _assigns(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _check_file(path: Path) -> None:
    if not os.path.isfile(path):  # unlike Path.is_file, also False for names that no file can have
        raise RequestError(f"{path}: no such file; something from a file is written path/to/file.py:NAME")


def _from_file(path: Path, attribute: str) -> Any:
    """Imports a name from a file outside every package."""
    name = f"ganbench_user_{path.stem}"
    _check_file(path)
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses look up their module by name
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # the file may import modules beside it; last, so that they shadow no others
    write_bytecode, sys.dont_write_bytecode = not sys.dont_write_bytecode, True  # writes no cache beside the user's file
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script without a guard may end the process in the middle
        where = raised_at(error, path)
        raise RequestError(f"{path}: cannot be imported: {type(error).__name__}: {error}{f' ({where})' if where else ''}") from error
    finally:
        sys.dont_write_bytecode = not write_bytecode
    if not hasattr(module, attribute):
        classes = [key for key, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == name]
        raise UnknownName(f"name in {path}", attribute, classes)
    return getattr(module, attribute)
