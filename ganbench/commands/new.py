"""What does ``ganbench new`` do? (it writes a commented plug-in that works as it is, for the user to change)"""

import ast
import keyword
import re
import sys
from importlib.metadata import packages_distributions
from importlib.resources import files
from pathlib import Path
from string import Template

from rich.console import Console

from ganbench.commands.list import REGISTRIES
from ganbench.errors import RequestError
from ganbench.plan.metric_names import STANDARD


def write_template(kind: str, name: str, out: Path | None, console: Console) -> None:
    """Writes a plug-in of a kind from its template.

    Args:
        kind: "variant", "metric", "extractor", "dataset" or "diagnostic".
        name: An identifier in camel case or snake case: ``MyGAN`` or ``my_gan``.
        out: The file; None is the name in snake case, in the working directory.
        console: Console to print to.

    Raises:
        RequestError: The name is invalid or registered already, or the file exists or cannot be written.
    """
    if not (name.isidentifier() and name.isascii()) or name.startswith("_"):
        raise RequestError(f"{name!r} cannot name this {kind}: use letters, digits and '_', such as MyIdea or my_idea")
    small = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    if small in REGISTRIES[f"{kind}s"].targets or (kind == "metric" and small in STANDARD):
        raise RequestError(f"{small!r} is a registered {kind} already; take another name")
    if out is None and small in {*sys.stdlib_module_names, *packages_distributions()}:
        raise RequestError(f"{small}.py would hide Python's module {small!r} from programs in this folder; name another file with --out")
    path = out if out is not None else Path(f"{small}.py")
    if path.suffix != ".py":
        better = path / f"{small}.py" if path.is_dir() else path.with_suffix(".py")
        raise RequestError(f"--out {path}: a template is a Python file; write --out {better}")
    names = {
        "name": small,
        "class": name if name != small else "".join(part[:1].upper() + part[1:] for part in small.split("_")),
        "constant": small.upper(),
        "path": path.as_posix(),
        "file": path.name,
        "stem": path.stem,
    }
    template = Template(files("ganbench.commands").joinpath("templates", f"{kind}.py.txt").read_text(encoding="utf-8"))
    text = template.substitute(names)
    if any(map(keyword.iskeyword, names.values())) or len(bound := _bound(text)) > len(set(bound)):
        raise RequestError(f"{name!r} cannot name this {kind}: Python or the template uses it; take another, such as My{names['class']}")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RequestError(f"{path}: is there already, and is not overwritten; name another file with --out") from None
    except OSError as error:
        raise RequestError(f"{path}: cannot be written: {error.strerror}") from None
    console.print(
        f"{path}: works as it is; its first lines say how to run, check and register it, CHANGE marks what is yours", soft_wrap=True
    )


def _bound(text: str) -> list[str]:
    """All names that a module's imports, assignments, functions and classes bind at its top level."""
    found: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [place.id for place in node.targets if isinstance(place, ast.Name)]
    return found
