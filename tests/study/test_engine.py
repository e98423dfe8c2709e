"""Whole studies, small: the table, resuming, refusals, and what is said of what went wrong."""

import csv
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import annealcam as ac
from annealcam.errors import ArgumentError, ImageError, OutputError
from annealcam.study.analysis import analyse
from annealcam.study.config import study_of
from annealcam.study.figures import drawing
from annealcam.study.pages.loaded import load_study
from annealcam.study.run import store, worker
from annealcam.study.run.ending import redraw
from annealcam.study.run.engine import run_study
from annealcam.study.run.shards import PARTS
from annealcam.study.table.columns import SELECTORS
from tests.study.runs import contents

SMALL = {
    "shard": 3,
    "data": {"choose": "all", "per_class": 4},
    "network": {"models": ["tests.networks:digit_network"], "layers": ["3"], "batch": 2},
    "problem": {"explain": "label"},  # an untrained network predicts one class
    "annealing": {"tau": [1], "normalisations": ["per_qubit", "unit"]},
    "baselines": {"random_draws": 2, "sizes": [1, 2]},
    "statistics": {"bootstrap": 50, "permutations": 50},
}
ONE_RUN = {"tau": [1], "normalisations": ["unit"], "gaps": False}


@pytest.fixture
def quick(monkeypatch):
    """No figures: they are tested by themselves."""
    monkeypatch.setattr(drawing, "draw", lambda *_: [])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "run"
    run_study(study_of(SMALL), folder)
    return folder


@pytest.fixture(scope="module")
def rows(run):
    return store.read_table(run).to_pylist()


def test_a_row_for_each_image_and_selector(run, rows):
    free = [r for r in rows if r["cardinality"] is None]
    images = {r["image"] for r in rows}
    assert len(images) == 40
    for image in images:
        own = [r["selector"] for r in free if r["image"] == image]
        assert own.count("anneal") == 2
        assert own.count("random") == 2
        for name in set(SELECTORS) - {"anneal", "random"}:
            assert own.count(name) == 1
    labels = {r["class"] for r in rows}
    assert labels == {str(i) for i in range(10)}


def test_energies_again_from_the_tables_own_arrays(rows):
    problems = {r["image"]: r for r in rows if r["h"] is not None}
    assert len(problems) == 40
    checked = 0
    for row in rows:
        if row["energy"] is None:
            continue
        p = problems[row["image"]]
        n = [p["candidates"].index(channel) for channel in row["selected"]]
        J = dict(zip(itertools.combinations(range(row["d"]), 2), p["J"], strict=True))
        energy = 0.3 * sum(J[pair] for pair in itertools.combinations(sorted(n), 2))
        energy -= 0.7 * sum(p["h"][i] for i in n)
        assert row["energy"] == pytest.approx(energy, abs=1e-12)
        assert row["k"] == len(n)
        assert row["cardinality"] in (None, row["k"])
        checked += 1
    assert checked > 40 * 8


def test_the_table_is_the_same_however_it_came_about(run, tmp_path, quick):
    run_study(study_of(SMALL), tmp_path / "again")
    assert contents(tmp_path / "again", "table") == contents(run, "table")
    for part in sorted((tmp_path / "again" / "table").iterdir())[1::3]:
        part.unlink()
    (tmp_path / "again" / "log" / "part-00001.json").unlink()
    run_study(study_of(SMALL), tmp_path / "again")
    assert contents(tmp_path / "again", "table") == contents(run, "table")
    assert (tmp_path / "again" / "summary.md").is_file()


def test_figures_are_drawn_again_from_the_table_alone(run):
    before = contents(run)
    for file in (run / "figures").iterdir():
        file.unlink()
    redraw(run)
    assert contents(run) == before
    study = study_of(SMALL)
    columns = analyse(store.read_table(run), bootstrap=50, permutations=50, seed=study.seed)
    written = figure(run, "overlap")
    assert [row["selector"] for row in written] == columns["overlap"]["selector"].to_pylist()
    for row, exact in zip(written, columns["overlap"]["off_diagonal"].to_pylist(), strict=True):
        assert float(row["off_diagonal"]) == exact


