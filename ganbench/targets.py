"""Where is a thing defined in code, and how is it imported? (``module:attribute`` or ``path/to/file.py:attribute``)"""

import ast
import hashlib
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError, UnknownName


@dataclass(frozen=True)
class Target:
    """A name in a module of a package, or in a Python file that belongs to none."""

    place: str
    """The module, or the path of the file, which ends in ``.py``."""
    attribute: str

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Reads ``module:attribute`` or ``path/to/file.py:attribute``.

        >>> Target.parse("my/method.py:MyGAN").attribute
        'MyGAN'
        """
        place, _, attribute = text.rpartition(":")
        return cls(place, attribute)

    @classmethod
    def of_file(cls, text: str) -> "Target | None":
        """The target that a text of the form ``path/to/file.py:attribute`` names; None of any other form, such as a registered name."""
        target = cls.parse(text)
        return target if target.is_file else None

    @property
    def is_file(self) -> bool:
        """Whether the name stands in a file that belongs to no package."""
        return self.place.endswith(".py")

    @property
    def path(self) -> Path:
        """The file, as it was written."""
        return Path(self.place)

    def below(self, folder: Path) -> "Target":
        """The target of a file whose relative path starts at a folder.

        Raises:
            RequestError: There is no such file.
        """
        path = (folder / self.path.expanduser()).resolve()
        _check_file(path)
        return Target(str(path), self.attribute)

    @property
    def source(self) -> Path:
        """The file that defines it, found without importing its module (packages around the module are imported).

        Raises:
            RequestError: There is no such module or file, or it has no source.
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
        """The file that defines it, read without importing anything.

        Raises:
            RequestError: There is no such file, or it is no Python.
        """
        try:
            return ast.parse(self.source.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError) as error:
            raise RequestError(f"{self.source}: not valid Python: {error}") from None

    def definition(self) -> tuple[ast.stmt | None, str]:
        """The statement that defines it, and the first line of the string that documents it, read without importing anything."""
        return definition(self.tree, self.attribute)

    def load(self) -> Any:
        """Imports it.

        Raises:
            RequestError: Its file is missing or broken, or does not define it.
            ImportError: Its module cannot be imported.
            AttributeError: Its module does not define it.
        """
        return _from_file(self.path, self.attribute) if self.is_file else getattr(importlib.import_module(self.place), self.attribute)

    def __str__(self) -> str:
        return f"{self.place}:{self.attribute}"


def definition(tree: ast.Module, name: str) -> tuple[ast.stmt | None, str]:
    """The statement that defines a name, and the first line of the string that documents it.

    Classes and functions carry their docstring; an assigned name is documented by the string below it.
    """
    for node, below in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node, (ast.get_docstring(node) or "").partition("\n")[0]
        if isinstance(node, ast.Assign | ast.AnnAssign) and _assigns(node, name):
            documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            return node, str(below.value.value).partition("\n")[0] if documented else ""  # type: ignore[union-attr]
    return None, (ast.get_docstring(tree) or "").partition("\n")[0]


def _assigns(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise RequestError(f"{path}: no such file; something from a file is written path/to/file.py:NAME")


def _from_file(path: Path, attribute: str) -> Any:
    """Imports a name from a file that belongs to no package."""
    name = f"ganbench_user_{path.stem}"
    _check_file(path)
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses look their module up by name
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # what lies beside the file can be imported by it; last, so that it hides nothing
    write_bytecode, sys.dont_write_bytecode = not sys.dont_write_bytecode, True  # nothing is left beside a user's file
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise RequestError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.dont_write_bytecode = not write_bytecode
    if not hasattr(module, attribute):
        classes = [key for key, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == name]
        raise UnknownName(f"name in {path}", attribute, classes)
    return getattr(module, attribute)
