import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ganbench
from ganbench.errors import RequestError
from ganbench.plan.spec import run_id
from ganbench.report.frame import frame
from ganbench.report.rows import COLUMNS
from ganbench.results import provenance
from ganbench.results.events import EventLog
from ganbench.results.folders import run_folder
from ganbench.results.migration import SCHEMA_VERSION
from ganbench.results.record import Divergence, Failure, Record, digest, protocol_key, read_record, write_record
from ganbench.storage import write_json

GOLDEN = Path(__file__).parents[1] / "golden" / "record-v1.json"
FINISHED = read_record(GOLDEN)


def test_there_is_a_golden_record_of_every_schema_and_each_is_readable() -> None:
    names = sorted(path.name for path in GOLDEN.parent.glob("record-v*.json"))
    assert names == [f"record-v{version}.json" for version in range(1, SCHEMA_VERSION + 1)]
    for name in names:
        assert read_record(GOLDEN.parent / name).run_id


def test_the_record_of_schema_1_says_what_it_said_when_it_was_written() -> None:
    assert (FINISHED.schema_version, FINISHED.id_version, FINISHED.status, FINISHED.attempts, FINISHED.images_seen) == (
        1,
        1,
        "done",
        2,
        1_024,
    )
    assert FINISHED.run_id == run_id(FINISHED.spec)
    assert FINISHED.spec.variant.config["generator_widths"] == (16, 8)
    assert FINISHED.spec.evaluation.metrics == ("fd", "precision")
    assert [(s.metric, s.protocol["weights"], s.value) for s in FINISHED.scores] == [
        ("fd", "raw", 5.0),
        ("precision", "raw", 0.5),
        ("fd", "ema", 4.0),
        ("precision", "ema", 0.5),
    ]
    assert [(e.images_seen, e.weights) for e in FINISHED.evaluations] == [(n, w) for n in (0, 512, 1_024) for w in ("raw", "ema")]
    assert FINISHED.diagnostics[1].value is None
    assert FINISHED.timing is not None and FINISHED.timing.training is not None and FINISHED.timing.training.median == 5_000


@pytest.mark.parametrize(
    "record",
    [
        FINISHED,
        replace(FINISHED, status="diverged", scores=(), divergence=Divergence(kind="score", images_seen=5, detail="é | \n")),
        replace(FINISHED, status="failed", error=Failure(type="E", message="m", stage="s", traceback="t", command="c"), timing=None),
        replace(FINISHED, status="skipped", reason="no GPU", scores=(), evaluations=(), diagnostics=()),
    ],
    ids=lambda record: record.status,
)
def test_a_record_survives_the_way_to_the_disk(tmp_path: Path, record: Record) -> None:
    write_record(tmp_path / "record.json", record)
    assert read_record(tmp_path / "record.json") == record
    assert list(tmp_path.iterdir()) == [tmp_path / "record.json"]


ADDED = {
    "fd": {"perfect": None, "estimand": "", "bounds": [0.0, None], "depends_on_n": True, "warnings": [], "details": {}},
    "precision": {"perfect": None, "estimand": "", "bounds": [0.0, 1.0], "depends_on_n": False, "warnings": [], "details": {}},
}
"""Fields that scores of schema 1 got after the golden record was written, and what they are in it: a metric's facts are those that it
declares today."""


def as_of_today() -> dict[str, Any]:
    """The golden record, with the fields added since."""
    golden: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for scored in (golden, *golden["evaluations"]):
        scored["scores"] = [{**score, **ADDED[score["metric"]]} for score in scored["scores"]]
        scored["notes"] = []
    spec = golden["spec"]
    spec["dataset"]["n_train"], spec["variant"]["version"], spec["training"]["precision"] = None, 1, "fp32"
    spec["training"]["stop_on_collapse"] = False
    return {**golden, "notes": [], "alarms": [], "digest": ""}


