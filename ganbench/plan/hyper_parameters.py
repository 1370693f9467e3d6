"""Which hyper-parameters does a variant have, with which types, ranges, defaults and sources? (read without importing torch)"""

import ast
from dataclasses import dataclass, fields
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Interval, Le, Lt

from ganbench.plan.variant_config import config_class, config_definition, inherited
from ganbench.targets import Target


@dataclass(frozen=True, kw_only=True)
class HyperParameter:
    """One field of a variant's Config."""

    name: str
    type: str
    """Type and range, in words ("int ≥ 1")."""
    default: Any
    meaning: str
    """The documentation string below the field, on one line; it names the source of the default."""


def hyper_parameters(target: Target) -> list[HyperParameter]:
    """All fields of a variant's Config, inherited ones first.

    Raises:
        RequestError: The Config cannot be read.
    """
    cls = config_class(target)
    hints, meanings = get_type_hints(cls, include_extras=True), _meanings(target)
    return [
        HyperParameter(name=one.name, type=_words(hints[one.name]), default=one.default, meaning=meanings.get(one.name, ""))
        for one in fields(cls)
    ]


def about(target: Target) -> str:
    """The docstring of a variant's Config, which applies to all defaults."""
    return ast.get_docstring(config_definition(target)[1]) or ""


def _meanings(target: Target) -> dict[str, str]:
    """The documentation string of each field; a field that is declared again without one inherits it."""
    found: dict[str, str] = {}
    for home in inherited(target).values():
        found |= _meanings(home)
    body = config_definition(target)[1].body
    for node, below in zip(body, body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[ast.unparse(node.target)] = " ".join(str(below.value.value).split())
    return found


def _words(hint: Any) -> str:
    """A type and its range, in words.

    >>> _words(Annotated[float, Interval(ge=0, lt=1)])
    'float ≥ 0, < 1'
    >>> _words(tuple[Annotated[int, Ge(1)], ...])
    'list of int ≥ 1'
    """
    kind, parts = get_origin(hint), get_args(hint)
    if kind is Annotated:
        limits = [limit for part in parts[1:] for limit in (part if isinstance(part, Interval) else [part])]
        signs = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
        said = [f"{sign} {getattr(limit, key)}" for limit in limits for cls, (sign, key) in signs.items() if isinstance(limit, cls)]
        return " ".join([_words(parts[0]), ", ".join(said)]).strip()
    if kind is Literal:
        return " | ".join(f'"{part}"' if isinstance(part, str) else str(part) for part in parts)
    if kind in (Union, UnionType):
        said = [_words(part) for part in parts if part is not type(None)]
        return " or ".join(said) + (", optional" if type(None) in parts else "")
    if kind is tuple:
        return f"list of {_words(parts[0])}"
    name = str(getattr(hint, "__name__", hint))
    return {"str": "text", "bool": "true or false"}.get(name, name)
