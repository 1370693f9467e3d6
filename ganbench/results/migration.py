"""How does a record of an older schema become one of today's? (by one function a schema, one after another)

A schema's number is raised when a field changes its meaning or is removed: then a function joins :data:`MIGRATIONS`, and a record of the
schema before stays in ``tests/golden``. Fields that only join need no function: they have defaults.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ganbench.errors import RequestError
from ganbench.storage import AGAIN

SCHEMA_VERSION = 1
"""Schema of the records that are written."""

Migration = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the fields of a record into those of the next schema; :func:`migrated` raises the number itself."""
MIGRATIONS: Mapping[int, Migration] = {}
"""By the schema that a record has, what makes one of the next schema of it."""


def check_schema(fields: Mapping[str, Any], where: str, steps: Mapping[int, Migration] = MIGRATIONS, current: int = SCHEMA_VERSION) -> None:
    """Checks that the fields of a record have a schema that can be read.

    Args:
        fields: Those of the file.
        where: The file, for error messages.
        steps: By schema, the function that leads to the next one.
        current: Today's schema.

    Raises:
        RequestError: They have no schema, a newer one, or an older one that no functions lead on from.
    """
    version = fields.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise RequestError(f"{where}: not a ganbench record (it has no schema_version); {AGAIN}")
    if version > current:
        raise RequestError(f"{where}: record of schema {version}; this ganbench reads {current}, so update ganbench")
    missing = next((one for one in range(version, current) if one not in steps), None)
    if missing is not None:
        raise RequestError(f"{where}: record of schema {version}, and nothing leads on from schema {missing}; {AGAIN}")


def migrated(
    fields: dict[str, Any], where: str, steps: Mapping[int, Migration] = MIGRATIONS, current: int = SCHEMA_VERSION
) -> dict[str, Any]:
    """The fields of a record in today's schema; arguments as for :func:`check_schema`, which they have passed.

    Raises:
        RequestError: They are not what their schema says.
    """
    for version in range(fields["schema_version"], current):
        try:
            fields = {**steps[version](fields), "schema_version": version + 1}
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise RequestError(f"{where}: damaged, is no record of schema {version} ({type(error).__name__}: {error}); {AGAIN}") from None
    return fields