def test_the_same_record_gives_the_same_bytes_but_for_fields_added_since(tmp_path: Path) -> None:
    write_record(tmp_path / "record.json", FINISHED)
    write_json(tmp_path / "today.json", {**as_of_today(), "digest": digest(as_of_today())})
    assert (tmp_path / "record.json").read_bytes() == (tmp_path / "today.json").read_bytes()
    write_json(tmp_path / "then.json", json.loads(GOLDEN.read_text(encoding="utf-8")))
    assert (tmp_path / "then.json").read_bytes() == GOLDEN.read_bytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused_and_undefined_is_null(tmp_path: Path, value: float) -> None:
    broken = replace(FINISHED, scores=(replace(FINISHED.scores[0], value=value),))
    with pytest.raises(ValueError, match="JSON"):
        write_record(tmp_path / "record.json", broken)
    assert not (tmp_path / "record.json").exists()
    assert json.loads(GOLDEN.read_text())["diagnostics"][1]["value"] is None
    assert not re.search(r"\b(NaN|Infinity)\b", GOLDEN.read_text())


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(RequestError) as caught:
        read_record(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_schema_is_refused_with_the_remedy(tmp_path: Path) -> None:
    said = refusal(tmp_path, json.dumps({**json.loads(GOLDEN.read_text()), "schema_version": SCHEMA_VERSION + 1}))
    assert f"record of schema {SCHEMA_VERSION + 1}" in said and "update ganbench" in said


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    good = json.loads(GOLDEN.read_text())
    for text, words in (("", "not valid JSON"), ("{", "not valid JSON"), ("[]", "no JSON object"), ("3", "no JSON object")):
        assert words in refusal(tmp_path, text)
    for text in ("{}", '{"schema_version": "1"}', '{"schema_version": null}'):
        assert "not a ganbench record" in refusal(tmp_path, text)
    assert "unknown key 'scored'; did you mean 'scores'?" in refusal(tmp_path, json.dumps({**good, "scored": []}))
    assert "'run_id' is missing" in refusal(tmp_path, json.dumps({key: value for key, value in good.items() if key != "run_id"}))
    assert "status = 'fine'" in refusal(tmp_path, json.dumps({**good, "status": "fine"}))
    assert "images_seen" in refusal(tmp_path, json.dumps({**good, "images_seen": "many"}))


def written(tmp_path: Path, record: Record) -> dict[str, Any]:
    write_record(tmp_path / "record.json", record)
    found: dict[str, Any] = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    "edit",
    [
        lambda found: found["scores"][2].update(value=0.1),
        lambda found: found["evaluations"][5]["scores"][0].update(ci_low=0.0),
        lambda found: found["weights_sha256"].update(ema="45" * 32),
        lambda found: found.update(attempts=1),
        lambda found: found["timing"]["training"].update(median=9e9),
        lambda found: found["spec"]["variant"]["config"].update(latent_dim=9),
    ],
    ids=["score", "interval", "weights", "attempts", "speed", "spec"],
)
def test_an_edited_record_is_noticed(tmp_path: Path, edit: Any) -> None:
    found = written(tmp_path, FINISHED)
    edit(found)
    assert "has changed since it was written" in refusal(tmp_path, json.dumps(found))


def test_a_record_that_was_only_formatted_otherwise_is_the_same(tmp_path: Path) -> None:
    found = written(tmp_path, FINISHED)
    (tmp_path / "record.json").write_text(json.dumps(dict(reversed(found.items()))))
    assert read_record(tmp_path / "record.json") == FINISHED


def test_a_spec_that_gives_another_id_is_refused_also_in_an_old_record(tmp_path: Path) -> None:
    found = json.loads(GOLDEN.read_text(encoding="utf-8"))
    found["spec"]["seed"] = 77
    assert f"it claims {FINISHED.run_id}" in refusal(tmp_path, json.dumps(found))


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".hidden", "a\0b", "<b>", "=cmd"])
def test_a_data_set_whose_name_is_no_folders_is_refused_though_all_hashes_agree(tmp_path: Path, name: str) -> None:
    spec = replace(FINISHED.spec, dataset=replace(FINISHED.spec.dataset, name=name))
    found = written(tmp_path, replace(FINISHED, spec=spec, run_id=run_id(spec)))
    assert "cannot name a folder" in refusal(tmp_path, json.dumps(found))


