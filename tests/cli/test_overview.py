"""One line, one page and one table for many photos; and how much commands print."""

import csv
import json
import re
import time

import numpy as np
import pytest
from PIL import Image

from annealcam.cli.photos.overview import write_overview
from annealcam.errors import ArgumentError
from annealcam.models.photo_files import find_photos
from annealcam.render.html.photos import natural_key
from annealcam.render.records import record_of
from tests.cli.helpers import run, skip_report_picture

DIGITS = ("--model", "digits", "--sampler", "greedy", "-o", "out")


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of three photos, one of which is damaged, in the working folder."""
    monkeypatch.chdir(tmp_path)
    skip_report_picture(monkeypatch)
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for name in ("10.png", "2.png"):
        picture = Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8))
        picture.save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "bad.png").write_text("no image")
    return tmp_path / "photos"


def test_page_table_json_and_files_agree(photos, tmp_path):
    printed = json.loads(run("explain", "photos", *DIGITS, "--json", code=1).stdout)
    error = printed.pop()
    assert error["photo"] == "photos/bad.png"
    assert "not an image" in error["error"]
    with open("out/summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["photo"] for row in rows] == ["photos/2.png", "photos/10.png"]  # by their numbers
    page = (tmp_path / "out" / "index.html").read_text()
    names = re.findall(r'class="name" title="([^"]*)"', page)
    assert names == [row["photo"] for row in rows]
    assert "photos/bad.png: not an image" in page
    for row in rows:
        (one,) = (record for record in printed if record["photo"] == row["photo"])
        stored = json.loads((tmp_path / "out" / row["folder"] / "explanation.json").read_text())
        channels = [entry["channel"] for entry in stored["selected"]]
        assert one["selected"] == channels == [int(j) for j in row["selected"].split()]
        assert one["fidelity"] == stored["fidelity"] == float(row["fidelity"])
        assert one["share"] == stored["share"] == float(row["share"])
        assert one["probability"] == stored["target"]["probability"] == float(row["probability"])
        assert f'href="{row["folder"]}/report.png"' in page
    run("verify", "out")
    (tmp_path / "out" / "summary.csv").write_text("changed")
    assert "summary.csv: is changed or damaged" in run("verify", "out", code=1).stderr


def test_a_damaged_result_is_left_out(photos, tmp_path):
    run("explain", "photos/2.png", "photos/10.png", *DIGITS)
    file = tmp_path / "out" / "2" / "explanation.json"
    file.write_text(file.read_text().replace('"index": ', '"index": 1'))
    assert [record.photo for record in write_overview(tmp_path / "out")] == ["photos/10.png"]


def test_later_photos_join_the_page_and_foreign_files_are_not_sealed(photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").touch()
    run("explain", "photos/2.png", *DIGITS)
    assert not (tmp_path / "out" / "index.html").exists()  # a single photo needs none
    run("explain", "photos/2.png", "photos/10.png", *DIGITS)
    assert not (tmp_path / "out" / "SHA256SUMS").exists()
    run("explain", "skimage:chelsea", *DIGITS)
    assert (tmp_path / "out" / "index.html").read_text().count('<li class="card"') == 3


def test_photos_named_like_the_page_have_other_folders(photos, tmp_path):
    for name in ("index.html.png", "summary.csv.png"):
        (photos / name).write_bytes((photos / "2.png").read_bytes())
    run("explain", "photos/index.html.png", "photos/summary.csv.png", *DIGITS)
    assert (tmp_path / "out" / "index.html-2" / "explanation.json").is_file()
    assert (tmp_path / "out" / "index.html").is_file()


def test_how_much_is_printed(photos):
    two = "photos/2.png", "photos/10.png"
    *lines, count, _ = run("explain", *two, *DIGITS).stdout.splitlines()
    assert len(lines) == 2
    assert count == "2 of 2 photos explained"
    quiet = run("explain", *two, *DIGITS, "--overwrite", "-q")
    assert (quiet.stdout, quiet.stderr) == ("", "")
    detailed = run("explain", *two, *DIGITS, "--overwrite", "-v").stdout
    assert detailed.count("Objective evidence") == 2
    single = run("explain", two[0], *DIGITS).stdout
    assert "Objective" not in single
    assert "Fidelity 0." in single
    failed = run("explain", "none.png", *DIGITS, "-q", code=1)
    assert failed.stdout == ""
    assert failed.stderr.count("\n") == 1
    assert "give one of the two" in run("explain", two[0], "-v", "-q", code=2).stderr


def test_photos_are_ordered_by_their_numbers():
    values = {
        "target": {"index": 3, "name": None, "logit": 1.0, "probability": None},
        "selected": [], "selection": {"optimal": None},
        "provenance": {"channels": 4, "model": "m", "layer": "l", "link": "identity"},
    }  # fmt: skip
    from pathlib import Path

    made = [record_of(values, Path(name)) for name in ("b10", "b9", "a", "B1")]
    assert [r.folder for r in sorted(made, key=natural_key)] == ["a", "B1", "b9", "b10"]
    assert made[0].line == "b10: output 3, value 1, 0 maps, not proved"


def test_many_photos_make_a_small_page(photos, tmp_path):
    run("explain", "photos/2.png", *DIGITS)
    one = tmp_path / "out" / "2"
    for number in range(40):
        folder = tmp_path / "out" / f"copy-{number}"
        folder.mkdir()
        for name in ("explanation.json", "overlay.png"):
            (folder / name).hardlink_to(one / name)
    start = time.process_time()
    assert len(write_overview(tmp_path / "out")) == 41
    assert time.process_time() - start < 2
    assert (tmp_path / "out" / "index.html").stat().st_size < 41 * 8_000


def test_literal_names_come_before_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a[1].png", "a1.png", "d[1]/b.png", "d1/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_photos(["a[1].png"]).files == ["a[1].png"]
    assert find_photos(["d[1]/*.png"]).files == ["d[1]/b.png"]
    assert find_photos(["d[0-9]/*.png"]).files == ["d1/c.png"]
    with pytest.raises(ArgumentError, match="no such file, and nothing matches it as a pattern"):
        find_photos(["b[1].png"])


def test_files_of_results_are_no_photos(photos, tmp_path):
    (photos / "bad.png").unlink()
    run("explain", "photos", *DIGITS[:-1], "photos/out")
    found = find_photos(["photos"])
    assert (len(found.files), found.others) == (2, [])
    assert find_photos(["photos/**"]).files == found.files
    with pytest.raises(ArgumentError, match="only results of annealcam"):
        find_photos(["photos/out/2/*"])


def test_doctor_describes_the_installation():
    found = json.loads(run("doctor", "--json").stdout)
    assert found["extras"]["study"]["installed"]
    assert found["devices"][0] == "cpu"
    lines = run("doctor").stdout.splitlines()
    assert len(lines) <= 40
    assert all(any(line.split()[:1] == [name] for line in lines) for name in found["extras"])


def test_every_extra_is_described():
    import tomllib
    from pathlib import Path

    from annealcam.cli.tools.doctor import EXTRAS

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    extras = set(project["project"]["optional-dependencies"])
    assert set(EXTRAS) | {"dev", "docs"} == extras  # the two for work on annealcam itself
