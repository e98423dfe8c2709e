"""Photos through methods and metrics: scores are those of the metrics themselves."""

import json
import warnings

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import annealcam as ac
from annealcam.cli import app
from annealcam.errors import ArgumentError, ImageError
from annealcam.evaluation.evaluate import evaluate, photos_in
from annealcam.evaluation.methods import METHODS
from annealcam.evaluation.scores import METRICS
from annealcam.settings import resolve
from annealcam.vision.images import load_photo
from annealcam.vision.models import LoadedModel
from annealcam.vision.preprocess import Preprocess
from builders import small_network


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(
            folder / f"{number}.png"
        )
    (folder / "broken.png").write_bytes(b"no")
    return folder


@pytest.fixture(scope="module")
def network():
    return LoadedModel(small_network(maps=14), Preprocess(20, 20), None)


def test_every_method_by_every_metric(photos, network):
    found = evaluate(
        network, photos_in(photos), resolve(sampler="exact"), metrics=list(METRICS), batch=2
    )
    assert len(found.lines) == len(METHODS) * len(METRICS)
    assert len(found.rows) == 3 * len(METHODS)
    assert len(found.skipped) == 1
    assert "broken.png" in found.skipped[0]
    for row in found.rows:
        if row["method"] != "annealcam":
            continue
        image = network.preprocess(load_photo(row["photo"]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            e = ac.explain(network.model, image, layer="3", sampler="exact")
        share = e.contribution[e.selected].sum() / e.contribution.sum()
        assert (row["target"], row["maps"]) == (e.target, len(e.selected))
        assert row["kept"] == pytest.approx(share, rel=1e-3)
    floors = [line for line in found.lines if line.method == "gaussian" and line.metric == "kept"]
    assert (floors[0].mean, floors[0].missing) == (None, 3)


def test_a_batch_does_not_matter(photos, network):
    options = {"methods": ["annealcam", "gradcam"], "metrics": ["kept", "insertion"]}
    one, many = (
        evaluate(network, photos_in(photos), resolve(sampler="exact"), batch=b, **options).rows
        for b in (1, 3)
    )
    keyed = {(row["photo"], row["method"]): row for row in many}
    for row in one:
        for metric in ("kept", "insertion"):
            assert row[metric] == pytest.approx(
                keyed[row["photo"], row["method"]][metric], rel=1e-3, abs=1e-5
            )


def test_what_cannot_be(photos, network, tmp_path):
    how = resolve(sampler="exact")
    with pytest.raises(ArgumentError, match="methods='gradcm': one of.*did you mean 'gradcam'"):
        evaluate(network, photos_in(photos), how, methods=["gradcm"])
    with pytest.raises(ArgumentError, match="metrics='keep'"):
        evaluate(network, photos_in(photos), how, metrics=["keep"])
    with pytest.raises(ArgumentError, match="at least one"):
        evaluate(network, [], how)
    with pytest.raises(ImageError, match="none of 1 can be read"):
        evaluate(network, [str(photos / "broken.png")], how)
    with pytest.raises(ArgumentError, match="an empty folder"):
        photos_in(tmp_path)


def test_the_command(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "from builders import small_network\n"
        "from annealcam.vision.preprocess import Preprocess\n"
        "def make():\n    return small_network(maps=14), Preprocess(20, 20), None\n"
    )
    found = CliRunner().invoke(
        app, ["evaluate", str(photos), "--model", "own:make", "--metrics", "kept,deletion",
              "--methods", "annealcam,gaussian", "-o", "out"],
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "3 photos, own:make, layer 3" in found.output
    assert "broken.png" in found.output
    told = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert len(told["table"]) == 4
    assert len((tmp_path / "out" / "scores.csv").read_text().splitlines()) == 7
    wrong = CliRunner().invoke(app, ["evaluate", str(photos), "--methods", "x", "-o", "other"])
    assert wrong.exit_code == 2
    assert not (tmp_path / "other").exists()
