"""`annealcam flip`, `suffice` and `path`: what they print and write is true."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import annealcam as ac
from annealcam.models.images import load_photo
from tests.cli.helpers import run

PHOTO = "skimage:chelsea"


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A user's own small network, `tests.networks:digit_network`, and the photo as it sees it."""
    from tests.networks import digit_network

    monkeypatch.chdir(tmp_path)
    model, preprocess, names = digit_network()
    return model, preprocess(load_photo(PHOTO)), {"class_names": names, "layer": "3"}


def output(*words, code=0):
    return run(*words, "--model", "tests.networks:digit_network", code=code).output


def test_flip(network):
    model, image, options = network
    s = ac.flip_set(model, image, **options)
    text = output("flip", PHOTO, "-o", "flip.json")
    record = json.loads(Path("flip.json").read_text())
    assert record["channels"] == s.channels.tolist()
    assert record["photo"] == PHOTO
    for name in ("competitor", "competitor_name", "margin", "proved", "target", "layer", "linear"):
        assert record[name] == getattr(s, name), name
    assert text.startswith(f"{PHOTO}: {s.sentence}")
    assert f"{s.margin:.3f} with all maps, {s.margin_without:.3f} without the set" in text
    assert f"proved optimal, {s.runs} masked runs" in text
    assert " ".join(map(str, s.channels)) in text


def test_flip_against_classes(network):
    model, image, options = network
    z = model(image[None])[0].argsort(descending=True).tolist()
    s = ac.flip_set(model, image, against=[str(z[4]), z[5]], **options)
    text = output("flip", PHOTO, "--against", z[4], "--against", z[5], "-o", "flip.json")
    assert s.sentence in text
    assert json.loads(Path("flip.json").read_text())["restricted"]
    assert "above" in output("flip", PHOTO, "--against", "next")
    assert "against=77" in output("flip", PHOTO, "--against", "77", code=2)
    assert "no such layer" in output("flip", PHOTO, "--layer", "x", code=2)
    assert "no.png" in output("flip", "no.png", code=1)


def test_suffice(network):
    model, image, options = network
    s = ac.sufficient_set(model, image, cardinality=3, **options)
    text = output("suffice", PHOTO, "--cardinality", 3, "-o", "kept.json")
    record = json.loads(Path("kept.json").read_text())
    assert record["channels"] == s.channels.tolist()
    for name in ("log_probability", "bound", "kept", "proved", "target_name", "maps"):
        assert record[name] == getattr(s, name), name
    assert text.startswith(f"{PHOTO}: {s.sentence}")
    assert f"log p      {s.log_probability:.4f}, bound {s.bound:.4f}" in text
    assert f"prediction {'kept' if s.kept else 'not kept'}" in text
    assert "cardinality=99: layer '3' has 12 maps" in output(
        "suffice", PHOTO, "--cardinality", 99, code=2
    )


def test_a_head_that_is_not_linear(network):
    text = output("suffice", PHOTO, "--cardinality", 2, "--layer", "1")
    assert "effects of maps do not add up" in text
    text = output("flip", PHOTO, "--layer", "1", "--budget", 1)
    assert "effects of maps do not add up" in text


@pytest.fixture
def folder(network, tmp_path):
    """A folder of two photos, and one that cannot be read."""
    rng = np.random.default_rng(1)
    for name in ("a/1.png", "b/1.png"):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(file)
    (tmp_path / "photos" / "bad.png").touch()
    return ["photos/a/1.png", "photos/b/1.png"]


@pytest.mark.parametrize(
    ("command", "find", "options"),
    [("flip", ac.flip_set, {}), ("suffice", ac.sufficient_set, {"cardinality": 5})],
)
def test_a_folder_has_a_line_each_and_a_list(network, folder, command, find, options):
    from tests.networks import digit_network

    (model, _, names), preprocess = network, digit_network()[1]
    text = output(command, "photos", "-o", "found.json", code=1)
    sets = [find(model, preprocess(load_photo(photo)), **names, **options) for photo in folder]
    first, second, bad, count = text.splitlines()
    assert [first, second] == [
        f"{photo}: {s.sentence}" for photo, s in zip(folder, sets, strict=True)
    ]
    assert "photos/bad.png: not an image" in bad
    assert count == "2 of 3 photos searched; 1 could not be read"
    records = json.loads(Path("found.json").read_text())
    assert [record["photo"] for record in records] == folder
    assert [record["channels"] for record in records] == [s.channels.tolist() for s in sets]
    printed = run(command, "photos/*/1.png", "--json", "--model", "tests.networks:digit_network")
    assert json.loads(printed.stdout) == json.loads(Path("found.json").read_text())
    detailed = output(command, *folder, "-v")
    assert detailed.count("masked runs") == 2
    assert "no such layer" in output(command, "photos", "--layer", "x", code=2)
    assert output(command, "photos", "--layer", "x", code=2).count("\n") == 1


def test_paths_of_a_folder_are_folders(folder, monkeypatch):
    monkeypatch.setattr("annealcam.render.figures.sheets.write_figure", lambda _, f, __: f.touch())
    words = ("path", *folder, "--model", "digits", "--most", "3", "-o", "one/paths")
    lines = run(*words).stdout.splitlines()
    for line, name, photo in zip(lines, ("1", "1-2"), folder, strict=False):
        rows = list(csv.DictReader((Path("one/paths") / name / "path.csv").open()))
        kept = float(rows[-1]["kept"])
        pattern = rf"{photo}: \d+ candidates, the best 3 keep {kept:.3f}, 3 of 3 sizes proved .*"
        assert re.fullmatch(pattern, line)
    assert lines[2] == "2 of 2 photos searched"
    run("verify", "one/paths/1", "one/paths/1-2")
