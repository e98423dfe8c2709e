"""Flip sets: the fewest by trial of all subsets, confirmed by masking."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

import annealcam as ac
from annealcam.attribution.network.adapted import adapt
from annealcam.errors import ArgumentError, LayerError, TargetError
from annealcam.metrics.masked import masked_logits
from annealcam.models.images import load_photo
from tests.networks import small_network
from tests.sets.linear import GivenEffects, every_set, fewest_by_trial

NAMES = ["ant", "bee", "cat", "dog", "elk"]


def logits_without(model, image, layer, channels, maps):
    kept = np.ones((1, 1, maps), dtype=bool)
    kept[0, 0, channels] = False
    return masked_logits(model, image[None], layer=layer, masks=kept)[0, 0]


def fewest_by_masking(model, image, layer, maps, target, competitors):
    """Return the size of the smallest set whose removal flips, by running the network on all."""
    removed = every_set(maps).astype(bool)
    logits = masked_logits(model, image[None], layer=layer, masks=~removed[None])[0]
    flips = logits[:, competitors].max(axis=1) > logits[:, target]
    return int(removed[flips.argmax()].sum()) if flips.any() else None


@pytest.fixture(scope="module")
def images():
    return torch.randn(4, 3, 20, 20, generator=torch.Generator().manual_seed(2))


@settings(max_examples=60)
@given(
    arrays(np.float64, (7, 4), elements=st.integers(-4, 4)),
    arrays(np.float64, 4, elements=st.integers(-4, 4)),
    st.one_of(st.none(), st.integers(0, 3)),
)
def test_a_linear_head_with_ties_and_dead_maps(effects, none, target):
    network = GivenEffects(effects, none)
    s = ac.flip_set(network, network.image, layer="maps", target=target)
    z = none + effects.sum(axis=0)
    assert s.target == (z.argmax() if target is None else target)
    others = np.delete(np.arange(4), s.target)
    least = fewest_by_trial(effects, none, s.target, others)
    assert (s.linear, s.proved, s.flipped) == (True, True, least is not None)
    if s.flipped:
        assert len(s.channels) == least
        without = none + np.delete(effects, s.channels, axis=0).sum(axis=0)
        assert without[s.competitor] == without[others].max() > without[s.target]
        assert s.margin == z[s.target] - z[s.competitor]
        assert s.margin_without == without[s.target] - without[s.competitor] < 0


def test_a_small_network_against_all_subsets(images):
    network = small_network(maps=12)
    sizes = []
    for image in images:
        for target in (None, 2):
            s = ac.flip_set(network, image, layer="3", target=target)
            others = np.delete(np.arange(5), s.target)
            least = fewest_by_masking(network, image, "3", 12, s.target, others)
            assert s.linear
            assert (len(s.channels) if s.flipped else None) == least
            assert s.proved
            z = logits_without(network, image, "3", s.channels, 12)
            if s.flipped:
                assert z[others].argmax() == np.flatnonzero(others == s.competitor)
                assert s.margin_without == pytest.approx(z[s.target] - z[s.competitor], abs=1e-5)
                sizes.append(least)
    assert len(set(sizes)) > 1


def test_a_head_that_is_not_linear_against_all_subsets(images):
    network = small_network()
    for image in images:
        s = ac.flip_set(network, image, layer="1")
        others = np.delete(np.arange(5), s.target)
        least = fewest_by_masking(network, image, "1", 8, s.target, others)
        assert not s.linear
        assert (len(s.channels) if s.flipped else None) == least
        assert s.proved  # all smaller sets have been run


def curved_network(maps=40, seed=0):
    rng = np.random.default_rng(seed)
    effects = rng.normal(0.0, 0.3, (maps, 6))
    effects[:, 0] += 0.15
    return GivenEffects(effects, np.zeros(6), curved=True)


@pytest.mark.parametrize("seed", range(4))
def test_a_search_leaves_no_superfluous_member(seed):
    """tanh is monotone: flips are those of its argument, and the optimum is known."""
    network = curved_network(seed=seed)
    s = ac.flip_set(network, network.image, layer="maps")
    effects = network.fc.weight.detach().numpy().T
    others = np.delete(np.arange(6), s.target)
    z = effects.sum(axis=0)
    gains = effects[:, [s.target]] - effects[:, others]
    sums = np.cumsum(-np.sort(-gains, axis=0), axis=0)
    least = 1 + int((sums > z[s.target] - z[others]).any(axis=1).argmax())
    assert not s.linear
    assert 2 < least <= len(s.channels) <= (least if s.proved else least + 1)
    assert s.margin_without < 0 < s.margin
    for members in (np.delete(s.channels, i) for i in range(len(s.channels))):
        without = z - effects[members].sum(axis=0)
        assert without[others].max() <= without[s.target]


def test_a_short_budget_still_gives_a_set_that_flips():
    network = curved_network()
    s = ac.flip_set(network, network.image, layer="maps", budget=1)
    assert s.flipped
    assert not s.proved
    assert s.margin_without < 0
    assert s.runs < 2 * 40 + 400


def test_no_set_of_maps_flips_what_the_bias_decides():
    effects = np.array([[1.0, 0.0], [2.0, 1.0]])
    network = GivenEffects(effects, [9.0, 0.0])
    s = ac.flip_set(network, network.image, layer="maps", class_names=["cat", "dog"])
    assert (s.flipped, s.competitor, s.proved) == (False, None, True)
    assert s.channels.tolist() == []
    assert (s.margin, s.margin_without) == (11.0, 9.0)
    assert s.sentence == "There is no set of maps without which another class is above cat."
    curved = GivenEffects(effects, [9.0, 0.0], curved=True)
    assert not ac.flip_set(curved, curved.image, layer="maps").flipped
    assert ac.flip_set(curved, curved.image, layer="maps").proved  # four sets, all of them run


def test_no_live_map():
    network = GivenEffects([[2.0, 0.0], [1.0, 0.0]], [1.0, 0.0])
    s = ac.flip_set(network, 0 * network.image, layer="maps")
    assert (s.flipped, s.proved, s.maps) == (False, True, 2)
    kept = ac.sufficient_set(network, 0 * network.image, layer="maps", cardinality=1)
    assert (kept.proved, len(kept.channels)) == (True, 1)
    assert kept.log_probability == kept.log_probability_of_all


def test_a_tie_is_no_flip_but_one_map_more_is():
    network = GivenEffects([[2.0, 0.0], [1.0, 0.0], [0.5, 0.0]], [0.0, 1.5])
    s = ac.flip_set(network, network.image, layer="maps")  # 3.5 against 1.5
    assert (s.channels.tolist(), s.margin, s.margin_without) == ([0, 1], 2.0, -1.0)


def test_a_target_that_is_not_predicted_needs_no_removal(images):
    network = small_network()
    z = network(images[:1])[0]
    least = int(z.argmin())
    s = ac.flip_set(network, images[0], layer="3", target=least, class_names=NAMES)
    assert (s.channels.tolist(), s.proved) == ([], True)
    assert s.competitor == z.argmax()
    assert s.margin == pytest.approx(s.margin_without, abs=1e-5)
    assert s.margin < 0
    assert s.sentence.startswith("With all 12 maps ")


def test_competitors(images):
    network = small_network(maps=12)
    image = next(i for i in images if ac.flip_set(network, i, layer="3").channels.size > 1)
    options = {"layer": "3", "class_names": NAMES}
    every = ac.flip_set(network, image, **options)
    rest = ac.flip_set(network, image, against="rest", **options)
    assert every.channels.tolist() == rest.channels.tolist()
    assert not every.restricted
    following = network(image[None])[0].topk(2).indices[1].item()
    after = ac.flip_set(network, image, against="next", **options)
    assert after.competitor in (following, None)
    others = [j for j in range(5) if j != every.target]
    sizes = {}
    for j in others:
        s = ac.flip_set(network, image, against=NAMES[j], **options)
        assert s.restricted
        assert s.proved
        least = fewest_by_masking(network, image, "3", 12, s.target, [j])
        assert (len(s.channels) if s.flipped else None) == least
        sizes[j] = 99 if least is None else least
        if least:
            assert f"{NAMES[j]} is above {NAMES[s.target]}; " in s.sentence
    assert len(every.channels) == min(sizes.values())
    two = ac.flip_set(network, image, against=others[:2], **options)
    assert (len(two.channels) if two.flipped else 99) == min(sizes[j] for j in others[:2])


def test_a_batch_is_its_images_one_by_one(images):
    network = small_network(maps=12)
    batch = ac.flip_set(network, images, layer="3", target=[0, 1, 2, 3])
    assert isinstance(batch, list)
    for i, s in enumerate(batch):
        one = ac.flip_set(network, images[i], layer="3", target=i)
        assert (s.channels.tolist(), s.competitor, s.target) == (
            one.channels.tolist(), one.competitor, i,
        )  # fmt: skip
        assert s.margin == pytest.approx(one.margin, abs=1e-5)


def test_the_network_is_given_back(images):
    network = small_network(maps=12).train()
    before = [p.clone() for p in network.parameters()]
    state = torch.get_rng_state()
    ac.flip_set(network, images[0], layer="3")
    ac.flip_set(network, images[0], layer="1")
    assert network.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_the_default_network_on_a_photo():
    model, preprocess, names = ac.load_model()
    image = preprocess(load_photo("skimage:rocket"))
    s = ac.flip_set(model, image, class_names=names)
    assert (s.layer, s.maps, s.linear, s.proved) == ("bn2", 1280, True, True)
    assert len(s.channels) > 1
    z = logits_without(model, image, "bn2", s.channels, 1280)
    assert z.argmax() == s.competitor != s.target
    assert z[s.target] - z[s.competitor] == pytest.approx(s.margin_without, abs=1e-5)
    assert names[s.target] == s.target_name
    fewer = logits_without(model, image, "bn2", s.channels[:-1], 1280)
    assert fewer.argmax() == s.target
    assert repr(s) == (
        f"FlipSet(k={len(s.channels)}, competitor={s.competitor_name!r}, "
        f"margin={s.margin:.4g}, proved=True)"
    )
    assert s.sentence == (
        f"Without these {len(s.channels)} of 1280 maps the prediction changes from "
        f"{s.target_name} to {s.competitor_name}; no smaller set does that."
    )


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
        ({"against": 9}, TargetError, "against=9: the model has classes 0 to 4"),
        ({"against": -1}, TargetError, "against=-1"),
        ({"against": "bea"}, TargetError, "against='bea': no such class; did you mean 'bee'"),
        ({"against": []}, TargetError, r"against=\[\]: an empty list"),
        ({"against": 1.5}, TargetError, "against=1.5"),
        ({"target": 3, "against": [1, 3]}, TargetError, "against=3"),
        ({"target": 9}, TargetError, "target=9: the model has classes 0 to 4"),
        ({"layer": "x"}, LayerError, "no such layer"),
        ({"layer": "5"}, LayerError, "not maps"),
        ({"budget": 0}, ArgumentError, "budget=0: must be 1 or more"),
        ({"class_names": ["a"]}, ArgumentError, "class_names: 1 names"),
        ({"image": np.zeros(3)}, ArgumentError, "image: ndarray"),
    ],
)
def test_what_cannot_be(images, change, error, complaint):
    options = {"image": images[0], "layer": "3", "class_names": NAMES} | change
    with pytest.raises(error, match=complaint):
        ac.flip_set(small_network(), **options)


def test_a_single_number_cannot_change_but_a_single_class_has_two_sides():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 1))
    with torch.no_grad():
        network[3].weight.abs_()
        network[3].bias.fill_(-1e-3)
    flip = ac.flip_set(network, torch.ones(3, 8, 8), layer="1")
    assert {flip.target, flip.competitor} == {0, 1}
    assert flip.margin == pytest.approx(2 * abs(float(network(torch.ones(1, 3, 8, 8)))), rel=1e-5)
    with pytest.raises(ArgumentError, match="the outputs are numbers"):
        ac.flip_set(adapt(network, link="identity"), torch.ones(3, 8, 8), layer="1")
