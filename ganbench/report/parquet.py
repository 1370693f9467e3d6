"""How are results written as Parquet? (the tables of ``load_results``, with types that do not depend on what is in them)"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.errors import RequestError
from ganbench.packages import check_package
from ganbench.report.rows import COLUMNS, CURVE_COLUMNS, Row, columns, curve_rows, score_rows
from ganbench.results.collection import collect
from ganbench.storage import check_parent

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "parquet"
ENDING = ".parquet"
TEXT, WHOLE, NUMBER, SWITCH = "string", "int64", "float64", "bool"
DESCRIBED: dict[str, tuple[str, str]] = {
    "run_id": (TEXT, "identity of the run: 16 hexadecimal digits"),
    "name": (TEXT, "variant, with the settings in which rows of it differ"),
    "rank": (WHOLE, "place on the leaderboard; null without a rank"),
    "ranked_by": (NUMBER, "number that decided the place"),
    "variant": (TEXT, "registered name, or file.py:Class"),
    "dataset": (TEXT, "name of the data set"),
    "seed": (WHOLE, "root seed"),
    "status": (TEXT, "done, diverged, failed, interrupted or skipped"),
    "budget_images": (WHOLE, "real images that the discriminator was to see"),
    "images_seen": (WHOLE, "real images that it had seen"),
    "kind": (TEXT, "score, diagnostic or log"),
    "weights": (TEXT, "raw or ema"),
    "metric": (TEXT, "formula, diagnostic or logged number"),
    "label": (TEXT, "name of the score in tables"),
    "value": (NUMBER, "value; null if undefined"),
    "ci_low": (NUMBER, "lower end of the 95 % interval"),
    "ci_high": (NUMBER, "upper end of the 95 % interval"),
    "ci_method": (TEXT, "how the interval was computed"),
    "n_real": (WHOLE, "number of real examples"),
    "n_fake": (WHOLE, "number of generated examples"),
    "higher_is_better": (SWITCH, "direction of the metric; null if the best value lies in between"),
    "protocol": (TEXT, "key of everything that the value depends on; only equal ones are comparable"),
    "train_images_per_s": (NUMBER, "real images per second in training steps, median"),
    "sample_images_per_s": (NUMBER, "generated images per second, median"),
    "peak_memory_bytes": (WHOLE, "largest memory in bytes"),
    "device": (TEXT, "name of the device"),
}
"""Type and meaning of every column but those of the configuration."""


PART = "part of the configuration; null where the run has no such part"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written."""

    rows: Mapping[Path, int]
    """Number of rows of every file."""
    faults: tuple[str, ...]
    """A line about each record that could not be read."""


def check_parquet(out: Path) -> None:
    """Checks that the files can be written.

    Raises:
        RequestError: They cannot, or the package that writes them is missing.
    """
    check_package("pyarrow", NAME, f"--to {NAME}")
    if out.suffix.lower() != ENDING or out.is_dir():
        raise RequestError(f"--out {out}: name a file that ends in {ENDING}, as results{ENDING}")
    check_parent(out)


def curves_file(out: Path) -> Path:
    """The file of the curves, beside that of the scores."""
    return out.with_name(f"{out.stem}-curves{out.suffix}")


def write_parquet(folder: Path, out: Path) -> Written:
    """Writes the scores of all runs to a file, and their curves to one beside it; both are replaced if they are there.

    Args:
        folder: Results of any kind that ``ganbench report`` takes; what the steps logged only folders of runs have.
        out: File of the scores.

    Raises:
        RequestError: The folder contains no results, or a number that the columns of Parquet cannot hold.
    """
    found = collect([folder])
    scores, curves = score_rows(found.all), curve_rows(found)
    _write(table(scores, COLUMNS), out)
    _write(table(curves, CURVE_COLUMNS), curves_file(out))
    return Written(rows={out: len(scores), curves_file(out): len(curves)}, faults=found.faults)


def table(rows: Sequence[Row], first: Sequence[str]) -> "pa.Table":
    """Rows as a table of Arrow.

    A part of a configuration that is a number in all methods that have it is float64, and a switch a boolean; any other is text, in which
    what is no text, such as a list, stands as JSON.

    Args:
        rows: From :mod:`ganbench.report.rows`.
        first: The columns before those of the configuration.
    """
    import pyarrow as pa

    arrays, fields = [], []
    for name in columns(rows, first):
        values = [row.get(name) for row in rows]
        kind, meaning = DESCRIBED.get(name) or (_kind(values), PART)
        shown = [_text(value) for value in values] if kind == TEXT else values
        fields.append(pa.field(name, pa.type_for_alias(kind), metadata={"description": meaning}))
        try:
            arrays.append(pa.array(shown, fields[-1].type))
        except (OverflowError, pa.ArrowInvalid):
            raise RequestError(f"column {name}: holds a number that a {kind} of Parquet cannot; leave its run out") from None
    return pa.table(arrays, schema=pa.schema(fields, metadata={"ganbench": version("ganbench")}))


def _kind(values: Sequence[Any]) -> str:
    """Type of a column of a configuration."""
    found = {type(value) for value in values if value is not None}
    if found == {bool}:
        return SWITCH
    return NUMBER if found and found <= {int, float} else TEXT


def _text(value: Any) -> str | None:
    return value if isinstance(value, str | None) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _write(made: "pa.Table", path: Path) -> None:
    """Writes under a temporary name, which is then renamed."""
    import pyarrow.parquet as pq

    partial = path.with_name(f".{path.name}.partial")
    try:
        pq.write_table(made, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
