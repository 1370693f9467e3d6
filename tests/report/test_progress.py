import io
import re
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from ganbench.report.progress import MatrixProgress
from ganbench.results.record import Divergence, Failure, Record, read_record

FINISHED = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
ODD = replace(FINISHED.spec, variant=replace(FINISHED.spec.variant, name="own.py:[red]GAN"))


def events(record: Record, detail: str = "", terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=300, force_terminal=terminal, color_system=None, legacy_windows=False)
    with MatrixProgress(console, [ODD]) as progress:
        progress.started(ODD)
        progress.event(ODD, {"kind": "start", "time": "now"})
        progress.event(ODD, {"kind": "tick", "images_seen": 512})
        for evaluation in FINISHED.evaluations[2:4]:
            progress.event(ODD, {"kind": "evaluation", **asdict(evaluation)})
        progress.event(ODD, {"kind": "end", "images_seen": 1_024})
        progress.finished(ODD, record if not detail else None, detail)
    return out.getvalue()


def test_without_a_terminal_there_is_one_line_an_event_with_time_and_count() -> None:
    lines = events(FINISHED).splitlines()
    assert all(re.fullmatch(r" *\d+\.\d s  [01]/1  .+", line) for line in lines)
    said = [line.split("/1  ", 1)[1] for line in lines]
    assert said == [
        "started   own.py:[red]GAN on digits, seed 0",
        "evaluated own.py:[red]GAN on digits, seed 0 at 512 of 1,024 images: FD·random-conv 2.00",
        "done      own.py:[red]GAN on digits, seed 0: FD·random-conv 4.00",
    ]


def test_a_diverged_a_failed_and_an_interrupted_run_say_why_on_one_line() -> None:
    diverged = replace(FINISHED, status="diverged", scores=(), divergence=Divergence(kind="score", images_seen=1_024, detail="it left"))
    failure = Failure(type="ValueError", message="[/oops] first\nsecond", stage="training", traceback="", command="")
    failed = replace(FINISHED, status="failed", scores=(), error=failure)
    assert events(diverged).splitlines()[-1].endswith("diverged  own.py:[red]GAN on digits, seed 0: after 1,024 images: it left")
    assert events(failed).splitlines()[-1].endswith("failed    own.py:[red]GAN on digits, seed 0: ValueError: [/oops] first")
    stopped = replace(FINISHED, status="interrupted", scores=(), reason="killed by SIGKILL")
    said = events(stopped).splitlines()[-1]
    assert said.endswith("interrupted own.py:[red]GAN on digits, seed 0: killed by SIGKILL; the same command goes on")
    assert (
        events(FINISHED, "process 7 is at it").splitlines()[-1].endswith("elsewhere own.py:[red]GAN on digits, seed 0: process 7 is at it")
    )


def test_in_a_terminal_names_and_messages_are_text_and_not_markup() -> None:
    failure = Failure(type="ValueError", message="[/oops] [bold]first", stage="training", traceback="", command="")
    shown = events(replace(FINISHED, status="failed", scores=(), error=failure), terminal=True)
    assert "own.py:[red]GAN" in shown
    assert "ValueError: [/oops] [bold]first" in shown
    assert "[dim]" not in shown
