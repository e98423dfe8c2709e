"""`annealcam flip` and `annealcam suffice`: what they print and write is true."""

import json
from pathlib import Path

import pytest

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
