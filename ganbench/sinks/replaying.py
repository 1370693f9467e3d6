"""How does a run that is there already reach a sink?"""

from dataclasses import dataclass
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec, read_spec
from ganbench.results.events import EventLog
from ganbench.sinks.choosing import Chosen
from ganbench.sinks.mapping import Translator, described


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What was sent."""

    spec: RunSpec
    entries: int
    fault: str
    """The line of the log that cannot be read, and with which the replay ends; empty if there is none."""


def run_folders(path: Path) -> list[Path]:
    """The folders of runs that a path names: itself, or those below its ``runs``.

    Raises:
        RequestError: It is neither a run's folder nor an output folder.
    """
    if (path / "events.jsonl").is_file() and (path / "spec.json").is_file():
        return [path]
    found = sorted(folder for folder in path.glob("runs/*") if (folder / "events.jsonl").is_file() and (folder / "spec.json").is_file())
    if not found:
        raise RequestError(f"{path}: holds no runs; it is a run's folder or the --out of a `ganbench run` that is wanted here")
    return found


def replay(folder: Path, sink: Chosen) -> Replayed:
    """Sends all events of a run to a sink.

    Args:
        folder: The run's folder.
        sink: Where to.

    Raises:
        RequestError: The sink failed, or the spec is damaged.
    """
    spec, translate = read_spec(folder), Translator(folder)
    events, fault = EventLog(folder / "events.jsonl").scan()
    out = folder.parent.parent if folder.parent.name == "runs" else folder.parent
    status = str(events[-1].get("status", "interrupted")) if events else "interrupted"
    try:
        opened = sink.open(described(spec), out)
        for event in events:
            opened.write(translate(event))
        opened.close(status)
    except RequestError:
        raise
    except (Exception, SystemExit) as error:  # a sink's package raises what it likes
        raise RequestError(f"{sink.name} failed on {folder} ({reason(error)}); mend that, and the same command sends everything") from error
    return Replayed(spec=spec, entries=len(events), fault=fault)


def reason(error: BaseException) -> str:
    """An error on one short line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")