def figure(run, name):
    with (run / "figures" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_finished_run_is_verified_and_stays_so(run):
    for _ in range(2):
        assert [(result.kind, result.status) for result in ac.verify(run)] == [("study", "intact")]
        redraw(run)


def test_the_figures_numbers_again_from_the_table(run, rows):
    for shown in figure(run, "overlap"):
        tau = float(shown["tau"]) if shown["tau"] else None
        key = (shown["selector"], shown["normalisation"] or None, tau)
        own = [
            r for r in rows
            if (r["selector"], r["normalisation"], r["tau"]) == key
            and r["cardinality"] is None and r["draw"] in (None, 0)
        ]  # fmt: skip
        assert len(own) == 40
        if shown["selector"] == "random":
            continue  # a mean over draws
        assert float(shown["k"]) == pytest.approx(np.mean([r["k"] for r in own]))
        p = np.zeros((10, own[0]["channels"]))
        for r in own:
            weights = np.array(r["weights"] or [1.0] * r["k"])
            votes = weights / weights.sum() if r["weights"] else weights
            p[int(r["target"]), r["selected"]] += votes
        p /= p.sum(axis=1, keepdims=True)
        B = np.sqrt(p) @ np.sqrt(p).T
        mean = (B.sum() - np.trace(B)) / 90
        assert float(shown["off_diagonal"]) == pytest.approx(mean, abs=1e-12)
    gaps = {(r["image"], r["normalisation"]): r["gap"] for r in rows if r["selector"] == "anneal"}
    drawn = figure(run, "gap_histogram")
    assert {(r["image"], r["normalisation"]): float(r["gap"]) for r in drawn} == gaps


def test_the_manifest_says_how_it_was_made(run):
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["finished"] is True
    assert manifest["config"] == study_of(SMALL).as_dict()
    assert manifest["data"]["hash"].startswith("sha256")
    assert manifest["models"][0]["hash"].startswith("sha256:")
    assert manifest["identity"]["versions"]["torch"]
    assert manifest["counts"]["used"] == manifest["throughput"]["images"] == 40
    parts = [manifest["throughput"][name] for name in PARTS]
    assert all(part > 0 for part in parts)
    assert sum(parts) <= manifest["throughput"]["seconds"]  # one worker


def test_another_study_in_the_same_folder_is_refused(run):
    other = replace(study_of(SMALL), seed=1)
    before = contents(run, "table")
    with pytest.raises(ArgumentError, match=r"config\.seed is 0 there, 1 here"):
        run_study(other, run)
    assert contents(run, "table") == before


def test_a_full_disk_keeps_what_is_done(run, tmp_path, monkeypatch, quick):
    write, counted = worker.write_part, itertools.count()

    def full(part, file):
        if next(counted) == 5:
            raise OutputError(f"{file}: cannot be written (No space left on device)")
        write(part, file)

    monkeypatch.setattr(worker, "write_part", full)
    study = study_of(SMALL)
    study = replace(study, data=replace(study.data, root=str(tmp_path)))
    with pytest.raises(OutputError, match="No space left"):
        run_study(study, tmp_path / "r")
    done = contents(tmp_path / "r", "table")
    assert 5 <= len(done) < 20
    loaded = load_study(tmp_path / "r")  # as the report reads it
    assert not loaded.finished
    assert loaded.study.data.root == str(tmp_path)
    monkeypatch.setattr(worker, "write_part", write)
    manifest = run_study(study, tmp_path / "r")
    assert contents(tmp_path / "r", "table") == contents(run, "table")
    session = manifest["session"]
    assert session["found"] == len(set(loaded.table["image"].to_pylist())) > 0
    assert session["images"] + session["found"] == 40
    assert "more found from earlier runs." in (tmp_path / "r" / "summary.md").read_text()
    again = run_study(study, tmp_path / "r")
    assert (again["session"]["images"], again["session"]["found"]) == (0, 40)
    assert again["throughput"] == manifest["throughput"]


def class_folders(folder, photos=4, classes=10):
    rng = np.random.default_rng(0)
    for label in range(classes):
        (folder / str(label)).mkdir(parents=True)
        for number in range(photos):
            pixels = rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / str(label) / f"{number}.png")
    return folder


