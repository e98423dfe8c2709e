"""Folders of photos as arguments of `annealcam explain`."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annealcam.errors import ArgumentError
from annealcam.models.photo_files import images_in
from tests.cli.helpers import run, skip_report_picture


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder with four photos, two of one name, and files that are no photos."""
    monkeypatch.chdir(tmp_path)
    skip_report_picture(monkeypatch)
    rng = np.random.default_rng(0)
    for name in ("b.JPG", "a.png", "cats/1.png", "dogs/1.webp"):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)).save(file)
    for name in ("labels.txt", ".DS_Store", "cats/.thumbnail.png"):
        (tmp_path / "photos" / name).touch()
    return tmp_path / "photos"


def test_a_folder_stands_for_its_images(photos, tmp_path):
    result = run("explain", "photos/", "photos/a.png", "--model", "digits", "-o", "results")
    line = "photos/: skipped, since they are no images: labels.txt"
    assert result.stderr.count("skipped") == 1
    assert line in result.stderr
    folders = {
        folder.name: folder for folder in (tmp_path / "results").iterdir() if folder.is_dir()
    }
    assert sorted(folders) == ["a", "a-2", "b", "cats-1", "dogs-1"]
    named = {
        name: json.loads((folder / "explanation.json").read_text())["provenance"]["photo"]
        for name, folder in folders.items()
    }
    assert named["cats-1"] == "photos/cats/1.png"
    assert named["a"] == named["a-2"] == "photos/a.png"
    with np.load(folders["a"] / "maps.npz") as one, np.load(folders["a-2"] / "maps.npz") as two:
        assert all(np.array_equal(one[name], two[name]) for name in one)


def test_results_within_the_folder_are_no_photos(photos):
    before = images_in(photos)
    run("explain", "photos/a.png", "--model", "digits", "-o", "photos/results")
    assert (photos / "results" / "a" / "overlay.png").is_file()
    assert images_in(photos) == before


def test_a_damaged_photo_of_a_folder_is_an_error_and_the_others_are_explained(photos, tmp_path):
    (photos / "a.png").write_bytes(b"\x89PNG and no more")
    result = run("explain", "photos", "--model", "digits", "-o", "results", code=1)
    assert "photos/a.png: not an image" in result.stderr
    assert len(list((tmp_path / "results").glob("*/"))) == 3


def test_folders_without_images_are_refused_before_anything_is_written(photos, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "names.txt").touch()
    for name, reason in (("empty", "an empty folder"), ("texts", "a folder without images")):
        result = run("explain", "photos", name, "--model", "digits", "-o", "results", code=2)
        assert f"photos='{name}': {reason}" in result.stderr
    assert not (tmp_path / "results").exists()
    with pytest.raises(ArgumentError, match="without images"):
        images_in(tmp_path / "texts")


def test_long_paths_give_names_of_files(photos, tmp_path):
    deep = photos / ("x" * 200) / ("y" * 200)
    deep.mkdir(parents=True)
    (photos / "b.JPG").rename(deep / "b.jpg")
    run("explain", "photos", "--model", "digits", "-o", "results")
    assert (tmp_path / "results" / "b").is_dir()


def test_many_photos_have_a_line_each(photos):
    *lines, count, see = run(
        "explain", "photos", "--model", "digits", "-o", "results"
    ).stdout.splitlines()
    assert count == "4 of 4 photos explained"
    assert see == "see results/index.html and results/summary.csv"
    assert [line.split(":")[0] for line in lines] == images_in(Path("photos"))[0]
    pattern = r".*: \d, probability [01][.]\d+, \d+ maps?, fidelity \d[.]\d\d, proved optimal"
    assert all(re.match(pattern, line) for line in lines)
