"""`annealcam explain --html`: the page lies in the photo's folder, with what a check found."""

import json

import numpy as np
import pytest
from markupsafe import escape
from PIL import Image

import annealcam as ac
from annealcam.samplers.hardware import verdict
from tests.atlas.synthetic_atlas import write_synthetic_atlas
from tests.cli.helpers import run, skip_report_picture

NETWORK = "tests.networks:digit_network"


@pytest.fixture
def photo(tmp_path, monkeypatch):
    skip_report_picture(monkeypatch)
    pixels = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


def explained(photo, folder, *more):
    result = run("explain", photo, "--model", NETWORK, "--layer", "3", "-o", folder, *more)
    return result, folder / "photo"


def test_the_page_is_in_the_folder_with_the_check(photo, tmp_path):
    result, folder = explained(photo, tmp_path / "out", "--html", "--compare")
    page = (folder / "explanation.html").read_text(encoding="utf-8")
    record = json.loads(page.split('id="explanation-data">')[1].split("</script>")[0])
    assert record == json.loads((folder / "explanation.json").read_text())
    flip = json.loads((folder / "check.json").read_text())["flip_set"]
    assert flip["sentence"] in " ".join(page.split())
    assert flip["sentence"] in " ".join(result.stdout.split())
    assert (flip["layer"], flip["maps"], flip["linear"]) == ("3", 12, True)
    for words in (
        "Does the map depend on the class?",
        "Beside Grad-CAM and random selections",
        "Other samplers on the same problem",
        "tabu",
    ):
        assert words in page
    assert "explanation.html" in result.stdout
    explained(photo, tmp_path / "out")  # an older page goes with the older result
    assert not (folder / "explanation.html").exists()


def test_an_atlas_is_shown_and_implies_the_page(photo, tmp_path):
    write_synthetic_atlas(tmp_path / "atlas", model=NETWORK, layer="3")
    _, folder = explained(photo, tmp_path / "out", "--atlas", tmp_path / "atlas")
    assert "responds to" in (folder / "explanation.html").read_text(encoding="utf-8")


def test_an_atlas_of_another_network_is_a_warning(photo, tmp_path):
    write_synthetic_atlas(tmp_path / "atlas", model="another", layer="3")
    result, folder = explained(photo, tmp_path / "out", "--atlas", tmp_path / "atlas")
    assert "the atlas is of another network or layer" in result.stderr
    assert "it is not shown" in (folder / "explanation.html").read_text(encoding="utf-8")


def test_a_folder_without_an_atlas_costs_no_time(photo, tmp_path):
    result = run(
        "explain", photo, "--model", NETWORK, "--atlas", tmp_path, "-o", tmp_path / "o", code=1
    )
    assert "holds no atlas" in result.stderr
    assert not (tmp_path / "o").exists()


def test_what_an_annealer_would_do_is_shown_and_implies_the_page(photo, tmp_path):
    pytest.importorskip("dwave.system")
    options = ("--hardware", "advantage2", "--max-qubits", "4")
    _, folder = explained(photo, tmp_path / "out", *options)
    page = " ".join((folder / "explanation.html").read_text(encoding="utf-8").split())
    e = ac.Explanation.load(folder)
    report = ac.hardware_report(e.problem)
    for words in ("What a real annealer would do", *map(escape, verdict(report))):
        assert words in page
    own = e.to_html(tmp_path / "own.html", hardware=report, annealing=False).read_text()
    assert all(escape(sentence) in " ".join(own.split()) for sentence in verdict(report))
    wrong = run(
        "explain", photo, "--model", NETWORK, "--hardware", "x", "-o", tmp_path / "o", code=2
    )
    assert "hardware='x': one of advantage, advantage2" in wrong.stderr
    assert not (tmp_path / "o").exists()


def test_a_stored_result_has_a_page_as_well(photo, tmp_path):
    _, folder = explained(photo, tmp_path / "out")
    e = ac.Explanation.load(folder)
    assert e.view is not None
    assert "grey field" not in e.to_html(tmp_path / "e.html").read_text(encoding="utf-8")


def test_where_effects_do_not_add_up_there_is_no_search_for_a_flip_set(photo, tmp_path):
    """Behind an earlier layer it would take seconds."""
    run("explain", photo, "--model", NETWORK, "--layer", "1", "-o", tmp_path / "out", "--html")
    assert "flip_set" not in json.loads((tmp_path / "out" / "photo" / "check.json").read_text())
    page = (tmp_path / "out" / "photo" / "explanation.html").read_text(encoding="utf-8")
    assert "This was not searched for this page" in page
