"""What does the source of a variant promise? (its methods, and whether it may refuse data or settings; read without importing torch)"""

import ast
from functools import cache

from ganbench.errors import RequestError, nearest
from ganbench.plan.variant_config import origin
from ganbench.targets import Target

METHODS = ("optimizers", "discriminator_step", "generator_step")
"""Methods that every variant must define."""
ROOT = "Variant"
REFUSALS = {"RequestError", "batch_multiple", "check_budget"}
"""Names in the source of a method that may refuse data, batch sizes or budgets."""


def check_methods(target: Target) -> None:
    """Checks that a variant's class defines the methods that training calls, as far as its bases can be read.

    Raises:
        RequestError: One is missing; the message names the method that was perhaps meant.
    """
    defined = _defined(target)
    missing = next((name for name in METHODS if defined is not None and name not in defined), None)
    if missing is None or defined is None:
        return
    guess = nearest(missing, defined - set(METHODS))
    choice = f"did you mean that by {guess!r}?" if guess else "`ganbench new variant MyIdea` writes one with all methods"
    raise RequestError(f"{target.source.name}: {target.attribute} has no method {missing}; {choice}")


def may_refuse(target: Target) -> bool:
    """Whether a variant may refuse a run that has no mistake in names and types, so that it must be asked, and torch imported.

    One from a file may also generate examples of another shape than the data have.
    """
    return target.is_file or _refuses(target.place)


@cache
def _refuses(place: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a module, or one of its package that it imports, has a name of ``REFUSALS``."""
    tree = Target(place, "").tree
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)} | {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    if names & REFUSALS:
        return True
    package = place.partition(".")[0]
    imported = {origin(node, Target(place, "")) for node in tree.body if isinstance(node, ast.ImportFrom)}
    return any(_refuses(one, seen | {place}) for one in sorted(imported - seen - {place}) if one.partition(".")[0] == package)


def _defined(target: Target) -> set[str] | None:
    """The names that a class and its bases define; None if a base cannot be read."""
    tree = target.tree
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    imported = {alias.asname or alias.name: Target(origin(node, target), alias.name) for node in froms for alias in node.names}
    if target.attribute not in classes:
        return None
    found: set[str] = set()
    for node in classes[target.attribute].body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            places = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {place.id for place in places if isinstance(place, ast.Name)}
    for base in classes[target.attribute].bases:
        if not isinstance(base, ast.Name):
            if not (isinstance(base, ast.Attribute) and base.attr == ROOT):
                return None
            continue
        home = Target(target.place, base.id) if base.id in classes else imported.get(base.id)
        if home is None or home == target:
            return None
        if home.attribute == ROOT and home.place.partition(".")[0] == "ganbench":
            continue
        try:
            inherited = _defined(home)
        except RequestError:
            inherited = None
        if inherited is None:
            return None
        found |= inherited
    return found
