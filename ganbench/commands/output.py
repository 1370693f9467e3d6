"""How is the machine form printed?"""

import json
from typing import Any

import typer


def print_json(data: Any) -> None:
    """The machine form, on stdout."""
    typer.echo(json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False))
