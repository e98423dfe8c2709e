"""`annealcam demo`: the finding first, in few lines, and true."""

import re
from pathlib import Path

import numpy as np
import pytest

import annealcam as ac
from annealcam.cli.photos.demo import CAT, CUP, PHOTO
from annealcam.errors import AnnealcamWarning
from annealcam.metrics import energy_inside
from annealcam.models.images import load_photo
from tests.cli.helpers import run, skip_report_picture
from tests.models.cup_and_cat import EDGE, SIDE


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The lines that the demo prints, and its two results."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as monkeypatch:
        skip_report_picture(monkeypatch)
        printed = run("demo", "-o", folder / "out")
    names = "espresso", "egyptian-cat"
    results = [ac.Explanation.load(folder / "out" / name) for name in names]
    pages = [folder / "out" / name / "explanation.html" for name in names]
    return printed.stdout.splitlines(), results, pages


def test_the_finding_comes_first(demo):
    lines, (e, contrast), _ = demo
    assert len(lines) <= 10
    assert lines[0].startswith(
        f'2 of 1280 feature maps draw the evidence for "{CUP}": fidelity {e.fidelity:.2f} '
    )
    assert len(contrast.selected) == 1
    assert f": 1 map, on the cat (fidelity {contrast.fidelity:.2f})." in lines[3]


def test_the_strongest_maps_draw_less(demo):
    lines, (e, _), _ = demo
    strongest, aligned = map(float, re.findall(r"0\.\d\d", lines[1]))
    model, preprocess, _ = ac.load_model()
    with pytest.warns(AnnealcamWarning, match="under 10 %"):
        own = ac.explain(
            model, preprocess(load_photo(PHOTO)), beta=1.0, cardinality=2, sampler="local"
        )
    assert strongest == pytest.approx(own.fidelity, abs=0.005)
    assert not set(own.selected) & set(e.selected)
    assert max(strongest, aligned) < e.fidelity - 0.08


def test_each_map_lies_on_its_subject(demo):
    _, results, _ = demo
    shares = []
    for result in results:
        fine = np.kron(result.map, np.ones((SIDE // 7, SIDE // 7)))
        cup = np.broadcast_to(np.arange(SIDE) < EDGE, (SIDE, SIDE))
        shares.append(energy_inside(fine, cup))
    assert shares[0] > 0.9
    assert shares[1] < 0.1


def test_the_pages_that_are_named_exist(demo):
    lines, results, pages = demo
    assert str(pages[0]) in lines[-2]
    assert str(pages[1]) in lines[-1]
    assert all(page.stat().st_size > 100_000 for page in pages)
    assert [each.provenance["target_name"] for each in results] == [CUP, CAT]


def test_the_readme_shows_these_lines(demo):
    lines, _, _ = demo
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    assert "\n".join(lines[:4]) in readme
