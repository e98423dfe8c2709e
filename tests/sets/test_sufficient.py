"""Sufficient sets: the best by trial of all subsets, confirmed by masking."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax

import annealcam as ac
from annealcam.errors import ArgumentError, TargetError
from annealcam.metrics.masked import masked_logits
from annealcam.models.images import load_photo
from annealcam.sets.masked_search import all_subsets, rows_to_masks
from tests.networks import small_network
from tests.sets.linear import GivenEffects, best_by_trial

NAMES = ["ant", "bee", "cat", "dog", "elk"]


def log_probabilities(model, image, layer, sets, maps, target):
    """Return log p of the target where only the maps of each set are kept."""
    masks = rows_to_masks(np.asarray(sets), maps)
    logits = masked_logits(model, image[None], layer=layer, masks=masks[None])[0]
    return log_softmax(logits, axis=1)[:, target]


@pytest.fixture(scope="module")
def images():
    return torch.randn(3, 3, 20, 20, generator=torch.Generator().manual_seed(2))


@settings(max_examples=40)
@given(
    arrays(np.float64, (7, 4), elements=st.integers(-3, 3)),
    arrays(np.float64, 4, elements=st.integers(-3, 3)),
    st.integers(1, 7),
)
def test_a_linear_head_with_ties(effects, none, k):
    network = GivenEffects(effects, none)
    s = ac.sufficient_set(network, network.image, layer="maps", cardinality=k)
    optimum = best_by_trial(effects, none, s.target, k)
    assert (s.linear, s.proved, len(s.channels)) == (True, True, k)
    assert s.log_probability == pytest.approx(optimum, abs=1e-9)
    assert optimum - 1e-12 <= s.bound <= optimum + 1e-6
    gains = effects[s.channels, s.target]
    assert (np.diff(gains) <= 0).all()


@pytest.mark.parametrize("k", [1, 3, 11, 12])
def test_a_small_network_against_all_subsets(images, k):
    network = small_network(maps=12)
    for image in images:
        for target in (None, 1):
            s = ac.sufficient_set(network, image, layer="3", cardinality=k, target=target)
            values = log_probabilities(network, image, "3", all_subsets(12, k), 12, s.target)
            assert (s.linear, s.proved) == (True, True)
            assert s.log_probability == pytest.approx(values.max(), abs=1e-5)
            assert values.max() - 1e-6 <= s.bound <= values.max() + 1e-3


@pytest.mark.parametrize("k", [1, 3, 8])
def test_a_head_that_is_not_linear_against_all_subsets(images, k):
    network = small_network()
    for image in images:
        s = ac.sufficient_set(network, image, layer="1", cardinality=k)
        values = log_probabilities(network, image, "1", all_subsets(8, k), 8, s.target)
        assert (s.linear, s.proved) == (False, True)
        assert s.log_probability == pytest.approx(values.max(), abs=1e-6)
        assert s.bound == s.log_probability


def test_a_search_by_masking_finds_sets_that_no_exchange_improves():
    rng = np.random.default_rng(0)
    network = GivenEffects(rng.normal(0.05, 0.6, (30, 5)), np.zeros(5), curved=True)
    s = ac.sufficient_set(network, network.image, layer="maps", cardinality=4, budget=3000)
    assert (s.linear, s.proved, s.bound) == (False, False, None)
    options = network, network.image, "maps"
    (value,) = log_probabilities(*options, s.channels[None], 30, s.target)
    assert s.log_probability == pytest.approx(value)
    others = np.setdiff1d(np.arange(30), s.channels)
    exchanged = [np.append(np.delete(s.channels, i), other) for i in range(4) for other in others]
    assert log_probabilities(*options, exchanged, 30, s.target).max() <= value + 1e-12
    best = log_probabilities(*options, all_subsets(30, 4), 30, s.target).max()
    assert value == pytest.approx(best, abs=0.05)
    assert s.runs < 3000 + 100


def test_a_short_budget_still_gives_a_set():
    rng = np.random.default_rng(1)
    network = GivenEffects(rng.normal(0.05, 0.6, (30, 5)), np.zeros(5), curved=True)
    s = ac.sufficient_set(network, network.image, layer="maps", cardinality=4, budget=1)
    assert len(set(s.channels.tolist())) == 4
    assert not s.proved
    assert "better sets may exist" in s.sentence


def test_dead_maps_fill_a_set_before_maps_that_lower_the_class():
    effects = np.array([[2.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    network = GivenEffects(effects, np.zeros(2))
    image = network.image
    image[2] = 0
    s = ac.sufficient_set(network, image, layer="maps", cardinality=3, target=0)
    assert s.channels.tolist() == [0, 3, 2]
    assert s.log_probability == pytest.approx(-np.log1p(np.exp(-3.0)))


def test_what_the_result_holds(images):
    network = small_network(maps=12)
    s = ac.sufficient_set(network, images[0], layer="3", cardinality=2, class_names=NAMES)
    z = network(images[:1])[0].double()
    assert s.log_probability_of_all == pytest.approx(z.log_softmax(0)[s.target].item(), abs=1e-6)
    assert s.probability == pytest.approx(np.exp(s.log_probability))
    kept = np.zeros((1, 1, 12), dtype=bool)
    kept[0, 0, s.channels] = True
    alone = masked_logits(network, images[:1], layer="3", masks=kept)[0, 0]
    assert s.kept == (alone.argmax() == s.target)
    assert s.target_name == NAMES[s.target]
    assert s.sentence.startswith(f"With these 2 of 12 maps alone {s.target_name} has the prob")
    assert s.sentence.endswith("; no 2 maps keep it better.")
    assert repr(s).startswith(f"SufficientSet(k=2, target='{s.target_name}', probability=0.")
    batch = ac.sufficient_set(network, images, layer="3", cardinality=2)
    assert [len(one.channels) for one in batch] == [2, 2, 2]
    assert batch[0].channels.tolist() == s.channels.tolist()


def test_the_default_network_on_a_photo():
    model, preprocess, _ = ac.load_model()
    image = preprocess(load_photo("skimage:chelsea"))
    s = ac.sufficient_set(model, image, cardinality=5)
    assert (s.layer, s.linear, s.proved, s.kept) == ("bn2", True, True, True)
    (value,) = log_probabilities(model, image, "bn2", s.channels[None], 1280, s.target)
    assert value == pytest.approx(s.log_probability, abs=1e-5)
    assert value <= s.bound <= value + 1e-4
    assert s.log_probability < s.log_probability_of_all
    rng = np.random.default_rng(0)
    others = np.array([
        np.append(np.delete(s.channels, rng.integers(5)), rng.integers(1280)) for _ in range(60)
    ])  # fmt: skip
    values = log_probabilities(model, image, "bn2", others, 1280, s.target)
    assert values.max() <= s.bound


def test_the_network_is_given_back(images):
    network = small_network(maps=12).train()
    before = [p.clone() for p in network.parameters()]
    for layer in ("1", "3"):
        ac.sufficient_set(network, images[0], layer=layer, cardinality=2)
    assert network.training
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
        ({"cardinality": 13}, ArgumentError, "cardinality=13: layer '3' has 12 maps"),
        ({"cardinality": 0}, ArgumentError, "cardinality=0: must be 1 or more"),
        ({"cardinality": None}, ArgumentError, "cardinality=None: must be a whole number"),
        ({"budget": "x"}, ArgumentError, "budget='x': must be a whole number"),
        ({"target": "fox"}, TargetError, "target='fox': no such class"),
    ],
)
def test_what_cannot_be(images, change, error, complaint):
    options = {"layer": "3", "cardinality": 2, "class_names": NAMES} | change
    with pytest.raises(error, match=complaint):
        ac.sufficient_set(small_network(), images[0], **options)