def folder_study(folder, **data):
    section = {"name": f"folder:{folder}", "part": "all", "choose": "all"} | data
    return study_of(SMALL | {"data": section, "annealing": ONE_RUN})


def test_unreadable_photos_are_counted_listed_and_left_out(tmp_path, quick):
    photos = class_folders(tmp_path / "photos")
    (photos / "3" / "1.png").write_bytes(b"not a photo")
    manifest = run_study(folder_study(photos, per_class=4), tmp_path / "r")
    assert [s["image"] for s in manifest["skipped"]] == ["3/1.png"]
    assert "not an image" in manifest["skipped"][0]["reason"]
    assert manifest["counts"]["used"] == 39
    (short,) = manifest["shortages"]
    assert "3 of 4 images of class '3'" in short
    assert "1.png" in (tmp_path / "r" / "summary.md").read_text()


def test_not_one_readable_photo(tmp_path):
    photos = class_folders(tmp_path / "photos", photos=3)
    for file in photos.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(ImageError, match="photo can be read"):
        run_study(folder_study(photos), tmp_path / "r")


def test_classes_that_are_never_predicted_are_named(tmp_path, quick):
    photos = class_folders(tmp_path / "photos")
    manifest = run_study(folder_study(photos, choose="correct", per_class=4), tmp_path / "r")
    never = [s for s in manifest["shortages"] if "never predicts" in s]
    assert len(never) >= 5  # an untrained network has its favourites
    assert manifest["counts"]["used"] == manifest["counts"]["correct"] < 40
    assert "never predicts" in (tmp_path / "r" / "summary.md").read_text()


def test_labels_that_are_none_of_the_networks(tmp_path, quick):
    photos = class_folders(tmp_path / "photos", classes=2)
    (photos / "1").rename(photos / "one")
    with pytest.raises(ArgumentError, match=r"class 'one' is no class.*\[data.labels\]"):
        run_study(folder_study(photos), tmp_path / "r")
    study = folder_study(photos, labels={"one": "1"})
    manifest = run_study(study, tmp_path / "r")
    assert manifest["data"]["classes"] == ["0", "one"]


def test_the_label_can_be_explained_in_place_of_the_prediction(tmp_path, quick):
    study = study_of(SMALL | {"annealing": {"tau": [],
                     "normalisations": [], "gaps": False}})  # fmt: skip
    run_study(study, tmp_path / "r")
    rows = store.read_table(tmp_path / "r").to_pylist()
    assert all(row["target"] == row["class"] for row in rows)
    assert any(row["target"] != row["predicted"] for row in rows)
    assert not any(row["selector"] == "anneal" for row in rows)


def test_an_unfinished_run_has_no_figures(tmp_path):
    store.open_run(tmp_path / "r", {})
    with pytest.raises(OutputError, match="not finished"):
        redraw(tmp_path / "r")


def test_workers_or_a_cluster(tmp_path):
    with pytest.raises(ArgumentError, match="give one of the two"):
        run_study(study_of(SMALL), tmp_path / "r", workers=2, scheduler="tcp://x:1")
    with pytest.raises(ArgumentError, match="workers=0"):
        run_study(study_of(SMALL), tmp_path / "r", workers=0)
    with pytest.raises(OutputError, match=r"scheduler='nonsense'"):
        run_study(study_of(SMALL), tmp_path / "r", scheduler="nonsense")


def test_heads_are_trained_first_where_a_trunk_is_given(tmp_path, quick):
    network = {"trunk": "plain", "maps": [4, 6], "layers": ["block.1"], "epochs": 1}
    data = {"choose": "all", "per_class": 1}
    study = study_of(SMALL | {"network": network, "data": data, "annealing": ONE_RUN})
    manifest = run_study(study, tmp_path / "r")
    assert [m["name"] for m in manifest["models"]] == ["plain-4", "plain-6"]
    heads = contents(tmp_path / "r", "heads")
    assert len(heads) == 4  # each with its card
    assert {row["channels"] for row in store.read_table(tmp_path / "r").to_pylist()} == {4, 6}
    run_study(study, tmp_path / "r")
    assert contents(tmp_path / "r", "heads") == heads
