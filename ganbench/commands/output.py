"""How are results printed as JSON?"""

import json
from typing import Any

import typer


def print_json(data: Any) -> None:
    """Prints plain data as JSON on stdout."""
    typer.echo(json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False))
