"""What does ``ganbench replay`` do? (it sends the events of runs that are there to sinks)"""

from collections.abc import Sequence
from pathlib import Path

from ganbench.commands.output import PlainConsole
from ganbench.sinks.choosing import chosen
from ganbench.sinks.replaying import replay, run_folders


def run_replay(paths: Sequence[Path], to: str, console: PlainConsole) -> None:
    """Sends all events of the runs to the sinks, run by run.

    Raises:
        RequestError: A path holds no runs, a sink does not exist or lacks its package, or it failed.
    """
    sinks = chosen(to)
    folders = list(dict.fromkeys(folder for path in paths for folder in run_folders(path)))
    for said in filter(None, (sink.kind.remark() for sink in sinks)):
        console.say(said, "dim")
    for folder in folders:
        for sink in sinks:
            sent = replay(folder, sink)
            console.say(f"{sink.name}: {sent.spec.slug}, {sent.entries:,} event{'' if sent.entries == 1 else 's'}")
        if sent.fault:
            console.say(f"note: {sent.fault}; what comes before it was sent", "yellow")
