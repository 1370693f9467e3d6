"""Do published results stand beside a board of the same data alone, with their protocols and without a rank?"""

from dataclasses import replace
from pathlib import Path

import pytest
from test_tables import run

from ganbench.errors import RequestError
from ganbench.plan.spec import run_id
from ganbench.registry import PUBLICATIONS, VARIANTS
from ganbench.report.published import published_tables
from ganbench.report.terminal import in_terminal
from ganbench.results.published import Publication, read_publication
from ganbench.results.record import Record
from ganbench.statistics.leaderboard import leaderboards
from ganbench.targets import Target

CIFAR10 = read_publication("cifar10")


def on_cifar10(name: str, *, resolution: int | None = 32, n_train: int | None = None, shape: str = "3x32x32") -> Record:
    record = run(name, 0)
    spec = replace(record.spec, dataset=replace(record.spec.dataset, name="cifar10", resolution=resolution, n_train=n_train))
    return replace(record, spec=spec, run_id=run_id(spec), provenance={"dataset": {"shape": shape}})


def methods(*records: Record) -> list[str]:
    return [str(row[0].value) for table in published_tables(leaderboards(records)) for row in table.rows]


@pytest.mark.parametrize("name", PUBLICATIONS.names())
def test_every_figure_has_a_protocol_and_every_variant_is_registered(name: str) -> None:
    found = read_publication(name)
    variants = {one.variant for source in found.sources for one in source.results} - {""}
    assert variants <= {*VARIANTS.names()}
    assert all(source.sets and source.selection and source.extractor and source.framework and source.where for source in found.sources)
    assert all(one.scores for source in found.sources for one in source.results)


def test_a_board_gets_the_results_of_its_methods_each_with_its_protocol() -> None:
    (table,) = published_tables(leaderboards([on_cifar10("wgan_gp")]))
    assert table.title == "cifar10: published elsewhere, not ranked"
    # WGAN-GP on CIFAR-10 has an FID of 16.95 in one suite and of 53.98 in another
    assert {row[1].value for row in table.rows} == {22.29, 19.83, 16.95, 53.98, 25.85}
    assert "rank" not in {column.name for column in table.columns}
    assert not any(cell.best for row in table.rows for cell in row)
    protocols = {row[1].value: row[-1] for row in table.rows}
    assert protocols[53.98].value == "StudioGAN 0.4: 50,000 generated against the training images; best checkpoint of one run"
    assert "PIL" in protocols[53.98].note and "table of CIFAR-10" in protocols[53.98].note
    assert f"{sum(len(one.results) for one in CIFAR10.sources if one.n_train is None) - 5} more, of other methods" in table.notes[0]


def test_a_board_with_none_of_the_methods_gets_all() -> None:
    assert len(methods(on_cifar10("mine.py:Mine"))) == sum(len(one.results) for one in CIFAR10.sources if one.n_train is None)


def test_only_the_same_data_set_resolution_and_part_of_it_has_published_results() -> None:
    assert methods(run("dcgan", 0)) == []
    assert methods(on_cifar10("dcgan", resolution=16)) == []
    assert methods(on_cifar10("dcgan", resolution=None, shape="3x32x32"))
    assert methods(on_cifar10("dcgan", resolution=None, shape="3x16x16")) == []
    few = on_cifar10("stylegan2", n_train=5_000)
    assert [row[1].value for table in published_tables(leaderboards([few])) for row in table.rows] == [36.02]


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    text = in_terminal(published_tables(leaderboards([on_cifar10("wgan_gp"), on_cifar10("dcgan")])), 80, "--columns")
    assert max(map(len, text.splitlines())) <= 80 and text.count("method ") == 1
    assert "by whom, and under" in text and "StudioGAN 0.4:" in text


def test_a_file_that_does_not_fit_is_named_and_the_others_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "their_results"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "typo.toml").write_text('description = "x"\ndataset = "cifar10"\nresolutoin = 32\nsources = []\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    known = {**PUBLICATIONS.targets, "typo": Target.parse("their_results:typo"), "away": Target.parse("their_results:away")}
    monkeypatch.setitem(PUBLICATIONS.__dict__, "targets", known)
    with pytest.raises(RequestError, match="published results 'typo'.*resolutoin"):
        read_publication("typo")
    with pytest.raises(RequestError, match="published results 'away'.*reinstall"):
        read_publication("away")
    tables = published_tables(leaderboards([on_cifar10("dcgan")]))
    assert [table.title for table in tables] == ["cifar10: published elsewhere, not ranked", *["published elsewhere, not read"] * 2]
    assert all("published results" in table.rows[0][0].note for table in tables[1:])


def test_a_metric_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong_results").mkdir()
    (tmp_path / "wrong_results" / "__init__.py").touch()
    source = '[[sources]]\nname = "x"\nwhere = "x"\nsets = "x"\nselection = "x"\nextractor = "x"\nframework = "x"\n'
    text = f'description = "x"\ndataset = "cifar10"\nresolution = 32\n{source}results = [{{ method = "x", scores = {{ fdi = 1.0 }} }}]\n'
    (tmp_path / "wrong_results" / "fdi.toml").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(PUBLICATIONS.__dict__, "targets", {"fdi": Target.parse("wrong_results:fdi")})
    with pytest.raises(RequestError, match="no metric is called 'fdi'"):
        read_publication("fdi")


def test_a_publication_is_read_into_its_dataclass() -> None:
    assert isinstance(CIFAR10, Publication) and CIFAR10.resolution == 32 and len({one.name for one in CIFAR10.sources}) == 6
