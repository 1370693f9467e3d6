"""What does ``ganbench diagnose`` do? (it prints every diagnostic beside its value on held-out real examples, with a verdict)"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from ganbench.commands.checks import check_diagnosis
from ganbench.commands.output import PlainConsole, print_json
from ganbench.commands.score import meter, progress_on, set_threads
from ganbench.diagnostics.rules import RULES
from ganbench.evaluation.settings import Settings
from ganbench.results.diagnosis import VERDICTS, Diagnosis
from ganbench.storage import writable_folder


def print_rules(as_json: bool) -> None:
    """Prints the rules by which values are judged."""
    if as_json:
        print_json([asdict(rule) for rule in RULES])
        return
    from ganbench.report.diagnosis import rule_lines

    page = PlainConsole(stderr=False)
    for line in rule_lines():
        page.print(line)


def run_diagnose(
    fake: str,
    real: str,
    held_out: str | None,
    out: Path | None,
    fail_on: str | None,
    settings: Settings,
    threads: int | None,
    as_json: bool,
    console: PlainConsole,
) -> None:
    """Diagnoses a set and prints the findings; exits with 1 if the verdict is as bad as ``fail_on``, or worse."""
    check_diagnosis({"generated": fake, "real": real, "held-out": held_out}, settings, out)
    from ganbench.evaluation.diagnosis import diagnose

    set_threads(threads)
    with progress_on(console) as progress:
        found = diagnose(fake, real, held_out, meter=meter(progress), **vars(settings))
    if not found.findings:
        return  # printed by the first rank only
    if as_json:
        print_json(_data(found))
    else:
        _print(found, console)
    for line in found.warnings:
        console.print(f"note: {line}", style="yellow")
    if out is not None:
        from ganbench.report.diagnosis import write_diagnosis

        for path in write_diagnosis(writable_folder(out), found, _data(found), f"Diagnosis of {fake}"):
            console.say(f"written: {path}")
    if fail_on is not None and VERDICTS.index(found.verdict) >= VERDICTS.index(fail_on):
        raise typer.Exit(1)


def _data(found: Diagnosis) -> dict[str, Any]:
    """The diagnosis as plain data, with the rules that judged it."""
    return {**found.to_json(), "rules": [asdict(rule) for rule in RULES]}


def _print(found: Diagnosis, console: PlainConsole) -> None:
    from ganbench.report.diagnosis import remarks, to_terminal, verdict_lines

    console.print(to_terminal(found))
    for line in remarks(found):
        console.print(line, style="dim")
    for line, style in verdict_lines(found):
        console.print(line, style=style)
