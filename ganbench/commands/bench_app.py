"""Which options have ``ganbench bench train``, ``sample`` and ``score``?"""

from typing import Annotated

import typer

from ganbench.commands.arguments import Changes
from ganbench.commands.completion import metrics_option, variants_argument
from ganbench.commands.options import with_options
from ganbench.commands.output import PlainConsole
from ganbench.plan.runtime import Runtime
from ganbench.plan.workload import Timed, Workload

bench = typer.Typer(name="bench", no_args_is_help=True, help="Time training, sampling or scoring, without training to the end.")
Variants = Annotated[list[str], variants_argument(metavar="VARIANT...", help="Registered names, file.py:Class, or all.")]


@bench.command("train")
@with_options
def train(variants: Variants, work: Workload, how: Timed, runtime: Runtime, changes: Changes = None) -> None:
    """Time training steps: images a second, phases, memory, operations and, on a GPU, kernels, idle time and energy."""
    from ganbench.commands.bench import bench_variants

    bench_variants("train", variants, work, how, runtime, changes or [], PlainConsole(stderr=True))


@bench.command("sample")
@with_options
def sample(variants: Variants, work: Workload, how: Timed, runtime: Runtime, changes: Changes = None) -> None:
    """Time how fast generators draw examples, as for an evaluation: in float32, in chunks of 256."""
    from ganbench.commands.bench import bench_variants

    bench_variants("sample", variants, work, how, runtime, changes or [], PlainConsole(stderr=True))


@bench.command("score")
@with_options
def score(
    how: Timed,
    runtime: Runtime,
    n: Annotated[str, typer.Option("--n", help="Examples of each set; several with commas give a curve of costs.")] = "5_000,10_000",
    width: Annotated[int, typer.Option(min=1, help="Numbers of a feature.")] = 2_048,
    metrics: Annotated[str, metrics_option(help="Metrics that need features alone.")] = "fd,kd,precision,recall,density,coverage",
) -> None:
    """Time scores with their intervals, from features of a network's width."""
    from ganbench.commands.bench import bench_scores

    bench_scores(metrics, n, width, how, runtime, PlainConsole(stderr=True))
