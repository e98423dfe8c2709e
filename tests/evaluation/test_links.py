"""Checks and evaluations of labels, of one output with two sides, and of numbers."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import annealcam as ac
from annealcam.attribution.network.adapted import adapt
from annealcam.errors import ArgumentError, TargetError
from annealcam.evaluation.best_maps import best_k
from annealcam.evaluation.evaluation import evaluate
from annealcam.evaluation.faithfulness import check_explanation, check_sentences
from annealcam.models.loaded import LoadedModel
from annealcam.models.network_layer import NetworkLayer
from annealcam.models.preprocess import Preprocess
from annealcam.settings import resolve
from tests.networks import small_network

IMAGE = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(7))
SETTINGS = resolve(sampler="exact", cardinality=3)
HOW = {"layer": "3", "sampler": "exact", "cardinality": 3}

pytestmark = pytest.mark.filterwarnings("ignore::annealcam.errors.AnnealcamWarning")


def checked(network, image=IMAGE, **options):
    e = ac.explain(network, image, **HOW, **options)
    return e, check_explanation(network, image, e, SETTINGS)


def test_a_check_has_the_link_of_the_explanation():
    e, check = checked(small_network(), link="sigmoid", target=2)
    assert check["channels"][0]["probability"] == pytest.approx(e.probability, abs=1e-6)
    adapted = adapt(small_network(), link="sigmoid")
    assert checked(adapted, target=2)[1] == check
    assert all("class" not in row["verdict"] for row in check["classes"])
    assert {row["kind"] for row in check["classes"]} == {
        "next most likely label", "least likely label",
    }  # fmt: skip


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_check_of_numbers_compares_no_classes(direction):
    e, check = checked(small_network(), link="identity", direction=direction, target=1)
    row = check["channels"][0]
    assert row["value"] == pytest.approx(float(e.logits[1]), abs=1e-5)
    assert "probability" not in row
    assert check["classes"] == []
    names = [figure["figure"] for figure in check["figures"]]
    assert names == ["kept", "lost", "fidelity", "random_output"]
    text = " ".join(check_sentences(check))
    assert "class" not in text
    assert "probab" not in text
    # behind a linear head, the share that is kept is that of the contributions
    effect = e.contribution.sum()
    share = e.contribution[e.selected].sum() / effect
    kept = check["figures"][0]["annealcam"]
    assert (kept is None) == bool(effect <= 0)
    assert kept is None or kept == pytest.approx(share, rel=1e-3)


def test_a_check_measures_the_run_that_was_explained():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            network = small_network()
            self.first, self.relu, self.rest = network[:3], nn.ReLU(), network[4:]

        def forward(self, x):
            return self.rest(self.relu(self.relu(self.first(x)) + 0.3))

    network = Twice()
    shares = []
    for run in (0, 1):
        e = ac.explain(network, IMAGE, **(HOW | {"layer": "relu"}), run=run)
        check = check_explanation(network, IMAGE, e, SETTINGS)
        with torch.no_grad():
            first = network.relu(network.first(IMAGE[None]))
            maps = first if run == 0 else network.relu(first + 0.3)
            kept = torch.zeros_like(maps)
            kept[:, e.selected.tolist()] = maps[:, e.selected.tolist()]
            kept = network.relu(kept + 0.3) if run == 0 else kept
            z = network.rest(kept)[0].softmax(dim=0)[e.target]
        assert check["channels"][0]["probability_kept"] == pytest.approx(float(z), abs=1e-6)
        shares.append(check["channels"][0]["probability_kept"])
    assert shares[0] != shares[1]


def test_a_check_takes_further_inputs_and_refuses_functions():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = small_network()

        def forward(self, x, scale):
            return self.inner(x) * scale

    inputs = (IMAGE, torch.ones(1))
    e = ac.explain(Scaled(), inputs, **(HOW | {"layer": "inner.3"}))
    plain = checked(small_network())[1]
    check = check_explanation(Scaled(), inputs, e, SETTINGS)
    assert check["channels"] == plain["channels"]
    e = ac.explain(small_network(), IMAGE, **HOW, target=lambda z: z[0] - z[1])
    with pytest.raises(TargetError, match="a function of the logits"):
        check_explanation(small_network(), IMAGE, e, SETTINGS)


def test_the_best_maps_of_each_size_lower_a_number():
    network, kept = adapt(small_network(), link="identity"), []
    for direction in ("up", "down"):
        e = ac.explain(network, IMAGE, **HOW, direction=direction, target=1)
        for row in best_k(network, IMAGE, e, SETTINGS, sizes=[1, 2]):
            share = e.contribution[row["maps"]].sum() / e.contribution.sum()
            kept += [] if row["kept"] is None else [(row["kept"], share)]
    assert kept  # the layer raises the output, or lowers it
    for value, share in kept:
        assert value == pytest.approx(share, rel=1e-3)


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(3):
        pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    return sorted(str(path) for path in tmp_path.iterdir())


def loaded(classes, link=None, names=None):
    preprocess = Preprocess(resize=24, crop=20)
    return LoadedModel(small_network(classes=classes), preprocess, names, link=link)


def test_numbers_are_evaluated_by_the_metrics_that_compare_no_classes(photos):
    settings = resolve(cardinality=2)
    options = {"layer": "3", "methods": ["annealcam", "gradcam"]}
    found = evaluate(loaded(2, "identity"), photos, settings, **options)
    assert list(found.provenance["metrics"]) == ["kept", "insertion", "deletion", "road"]
    assert found.provenance["link"] == "identity"
    for metric in ("sensitivity", "overlap", "grid_pointing"):
        with pytest.raises(ArgumentError, match=f"metrics='{metric}': compares classes"):
            evaluate(loaded(2, "identity"), photos, settings, metrics=[metric], **options)


def test_audits_and_grids_need_classes(photos):
    layer = NetworkLayer.open(loaded(2, "identity"), "3", Image.open(photos[0]))
    with pytest.raises(ArgumentError, match="an audit needs classes"):
        layer.refuse_numbers("an audit")
    options = {"layer": "3", "methods": ["gradcam"], "metrics": ["kept"]}
    with pytest.raises(ArgumentError, match="a contrast with a class, needs classes"):
        evaluate(loaded(2, "identity"), photos, resolve(), against=1, **options)


def test_both_sides_of_one_output_are_evaluated(photos):
    settings = resolve(cardinality=2)
    options = {"layer": "3", "methods": ["gradcam"], "metrics": ["insertion", "sensitivity"]}
    found = evaluate(loaded(1), photos, settings, **options)
    assert found.provenance["link"] == "sigmoid"
    assert all(0 <= row["insertion"] <= 1 for row in found.rows)


def test_a_network_layer_is_adapted_and_names_both_sides(photos):
    photo = Image.open(photos[0])
    plain = loaded(5)
    layer = NetworkLayer.open(plain, "3", photo)
    assert (layer.model, layer.link) == (plain.model, "softmax")
    labels = loaded(5, "sigmoid")
    adapted = NetworkLayer.open(labels, "3", photo)
    assert (adapted.link, adapted.capture(layer.inputs([photo])).link) == ("sigmoid", "sigmoid")
    assert adapted.fingerprint() == NetworkLayer.open(plain, "3", photo).fingerprint()
    assert NetworkLayer.open(loaded(1, names=["tumour"]), "3", photo).class_names == [
        "not tumour", "tumour",
    ]  # fmt: skip
