"""Which options have ``ganbench bench train``, ``sample`` and ``score``?"""

from pathlib import Path
from typing import Annotated

import typer

from ganbench.commands.arguments import Changes, Json
from ganbench.commands.options import with_options
from ganbench.commands.output import PlainConsole
from ganbench.plan.runtime import Runtime
from ganbench.plan.workload import Workload

bench = typer.Typer(name="bench", no_args_is_help=True, help="Time training, sampling or scoring, without training to the end.")
Variants = Annotated[list[str], typer.Argument(metavar="VARIANT...", help="Registered names, file.py:Class, or all.")]
Records = Annotated[Path | None, typer.Option("--out", help="Folder for records, DIR/timings, which `leaderboard` shows with runs.")]
Earlier = Annotated[Path | None, typer.Option("--compare", help="Earlier timings: a --json output or the folder of an --out.")]
Seconds = Annotated[float, typer.Option(min=0.1, help="About how long each is repeated after its warm-up.")]


@bench.command("train")
@with_options
def bench_train(
    variants: Variants,
    work: Workload,
    runtime: Runtime,
    changes: Changes = None,
    seconds: Seconds = 5.0,
    out: Records = None,
    compare: Earlier = None,
    as_json: Json = False,
) -> None:
    """Time training steps: images a second, phases, memory, operations and, on a GPU, kernels, idle time and energy."""
    from ganbench.commands.bench import Bench, bench_variants

    bench_variants("train", variants, work, runtime, changes or [], seconds, Bench(out, compare, as_json, PlainConsole(stderr=True)))


@bench.command("sample")
@with_options
def bench_sample(
    variants: Variants,
    work: Workload,
    runtime: Runtime,
    changes: Changes = None,
    seconds: Seconds = 5.0,
    out: Records = None,
    compare: Earlier = None,
    as_json: Json = False,
) -> None:
    """Time how fast generators draw examples, as for an evaluation: in float32, in chunks of 256."""
    from ganbench.commands.bench import Bench, bench_variants

    bench_variants("sample", variants, work, runtime, changes or [], seconds, Bench(out, compare, as_json, PlainConsole(stderr=True)))


@bench.command("score")
@with_options
def bench_score(
    runtime: Runtime,
    n: Annotated[str, typer.Option("--n", help="Examples of each set; several with commas give a curve of costs.")] = "5_000,10_000",
    width: Annotated[int, typer.Option(min=1, help="Numbers of a feature.")] = 2_048,
    metrics: Annotated[str, typer.Option(help="Metrics that need features alone.")] = "fd,kd,precision,recall,density,coverage",
    seconds: Seconds = 5.0,
    out: Records = None,
    compare: Earlier = None,
    as_json: Json = False,
) -> None:
    """Time scores with their intervals, from features of a network's width."""
    from ganbench.commands.bench import Bench, bench_scores

    bench_scores(metrics, n, width, runtime, seconds, Bench(out, compare, as_json, PlainConsole(stderr=True)))
