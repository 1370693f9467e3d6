"""Does plain data from TOML or JSON fit a dataclass? (if not, one line says where, and what would fit)"""

import re
from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from pydantic_core import ErrorDetails

from ganbench.errors import RequestError, nearest

T = TypeVar("T")


def validated(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    """Builds a (nested) dataclass from plain data; unknown keys are errors.

    Args:
        cls: A dataclass.
        data: Plain data from TOML or JSON. Lists become tuples where the field is a tuple.
        where: File and table that the data came from, for the message.

    Raises:
        RequestError: Something does not fit; the message is one line about the first such thing.
    """
    switch = _switch(cls, data)
    if switch:
        raise RequestError(f"{where}: {switch}: a number is wanted, not true or false")
    try:
        built: T = _adapter(cls).validate_python(dict(data))  # type: ignore[arg-type]
        return built
    except ValidationError as error:
        details = error.errors()
        # the other errors follow from these: a misspelt key is also a missing one, and every member of a union reports its own
        telling = [detail for detail in details if detail["type"] in ("unexpected_keyword_argument", "finite_number")]
        raise RequestError(_line(cls, (telling or details)[0], where)) from None


@cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    """Pydantic's validator of a dataclass, cached because building it takes longer than reading a record."""
    return TypeAdapter(_strict(cls))


@cache
def _hints(cls: Any) -> dict[str, tuple[Any, ...]]:
    """The type of every field, with the types nested in it."""
    return {key: (hint, *get_args(hint)) for key, hint in get_type_hints(cls).items()}


def _switch(cls: Any, data: Any) -> str:
    """The first boolean in place of a number, which pydantic would accept as 0 or 1; empty if there is none."""
    if not (is_dataclass(cls) and isinstance(data, Mapping)):
        return ""
    for key, kinds in _hints(cls).items():  # type: ignore[arg-type]
        value = data.get(key)
        if isinstance(value, bool) and bool not in kinds and {int, float} & set(kinds):
            return f"{key} = {str(value).lower()}"
        inner = next((found for kind in kinds if (found := _switch(kind, value))), "")
        if inner:
            return f"{key}.{inner}"
    return ""


def _strict(cls: type[T]) -> type[T]:
    """Forbids unknown keys in a dataclass and in nested ones (pydantic ignores them by default)."""
    for hint in get_type_hints(cls).values():
        for inner in (hint, *get_args(hint)):
            if is_dataclass(inner) and isinstance(inner, type):
                _strict(inner)
    if not hasattr(cls, "__pydantic_config__"):
        with_config(ConfigDict(extra="forbid", allow_inf_nan=False))(cls)
    return cls


def _line(cls: type, detail: ErrorDetails, where: str) -> str:
    """The message for one of pydantic's errors, on one line."""
    path = [str(part) for part in detail["loc"] if part not in ("int", "float", "str", "bool")]  # members of a union
    key = ".".join(path)
    if detail["type"] == "unexpected_keyword_argument":
        known = [f.name for f in dataclass_fields(_holder(cls, path[:-1]))]
        guess = nearest(path[-1], known)
        return f"{where}: unknown key {key!r}; " + (f"did you mean {guess!r}?" if guess else f"known: {', '.join(known)}")
    if detail["type"] in ("missing", "missing_keyword_only_argument"):
        return f"{where}: {key!r} is missing"
    return f"{where}: {key} = {_shown(detail['input'])}: {_wanted(detail)}"


_KINDS = {
    "int": "a whole number is wanted",
    "float": "a number is wanted",
    "finite": "a finite number is wanted",
    "bool": "true or false is wanted",
    "string": "text is wanted",
    "path": "a path is wanted",
    "none": "nothing may stand here",
    **dict.fromkeys(("dict", "mapping", "dataclass"), "a table is wanted"),
    **dict.fromkeys(("tuple", "list"), "a list is wanted"),
}
"""What is wanted, by the first word of the types of pydantic's errors."""
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}


def _wanted(detail: ErrorDetails) -> str:
    """What would fit, in words of people who write suites."""
    kind, facts = detail["type"], detail.get("ctx", {})
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"must be {words} {facts[key]:g}"
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", facts["expected"])
        guess = nearest(str(detail["input"]), known)
        return f"did you mean {guess!r}?" if guess else f"known: {', '.join(known)}"
    if kind == "too_short":
        return "must not be empty" if facts["min_length"] == 1 else f"must have at least {facts['min_length']} parts"
    if kind == "string_pattern_mismatch":
        return f"must have the form {facts['pattern']}"
    return _KINDS.get(kind.partition("_")[0], "does not fit here")


def _shown(value: Any) -> str:
    """A value as TOML and JSON write it, shortened."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else f"{text[:60]}..."


def _holder(cls: type, path: list[str]) -> type:
    """The dataclass that a path of keys leads to."""
    for key in path:
        if key.isdigit():
            continue  # an index of a list
        hint = get_type_hints(cls).get(key)
        inner = next((h for h in (hint, *get_args(hint)) if isinstance(h, type) and is_dataclass(h)), None)
        if inner is None:
            break
        cls = inner
    return cls