@pytest.mark.parametrize(
    "record",
    [
        replace(FINISHED, scores=()),
        replace(FINISHED, scores=FINISHED.scores[:-1]),
        replace(FINISHED, evaluations=FINISHED.evaluations[:-1]),
        replace(FINISHED, evaluations=()),
        replace(FINISHED, images_seen=2_048),
        replace(FINISHED, scores=(replace(FINISHED.scores[0], value=0.0), *FINISHED.scores[1:])),
    ],
    ids=["no-scores", "a-score-less", "no-ema", "no-evaluations", "elsewhere", "other-scores"],
)
def test_done_means_that_the_final_evaluation_is_there(tmp_path: Path, record: Record) -> None:
    assert "its final evaluation is not there" in refusal(tmp_path, json.dumps(written(tmp_path, record)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"extractor": None}, "does not name extractor and weights"),
        ({"extractor": (1, 2)}, "does not name extractor and weights"),
        ({"weights": "best"}, "does not name extractor and weights"),
    ],
)
def test_a_score_says_from_which_features_and_weights_it_is(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    odd = tuple(
        replace(one, scores=tuple(replace(score, protocol={**score.protocol, **change}) for score in one.scores))
        for one in FINISHED.evaluations
    )
    assert words in refusal(
        tmp_path, json.dumps(written(tmp_path, replace(FINISHED, evaluations=odd, scores=odd[-2].scores + odd[-1].scores)))
    )


@pytest.mark.parametrize("value", [1.7e308, -1e151])
def test_a_number_that_no_mean_and_no_spread_can_be_made_of_is_refused(tmp_path: Path, value: float) -> None:
    first, *others = FINISHED.evaluations
    for odd in (
        replace(first, scores=(replace(first.scores[0], value=value), *first.scores[1:])),
        replace(first, scores=(replace(first.scores[0], perfect=value), *first.scores[1:])),
        replace(first, diagnostics=(replace(first.diagnostics[0], value=value),)),
    ):
        assert "is beyond 1e+150" in refusal(tmp_path, json.dumps(written(tmp_path, replace(FINISHED, evaluations=(odd, *others)))))


@pytest.mark.parametrize(
    "provenance", [{"packages": [1]}, {"hardware": 3}, {"flags": None}, {"dataset": "x"}, {"hardware": {"runs_at_a_time": "x"}}]
)
def test_a_provenance_has_the_form_that_its_readers_rely_on(tmp_path: Path, provenance: dict[str, Any]) -> None:
    part = next(iter(provenance))
    assert f"provenance.{part}" in refusal(tmp_path, json.dumps(written(tmp_path, replace(FINISHED, provenance=provenance))))


def test_protocol_keys_are_equal_exactly_when_protocols_are() -> None:
    protocol = FINISHED.scores[0].protocol
    assert protocol_key(protocol) == protocol_key(dict(reversed(protocol.items())))
    assert re.fullmatch("[0-9a-f]{12}", protocol_key(protocol))
    keys = {protocol_key({**protocol, name: "other"}) for name in protocol} | {protocol_key(protocol)}
    assert len(keys) == len(protocol) + 1


def test_load_results_has_a_row_for_every_score_and_one_for_a_run_without(tmp_path: Path) -> None:
    lost = replace(FINISHED.spec, seed=1)
    for record in (FINISHED, replace(FINISHED, spec=lost, run_id=run_id(lost), status="failed", scores=(), timing=None)):
        folder = run_folder(tmp_path, record.spec)
        folder.mkdir(parents=True)
        write_record(folder / "record.json", record)
    table = ganbench.load_results(tmp_path)
    assert list(table.columns[: len(COLUMNS)]) == list(COLUMNS)
    assert len(table) == 5
    assert set(table["status"]) == {"done", "failed"}
    ema = table[(table["metric"] == "fd") & (table["weights"] == "ema")].iloc[0]
    assert (ema["variant"], ema["dataset"], ema["seed"], ema["value"], ema["n_real"]) == ("dcgan", "digits", 0, 4.0, 1_438)
    assert (ema["train_images_per_s"], ema["sample_images_per_s"], ema["device"]) == (5_000.0, 20_000.0, "cpu")
    failed = table[table["status"] == "failed"].iloc[0]
    assert failed["seed"] == 1 and pd.isna(failed["value"]) and pd.isna(failed["train_images_per_s"])


def test_results_tell_axes_apart_and_say_where_they_stand_on_the_leaderboard(tmp_path: Path) -> None:
    records = []
    for beta, value in ((0.0, 9.0), (0.5, 2.0)):
        for seed in (0, 1, 2):
            variant = replace(FINISHED.spec.variant, config={**FINISHED.spec.variant.config, "beta1": beta})
            spec = replace(FINISHED.spec, variant=variant, seed=seed)
            last = [
                replace(one, scores=tuple(replace(score, value=value + seed**2) for score in one.scores)) for one in FINISHED.evaluations
            ]
            scores = last[-2].scores + last[-1].scores
            records.append(replace(FINISHED, spec=spec, run_id=run_id(spec), evaluations=tuple(last), scores=scores))
    ended = replace(records[-1], status="diverged", divergence=Divergence(kind="variance", images_seen=512, detail="collapsed"))
    table = frame([*records[:-1], ended])
    fd = table[(table["metric"] == "fd") & (table["weights"] == "ema")]
    assert dict(fd.groupby("config.beta1")["rank"].first()) == {0.0: 2, 0.5: 1}
    assert dict(fd.groupby("config.beta1")["ranked_by"].first()) == {0.0: 10.0, 0.5: 3.0}  # medians of 9, 10, 13 and of 2, 3, worst
    assert set(fd["name"]) == {"dcgan (beta1=0.0)", "dcgan (beta1=0.5)"}
    assert fd[fd["status"] == "diverged"]["value"].tolist() == [6.0]  # kept, and told by the status
    assert {"training.batch_size", "dataset.resolution"} <= set(table.columns) and "dataset.path" not in table.columns


def test_curves_have_every_evaluation_and_what_the_steps_logged(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, FINISHED.spec)
    folder.mkdir(parents=True)
    write_record(folder / "record.json", FINISHED)
    log = EventLog(folder / "events.jsonl")
    for seen in (512, 1_024):
        log.append("tick", images_seen=seen, logs={"loss/generator": seen / 512, "odd": "text"})
    table = ganbench.load_results(tmp_path, curves=True)
    losses = table[table["kind"] == "log"]
    assert losses[["metric", "images_seen", "value"]].values.tolist() == [["loss/generator", 512, 1.0], ["loss/generator", 1_024, 2.0]]
    fd = table[(table["kind"] == "score") & (table["metric"] == "fd")]
    expected = [(e.images_seen, e.weights, e.scores[0].value) for e in FINISHED.evaluations]
    assert list(fd[["images_seen", "weights", "value"]].itertuples(index=False, name=None)) == expected
    assert set(table[table["kind"] == "diagnostic"]["metric"]) == {one.name for e in FINISHED.evaluations for one in e.diagnostics}
    assert set(table["config.latent_dim"]) == {8}


def test_load_results_refuses_a_folder_without_runs(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no results"):
        ganbench.load_results(str(tmp_path))


def test_a_frame_of_nothing_still_has_its_columns() -> None:
    assert list(frame([]).columns) == list(COLUMNS)


def test_provenance_names_neither_person_nor_machine() -> None:
    code = (
        "import json, sys, torch; from pathlib import Path; from ganbench.environment import describe;"
        "print(json.dumps(describe(torch.device('cpu'), Path(sys.argv[1]))))"
    )
    # a user, a home and a host that can be recognised
    environment = {**os.environ, "USER": "jane-roe", "LOGNAME": "jane-roe", "HOME": "/home/jane-roe"}
    said = subprocess.run(
        [sys.executable, "-c", code, ganbench.__file__], capture_output=True, text=True, check=True, env=environment
    ).stdout
    found = json.loads(said)
    assert found["packages"]["torch"] and found["packages"]["ganbench"] == ganbench.__version__
    assert re.fullmatch("[0-9a-f]{12}", found["fingerprint"]) and re.fullmatch("[0-9a-f]{8}", found["hardware"]["host"])
    strings = [text for text in re.findall(r'"((?:[^"\\]|\\.)*)"', said) if text]
    private = {"jane-roe", os.uname().nodename, str(Path(ganbench.__file__).parent), str(Path.cwd())}
    assert not [
        text for text in strings if any(word in text for word in private) or "/home/" in text or text.startswith("/") or "://" in text
    ]


def test_the_host_is_a_hash_and_the_fingerprint_depends_on_every_part() -> None:
    assert os.uname().nodename not in provenance.host_hash()
    parts = ("2.9", "linux", "AVX2")
    prints = {provenance.environment_fingerprint([*parts[:i], "other", *parts[i + 1 :]]) for i in range(3)}
    assert len(prints | {provenance.environment_fingerprint(parts)}) == 4


def test_git_says_nothing_outside_a_checkout_and_tells_a_change_inside(tmp_path: Path) -> None:
    assert provenance.git(tmp_path) is None
    for words in (["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "a"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    (tmp_path / "code.py").write_text("x = 1\n")
    assert provenance.git(tmp_path) is None  # nothing in it is tracked
    subprocess.run(["git", "-C", str(tmp_path), "add", "code.py"], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "commit", "-qm", "first", "--no-gpg-sign"], check=True)
    clean = provenance.git(tmp_path)
    assert clean is not None and clean["dirty"] is False and clean["diff_sha256"] is None and len(clean["commit"]) == 40
    (tmp_path / "code.py").write_text("x = 2\n")
    changed = provenance.git(tmp_path)
    assert changed is not None and changed["dirty"] is True and changed["commit"] == clean["commit"] and len(changed["diff_sha256"]) == 64


def test_asdict_of_a_record_is_what_the_file_holds(tmp_path: Path) -> None:
    assert json.loads(json.dumps(asdict(FINISHED))) == as_of_today()
