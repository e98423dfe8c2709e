"""Tables and manifests of earlier versions still load, and give the same results."""

import hashlib
import json

import pyarrow as pa
import pytest

from annealcam.study.analysis import analyse
from annealcam.study.figures import drawing
from annealcam.study.pages import overview
from annealcam.study.pages.report import write_report
from annealcam.study.run import store
from annealcam.study.run.ending import redraw
from annealcam.study.table.columns import SCHEMA, current_table
from tests.study.runs import run_folder
from tests.study.tables import study_table

OLD_VALUES = {
    "normalisation": {"per_qubit": "paper", "unit": "text"},
    "selector": {"topk_alpha": "topk", "topk_contribution": "topk-contribution"},
}


def old_table(table):
    """A table as version 0.1.0 wrote it."""
    for name, old_by_new in OLD_VALUES.items():
        values = [old_by_new.get(value, value) for value in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return table.rename_columns({"normalisation": "convention"})


@pytest.fixture(scope="module")
def table():
    return study_table(classes=("a", "b"), images=2, draws=1, cardinalities=(1, 2))


@pytest.fixture
def old_run(tmp_path, table):
    run = run_folder(tmp_path / "old", old_table(table))
    manifest = json.loads((run / "manifest.json").read_text())
    for holder in (manifest, manifest["identity"]):
        annealing = holder["config"]["annealing"]
        del annealing["normalisations"]
        annealing["conventions"] = ["paper", "text"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    return run


def test_columns_and_values_get_their_new_names(table):
    assert "convention" in old_table(table).column_names
    assert current_table(old_table(table)) == table
    assert current_table(table) == table
    assert current_table(table.select(["image", "selector"])).schema == SCHEMA


def test_an_old_run_gives_the_same_results(old_run, table, monkeypatch):
    drawn = []
    monkeypatch.setattr(drawing, "draw", lambda results, _: drawn.append(results))
    manifest = redraw(old_run)
    assert manifest["config"]["annealing"]["normalisations"] == ["per_qubit", "unit"]
    assert store.read_table(old_run) == table
    assert drawn == [analyse(table, bootstrap=40, permutations=10, seed=0)]
    assert "driver per_qubit" in (old_run / "summary.md").read_text()


def test_an_old_run_has_pages_and_can_be_resumed(old_run, monkeypatch):
    monkeypatch.setattr(overview, "plots_of", lambda *_: iter(()))
    assert write_report(old_run).pages == 4
    written = json.loads((old_run / "manifest.json").read_text())["identity"]
    study = hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()
    marker = json.loads((old_run / "report" / "report.json").read_text())
    assert marker["study"] == study  # as the version that wrote the run marks it
    identity = store.read_manifest(old_run)["identity"]
    assert identity["config"]["annealing"]["normalisations"] == ["per_qubit", "unit"]
    assert store.open_run(old_run, identity)["finished"] is True
