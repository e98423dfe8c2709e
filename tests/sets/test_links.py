"""Sets of maps of labels, of one output with two sides, and of numbers."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.attribution.network.adapted import adapt
from annealcam.errors import ArgumentError, TargetError
from tests.sets.linear import GivenEffects, every_set

EFFECTS = np.random.default_rng(4).normal(size=(9, 3))
NONE = np.array([0.3, -0.2, 0.1])


def labels(curved=False):
    return GivenEffects(EFFECTS, NONE, curved=curved)


def sufficient(network, image=None, **options):
    image = network.image if image is None else image
    return ac.sufficient_set(network, image, layer="maps", **options)


def flip(network, **options):
    return ac.flip_set(network, network.image, layer="maps", **options)


def best_value(column, k, sign=1.0):
    sets = [list(members) for members in combinations(range(len(EFFECTS)), k)]
    return max(sign * (NONE[column] + EFFECTS[members, column].sum()) for members in sets)


def log_sigmoid(z):
    return -np.logaddexp(0.0, -z)


@pytest.mark.parametrize("curved", [False, True])
@pytest.mark.parametrize("k", [1, 3, 4])
def test_the_best_maps_of_a_label_are_those_of_its_own_logit(k, curved):
    network, z = labels(curved), best_value(1, k)
    z = 3 * np.tanh(z / 3) if curved else z
    s = ac.sufficient_set(
        network, network.image, layer="maps", cardinality=k, target=1, link="sigmoid"
    )
    assert s.log_probability == pytest.approx(log_sigmoid(z), abs=1e-9)
    assert s.bound == pytest.approx(s.log_probability, abs=1e-9)
    assert (s.proved, s.noun, s.target, s.kept) == (True, "label", 1, z > 0)
    assert s.value == pytest.approx(z, abs=1e-9)
    assert "label 1 has the probability" in s.sentence


@pytest.mark.parametrize(("direction", "sign"), [("up", 1.0), ("down", -1.0)])
@pytest.mark.parametrize("curved", [False, True])
def test_the_best_maps_of_a_number_in_both_directions(direction, sign, curved):
    network, z = labels(curved), sign * best_value(2, 3, sign)
    z = 3 * np.tanh(z / 3) if curved else z
    s = ac.sufficient_set(
        network,
        network.image,
        layer="maps",
        cardinality=3,
        target=2,
        link="identity",
        direction=direction,
    )
    assert s.value == pytest.approx(z, abs=1e-9)
    assert s.bound == pytest.approx(z, abs=1e-9)
    assert s.proved
    assert (s.probability, s.log_probability, s.kept) == (None, None, None)
    assert s.value_of_all == pytest.approx(network(network.image[None])[0, 2].item(), abs=1e-9)
    assert "probability" not in s.sentence + repr(s)
    assert "class" not in s.sentence
    assert ("higher" if direction == "up" else "lower") in s.sentence


def test_a_label_flips_where_its_own_logit_becomes_negative():
    network = GivenEffects(np.abs(EFFECTS), NONE - 2.0)
    removed = every_set(9)
    for target in range(3):
        z = NONE[target] - 2.0 + (1 - removed) @ np.abs(EFFECTS)[:, target]
        s = flip(network, target=target, link="sigmoid")
        assert len(s.channels) == removed[(z < 0).argmax()].sum()
        assert (s.competitor, s.proved, s.restricted) == (target, True, False)
        assert s.margin == pytest.approx(z[0])
        assert s.margin_without < 0
        assert s.sentence.startswith("Without")
        assert f"label {target} has a probability below 1/2" in s.sentence
        assert "above zero" in s.margin_sentence


def test_labels_compete_where_competitors_are_named():
    network = labels()
    raw = flip(network, target=0, against=2)
    label = flip(network, target=0, against=2, link="sigmoid")
    assert np.array_equal(raw.channels, label.channels)
    assert (label.competitor, label.margin) == (raw.competitor, raw.margin)


def one_output():
    return GivenEffects(np.abs(EFFECTS[:, :1]), np.array([-3.0]))


def test_both_sides_of_one_output():
    network = one_output()
    z = network(network.image[None])[0, 0].item()
    s = ac.sufficient_set(
        network, network.image, layer="maps", cardinality=9, class_names=["tumour"]
    )
    assert s.target == int(z > 0)
    assert s.log_probability == pytest.approx(log_sigmoid(abs(z)))
    both = flip(network, target=1, class_names=["tumour"])
    assert (both.target_name, both.competitor_name) == ("tumour", "not tumour")
    with pytest.raises(TargetError, match="against=1: is the target"):
        flip(network, target=1, against=1)


def test_no_prediction_changes_where_the_outputs_are_numbers():
    network = one_output()
    with pytest.raises(ArgumentError, match="no prediction can change; sufficient_set"):
        flip(network, link="identity")


def test_a_function_has_no_sets():
    with pytest.raises(TargetError, match="a function of the logits"):
        ac.flip_set(labels(), labels().image, layer="maps", target=lambda z: z[0] * z[1])


def test_further_inputs_and_dictionaries_of_names():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = labels()

        def forward(self, x, scale):
            return {"a": self.inner(x) * scale, "b": x.mean()}

    network, image = labels(), labels().image
    plain = ac.sufficient_set(
        network, image, layer="maps", cardinality=2, target=1, class_names={1: "b"}
    )
    options = {"cardinality": 2, "target": "b", "layer": "inner.maps", "class_names": {1: "b"}}
    other = ac.sufficient_set(
        Two(), (image, torch.ones(1)), output=lambda given: given["a"], **options
    )
    assert np.array_equal(plain.channels, other.channels)
    assert other.target_name == "b"
    batch = (image.expand(2, *image.shape), torch.ones(2, 1))
    each = ac.sufficient_set(Two(), batch, output=lambda given: given["a"], **options)
    assert [s.log_probability for s in each] == [other.log_probability] * 2


def test_the_link_of_an_adapted_network_counts():
    network = labels()
    adapted = adapt(network, link="sigmoid")
    given = sufficient(network, cardinality=2, link="sigmoid")
    assert sufficient(adapted, network.image, cardinality=2).as_json() == given.as_json()


@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
def test_networks_that_end_in_their_link_are_read_before_it(link):
    class Ended(GivenEffects):
        def forward(self, x):
            logits = super().forward(x)
            return logits.sigmoid() if link == "sigmoid" else logits.softmax(dim=1)

    network, ended = labels(), Ended(EFFECTS, NONE)
    for k in (1, 4):
        found = sufficient(ended, cardinality=k).as_json()
        expected = sufficient(network, cardinality=k, link=link).as_json()
        assert found.pop("log_probability") == pytest.approx(expected.pop("log_probability"))
        assert found["channels"] == expected["channels"]
        assert found["noun"] == expected["noun"]
