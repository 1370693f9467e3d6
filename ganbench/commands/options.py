"""How do the fields of a dataclass become options of a command?"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import Field, fields, is_dataclass
from typing import Annotated, Any, get_args, get_type_hints

import typer
from annotated_types import Ge

from ganbench.commands.completion import one
from ganbench.plan.options import Help


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Decorator that adds an option for every field with a :class:`Help` of the dataclasses among a command's parameters.

    Args:
        command: A function with annotated parameters. A parameter annotated with a dataclass receives an instance made from the options;
            fields without a :class:`Help` keep their defaults.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters, groups = list[inspect.Parameter](), dict[str, type]()
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(hints[name]):
            groups[name] = hints[name]
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    parameters += [option for cls in groups.values() for option in _options(cls)]

    def run(**given: Any) -> None:
        made = {name: cls(**{field.name: given.pop(field.name) for field, _, _ in _shown(cls)}) for name, cls in groups.items()}
        command(**given, **made)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _shown(cls: Any) -> Iterator[tuple[Field[Any], Any, Help]]:
    """Yields the fields that are options, with their annotated types and their helps."""
    hints = get_type_hints(cls, include_extras=True)
    for field in fields(cls):
        said = next((part for part in get_args(hints[field.name]) if isinstance(part, Help)), None)
        if said is not None:
            yield field, hints[field.name], said


def _options(cls: type) -> Iterator[inspect.Parameter]:
    for field, hint, said in _shown(cls):
        kind, *known = get_args(hint)
        least: Any = next((one.ge for one in known if isinstance(one, Ge)), None)
        flag = said.flag or f"--{field.name.replace('_', '-')}"
        option = typer.Option(flag, help=said.text, min=least, autocompletion=one(said.names) if said.names else None)
        yield inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=Annotated[kind, option])
