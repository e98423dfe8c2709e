"""Scores and explanations of labels, of one output with two sides, and of numbers."""

import numpy as np
import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.attribution.contrast import score_weights
from annealcam.attribution.network.adapted import adapt
from annealcam.errors import ArgumentError, TargetError
from tests.networks import small_network

IMAGE = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(5))
LOGITS = torch.tensor([[3.0, 1.0, 2.0]])


def one_output(bias=-5.0):
    network = small_network(classes=1)
    nn.init.constant_(network[-1].bias, bias)
    return network


def explained(network, **options):
    return ac.explain(network, IMAGE, layer="3", sampler="exact", **options)


def test_the_log_odds_of_a_label_are_its_logit():
    """d/dz log p_c / (1 - p_c) of p = sigmoid(z), by autograd."""
    z = LOGITS.clone().requires_grad_()
    p = z.sigmoid()[0, 1]
    (gradient,) = torch.autograd.grad(torch.log(p / (1 - p)), z)
    weights = score_weights(LOGITS, torch.tensor([1]), "rest", link="sigmoid")
    assert torch.allclose(weights, gradient, atol=1e-5)
    assert torch.equal(weights, torch.tensor([[0.0, 1.0, 0.0]]))


def test_numbers_are_contrasted_with_outputs_that_are_named():
    target = torch.tensor([0])
    weights = score_weights(LOGITS, target, [1, 2], link="identity")
    assert torch.equal(weights, torch.tensor([[1.0, -0.5, -0.5]]))
    for against in ("next", "rest"):
        with pytest.raises(TargetError, match="name the outputs"):
            score_weights(LOGITS, target, against, link="identity")
    with pytest.raises(TargetError, match="one output"):
        score_weights(LOGITS[:, :1], target, 0, link="identity")


def test_one_output_has_two_sides():
    network = one_output()
    with torch.no_grad():
        z = network(IMAGE[None]).double().item()
    sides = [explained(network, target=side) for side in (0, 1)]
    for sign, e in zip((-1, 1), sides, strict=True):
        assert e.probability == pytest.approx(1 / (1 + np.exp(-sign * z)), rel=1e-6)
        assert e.class_name == f"class {e.target}"
    assert np.array_equal(sides[0].contribution, -sides[1].contribution)
    assert explained(network).target == 0
    assert explained(network, class_names=["tumour"], target="tumour").class_name == "tumour"
    rest = explained(network, target=1, against="rest")
    assert np.array_equal(rest.contribution, sides[1].contribution)


def test_the_probability_of_a_label_depends_on_its_own_logit():
    e = explained(small_network(), target=2, link="sigmoid")
    z = e.logits.astype(np.float64)
    assert e.probability == pytest.approx(1 / (1 + np.exp(-z[2])), rel=1e-12)
    assert (e.output_noun, e.class_name) == ("label", "label 2")


@pytest.mark.parametrize("against", [None, [0, 3]])
def test_what_lowers_a_number_has_the_opposite_contributions(against):
    up, down = (
        explained(small_network(), target=1, link="identity", direction=d, against=against)
        for d in ("up", "down")
    )
    assert np.array_equal(up.contribution, -down.contribution)
    assert np.array_equal(up.evidence, -down.evidence)
    assert np.array_equal(up.logits, down.logits)
    assert up.score == -down.score
    assert up.probability is None
    assert "value=" in repr(up)
    assert "probability" not in repr(up)
    assert not set(up.selected) & set(down.selected)


def test_the_names_of_a_difference_are_those_of_the_outputs_that_are_subtracted():
    names = ["a", "b", "c", "d", "e"]
    for direction in ("up", "down"):
        e = explained(
            small_network(), target=1, link="identity", direction=direction, against=["a", "d"],
            class_names=names,
        )  # fmt: skip
        assert e.provenance["against_names"] == ["a", "d"]
        assert e.provenance["target_name"] == "b"


@pytest.mark.parametrize("method", ["finercam", "scorecam", "ablationcam"])
def test_methods_that_run_the_network_explain_numbers(method):
    network = adapt(small_network(), link="identity")
    up = ac.cam(network, IMAGE, layer="3", target=1, method=method)
    if method == "finercam":  # no outputs are similar to a number
        expected = ac.cam(network, IMAGE, layer="3", target=1)
        assert np.allclose(up, expected, atol=1e-6)
    down = ac.cam(network, IMAGE, layer="3", target=1, method=method, direction="down")
    assert not np.array_equal(up, down)


@pytest.mark.parametrize("link", ["sigmoid", "identity"])
def test_a_stored_explanation_keeps_its_link(link, tmp_path):
    direction = "down" if link == "identity" else "up"
    e = explained(small_network(), target=1, link=link, direction=direction)
    loaded = ac.Explanation.load(e.save(tmp_path / "e"))
    assert (loaded.link, loaded.direction, loaded.probability) == (link, direction, e.probability)
    assert np.array_equal(loaded.shares, e.shares, equal_nan=True)
    assert loaded.as_json() == e.as_json()


def test_a_single_name_does_not_name_two_labels():
    two = small_network(classes=2)
    with pytest.raises(ArgumentError, match="1 names, but the model has 2 classes"):
        explained(two, link="sigmoid", class_names=["tumour"])
    assert explained(one_output(), target=1, class_names=["tumour"]).class_name == "tumour"


def test_numbers_behind_a_sigmoid_are_explained_as_they_are_returned():
    """A bounded regression: the score is sigmoid(z), whose gradient is p (1 - p) dz/df."""
    network = nn.Sequential(*one_output(bias=0.5), nn.Sigmoid())
    p = float(network(IMAGE[None]))
    number = explained(network, link="identity", gradients="plain")
    logit = explained(network, gradients="plain", target=1)
    assert number.logits.tolist() == [pytest.approx(p)]
    assert logit.probability == pytest.approx(p)
    assert np.allclose(number.contribution, p * (1 - p) * logit.contribution, atol=1e-8)
